"""MobileNetV2. Sandler et al. 2018, Table 2."""

import keras
from keras import layers as L

from course.blocks import conv_bn, inverted_residual, make_divisible
from course.registry import family, row

STAGES = (  # expansion, filters, repeats, stride of the first: Table 2
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

VARIANTS = {  # printed: Table 4; top-1 error is 100 minus the accuracy there
    "mobilenet_v2": row(
        params="3.4M", macs="300M", top1="28.0",
        note={"params": "3,504,872, or 3,470,760 without batch normalisation; the paper cuts",
              "macs": "300,774,272; the paper cuts"},
    ),
}  # fmt: skip


@family(paper="sandler2018mobilenetv2", variants=VARIANTS)
def mobilenet_v2(alpha=1.0, stages=STAGES, shape=(224, 224, 3), classes=1000, name="mobilenet_v2"):
    """A 3x3 convolution, 17 inverted residuals with linear bottlenecks, a 1x1 convolution, one dense layer.

    Input (224, 224, 3) in [-1, 1], output (1000,) logits. `alpha` scales the filters, rounded to
    multiples of 8; those of the last convolution only upwards, from 1280.

    Raises:
        ValueError: for an alpha that is not above 0.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, not {alpha!r}.")

    options = {"activation": "relu6", "epsilon": 1e-3}
    x = image = keras.Input(shape, name="image")
    x = conv_bn(x, make_divisible(32 * alpha), 3, 2, name="conv1", **options)  # (B, 112, 112, 32)
    block = 0
    for expansion, filters, repeats, first_stride in stages:
        for i in range(repeats):
            x = inverted_residual(
                x,
                make_divisible(filters * alpha),
                expanded=expansion * x.shape[-1],
                strides=first_stride if i == 0 else 1,
                name=f"block_{block}",
                **options,
            )
            block += 1
    x = conv_bn(x, make_divisible(1280 * max(alpha, 1.0)), 1, name="conv2", **options)  # (B, 7, 7, 1280)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
