"""DenseNet-BC. Huang, Liu, van der Maaten & Weinberger 2016, Table 1 and section 3."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import bn_relu, bn_relu_conv, conv, conv_bn, pad
from course.errors import check_positive_integer
from course.registry import family, row


def dense_layer(x: KerasTensor, growth: int, *, name: str) -> KerasTensor:
    """x and `growth` new channels computed from all of it: (B, H, W, C) to (B, H, W, C + growth)."""
    y = bn_relu_conv(x, 4 * growth, 1, name=f"{name}_1x1")  # the bottleneck, "B"
    y = bn_relu_conv(y, growth, 3, name=f"{name}_3x3")
    return L.Concatenate(name=name)([x, y])


def transition(x: KerasTensor, compression: float, *, name: str) -> KerasTensor:
    """Fewer channels, "C", and half the size: (B, H, W, C) to (B, H/2, W/2, compression C)."""
    x = bn_relu_conv(x, int(compression * x.shape[-1]), 1, name=name)
    return L.AveragePooling2D(2, name=f"{name}_pool")(x)


CIFAR = {"stem": "3x3", "shape": (32, 32, 3), "classes": 10}

VARIANTS = {  # printed: Table 3 (ImageNet, one crop), Table 2 (CIFAR-10 with flips and shifts)
    "densenet121": row(depths=(6, 12, 24, 16), top1="25.02", top5="7.71"),
    "densenet169": row(depths=(6, 12, 32, 32), top1="23.80", top5="6.85"),
    "densenet201": row(depths=(6, 12, 48, 32), top1="22.58", top5="6.34"),
    "densenet264": row(depths=(6, 12, 64, 48), top1="22.15", top5="6.12"),  # in truth 265 layers
    "densenet_bc_100_12": row(depths=(16, 16, 16), growth=12, params="0.8M", top1="4.51", **CIFAR),
    "densenet_bc_190_40": row(depths=(31, 31, 31), growth=40, params="25.6M", top1="3.46", **CIFAR),
}


@family(paper="huang2016densenet", variants=VARIANTS)
def densenet(
    depths, growth=32, compression=0.5, stem="7x7", shape=(224, 224, 3), classes=1000, name="densenet"
):
    """Dense blocks of `depths` layers, each of which sees the channels of all before it in the block.

    Input (224, 224, 3), output (1000,) logits. A layer adds `growth` channels; a transition between
    blocks keeps the fraction `compression` of them. `stem` is "7x7", ResNet's, or "3x3" for small images.
    """
    check_positive_integer("growth", growth)
    for depth in depths:
        check_positive_integer("Each of depths", depth)
    if not 0 < compression <= 1:
        raise ValueError(f"compression must be above 0 and at most 1, not {compression!r}.")
    if stem not in ("7x7", "3x3"):
        raise ValueError(f"stem must be '7x7' or '3x3', not {stem!r}.")
    x = image = keras.Input(shape, name="image")
    if stem == "7x7":
        x = conv_bn(x, 2 * growth, 7, 2, name="conv1", padding="symmetric")  # (B, 112, 112, 64)
        x = L.MaxPooling2D(3, 2, name="pool1")(pad(x, 3, "pool1_pad"))  # (B, 56, 56, 64)
    else:
        x = conv(x, 2 * growth, 3, name="conv1")  # (B, 32, 32, 24)
    for block, depth in enumerate(depths, start=1):
        x = transition(x, compression, name=f"transition{block - 1}") if block > 1 else x
        for i in range(1, depth + 1):
            x = dense_layer(x, growth, name=f"dense{block}_{i}")
    x = bn_relu(x, "post")  # (B, 7, 7, 1024)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
