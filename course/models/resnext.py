"""ResNeXt. Xie, Girshick, Dollár, Tu & He 2016, Table 1 and figure 3 (c)."""

from functools import partial

from keras import KerasTensor

from course.blocks import conv_bn
from course.errors import check_positive_integer
from course.models.resnet import resnet
from course.registry import family, row


def aggregated(
    x: KerasTensor, width: int, strides: int, *, name: str, cardinality: int, group_width: int
) -> KerasTensor:
    """`cardinality` bottlenecks side by side, as one: 1x1, 3x3 in as many groups, 1x1.

    (B, H, W, C) to (B, H/strides, W/strides, 4 width). A group has `group_width` channels in the stage
    of width 64, and as many times more as the stage is wider.
    """
    inside = cardinality * (group_width * width // 64)
    if inside == 0:
        raise ValueError(
            f"group_width={group_width} leaves no channel in the groups of {name}_b where width is {width}: "
            "group_width * width must be at least 64."
        )
    x = conv_bn(x, inside, 1, name=f"{name}_a")
    x = conv_bn(x, inside, 3, strides, name=f"{name}_b", padding="symmetric", groups=cardinality)
    return conv_bn(x, 4 * width, 1, name=f"{name}_c", activation=None)


D50, D101 = (3, 4, 6, 3), (3, 4, 23, 3)

VARIANTS = {  # cardinality x width of a group; printed: Tables 1, 3 and 5, one crop
    "resnext50_1x64d": row(depths=D50, cardinality=1, group_width=64, params="25.5M", macs="4.1G",
                           top1="23.9", note={"params": "25,557,032; the paper cuts where it should round"}),
    "resnext50_2x40d": row(depths=D50, cardinality=2, group_width=40, top1="23.0"),
    "resnext50_4x24d": row(depths=D50, cardinality=4, group_width=24, top1="22.6"),
    "resnext50_8x14d": row(depths=D50, cardinality=8, group_width=14, top1="22.3"),
    "resnext50_32x4d": row(depths=D50, cardinality=32, group_width=4, params="25.0M", macs="4.2G",
                           top1="22.2", aliases=("resnext50",)),
    "resnext101_1x64d": row(depths=D101, cardinality=1, group_width=64, top1="22.0"),
    "resnext101_2x40d": row(depths=D101, cardinality=2, group_width=40, top1="21.7"),
    "resnext101_4x24d": row(depths=D101, cardinality=4, group_width=24, top1="21.4"),
    "resnext101_8x14d": row(depths=D101, cardinality=8, group_width=14, top1="21.3"),
    "resnext101_32x4d": row(depths=D101, cardinality=32, group_width=4, top1="21.2", top5="5.6",
                            aliases=("resnext101",)),
    "resnext101_64x4d": row(depths=D101, cardinality=64, group_width=4, top1="20.4", top5="5.3"),
}  # fmt: skip


@family(paper="xie2016resnext", variants=VARIANTS)
def resnext(
    depths,
    cardinality,
    group_width,
    width=64,
    gate=None,
    ceil_pool=False,
    shape=(224, 224, 3),
    classes=1000,
    name="resnext",
):
    """ResNet with aggregated blocks; its stride is in the 3x3, as in the authors' code.

    Input (224, 224, 3), output (1000,) logits. The rest of the arguments are those
    of `resnet`.
    """
    check_positive_integer("cardinality", cardinality)
    check_positive_integer("group_width", group_width)
    block = partial(aggregated, cardinality=cardinality, group_width=group_width)
    return resnet(
        block, depths, width=width, gate=gate, ceil_pool=ceil_pool, shape=shape, classes=classes, name=name
    )
