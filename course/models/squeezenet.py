"""SqueezeNet, with and without bypass (figure 2), and version 1.1. Iandola et al. 2016."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import max_pool_ceil
from course.errors import check_positive_integer
from course.registry import family, row

V1_0 = {"stem": (96, 7), "pools": (1, 4, 8)}  # filters and kernel of conv1; layers that pooling follows
V1_1 = {"stem": (64, 3), "pools": (1, 3, 5)}  # from the authors' repository

VARIANTS = {  # printed: Table 1 (parameters), Table 3 (top-1 and top-5, there as accuracy)
    "squeezenet": row(**V1_0, params="1,248,424", top1="42.5", top5="19.7",
                      aliases=("squeezenet1_0", "squeezenet_v1")),
    "squeezenet_simple_bypass": row(**V1_0, bypass="simple", top1="39.6", top5="17.5"),
    "squeezenet_complex_bypass": row(**V1_0, bypass="complex", top1="41.2", top5="18.0"),
    "squeezenet1_1": row(**V1_1, aliases=("squeezenet_v1_1",)),
}  # fmt: skip


def fire(x: KerasTensor, squeeze: int, expand1x1: int, expand3x3: int, *, name: str) -> KerasTensor:
    """Figure 1: (B, H, W, C) to (B, H, W, expand1x1 + expand3x3), through `squeeze` channels."""

    def conv(x, filters, kernel, name):
        return L.Conv2D(filters, kernel, padding="same", activation="relu", name=name)(x)

    x = conv(x, squeeze, 1, f"{name}_squeeze1x1")
    one = conv(x, expand1x1, 1, f"{name}_expand1x1")
    three = conv(x, expand3x3, 3, f"{name}_expand3x3")
    return L.Concatenate(name=f"{name}_concat")([one, three])


def add_bypass(shortcut: KerasTensor, x: KerasTensor, bypass: str | None, *, name: str) -> KerasTensor:
    """Figure 2: x plus the module's input; "complex" gives that the channels of x where they differ."""
    filters = x.shape[-1]
    if bypass == "complex" and shortcut.shape[-1] != filters:
        shortcut = L.Conv2D(filters, 1, name=f"{name}_bypass_conv")(shortcut)
    if bypass and shortcut.shape[-1] == filters:
        x = L.Add(name=f"{name}_bypass")([shortcut, x])
    return x


@family(paper="iandola2016squeezenet", variants=VARIANTS)
def squeezenet(
    stem,
    pools,
    bypass=None,
    fires=8,
    base=128,
    increment=128,
    frequency=2,
    squeeze_ratio=0.125,
    share_3x3=0.5,
    strides=2,
    shape=(227, 227, 3),
    classes=1000,
    name="squeezenet",
):
    """A convolution, eight fire modules, a 1x1 convolution whose maps' means are the logits.

    Input (227, 227, 3), output (1000,) logits. Fire module i, from 0, has base + increment * (i //
    frequency) filters, `share_3x3` of them 3x3, behind `squeeze_ratio` times as many (section 5.1);
    `strides` are conv1's. The paper's Table 1 says 224 pixels, its sizes and its code 227.
    """
    if bypass not in (None, "simple", "complex"):
        raise ValueError(f"bypass must be None, 'simple' or 'complex' (figure 2), not {bypass!r}.")
    for argument, value in (("fires", fires), ("frequency", frequency), ("strides", strides)):
        check_positive_integer(argument, value)
    if not 0 < squeeze_ratio <= 1:
        raise ValueError(f"squeeze_ratio must be above 0 and at most 1, not {squeeze_ratio!r}.")
    filters, kernel = stem
    x = image = keras.Input(shape, name="image")
    x = L.Conv2D(filters, kernel, strides, activation="relu", name="conv1")(x)  # (B, 111, 111, 96)
    x = max_pool_ceil(x, 3, 2, name="pool1") if 1 in pools else x  # (B, 55, 55, 96)
    for i in range(fires):
        layer = i + 2
        expand = base + increment * (i // frequency)
        check_positive_integer(f"base + increment * {i // frequency}, the filters of fire{layer},", expand)
        three = round(share_3x3 * expand)
        if not 0 < three < expand:
            raise ValueError(
                f"share_3x3={share_3x3!r} of {expand} filters leaves a kernel of fire{layer} without any: "
                "choose a share between 0 and 1, and at least 2 filters."
            )
        squeeze = max(1, round(squeeze_ratio * expand))
        y = fire(x, squeeze, expand - three, three, name=f"fire{layer}")
        x = add_bypass(x, y, bypass, name=f"fire{layer}")
        x = max_pool_ceil(x, 3, 2, name=f"pool{layer}") if layer in pools else x
    x = L.Dropout(0.5, name=f"drop{layer}")(x)  # (B, 13, 13, 512)
    x = L.Conv2D(classes, 1, activation="relu", name=f"conv{layer + 1}")(x)
    return keras.Model(image, L.GlobalAveragePooling2D(name=f"pool{layer + 1}")(x), name=name)
