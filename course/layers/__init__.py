"""Layers that Keras lacks, one a file."""

from course.layers.activations import hard_swish, relu6, scaled_tanh, swish
from course.layers.batch_normalization_from_scratch import BatchNormalizationFromScratch
from course.layers.capsule_length import CapsuleLength
from course.layers.channel_padding import ChannelPadding
from course.layers.channel_shuffle import ChannelShuffle
from course.layers.channel_split import ChannelSplit
from course.layers.digit_capsules import DigitCapsules
from course.layers.fractal_join import FractalJoin
from course.layers.global_drop_path import GlobalDropPath
from course.layers.l2_pooling import L2Pooling2D
from course.layers.local_response_normalization import LocalResponseNormalization
from course.layers.local_response_normalization_within_channel import LocalResponseNormalizationWithinChannel
from course.layers.primary_capsules import PrimaryCapsules
from course.layers.rbf_output import RBFOutput
from course.layers.sparse_conv import SparseConv2D
from course.layers.squash import Squash
from course.layers.stochastic_depth import StochasticDepth
from course.layers.trainable_subsampling import TrainableSubsampling2D

__all__ = [
    "BatchNormalizationFromScratch",
    "CapsuleLength",
    "ChannelPadding",
    "ChannelShuffle",
    "ChannelSplit",
    "DigitCapsules",
    "FractalJoin",
    "GlobalDropPath",
    "L2Pooling2D",
    "LocalResponseNormalization",
    "LocalResponseNormalizationWithinChannel",
    "PrimaryCapsules",
    "RBFOutput",
    "SparseConv2D",
    "Squash",
    "StochasticDepth",
    "TrainableSubsampling2D",
    "hard_swish",
    "relu6",
    "scaled_tanh",
    "swish",
]
