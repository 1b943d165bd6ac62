"""Published ImageNet weights in our networks, and images prepared as those weights expect them."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from course.building import build
from course.registry import find
from course.training import pytorch
from course.training.copying import assign, copy_weights

# The ways to prepare images: "caffe" subtracts the mean colour and orders the channels BGR, "tf" scales
# pixels to [-1, 1], "torch" scales them to [0, 1], subtracts the mean and divides by the deviation.


class Keras(NamedTuple):
    """A network of keras.applications."""

    original: str
    pixels: str
    arguments: Mapping = {}


class PyTorch(NamedTuple):
    """A file of PyTorch's names: a timm repository on the Hugging Face Hub, or a .pth of torchvision."""

    file: str
    names: Mapping
    epsilon: float = 1e-5  # of batch normalisation, which the file does not keep
    pixels: str = "torch"
    arguments: Mapping = {}  # of our builder, where the published network is a variation


V3 = {"include_preprocessing": False}
SOURCES = {
    "vgg16": Keras("VGG16", "caffe"),
    "vgg19": Keras("VGG19", "caffe"),
    "resnet50": Keras("ResNet50", "caffe"),
    "resnet101": Keras("ResNet101", "caffe"),
    "resnet152": Keras("ResNet152", "caffe"),
    "resnet50_v2": Keras("ResNet50V2", "tf"),
    "resnet101_v2": Keras("ResNet101V2", "tf"),
    "resnet152_v2": Keras("ResNet152V2", "tf"),
    "inception_v3": Keras("InceptionV3", "tf"),
    "inception_resnet_v2": Keras("InceptionResNetV2", "tf"),
    "xception": Keras("Xception", "tf"),
    "mobilenet": Keras("MobileNet", "tf"),
    "mobilenet_v2": Keras("MobileNetV2", "tf"),
    "mobilenet_v3_large": Keras("MobileNetV3Large", "tf", V3),
    "mobilenet_v3_small": Keras("MobileNetV3Small", "tf", V3),
    "densenet121": Keras("DenseNet121", "torch"),
    "densenet169": Keras("DenseNet169", "torch"),
    "densenet201": Keras("DenseNet201", "torch"),
    "nasnet_mobile": Keras("NASNetMobile", "tf"),
    "nasnet_large": Keras("NASNetLarge", "tf"),
    **{f"efficientnet_b{i}": Keras(f"EfficientNetB{i}", "torch") for i in range(8)},
}
