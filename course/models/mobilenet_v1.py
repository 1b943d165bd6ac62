"""MobileNet. Howard et al. 2017, Table 1."""

import keras
from keras import layers as L

from course.blocks import conv_bn, depthwise_bn
from course.registry import family, row

STEM = 32  # filters of the first convolution
WIDTHS = (64, 128, 256, 512, 1024)  # filters of the 1x1 convolutions, one per resolution
EPSILON = 1e-3

VARIANTS = {  # printed: Tables 4 and 5; top-1 error is 100 minus the accuracy there
    "mobilenet": row(params="4.2M", macs="569M", top1="29.4", aliases=("mobilenet_v1",)),
    "mobilenet_shallow": row(depths=(1, 2, 2, 1, 2), params="2.9M", macs="307M", top1="34.7"),
    "mobilenet_full_conv": row(
        separable=False, params="29.3M", macs="4866M", top1="28.3",
        note={"macs": "4,867,293,184 with the dense layer, 4,866,269,184 without"},
    ),
}  # fmt: skip


def scaled(size: int | None, rho: float) -> int | None:
    """A side of the image after the resolution multiplier; an unknown one (None) stays unknown."""
    return None if size is None else max(1, round(rho * size))


@family(paper="howard2017mobilenet", variants=VARIANTS)
def mobilenet(
    alpha=1.0,
    rho=1.0,
    depths=(1, 2, 2, 6, 2),
    separable=True,
    shape=(224, 224, 3),
    classes=1000,
    name="mobilenet",
):
    """A 3x3 convolution, 13 depthwise separable ones, the mean over the map, one dense layer.

    Input (224, 224, 3) in [-1, 1], output (1000,) logits. `alpha`, the width multiplier, scales the
    filters of every layer; `rho`, the resolution multiplier, the sides of `shape`: 6/7, 5/7 and 4/7 give
    the paper's 192, 160 and 128 pixels. `depths` counts the separable convolutions of each width; the
    first of a width has stride 2 (but not the very first). `separable=False` puts full 3x3 convolutions
    in their place. ReLU6 as in the published code, where the paper writes ReLU.

    Raises:
        ValueError: for an alpha that leaves a layer without filters, a rho outside (0, 1], and depths
            that are not five.
    """
    if int(STEM * alpha) < 1:
        raise ValueError(f"alpha must be at least 1/{STEM}, not {alpha!r}: conv1 would have no filters.")
    if not 0 < rho <= 1:
        raise ValueError(f"rho must be above 0 and at most 1, not {rho!r}.")
    if len(depths) != len(WIDTHS):
        raise ValueError(f"depths must have one number for each of the widths {WIDTHS}, not {depths!r}.")

    options = {"activation": "relu6", "epsilon": EPSILON}
    height, width, channels = shape
    x = image = keras.Input((scaled(height, rho), scaled(width, rho), channels), name="image")
    x = conv_bn(x, int(STEM * alpha), 3, 2, name="conv1", **options)  # (B, 112, 112, 32)
    block = 0
    for stage, (filters, depth) in enumerate(zip(WIDTHS, depths, strict=True)):
        for i in range(depth):
            block += 1
            strides = 2 if stage > 0 and i == 0 else 1
            if separable:
                x = depthwise_bn(x, 3, strides, name=f"conv_dw_{block}", **options)
                x = conv_bn(x, int(filters * alpha), 1, name=f"conv_pw_{block}", **options)
            else:
                x = conv_bn(x, int(filters * alpha), 3, strides, name=f"conv_full_{block}", **options)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 1024), from (B, 7, 7, 1024)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
