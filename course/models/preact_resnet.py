"""ResNet with pre-activation, v2. He, Zhang, Ren & Sun 2016, figure 1 (b) and the appendix."""

from collections.abc import Callable
from functools import partial

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import bn_relu, bn_relu_conv, conv, pad
from course.errors import check_positive_integer
from course.models.resnet import check_option, shortcut
from course.registry import family, row


def basic(x: KerasTensor, width: int, strides: int, *, name: str, dropout: float = 0) -> KerasTensor:
    """3x3, 3x3 on an activated x: (B, H, W, C) to (B, H/strides, W/strides, width)."""
    x = bn_relu(conv(x, width, 3, strides, name=f"{name}_a"), f"{name}_b")
    x = L.Dropout(dropout, name=f"{name}_drop")(x) if dropout else x
    return conv(x, width, 3, name=f"{name}_b")


def bottleneck(x: KerasTensor, width: int, strides: int, *, name: str, slim: bool = False) -> KerasTensor:
    """1x1, 3x3, 1x1 on an activated x: (B, H, W, C) to (B, H/strides, W/strides, 4 width).

    The authors' code strides in the first 1x1. `slim` does as TensorFlow-Slim: it strides in the 3x3
    and gives a bias to the last convolution, after which no normalisation comes.
    """
    first, second = (1, strides) if slim else (strides, 1)
    x = conv(x, width, 1, first, name=f"{name}_a")
    x = bn_relu_conv(x, width, 3, second, name=f"{name}_b")
    return bn_relu_conv(x, 4 * width, 1, name=f"{name}_c", use_bias=slim)


slim_bottleneck = partial(bottleneck, slim=True)


def unit(
    x: KerasTensor,
    block: Callable,
    width: int,
    strides: int,
    *,
    name: str,
    option: str = "B",
    first: bool = False,
    slim: bool = False,
) -> KerasTensor:
    """shortcut(x) + block(relu(bn(x))), and nothing after the addition.

    Where channels are added, option B projects the activated x; A, and any unit that adds none, takes x
    itself. The `first` unit of a network hands the activated x to both of its paths.
    """
    activated = bn_relu(x, f"{name}_preact")
    y = block(activated, width, strides, name=name)
    if option == "B" and x.shape[-1] != y.shape[-1]:
        x = conv(activated, y.shape[-1], 1, strides, name=f"{name}_shortcut", use_bias=slim)
    else:
        x = shortcut(activated if first else x, y.shape[-1], strides, name=name, option="A")
    return L.Add(name=f"{name}_add")([x, y])


CIFAR_VARIANTS = {  # printed: Tables 2 and 4, test error on CIFAR-10 with flips and shifts
    "preresnet110_cifar": row(block=basic, depth=110, option="A", params="1.7M", top1="6.37"),
    "preresnet164_cifar": row(block=bottleneck, depth=164, params="1.7M", top1="5.46"),
    "preresnet1001_cifar": row(block=bottleneck, depth=1001, params="10.2M", top1="4.92",
                               note={"params": "10.18M without the scales and shifts of normalisation"}),
}  # fmt: skip


@family(paper="he2016identity", variants=CIFAR_VARIANTS)
def preact_resnet(block, depth, option="B", width=16, shape=(32, 32, 3), classes=10, name="preact_resnet"):
    """A 3x3 stem and three stages of n units at 32, 16 and 8 pixels: 6n + 2 layers, or 9n + 2 of bottlenecks.

    Input (32, 32, 3), output (10,) logits. `width` is the first stage's, doubled by each of the next;
    `option` "A" pads channels, "B" projects them.
    """
    check_positive_integer("depth", depth)
    check_positive_integer("width", width)
    check_option(option, ("A", "B"))
    per_n = 9 if block is bottleneck else 6
    n, rest = divmod(depth - 2, per_n)
    if n < 1 or rest:
        raise ValueError(
            f"depth must be {per_n}n + 2 with n of at least 1, such as {per_n + 2}, not {depth}."
        )
    x = image = keras.Input(shape, name="image")
    x = conv(x, width, 3, name="conv1")  # (B, 32, 32, 16)
    for stage in (2, 3, 4):  # 32x32, 16x16, 8x8
        for i in range(1, n + 1):
            strides = 2 if i == 1 and stage > 2 else 1
            first = i == 1 and stage == 2
            x = unit(x, block, width, strides, name=f"conv{stage}_{i}", option=option, first=first)
        width *= 2
    x = bn_relu(x, "post")
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 256)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)


IMAGENET_VARIANTS = {  # not in the paper at 224 pixels
    "resnet50_v2": row(depths=(3, 4, 6, 3), aliases=("resnet50v2",)),
    "resnet101_v2": row(depths=(3, 4, 23, 3), aliases=("resnet101v2",)),
    "resnet152_v2": row(depths=(3, 8, 36, 3), aliases=("resnet152v2",)),
}


@family(paper="he2016identity", variants=IMAGENET_VARIANTS)
def resnet_v2(depths, width=64, shape=(224, 224, 3), classes=1000, name="resnet_v2"):
    """The stem of ResNet without normalisation, then stages of pre-activated bottlenecks.

    Input (224, 224, 3), output (1000,) logits. Equal to keras.applications' ResNetV2, which comes from
    TensorFlow-Slim and differs from the authors' code: a stage ends, not begins, with its stride, in
    the 3x3; convolutions that no normalisation follows have a bias.
    """
    check_positive_integer("width", width)
    for depth in depths:
        check_positive_integer("Each of depths", depth)
    x = image = keras.Input(shape, name="image")
    x = conv(x, width, 7, 2, name="conv1", use_bias=True)  # (B, 112, 112, 64)
    x = L.MaxPooling2D(3, 2, name="pool1")(pad(x, 3, "pool1_pad"))  # (B, 56, 56, 64)
    for stage, depth in enumerate(depths, start=2):
        last_stage = stage == len(depths) + 1
        for i in range(1, depth + 1):
            strides = 2 if i == depth and not last_stage else 1
            x = unit(x, slim_bottleneck, width, strides, name=f"conv{stage}_{i}", slim=True)
        width *= 2
    x = bn_relu(x, "post")  # (B, 7, 7, 2048)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
