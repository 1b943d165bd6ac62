"""Xception, figure 5. Chollet 2016."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import conv_bn
from course.errors import check_positive_integer
from course.registry import family, row

VARIANTS = {  # printed: Table 3 (parameters), Table 1 (one crop, there as accuracy 0.790 and 0.945)
    "xception": row(params="22,855,952", top1="21.0", top5="5.5"),
}


def separable(x: KerasTensor, filters: int, *, name: str) -> KerasTensor:
    """3x3 depthwise, then 1x1 convolution, nothing between them, then batch normalisation."""
    x = L.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return L.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)


def block(
    x: KerasTensor, widths: tuple[int, ...], *, name: str, halve: bool = False, first_relu: bool = True
) -> KerasTensor:
    """A ReLU before each separable convolution, and a shortcut: (B, H, W, C) to (B, H, W, widths[-1]).

    `halve` ends the block with pooling of stride 2 and projects the shortcut; without it the last of
    `widths` must be C.
    """
    y = x
    for i, width in enumerate(widths, start=1):
        y = L.Activation("relu", name=f"{name}_sepconv{i}_relu")(y) if i > 1 or first_relu else y
        y = separable(y, width, name=f"{name}_sepconv{i}")
    if halve:
        y = L.MaxPooling2D(3, 2, "same", name=f"{name}_pool")(y)
        x = conv_bn(x, widths[-1], 1, 2, name=f"{name}_shortcut", activation=None, epsilon=1e-3)
    return L.Add(name=f"{name}_add")([y, x])


@family(paper="chollet2016xception", variants=VARIANTS)
def xception(entry=(128, 256, 728), middle=8, shape=(299, 299, 3), classes=1000, name="xception"):
    """Depthwise separable convolutions with shortcuts: entry flow, middle flow, exit flow.

    Input (299, 299, 3), output (1000,) logits. `entry` are the filters of the entry flow's blocks, each
    of which halves the size, `middle` the number of blocks that keep it.
    """
    for each in (*entry, middle):
        check_positive_integer("Each of entry, and middle,", each)
    x = image = keras.Input(shape, name="image")
    x = conv_bn(x, 32, 3, 2, name="block1_conv1", padding="valid", epsilon=1e-3)  # (B, 149, 149, 32)
    x = conv_bn(x, 64, 3, name="block1_conv2", padding="valid", epsilon=1e-3)  # (B, 147, 147, 64)
    number = 2
    for width in entry:  # (B, 74, 74, 128), (B, 37, 37, 256), (B, 19, 19, 728)
        x = block(x, (width, width), name=f"block{number}", halve=True, first_relu=number > 2)
        number += 1
    for _ in range(middle):
        x = block(x, (entry[-1],) * 3, name=f"block{number}")
        number += 1
    x = block(x, (entry[-1], 1024), name=f"block{number}", halve=True)  # (B, 10, 10, 1024)
    for i, width in enumerate((1536, 2048), start=1):
        layer = f"block{number + 1}_sepconv{i}"
        x = L.Activation("relu", name=f"{layer}_relu")(separable(x, width, name=layer))
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 2048)
    x = L.Dropout(0.5, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="predictions")(x), name=name)
