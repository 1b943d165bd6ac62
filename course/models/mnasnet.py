"""MnasNet. Tan et al. 2019, figure 7 (a) for A1; B1 is searched for without squeeze-and-excitation."""

import keras
from keras import layers as L

from course.blocks import conv_bn, inverted_residual, make_divisible
from course.registry import family, row

A1 = (  # kernel, expansion, squeeze-and-excitation, filters, repeats, stride of the first
    (3, 1, False, 16, 1, 1),
    (3, 6, False, 24, 2, 2),
    (5, 3, True, 40, 3, 2),
    (3, 6, False, 80, 4, 2),
    (3, 6, True, 112, 2, 1),
    (5, 6, True, 160, 3, 2),
    (3, 6, False, 320, 1, 1),
)

B1 = (
    (3, 1, False, 16, 1, 1),
    (3, 3, False, 24, 3, 2),
    (5, 3, False, 40, 3, 2),
    (5, 6, False, 80, 3, 2),
    (3, 6, False, 96, 2, 1),
    (5, 6, False, 192, 4, 2),
    (3, 6, False, 320, 1, 1),
)

VARIANTS = {  # printed: Tables 1 (A1) and 2 (B1); errors are 100 minus the accuracies there
    "mnasnet_a1": row(stages=A1, params="3.9M", macs="312M", top1="24.8", top5="7.5"),
    "mnasnet_b1": row(stages=B1, params="4.4M", macs="315M", top1="25.5", top5="7.9",
                      note={"macs": "314,415,872; the paper does not say what else it counts"}),
}  # fmt: skip


@family(paper="tan2019mnasnet", variants=VARIANTS)
def mnasnet(
    stages,
    alpha=1.0,
    dropout=0.2,
    padding="same",
    epsilon=1e-3,
    shape=(224, 224, 3),
    classes=1000,
    name="mnasnet_a1",
):
    """A 3x3 convolution, seven stages of mobile bottlenecks, a 1x1 convolution, one dense layer.

    Input (224, 224, 3), output (1000,) logits. `alpha` scales the filters, rounded to multiples of 8,
    but not the last convolution's 1280. The gate has a quarter as many units as the block has input
    channels. `padding="symmetric", epsilon=1e-5` is the network as PyTorch ports train it; the
    defaults are those of the authors' code.

    Raises:
        ValueError: for an alpha that is not above 0, and a padding that is neither "same" nor "symmetric".
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, not {alpha!r}.")
    if padding not in ("same", "symmetric"):
        raise ValueError(f"padding must be 'same' or 'symmetric', not {padding!r}.")

    x = image = keras.Input(shape, name="image")
    options = {"padding": padding, "epsilon": epsilon}
    x = conv_bn(x, make_divisible(32 * alpha), 3, 2, name="conv1", **options)  # (B, 112, 112, 32)
    for stage, (kernel, expansion, squeeze, filters, repeats, first_stride) in enumerate(stages, start=1):
        for i in range(1, repeats + 1):
            channels = x.shape[-1]
            x = inverted_residual(
                x,
                make_divisible(filters * alpha),
                expanded=expansion * channels,
                kernel=kernel,
                strides=first_stride if i == 1 else 1,
                squeeze=channels // 4 if squeeze else 0,
                **options,
                name=f"stage{stage}_{i}",
            )
    x = conv_bn(x, 1280, name="conv2", epsilon=epsilon)  # (B, 7, 7, 1280)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
