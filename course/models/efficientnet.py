"""EfficientNet. Tan & Le 2019, Table 1 (B0) and section 3.3 (compound scaling)."""

import math
from typing import NamedTuple

import keras
from keras import layers as L

from course.blocks import conv_bn, inverted_residual, make_divisible
from course.registry import family, row

STAGES = (  # kernel, expansion, filters, repeats, stride of the first: Table 1
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)


class Scaling(NamedTuple):
    """What depth, width and resolution of a network are multiplied by."""

    depth: float
    width: float
    resolution: float


def compound_scaling(phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15) -> Scaling:
    """Depth alpha^phi, width beta^phi, resolution gamma^phi: MACs grow by (alpha · beta² · gamma²)^phi.

    That is about 2^phi for the defaults, which the paper found by grid search (section 3.3). Rounded,
    phi = 1 and 2 are B2 and B3; B4 to B7, whose coefficients VARIANTS has, are wider and sharper than
    phi = 3 to 6. Raises ValueError for a coefficient below 1.
    """
    for argument, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not value >= 1:
            raise ValueError(f"{argument} must be at least 1, not {value!r}.")
    return Scaling(alpha**phi, beta**phi, gamma**phi)


COUNTED = "{}G in convolutions and dense layers; the paper does not say how it counts"

VARIANTS = {  # coefficients as in the authors' code; printed: Table 2, errors 100 minus the accuracies there
    "efficientnet_b0": row(
        width=1.0, depth=1.0, shape=(224, 224, 3), dropout=0.2,
        params="5.3M", macs="0.39G", top1="22.9", top5="6.7",
    ),
    "efficientnet_b1": row(
        width=1.0, depth=1.1, shape=(240, 240, 3), dropout=0.2,
        params="7.8M", macs="0.70G", top1="20.9", top5="5.6",
        note={"macs": COUNTED.format("0.687")},
    ),
    "efficientnet_b2": row(
        width=1.1, depth=1.2, shape=(260, 260, 3), dropout=0.3,
        params="9.2M", macs="1.0G", top1="19.9", top5="5.1",
        note={"params": "9,109,994; 9,177,562 with the moving statistics of batch normalisation"},
    ),
    "efficientnet_b3": row(
        width=1.2, depth=1.4, shape=(300, 300, 3), dropout=0.3,
        params="12M", macs="1.8G", top1="18.4", top5="4.3",
    ),
    "efficientnet_b4": row(
        width=1.4, depth=1.8, shape=(380, 380, 3), dropout=0.4,
        params="19M", macs="4.2G", top1="17.1", top5="3.6",
        note={"macs": COUNTED.format("4.39")},
    ),
    "efficientnet_b5": row(
        width=1.6, depth=2.2, shape=(456, 456, 3), dropout=0.4,
        params="30M", macs="9.9G", top1="16.4", top5="3.3",
        note={"macs": COUNTED.format("10.27")},
    ),
    "efficientnet_b6": row(
        width=1.8, depth=2.6, shape=(528, 528, 3), dropout=0.5,
        params="43M", macs="19G", top1="16.0", top5="3.2",
    ),
    "efficientnet_b7": row(
        width=2.0, depth=3.1, shape=(600, 600, 3), dropout=0.5,
        params="66M", macs="37G", top1="15.7", top5="3.0",
        note={"macs": COUNTED.format("37.75")},
    ),
}  # fmt: skip


@family(paper="tan2019efficientnet", variants=VARIANTS)
def efficientnet(
    width, depth, dropout, drop_connect=0.2, shape=(224, 224, 3), classes=1000, name="efficientnet_b0"
):
    """A 3x3 convolution, seven stages of gated mobile bottlenecks, a 1x1 convolution, one dense layer.

    Input (224, 224, 3) with each channel already at mean 0 and deviation 1 over ImageNet, output (1000,)
    logits; swish throughout. `width` multiplies the filters, rounded to multiples of 8, `depth` the
    blocks of a stage, rounded up. The chance that training skips a block grows from 0 at the first
    towards `drop_connect`.

    Raises:
        ValueError: for a width or depth that is not above 0.
    """
    for argument, value in (("width", width), ("depth", depth)):
        if not value > 0:
            raise ValueError(f"{argument} must be above 0, not {value!r}.")

    options = {"activation": "swish", "epsilon": 1e-3}
    blocks = sum(math.ceil(depth * repeats) for *_, repeats, _ in STAGES)
    x = image = keras.Input(shape, name="image")
    x = conv_bn(x, make_divisible(32 * width), 3, 2, name="stem", **options)  # (B, 112, 112, 32)
    block = 0
    for stage, (kernel, expansion, filters, repeats, first_stride) in enumerate(STAGES, start=1):
        for i in range(math.ceil(depth * repeats)):
            channels = x.shape[-1]
            x = inverted_residual(
                x,
                make_divisible(filters * width),
                expanded=expansion * channels,
                kernel=kernel,
                strides=first_stride if i == 0 else 1,
                squeeze=channels // 4,
                squeeze_activation="swish",
                drop=drop_connect * block / blocks,
                name=f"block{stage}{chr(ord('a') + i)}",
                **options,
            )
            block += 1
    x = conv_bn(x, make_divisible(1280 * width), name="top", **options)  # (B, 7, 7, 1280)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
