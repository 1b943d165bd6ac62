"""ShuffleNet. Zhang et al. 2018, Table 1 and figure 2."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import conv_bn, depthwise_bn, pad
from course.errors import check_positive_integer
from course.layers import ChannelShuffle
from course.registry import family, row

COUNTED = "{} without the dense layer, as the paper seems to count"

VARIANTS = {  # printed: Table 1 (complexity) and Table 2 (error at scale 1x)
    "shufflenet_g1": row(groups=1, width=144, macs="143M", top1="33.6"),
    "shufflenet_g2": row(groups=2, width=200, macs="140M", top1="32.7",
                         note={"macs": COUNTED.format("140,036,512")}),
    "shufflenet_g3": row(groups=3, width=240, macs="137M", top1="32.6"),
    "shufflenet_g4": row(groups=4, width=272, macs="133M", top1="32.8",
                         note={"macs": COUNTED.format("133,251,776")}),
    "shufflenet_g8": row(groups=8, width=384, macs="137M", top1="32.4",
                         note={"macs": COUNTED.format("136,829,952")}),
}  # fmt: skip


def unit(
    x: KerasTensor, filters: int, strides: int, name: str, *, groups: int, first_groups: int
) -> KerasTensor:
    """Figure 2: grouped 1x1, shuffle, depthwise 3x3, grouped 1x1; plus the input or, at stride 2, beside it.

    (B, H, W, C) to (B, H / strides, W / strides, filters).
    """
    y = conv_bn(x, filters // 4, groups=first_groups, name=f"{name}_conv1")
    if groups > 1:
        y = ChannelShuffle(groups, name=f"{name}_shuffle")(y)
    y = depthwise_bn(y, 3, strides, name=f"{name}_depthwise", padding="symmetric", activation=None)
    if strides == 1:
        y = conv_bn(y, filters, groups=groups, name=f"{name}_conv2", activation=None)
        y = L.Add(name=f"{name}_add")([x, y])
    else:
        y = conv_bn(y, filters - x.shape[-1], groups=groups, name=f"{name}_conv2", activation=None)
        x = L.AveragePooling2D(3, 2, name=f"{name}_avg_pool")(pad(x, 3, f"{name}_avg_pool_pad"))
        y = L.Concatenate(name=f"{name}_concat")([x, y])
    return L.Activation("relu", name=f"{name}_relu")(y)


@family(paper="zhang2018shufflenet", variants=VARIANTS)
def shufflenet(
    groups, width, stem=24, depths=(4, 8, 4), shape=(224, 224, 3), classes=1000, name="shufflenet_g3"
):
    """A 3x3 convolution, max pooling, three stages of units, the mean over the map, one dense layer.

    Input (224, 224, 3), output (1000,) logits. `groups` is the number of groups of the 1x1
    convolutions, `width` the channels of stage 2, doubled by each later stage, `stem` those of conv1,
    `depths` the units of each stage. The paper's scale s multiplies width and stem: 0.5x with three
    groups is `width=120, stem=12`.

    Raises:
        ValueError: for groups below 1, and for widths that the groups do not divide.
    """
    check_positive_integer("groups", groups)
    if width % (4 * groups):
        raise ValueError(
            f"width must be a multiple of 4 * groups = {4 * groups}, not {width!r}: stage2_1_conv1 makes a "
            "quarter of the channels, which its unit cuts into equal groups."
        )
    if not 0 < stem < width or (width - stem) % groups:
        raise ValueError(
            f"stem must be below width={width} by a multiple of groups={groups}, not {stem!r}: "
            "stage2_1_conv2 makes the channels that conv1 has not, in equal groups."
        )

    x = image = keras.Input(shape, name="image")
    x = conv_bn(x, stem, 3, 2, name="conv1", padding="symmetric")  # (B, 112, 112, 24)
    x = L.MaxPooling2D(3, 2, name="max_pool")(pad(x, 3, "max_pool_pad"))  # (B, 56, 56, 24)
    for stage, depth in enumerate(depths, start=2):
        for i in range(1, depth + 1):
            first = stage == 2 and i == 1  # too few channels to group
            x = unit(
                x,
                width * 2 ** (stage - 2),
                2 if i == 1 else 1,
                f"stage{stage}_{i}",
                groups=groups,
                first_groups=1 if first else groups,
            )
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 960), from (B, 7, 7, 960)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
