"""ShuffleNet V2. Ma et al. 2018, Table 5 and figure 3 (c) and (d)."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import conv_bn, depthwise_bn, pad
from course.layers import ChannelShuffle, ChannelSplit
from course.registry import family, row

COUNTED = "{}M in convolutions and the dense layer; the paper does not say what else it counts"

VARIANTS = {  # printed: Table 5 (FLOPs, weights) and Table 8 (error)
    "shufflenet_v2_x0_5": row(widths=(48, 96, 192), head=1024, params="1.4M", macs="41M", top1="39.7",
                              note={"macs": COUNTED.format("40.5")}),
    "shufflenet_v2_x1_0": row(widths=(116, 232, 464), head=1024, params="2.3M", macs="146M", top1="30.6",
                              note={"macs": COUNTED.format("144.9")}),
    "shufflenet_v2_x1_5": row(widths=(176, 352, 704), head=1024, params="3.5M", macs="299M", top1="27.4",
                              note={"macs": COUNTED.format("295.8")}),
    "shufflenet_v2_x2_0": row(widths=(244, 488, 976), head=2048, params="7.4M", macs="591M", top1="25.1",
                              note={"macs": COUNTED.format("583.3")}),
}  # fmt: skip


def unit(x: KerasTensor, filters: int, strides: int, name: str) -> KerasTensor:
    """Figure 3: half of the channels pass by, or at stride 2 get a branch of their own; then a shuffle.

    (B, H, W, C) to (B, H / strides, W / strides, filters).
    """
    half = filters // 2
    if strides == 1:
        left, right = ChannelSplit(2, name=f"{name}_split")(x)
    else:
        left = depthwise_bn(
            x, 3, strides, name=f"{name}_left_depthwise", padding="symmetric", activation=None
        )
        left = conv_bn(left, half, name=f"{name}_left_conv")
        right = x
    right = conv_bn(right, half, name=f"{name}_conv1")
    right = depthwise_bn(right, 3, strides, name=f"{name}_depthwise", padding="symmetric", activation=None)
    right = conv_bn(right, half, name=f"{name}_conv2")
    x = L.Concatenate(name=f"{name}_concat")([left, right])
    return ChannelShuffle(2, name=f"{name}_shuffle")(x)


@family(paper="ma2018shufflenetv2", variants=VARIANTS)
def shufflenet_v2(
    widths, head, stem=24, depths=(4, 8, 4), shape=(224, 224, 3), classes=1000, name="shufflenet_v2_x1_0"
):
    """A 3x3 convolution, max pooling, three stages of units, a 1x1 convolution, one dense layer.

    Input (224, 224, 3), output (1000,) logits. `stem` and `head` are the filters of conv1 and conv5,
    `widths` and `depths` the channels and units of the stages between.

    Raises:
        ValueError: for widths that two does not divide, and for widths and depths of different lengths.
    """
    if any(width < 2 or width % 2 for width in widths):
        raise ValueError(f"widths must be even, not {widths!r}: stage2_2_split and its like cut them in two.")
    if len(widths) != len(depths):
        raise ValueError(f"depths must have one number for each of the widths {widths!r}, not {depths!r}.")

    x = image = keras.Input(shape, name="image")
    x = conv_bn(x, stem, 3, 2, name="conv1", padding="symmetric")  # (B, 112, 112, 24)
    x = L.MaxPooling2D(3, 2, name="max_pool")(pad(x, 3, "max_pool_pad"))  # (B, 56, 56, 24)
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), start=2):
        for i in range(1, depth + 1):
            x = unit(x, width, 2 if i == 1 else 1, f"stage{stage}_{i}")
    x = conv_bn(x, head, name="conv5")  # (B, 7, 7, 1024)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
