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
    """Depth alpha^phi, width beta^phi, resolution gamma^phi, so that MACs grow by (alpha · beta² · gamma²)^phi.

    That is about 2^phi for the defaults, which the paper found by grid search (section 3.3, step 1).
    The published B1 to B7 follow it only roughly: VARIANTS has their coefficients, which the authors
    rounded. Raises ValueError for a coefficient below 1.
    """
    for argument, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not value >= 1:
            raise ValueError(f"{argument} must be at least 1, not {value!r}.")
    return Scaling(alpha**phi, beta**phi, gamma**phi)


def published(width: float, depth: float, size: int, dropout: float, **facts):
    """A row: multipliers of width and depth, side of the image, dropout before the classifier."""
    return row(width=width, depth=depth, shape=(size, size, 3), dropout=dropout, **facts)


CUT = "{}; the paper cuts"
VARIANTS = {  # coefficients as in the authors' code; printed: Table 2; errors are 100 minus the accuracies
    "efficientnet_b0": published(1.0, 1.0, 224, 0.2, params="5.3M", macs="0.39G", top1="22.9", top5="6.7"),
    "efficientnet_b1": published(1.0, 1.1, 240, 0.2, params="7.8M", macs="0.70G", top1="20.9", top5="5.6"),
    "efficientnet_b2": published(1.1, 1.2, 260, 0.3, params="9.2M", macs="1.0G", top1="19.9", top5="5.1"),
    "efficientnet_b3": published(1.2, 1.4, 300, 0.3, params="12M", macs="1.8G", top1="18.4", top5="4.3"),
    "efficientnet_b4": published(1.4, 1.8, 380, 0.4, params="19M", macs="4.2G", top1="17.1", top5="3.6"),
    "efficientnet_b5": published(1.6, 2.2, 456, 0.4, params="30M", macs="9.9G", top1="16.4", top5="3.3"),
    "efficientnet_b6": published(1.8, 2.6, 528, 0.5, params="43M", macs="19G", top1="16.0", top5="3.2"),
    "efficientnet_b7": published(2.0, 3.1, 600, 0.5, params="66M", macs="37G", top1="15.7", top5="3.0"),
}


@family(paper="tan2019efficientnet", variants=VARIANTS)
def efficientnet(
    width, depth, dropout, drop_connect=0.2, shape=(224, 224, 3), classes=1000, name="efficientnet_b0"
):
    """A 3x3 convolution, seven stages of mobile bottlenecks with a gate and swish, a 1x1 convolution, one dense.

    Input (224, 224, 3) with each channel already at mean 0 and deviation 1 over ImageNet, output (1000,)
    logits. `width` multiplies the filters, rounded to multiples of 8, `depth` the blocks of a stage,
    rounded up. The chance that training skips a block grows from 0 at the first towards `drop_connect`.

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
