"""MobileNetV3. Howard et al. 2019, Tables 1 (Large) and 2 (Small)."""

import keras
from keras import layers as L

from course.blocks import conv_bn, inverted_residual, make_divisible
from course.registry import family, row

RE, HS = "relu", "hard_swish"

LARGE = (  # kernel, expanded channels, filters, squeeze-and-excitation, activation, stride
    (3, 16, 16, False, RE, 1),
    (3, 64, 24, False, RE, 2),
    (3, 72, 24, False, RE, 1),
    (5, 72, 40, True, RE, 2),
    (5, 120, 40, True, RE, 1),
    (5, 120, 40, True, RE, 1),
    (3, 240, 80, False, HS, 2),
    (3, 200, 80, False, HS, 1),
    (3, 184, 80, False, HS, 1),
    (3, 184, 80, False, HS, 1),
    (3, 480, 112, True, HS, 1),
    (3, 672, 112, True, HS, 1),
    (5, 672, 160, True, HS, 2),
    (5, 960, 160, True, HS, 1),
    (5, 960, 160, True, HS, 1),
)

SMALL = (
    (3, 16, 16, True, RE, 2),
    (3, 72, 24, False, RE, 2),
    (3, 88, 24, False, RE, 1),
    (5, 96, 40, True, HS, 2),
    (5, 240, 40, True, HS, 1),
    (5, 240, 40, True, HS, 1),
    (5, 120, 48, True, HS, 1),
    (5, 144, 48, True, HS, 1),
    (5, 288, 96, True, HS, 2),
    (5, 576, 96, True, HS, 1),
    (5, 576, 96, True, HS, 1),
)

VARIANTS = {  # printed: Table 3; top-1 error is 100 minus the accuracy there
    "mobilenet_v3_large": row(
        blocks=LARGE, head=1280, params="5.4M", macs="219M", top1="24.8",
        note={"params": "5,483,032; the paper cuts",
              "macs": "216.6M in convolutions and dense layers; the paper does not say what else it counts"},
    ),
    "mobilenet_v3_small": row(blocks=SMALL, head=1024, top1="32.6"),
}  # fmt: skip


@family(paper="howard2019mobilenetv3", variants=VARIANTS)
def mobilenet_v3(
    blocks, head, alpha=1.0, dropout=0.2, shape=(224, 224, 3), classes=1000, name="mobilenet_v3_large"
):
    """MobileNetV2's bottlenecks, found by search, with h-swish and squeeze-and-excitation.

    Input (224, 224, 3) in [-1, 1], output (1000,) logits. Tables 1 and 2 are `blocks`. The widest layer,
    `head`, comes after the pooling, where it sees one pixel. `alpha` scales the filters, rounded to
    multiples of 8, but not the stem's; the head's only upwards. h-swish is x · ReLU6(x + 3) / 6, the gate
    ReLU6(x + 3) / 6.

    Raises:
        ValueError: for an alpha that is not above 0.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, not {alpha!r}.")

    x = image = keras.Input(shape, name="image")
    x = conv_bn(x, 16, 3, 2, name="conv1", activation=HS, epsilon=1e-3)  # (B, 112, 112, 16)
    before = 16  # filters of the row above, before alpha
    for i, (kernel, expanded, filters, squeeze, activation, strides) in enumerate(blocks, start=1):
        expanded = make_divisible(x.shape[-1] * expanded / before)
        x = inverted_residual(
            x,
            make_divisible(filters * alpha),
            expanded=expanded,
            kernel=kernel,
            strides=strides,
            activation=activation,
            squeeze=make_divisible(expanded / 4) if squeeze else 0,
            gate="hard_sigmoid",
            name=f"bneck{i}",
        )
        before = filters
    x = conv_bn(x, make_divisible(6 * x.shape[-1]), 1, name="conv2", activation=HS, epsilon=1e-3)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 960), from (B, 7, 7, 960)
    x = L.Dense(make_divisible(head * max(alpha, 1.0)), activation=HS, name="fc1")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="fc2")(x), name=name)
