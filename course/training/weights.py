"""Published ImageNet weights in our networks, and images prepared as those weights expect them."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from course.building import build
from course.registry import find
from course.training import pytorch_names as names
from course.training.copying import copy_weights
from course.training.pytorch import load_state, read


class Keras(NamedTuple):
    """A network of keras.applications; `pixels` is how its images are prepared, see `prepare`."""

    original: str
    pixels: str
    options: Mapping = {}


class PyTorch(NamedTuple):
    """A repository of timm on the Hugging Face Hub, or a .pth file of torchvision."""

    file: str
    names: names.Names
    arguments: Mapping = {}  # of our builder, where the published network differs from the paper's
    epsilon: float = 1e-5  # of batch normalisation, which the file does not say
    pixels: str = "torch"


V3 = {"include_preprocessing": False}
SE = {"changes": {}}  # not Caffe's pooling
MNAS = {"padding": "symmetric", "epsilon": 1e-5}

SOURCES: dict[str, Keras | PyTorch] = {
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
    "resnet18": PyTorch("timm/resnet18.tv_in1k", names.RESNET),
    "resnet34": PyTorch("timm/resnet34.tv_in1k", names.RESNET),
    "resnet50_v15": PyTorch("timm/resnet50.tv_in1k", names.RESNET),
    "resnet101_v15": PyTorch("timm/resnet101.tv_in1k", names.RESNET),
    "resnet152_v15": PyTorch("timm/resnet152.tv_in1k", names.RESNET),
    "resnext50_32x4d": PyTorch("timm/resnext50_32x4d.tv_in1k", names.RESNET),
    "resnext101_32x4d": PyTorch("timm/resnext101_32x4d.gluon_in1k", names.RESNET),
    "resnext101_64x4d": PyTorch("timm/resnext101_64x4d.tv_in1k", names.RESNET),
    "wide_resnet50_2": PyTorch("timm/wide_resnet50_2.tv_in1k", names.RESNET),
    "wide_resnet101_2": PyTorch("timm/wide_resnet101_2.tv_in1k", names.RESNET),
    "se_resnet50": PyTorch("timm/seresnet50.a1_in1k", names.RESNET, {"base": "resnet50_v15", **SE}),
    "se_resnext50_32x4d": PyTorch("timm/seresnext50_32x4d.gluon_in1k", names.RESNET, SE),
    "se_resnext101_32x4d": PyTorch("timm/seresnext101_32x4d.gluon_in1k", names.RESNET, SE),
    "senet154": PyTorch("timm/senet154.gluon_in1k", names.SENET154, {"ceil_pool": False}),
    "ghostnet": PyTorch("timm/ghostnet_100.in1k", names.GHOSTNET),
    "mnasnet_a1": PyTorch("timm/semnasnet_100.rmsp_in1k", names.MNASNET, MNAS),
    "mnasnet_b1": PyTorch("timm/mnasnet_100.rmsp_in1k", names.MNASNET, MNAS),
    "inception_v4": PyTorch("timm/inception_v4.tf_in1k", names.INCEPTION_V4, epsilon=1e-3, pixels="tf"),
    "alexnet": PyTorch("alexnet-owt-7be5be79.pth", names.ALEXNET),
    "vgg11": PyTorch("vgg11-8a719046.pth", names.vgg(1, 1, 2, 2, 2)),
    "vgg13": PyTorch("vgg13-19584684.pth", names.vgg(2, 2, 2, 2, 2)),
    "vgg11_bn": PyTorch("vgg11_bn-6002323d.pth", names.vgg(1, 1, 2, 2, 2, batch_norm=True)),
    "vgg13_bn": PyTorch("vgg13_bn-abd245e5.pth", names.vgg(2, 2, 2, 2, 2, batch_norm=True)),
    "vgg16_bn": PyTorch("vgg16_bn-6c64b313.pth", names.vgg(2, 2, 3, 3, 3, batch_norm=True)),
    "vgg19_bn": PyTorch("vgg19_bn-c79401a0.pth", names.vgg(2, 2, 4, 4, 4, batch_norm=True)),
    "squeezenet": PyTorch("squeezenet1_0-b66bff10.pth", names.squeezenet(3, 4, 5, 7, 8, 9, 10, 12)),
    "squeezenet1_1": PyTorch("squeezenet1_1-b8a52dc0.pth", names.squeezenet(3, 4, 6, 7, 9, 10, 11, 12)),
    "shufflenet_v2_x0_5": PyTorch("shufflenetv2_x0.5-f707e7126e.pth", names.SHUFFLENET_V2),
    "shufflenet_v2_x1_0": PyTorch("shufflenetv2_x1-5666bf0f80.pth", names.SHUFFLENET_V2),
    "shufflenet_v2_x1_5": PyTorch("shufflenetv2_x1_5-3c479a10.pth", names.SHUFFLENET_V2),
    "shufflenet_v2_x2_0": PyTorch("shufflenetv2_x2_0-8be3c8ee.pth", names.SHUFFLENET_V2),
}

# Weights that are published and look as if they fit, but are another network's.
MISFITS = {
    "googlenet": "torchvision's has 3x3 convolutions in the place of 5x5, and batch normalisation",
}


def pretrained(
    name: str, shape: tuple[int, int, int] | None = None, file: str | Path | None = None
) -> keras.Model:
    """The network called `name` with weights published for ImageNet; see `prepare` for its images.

    Fetched once and kept: keras.applications' weights; where it lacks the network, those of timm, by way of
    huggingface_hub and safetensors; or torchvision's, which take PyTorch.

    Args:
        name: a registered name or alias, `SOURCES` has those with weights.
        shape: input (height, width, channels); the paper's by default. A network that ends in dense
            layers of its own map takes no other.
        file: weights in the format of the source that are on this computer already, instead of fetching:
            .weights.h5 of keras.applications, .safetensors or .pth.

    Raises:
        ValueError: for a name without published weights that fit, and for a file that does not fit.
        ImportError: where a package that fetches or reads the weights is missing.
    """
    name, source = _source(name)
    if isinstance(source, Keras):
        model = build(name, shape)
        copy_weights(original(name, weights=str(file or "imagenet")), model)
    else:
        model = build(name, shape, **source.arguments)
        load_state(model, read(file or _fetch(source)), source.names, source.epsilon)
    return model


def original(name: str, **options) -> keras.Model:
    """The network of keras.applications that ours called `name` equals, with logits for outputs."""
    source = SOURCES[name]
    return getattr(keras.applications, source.original)(
        **source.options, classifier_activation=None, **options
    )


def prepare(images: np.ndarray, name: str) -> np.ndarray:
    """Images as the weights of `pretrained(name)` expect them.

    Args:
        images: (..., height, width, 3), RGB from 0 to 255; left as it is.
        name: a registered name or alias that has published weights.

    Returns:
        float32 of the same shape. By source: "tf" scales to [-1, 1]; "torch" to mean 0 and deviation 1 of
        each channel over ImageNet; "caffe" subtracts the mean and orders the channels BGR.

    Raises:
        ValueError: for a name without published weights that fit.
    """
    _, source = _source(name)
    return keras.applications.imagenet_utils.preprocess_input(np.array(images, "float32"), mode=source.pixels)


def _source(name: str) -> tuple[str, Keras | PyTorch]:
    """The registered name and its source. Raises ValueError where there is none, with the reason if known."""
    name = find(name).name
    if name not in SOURCES:
        why = f": {MISFITS[name]}" if name in MISFITS else ""
        raise ValueError(
            f"No published weights fit {name}{why}. Those that do: {', '.join(sorted(SOURCES))}."
        )
    return name, SOURCES[name]


def _fetch(source: PyTorch) -> str:
    """The path of the source's file on this computer, fetched on first use."""
    if source.file.endswith(".pth"):
        return keras.utils.get_file(
            origin=f"https://download.pytorch.org/models/{source.file}", cache_subdir="models"
        )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise ImportError(
            f"Fetching {source.file} takes huggingface_hub: pip install 'cnn-course[pretrained]'."
        ) from None
    return hf_hub_download(source.file, "model.safetensors")
