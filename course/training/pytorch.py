"""Weights in files of PyTorch: what their names are, and how to read them into our networks.

A name map is a table from the names of our layers to those of the file's modules, as timm and torchvision
have them. {s} stands for a number or a letter (a is 0) in the name of a layer, {s-1} for that less one;
{_} for the size of a kernel. A pair names a convolution and the batch normalisation after it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from keras import layers as L

from course.training.copying import Slot, Values, flattened, slots

Names = Mapping[str, str | tuple[str, str]]

UNIT = "layer{s-1}.{i-1}."
RESNET: Names = {
    "conv1": ("conv1", "bn1"),
    "conv{s}_{i}_a": (UNIT + "conv1", UNIT + "bn1"),
    "conv{s}_{i}_b": (UNIT + "conv2", UNIT + "bn2"),
    "conv{s}_{i}_c": (UNIT + "conv3", UNIT + "bn3"),
    "conv{s}_{i}_se_reduce": UNIT + "se.fc1",
    "conv{s}_{i}_se_expand": UNIT + "se.fc2",
    "conv{s}_{i}_shortcut": (UNIT + "downsample.0", UNIT + "downsample.1"),
    "fc": "fc",
}

SENET154: Names = RESNET | {
    "conv1_1": ("conv1.0", "conv1.1"),
    "conv1_2": ("conv1.3", "conv1.4"),
    "conv1_3": ("conv1.6", "bn1"),
}

GHOST = "blocks.{b}.ghost{g}."
GHOSTNET: Names = {
    "conv1": ("conv_stem", "bn1"),
    "bneck{b}_ghost{g}_primary": (GHOST + "primary_conv.0", GHOST + "primary_conv.1"),
    "bneck{b}_ghost{g}_cheap": (GHOST + "cheap_operation.0", GHOST + "cheap_operation.1"),
    "bneck{b}_depthwise": ("blocks.{b}.conv_dw", "blocks.{b}.bn_dw"),
    "bneck{b}_se_reduce": "blocks.{b}.se.conv_reduce",
    "bneck{b}_se_expand": "blocks.{b}.se.conv_expand",
    "bneck{b}_shortcut_depthwise": ("blocks.{b}.shortcut.0", "blocks.{b}.shortcut.1"),
    "bneck{b}_shortcut_conv": ("blocks.{b}.shortcut.2", "blocks.{b}.shortcut.3"),
    "conv2": ("blocks.9.0.conv", "blocks.9.0.bn1"),
    "fc1": "conv_head",
    "fc2": "classifier",
}
