"""GhostNet. Han et al. 2020, Table 1 and figures 2 and 3."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import conv_bn, depthwise_bn, make_divisible, squeeze_excite
from course.registry import family, row

BOTTLENECKS = (  # kernel, expanded channels, filters, squeeze-and-excitation, stride
    (3, 16, 16, False, 1),
    (3, 48, 24, False, 2),
    (3, 72, 24, False, 1),
    (5, 72, 40, True, 2),
    (5, 120, 40, True, 1),
    (3, 240, 80, False, 2),
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
    (5, 672, 160, True, 2),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
)

VARIANTS = {  # printed: Table 7; errors are 100 minus the accuracies there
    "ghostnet": row(params="5.2M", macs="141M", top1="26.1", top5="8.6"),
}


def ghost(x: KerasTensor, filters: int, name: str, activation: str | None = "relu") -> KerasTensor:
    """Figure 2: a 1x1 convolution makes half of the maps, a depthwise 3x3 the other half out of them."""
    primary = conv_bn(x, filters // 2, name=f"{name}_primary", activation=activation)
    cheap = depthwise_bn(primary, 3, name=f"{name}_cheap", activation=activation)
    return L.Concatenate(name=f"{name}_concat")([primary, cheap])


def bottleneck(
    x: KerasTensor, filters: int, name: str, *, expanded: int, kernel: int, strides: int, squeeze: int
) -> KerasTensor:
    """Figure 3: one ghost module widens, one narrows; a depthwise convolution between them at stride 2.

    (B, H, W, C) to (B, H / strides, W / strides, filters).
    """
    linear = {"activation": None, "padding": "symmetric"}
    shortcut, channels = x, x.shape[-1]
    x = ghost(x, expanded, f"{name}_ghost1")
    if strides > 1:
        x = depthwise_bn(x, kernel, strides, name=f"{name}_depthwise", **linear)
    if squeeze:
        x = squeeze_excite(x, squeeze, name=f"{name}_se", gate="hard_sigmoid")
    x = ghost(x, filters, f"{name}_ghost2", activation=None)
    if strides > 1 or filters != channels:
        shortcut = depthwise_bn(shortcut, kernel, strides, name=f"{name}_shortcut_depthwise", **linear)
        shortcut = conv_bn(shortcut, filters, name=f"{name}_shortcut_conv", activation=None)
    return L.Add(name=f"{name}_add")([shortcut, x])


@family(paper="han2020ghostnet", variants=VARIANTS)
def ghostnet(
    alpha=1.0, bottlenecks=BOTTLENECKS, dropout=0.2, shape=(224, 224, 3), classes=1000, name="ghostnet"
):
    """MobileNetV3's plan with ghost modules for 1x1 convolutions.

    Input (224, 224, 3), output (1000,) logits. `alpha` scales the channels, rounded to multiples of 4,
    but not the head's 1280.

    Raises:
        ValueError: for an alpha that is not above 0.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, not {alpha!r}.")

    x = image = keras.Input(shape, name="image")
    stem = make_divisible(16 * alpha, 4)
    x = conv_bn(x, stem, 3, 2, name="conv1", padding="symmetric")  # (B, 112, 112, 16)
    for i, (kernel, expanded, filters, squeeze, strides) in enumerate(bottlenecks, start=1):
        expanded = make_divisible(expanded * alpha, 4)
        x = bottleneck(
            x,
            make_divisible(filters * alpha, 4),
            f"bneck{i}",
            expanded=expanded,
            kernel=kernel,
            strides=strides,
            squeeze=make_divisible(expanded / 4, 4) if squeeze else 0,
        )
    x = conv_bn(x, expanded, name="conv2")  # (B, 7, 7, 960)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    x = L.Dense(1280, activation="relu", name="fc1")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="fc2")(x), name=name)
