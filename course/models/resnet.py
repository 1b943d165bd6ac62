"""ResNet and the plain networks it is compared with. He, Zhang, Ren & Sun 2015, Table 1."""

from collections.abc import Callable
from functools import partial

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import conv_bn, max_pool_ceil, pad
from course.errors import check_positive_integer
from course.layers import ChannelPadding
from course.registry import family, row


def basic(x: KerasTensor, width: int, strides: int, *, name: str) -> KerasTensor:
    """3x3, 3x3: (B, H, W, C) to (B, H/strides, W/strides, width). Figure 5, left."""
    x = conv_bn(x, width, 3, strides, name=f"{name}_a", padding="symmetric")
    return conv_bn(x, width, 3, name=f"{name}_b", activation=None)


def bottleneck(
    x: KerasTensor, width: int, strides: int, *, name: str, stride_in: str = "1x1", widen: int = 1
) -> KerasTensor:
    """1x1, 3x3, 1x1: (B, H, W, C) to (B, H/strides, W/strides, 4 width). Figure 5, right.

    The paper strides in the first 1x1, "v1.5" in the 3x3, which then sees every pixel. The 3x3 has
    `widen` times `width` channels.
    """
    first, second = (strides, 1) if stride_in == "1x1" else (1, strides)
    x = conv_bn(x, widen * width, 1, first, name=f"{name}_a")
    x = conv_bn(x, widen * width, 3, second, name=f"{name}_b", padding="symmetric")
    return conv_bn(x, 4 * width, 1, name=f"{name}_c", activation=None)


def shortcut(x: KerasTensor, filters: int, strides: int, *, name: str, option: str = "B") -> KerasTensor:
    """x in the shape of a block with these filters and strides (section 4.1, options A, B and C).

    Where the shape changes, A takes every `strides`-th pixel and appends channels of zeros, without a
    weight; B projects with a 1x1 convolution; C projects everywhere. Otherwise x itself.
    """
    reshapes = strides > 1 or x.shape[-1] != filters
    if option == "C" or (option == "B" and reshapes):
        return conv_bn(x, filters, 1, strides, name=f"{name}_shortcut", activation=None)
    x = L.MaxPooling2D(1, strides, name=f"{name}_subsample")(x) if strides > 1 else x
    return ChannelPadding(filters, name=f"{name}_channels")(x) if x.shape[-1] != filters else x


def unit(
    x: KerasTensor,
    block: Callable,
    width: int,
    strides: int,
    *,
    name: str,
    option: str | None = "B",
    gate: Callable | None = None,
) -> KerasTensor:
    """relu(shortcut(x) + block(x)); without the shortcut where `option` is None.

    `gate(y, name=...)` is applied to the block's output before the addition.
    """
    y = block(x, width, strides, name=name)
    y = gate(y, name=name) if gate else y
    if option is not None:
        x = shortcut(x, y.shape[-1], strides, name=name, option=option)
        y = L.Add(name=f"{name}_add")([x, y])
    return L.Activation("relu", name=f"{name}_relu")(y)


def check_option(option: str | None, allowed: tuple = ("A", "B", "C", None)) -> None:
    """Raise ValueError unless `option` is one of the shortcuts allowed, None standing for a plain network."""
    if option not in allowed:
        raise ValueError(f"option must be one of {', '.join(map(repr, allowed))}, not {option!r}.")


v15 = partial(bottleneck, stride_in="3x3")  # the bottleneck of "v1.5"

VARIANTS = {  # printed: Table 1 (macs), one crop by the authors' page (v1) or the first lecture (the others)
    "resnet18": row(block=basic, depths=(2, 2, 2, 2), macs="1.8G", top5="10.92"),
    "resnet34": row(block=basic, depths=(3, 4, 6, 3), macs="3.6G", top5="8.58",
                    note={"macs": "the paper's has option A (3.644G); projections, as here, make it 3.664G"}),
    "resnet50": row(block=bottleneck, depths=(3, 4, 6, 3), macs="3.8G", top1="24.7", top5="7.8",
                    note={"macs": "3.858G; the paper cuts where it should round"}),
    "resnet101": row(block=bottleneck, depths=(3, 4, 23, 3), macs="7.6G", top1="23.6", top5="7.1"),
    "resnet152": row(block=bottleneck, depths=(3, 8, 36, 3), macs="11.3G", top1="23.0", top5="6.7"),
    "resnet200": row(block=bottleneck, depths=(3, 24, 36, 3)),
    "resnet50_v15": row(block=v15, depths=(3, 4, 6, 3), top5="7.13", aliases=("resnet50_v1_5",)),
    "resnet101_v15": row(block=v15, depths=(3, 4, 23, 3), top5="6.44", aliases=("resnet101_v1_5",)),
    "resnet152_v15": row(block=v15, depths=(3, 8, 36, 3), top5="5.94", aliases=("resnet152_v1_5",)),
    "plain18": row(block=basic, depths=(2, 2, 2, 2), option=None, macs="1.8G"),
    "plain34": row(block=basic, depths=(3, 4, 6, 3), option=None, macs="3.6G"),
}  # fmt: skip


@family(paper="he2015resnet", variants=VARIANTS)
def resnet(
    block,
    depths,
    option="B",
    width=64,
    gate=None,
    ceil_pool=False,
    shape=(224, 224, 3),
    classes=1000,
    name="resnet",
):
    """A 7x7 stem, then stages of residual units, each at half the size and twice the width of the last.

    Input (224, 224, 3), output (1000,) logits. `depths` are the units of each stage, `width` is the
    first stage's; `option` is the kind of shortcut (see `shortcut`), None for a plain network; `gate`
    is applied in each unit (see `unit`). The stem's pooling is padded by a pixel on every side, as in
    Torch and keras.applications; with `ceil_pool` its size is rounded up, as in Caffe.
    """
    check_option(option)
    check_positive_integer("width", width)
    for depth in depths:
        check_positive_integer("Each of depths", depth)
    x = image = keras.Input(shape, name="image")
    x = conv_bn(x, width, 7, 2, name="conv1", padding="symmetric")  # (B, 112, 112, 64)
    if ceil_pool:
        x = max_pool_ceil(x, 3, 2, name="pool1")
    else:
        x = L.MaxPooling2D(3, 2, name="pool1")(pad(x, 3, "pool1_pad"))  # (B, 56, 56, 64)
    for stage, depth in enumerate(depths, start=2):  # conv2_x to conv5_x
        for i in range(1, depth + 1):
            strides = 2 if i == 1 and stage > 2 else 1
            x = unit(x, block, width, strides, name=f"conv{stage}_{i}", option=option, gate=gate)
        width *= 2
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
