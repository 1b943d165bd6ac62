"""Inception-ResNet-v2, as its authors published it. Szegedy, Ioffe, Vanhoucke & Alemi 2016, section 3.2."""

from collections.abc import Callable

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import inception_module
from course.errors import check_positive_integer
from course.models.inception_v3 import conv, stem
from course.registry import family, row

# A module is its branches, a branch its steps: (filters or pooling, kernel, strides, padding). See
# course.blocks.inception_module.

MIXED_5B = (  # 35x35
    [(96, 1)],
    [(48, 1), (64, 5)],
    [(64, 1), (96, 3), (96, 3)],
    [("average", 3), (64, 1)],
)

BLOCK_35 = (  # figure 16, Inception-ResNet-A
    [(32, 1)],
    [(32, 1), (32, 3)],
    [(32, 1), (48, 3), (64, 3)],
)

MIXED_6A = (  # figure 7 with k = 256, l = 256, m = 384, n = 384 (Table 1), 35x35 to 17x17
    [(384, 3, 2, "valid")],
    [(256, 1), (256, 3), (384, 3, 2, "valid")],
    [("max", 3, 2, "valid")],
)

BLOCK_17 = (  # figure 17, Inception-ResNet-B
    [(192, 1)],
    [(128, 1), (160, (1, 7)), (192, (7, 1))],
)

MIXED_7A = (  # figure 18, 17x17 to 8x8
    [(256, 1), (384, 3, 2, "valid")],
    [(256, 1), (288, 3, 2, "valid")],
    [(256, 1), (288, 3), (320, 3, 2, "valid")],
    [("max", 3, 2, "valid")],
)

BLOCK_8 = (  # figure 19, Inception-ResNet-C
    [(192, 1)],
    [(192, 1), (224, (1, 3)), (256, (3, 1))],
)

VARIANTS = {  # printed: Table 2, one network and one crop
    "inception_resnet_v2": row(depths=(10, 20, 10), top1="19.9", top5="4.9"),
}


def block(
    x: KerasTensor,
    branches: tuple,
    scale: float,
    *,
    name: str,
    activation: str | None = "relu",
    gate: Callable | None = None,
) -> KerasTensor:
    """activation(x + scale * module(x)): (B, H, W, C) to (B, H, W, C).

    The module ends in a 1x1 convolution with bias and no activation, which restores the channels.
    `gate(y, name=...)` is applied to the residual before it is scaled and added.
    """
    y = inception_module(x, branches, name=f"{name}_mixed")
    y = L.Conv2D(x.shape[-1], 1, name=f"{name}_conv")(y)
    y = gate(y, name=name) if gate else y
    y = L.Rescaling(scale, name=f"{name}_scale")(y)
    x = L.Add(name=f"{name}_add")([x, y])
    return L.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


@family(paper="szegedy2016inceptionv4", variants=VARIANTS)
def inception_resnet(depths, gate=None, shape=(299, 299, 3), classes=1000, name="inception_resnet"):
    """Inception-v3's stem, then three stages of residual inception blocks with a reduction between them.

    Input (299, 299, 3), output (1000,) logits. `depths` are the blocks of the three stages. The authors'
    code, which has the published 55.8 million weights, differs from figure 15: its stem is not
    Inception-v4's, the stages have 10, 20, 10 blocks for 5, 10, 5, and the last block neither scales nor
    rectifies. Batch normalisation has its scale. `gate` is applied in each block (see `block`).
    """
    if len(depths) != 3:
        raise ValueError(f"depths must be three numbers, the blocks of each stage, not {depths!r}.")
    for depth in depths:
        check_positive_integer("Each of depths", depth)
    first, second, third = depths
    image = keras.Input(shape, name="image")
    x = stem(image)  # (B, 35, 35, 192)
    x = inception_module(x, MIXED_5B, name="mixed_5b")  # (B, 35, 35, 320)
    for i in range(1, first + 1):
        x = block(x, BLOCK_35, 0.17, name=f"block35_{i}", gate=gate)
    x = inception_module(x, MIXED_6A, name="mixed_6a")  # (B, 17, 17, 1088)
    for i in range(1, second + 1):
        x = block(x, BLOCK_17, 0.1, name=f"block17_{i}", gate=gate)
    x = inception_module(x, MIXED_7A, name="mixed_7a")  # (B, 8, 8, 2080)
    for i in range(1, third):
        x = block(x, BLOCK_8, 0.2, name=f"block8_{i}", gate=gate)
    x = block(x, BLOCK_8, 1.0, name=f"block8_{third}", activation=None, gate=gate)
    x = conv(x, 1536, 1, name="conv_7b")
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 1536)
    x = L.Dropout(0.2, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="logits")(x), name=name)
