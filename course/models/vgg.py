"""VGG, columns A to E of Table 1. Simonyan & Zisserman 2014."""

import keras
from keras import layers as L

from course.blocks import conv_bn
from course.errors import check_positive_integer
from course.layers import LocalResponseNormalization
from course.registry import family, row

WIDTHS = (64, 128, 256, 512, 512)  # filters of each stage, the same in every column

VARIANTS = {  # printed: params in Table 2, errors in Table 3 (S = Q = 256), macs in the first lecture
    "vgg11": row(depths=(1, 1, 2, 2, 2), params="133M", top1="29.6", top5="10.4", aliases=("vgg_a",)),
    "vgg11_lrn": row(depths=(1, 1, 2, 2, 2), lrn=True, params="133M", top1="29.7", top5="10.5",
                     aliases=("vgg_a_lrn",)),
    "vgg13": row(depths=(2, 2, 2, 2, 2), params="133M", top1="28.7", top5="9.9", aliases=("vgg_b",)),
    "vgg16_1x1": row(depths=(2, 2, 3, 3, 3), third_kernel=1, params="134M", top1="28.1", top5="9.4",
                     aliases=("vgg_c",)),
    "vgg16": row(depths=(2, 2, 3, 3, 3), params="138M", macs="15.47G", top1="27.0", top5="8.8",
                 aliases=("vgg_d",)),
    "vgg19": row(depths=(2, 2, 4, 4, 4), params="144M", top1="27.3", top5="9.0", aliases=("vgg_e",)),
    # Not in the paper, which is older than batch normalisation
    "vgg11_bn": row(depths=(1, 1, 2, 2, 2), batch_norm=True),
    "vgg13_bn": row(depths=(2, 2, 2, 2, 2), batch_norm=True),
    "vgg16_bn": row(depths=(2, 2, 3, 3, 3), batch_norm=True),
    "vgg19_bn": row(depths=(2, 2, 4, 4, 4), batch_norm=True),
}  # fmt: skip


@family(paper="simonyan2014vgg", variants=VARIANTS)
def vgg(
    depths,
    widths=WIDTHS,
    third_kernel=3,
    lrn=False,
    batch_norm=False,
    gate=None,
    units=4096,
    shape=(224, 224, 3),
    classes=1000,
    name="vgg",
):
    """Stages of 3x3 convolutions, each stage ended by 2x2 max pooling, and three dense layers.

    Input (224, 224, 3), output (1000,) logits. `depths` and `widths` are the convolutions of each stage
    and their filters; `third_kernel` is the kernel of a stage's third convolution (column C: 1); `lrn`
    normalises after conv1_1 (A-LRN); `gate(x, name=...)` is applied after each convolution's ReLU.
    """
    if len(depths) != len(widths):
        raise ValueError(f"depths={depths!r} and widths={widths!r} must have one number for each stage.")
    for each in (*depths, *widths, third_kernel, units):
        check_positive_integer("Each of depths and widths, third_kernel and units", each)
    x = image = keras.Input(shape, name="image")
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
        for i in range(1, depth + 1):
            layer = f"conv{stage}_{i}"
            kernel = third_kernel if i == 3 else 3
            if batch_norm:
                x = conv_bn(x, width, kernel, name=layer)
            else:
                x = L.Conv2D(width, kernel, padding="same", activation="relu", name=layer)(x)
            x = gate(x, name=layer) if gate else x
            x = LocalResponseNormalization(name="norm1")(x) if lrn and layer == "conv1_1" else x
        x = L.MaxPooling2D(2, name=f"pool{stage}")(x)  # (B, 112, 112, 64), ..., (B, 7, 7, 512)
    x = L.Flatten(name="flatten")(x)
    for layer in ("6", "7"):
        x = L.Dense(units, activation="relu", name=f"fc{layer}")(x)
        x = L.Dropout(0.5, name=f"drop{layer}")(x)
    return keras.Model(image, L.Dense(classes, name="fc8")(x), name=name)
