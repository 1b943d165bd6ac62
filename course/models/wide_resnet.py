"""Wide residual networks. Zagoruyko & Komodakis 2016, Table 1 and section 3."""

from functools import partial

import keras
from keras import layers as L

from course.blocks import bn_relu, conv
from course.errors import check_positive_integer
from course.models.preact_resnet import basic, unit
from course.models.resnet import bottleneck, resnet
from course.registry import family, row

CIFAR_VARIANTS = {  # printed: section 3, test error on CIFAR-10 with flips and shifts, no dropout
    "wrn16_8": row(depth=16, widen=8, params="11.0M", top1="4.27", aliases=("wrn_16_8",)),
    "wrn28_10": row(depth=28, widen=10, params="36.5M", top1="4.00", aliases=("wrn_28_10",)),
    "wrn40_4": row(depth=40, widen=4, params="8.9M", top1="4.53", aliases=("wrn_40_4",)),
}


@family(paper="zagoruyko2016wrn", variants=CIFAR_VARIANTS)
def wide_resnet(depth, widen, dropout=0.0, shape=(32, 32, 3), classes=10, name="wide_resnet"):
    """A pre-activated ResNet of basic units, `widen` times as wide: 6n + 4 layers, projections counted.

    Input (32, 32, 3), output (10,) logits. `dropout` is the fraction dropped between the two
    convolutions of a unit (section 2.4; 0.3 on CIFAR).
    """
    check_positive_integer("depth", depth)
    check_positive_integer("widen", widen)
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, not {dropout!r}.")
    n, rest = divmod(depth - 4, 6)
    if n < 1 or rest:
        raise ValueError(f"depth must be 6n + 4 with n of at least 1, such as 10, 16 or 28, not {depth}.")
    block = partial(basic, dropout=dropout)
    x = image = keras.Input(shape, name="image")
    x = conv(x, 16, 3, name="conv1")  # (B, 32, 32, 16)
    for stage, width in enumerate((16, 32, 64), start=2):  # 32x32, 16x16, 8x8
        for i in range(1, n + 1):
            strides = 2 if i == 1 and stage > 2 else 1
            x = unit(x, block, widen * width, strides, name=f"conv{stage}_{i}")
    x = bn_relu(x, "post")  # (B, 8, 8, 64 widen)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)


IMAGENET_VARIANTS = {  # printed: section 3, one crop
    "wide_resnet50_2": row(depths=(3, 4, 6, 3), params="68.9M", top1="21.9", top5="6.03"),
    "wide_resnet101_2": row(depths=(3, 4, 23, 3)),  # torchvision's
}


@family(paper="zagoruyko2016wrn", variants=IMAGENET_VARIANTS)
def wide_bottleneck_resnet(
    depths, widen=2, width=64, shape=(224, 224, 3), classes=1000, name="wide_bottleneck_resnet"
):
    """ResNet v1.5 whose 3x3 convolutions are `widen` times as wide; the units' outputs stay as they are.

    Input (224, 224, 3), output (1000,) logits.
    """
    check_positive_integer("widen", widen)
    block = partial(bottleneck, stride_in="3x3", widen=widen)
    return resnet(block, depths, width=width, shape=shape, classes=classes, name=name)
