"""NASNet-A. Zoph et al. 2018, figure 4 (the cells) and figure 2 (how they are stacked)."""

from typing import NamedTuple

import keras
from keras import KerasTensor
from keras import layers as L

from course.registry import family, row


class Cell(NamedTuple):
    """Blocks that add two (operation, input) pairs each, and what the cell concatenates at the end.

    An input is "h", the output of the last cell, "p", of the cell before that, or the number of a block.
    """

    blocks: tuple
    outputs: tuple


NORMAL = Cell(
    blocks=(
        (("sep 5x5", "h"), ("sep 3x3", "p")),
        (("sep 5x5", "p"), ("sep 3x3", "p")),
        (("avg 3x3", "h"), ("identity", "p")),
        (("avg 3x3", "p"), ("avg 3x3", "p")),
        (("sep 3x3", "h"), ("identity", "h")),
    ),
    outputs=("p", 1, 2, 3, 4, 5),
)

REDUCTION = Cell(  # operations on "h" and "p" have stride 2
    blocks=(
        (("sep 5x5", "h"), ("sep 7x7", "p")),
        (("max 3x3", "h"), ("sep 7x7", "p")),
        (("avg 3x3", "h"), ("sep 5x5", "p")),
        (("identity", 2), ("avg 3x3", 1)),
        (("sep 3x3", 1), ("max 3x3", "h")),
    ),
    outputs=(2, 3, 4, 5),
)

VARIANTS = {  # NASNet-A (4 @ 1056) and (6 @ 4032); printed: Table 2, errors 100 minus the accuracies there
    "nasnet_mobile": row(
        cells=4, penultimate=1056, stem=32, params="5.3M", macs="564M", top1="26.0", top5="8.4",
    ),
    "nasnet_large": row(
        cells=6, penultimate=4032, stem=96, skip_reduction=True, shape=(331, 331, 3),
        params="88.9M", macs="23.8G", top1="17.3", top5="3.8",
        note={"params": "88,753,150; 88,949,818 with the moving statistics of batch normalisation"},
    ),
}  # fmt: skip


def norm(x: KerasTensor, name: str) -> KerasTensor:
    """Batch normalisation, with the epsilon of the authors' code."""
    return L.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)


def relu_conv_bn(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """ReLU, 1x1 convolution, batch normalisation: how a cell brings its inputs to its own width."""
    x = L.Activation("relu", name=f"{name}_relu")(x)
    return norm(L.Conv2D(filters, 1, use_bias=False, name=name)(x), name)


def operation(x: KerasTensor, kind: str, filters: int, strides: int, name: str) -> KerasTensor:
    """One operation of the search space; a separable convolution is applied twice, the stride once."""
    if kind == "identity":
        return x
    operator, _, size = kind.partition(" ")
    kernel = int(size[0])
    if operator == "sep":
        for step, stride in ((f"{name}_sep1", strides), (f"{name}_sep2", 1)):
            x = L.Activation("relu", name=f"{step}_relu")(x)
            x = norm(L.SeparableConv2D(filters, kernel, stride, "same", use_bias=False, name=step)(x), step)
        return x
    pool = L.MaxPooling2D if operator == "max" else L.AveragePooling2D
    if strides == 1:
        return pool(kernel, 1, "same", name=name)(x)
    # Zeros where "same" pads, but with a part in the maximum and the mean, as in keras.applications.
    zeros = tuple((size % 2, 1) for size in x.shape[1:3])
    return pool(kernel, 2, name=name)(L.ZeroPadding2D(zeros, name=f"{name}_pad")(x))


def fit(p: KerasTensor, h: KerasTensor, filters: int, name: str) -> KerasTensor:
    """The output of the cell before last, brought to the size of the last one's and to `filters` channels.

    After a reduction, two 1x1 convolutions of stride 2 see a pixel in four each, the second one a pixel
    further down and right.
    """
    if p is h:  # the first cell has one predecessor only
        return p
    if p.shape[1:3] == h.shape[1:3]:
        return p if p.shape[-1] == filters else relu_conv_bn(p, filters, name)
    p = L.Activation("relu", name=f"{name}_relu")(p)
    shifted = L.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(p)
    shifted = L.Cropping2D(((1, 0), (1, 0)), name=f"{name}_crop")(shifted)
    left = L.Conv2D(filters // 2, 1, 2, use_bias=False, name=f"{name}_conv1")(p)
    right = L.Conv2D(filters // 2, 1, 2, use_bias=False, name=f"{name}_conv2")(shifted)
    return norm(L.Concatenate(name=f"{name}_concat")([left, right]), name)


def stack(cell: Cell, h: KerasTensor, p: KerasTensor, filters: int, name: str) -> KerasTensor:
    """One cell of figure 4 on top of the outputs of the two before, `h` the last."""
    states = {"p": fit(p, h, filters, f"{name}_p"), "h": relu_conv_bn(h, filters, f"{name}_h")}
    for number, block in enumerate(cell.blocks, start=1):
        pair = []
        for side, (kind, source) in zip(("left", "right"), block, strict=True):
            strides = 2 if cell is REDUCTION and source in ("h", "p") else 1
            pair.append(operation(states[source], kind, filters, strides, f"{name}_{number}_{side}"))
        states[number] = L.Add(name=f"{name}_{number}")(pair)
    return L.Concatenate(name=f"{name}_concat")([states[output] for output in cell.outputs])


@family(paper="zoph2018nasnet", variants=VARIANTS)
def nasnet(
    cells, penultimate, stem, skip_reduction=False, shape=(224, 224, 3), classes=1000, name="nasnet_mobile"
):
    """A 3x3 convolution, two reduction cells, and three times `cells` normal ones, a reduction between.

    Input (224, 224, 3) in [-1, 1], output (1000,) logits. `penultimate` is the width of the last map, six
    times the filters of its cells; filters double at each reduction. With `skip_reduction` the cell after
    a reduction takes as second input what the reduction took as its second, not as its first.

    Raises:
        ValueError: for a penultimate width that the cells do not divide, and an image of unknown size.
    """
    if penultimate < 96 or penultimate % 96:
        raise ValueError(f"penultimate must be a multiple of 96, not {penultimate!r}: stem_1 has a 96th.")
    if None in shape:
        raise ValueError(f"shape must be known, not {shape!r}: the zeros around a map depend on it.")

    filters = penultimate // 24
    x = image = keras.Input(shape, name="image")
    h = p = norm(L.Conv2D(stem, 3, 2, use_bias=False, name="conv0")(x), "conv0")  # (B, 111, 111, 32)
    h, p = stack(REDUCTION, h, p, filters // 4, "stem_1"), h  # (B, 56, 56, 44)
    h, p = stack(REDUCTION, h, p, filters // 2, "stem_2"), h  # (B, 28, 28, 88)
    for stage in range(3):  # to (B, 28, 28, 264), (B, 14, 14, 528), (B, 7, 7, 1056)
        if stage > 0:
            filters *= 2
            h, p = stack(REDUCTION, h, p, filters, f"reduction_{stage}"), p if skip_reduction else h
        for i in range(1, cells + 1):
            h, p = stack(NORMAL, h, p, filters, f"normal_{stage * cells + i}"), h
    x = L.Activation("relu", name="relu")(h)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
