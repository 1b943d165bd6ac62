"""Inception-v3, figures 5 to 7 and Table 1, as its authors published it. Szegedy et al. 2015."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import conv_bn, inception_module
from course.registry import family, row

# A module is its branches, a branch its steps: (filters or pooling, kernel, strides, padding). See
# course.blocks.inception_module.


def figure_5(pool: int) -> tuple:
    """35x35: GoogLeNet's module, with a branch of two 3x3."""
    return (
        [(64, 1)],
        [(48, 1), (64, 5)],  # still 5x5 in the authors' code
        [(64, 1), (96, 3), (96, 3)],
        [("average", 3), (pool, 1)],
    )


def figure_6(width: int) -> tuple:
    """17x17: 7x7 factorised into 1x7 and 7x1, `width` channels inside."""
    return (
        [(192, 1)],
        [(width, 1), (width, (1, 7)), (192, (7, 1))],
        [(width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7))],
        [("average", 3), (192, 1)],
    )


FIGURE_7 = (  # 8x8: 1x3 and 3x1 side by side
    [(320, 1)],
    [(384, 1), [(384, (1, 3)), (384, (3, 1))]],
    [(448, 1), (384, 3), [(384, (1, 3)), (384, (3, 1))]],
    [("average", 3), (192, 1)],
)

TO_17 = (  # figure 10: convolution and pooling side by side, both with stride 2
    [(384, 3, 2, "valid")],
    [(64, 1), (96, 3), (96, 3, 2, "valid")],
    [("max", 3, 2, "valid")],
)

TO_8 = (
    [(192, 1), (320, 3, 2, "valid")],
    [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "valid")],
    [("max", 3, 2, "valid")],
)

MODULES = {
    "mixed_5b": figure_5(pool=32),
    "mixed_5c": figure_5(pool=64),
    "mixed_5d": figure_5(pool=64),
    "mixed_6a": TO_17,
    "mixed_6b": figure_6(width=128),
    "mixed_6c": figure_6(width=160),
    "mixed_6d": figure_6(width=160),
    "mixed_6e": figure_6(width=192),
    "mixed_7a": TO_8,
    "mixed_7b": FIGURE_7,
    "mixed_7c": FIGURE_7,
}

VARIANTS = {  # printed: Table 3, one network and one crop, trained with the auxiliary head
    "inception_v3": row(top1="21.2", top5="5.6"),
}


def conv(
    x: KerasTensor, filters: int, kernel: int, strides: int = 1, padding: str = "same", *, name: str
) -> KerasTensor:
    """Convolution, batch normalisation with its authors' epsilon, ReLU."""
    return conv_bn(x, filters, kernel, strides, name=name, padding=padding, epsilon=1e-3)


def stem(image: KerasTensor) -> KerasTensor:
    """(B, 299, 299, 3) to (B, 35, 35, 192)."""
    x = conv(image, 32, 3, 2, "valid", name="conv_1a")  # (B, 149, 149, 32)
    x = conv(x, 32, 3, 1, "valid", name="conv_2a")  # (B, 147, 147, 32)
    x = conv(x, 64, 3, name="conv_2b")
    x = L.MaxPooling2D(3, 2, name="pool_3a")(x)  # (B, 73, 73, 64)
    x = conv(x, 80, 1, name="conv_3b")
    x = conv(x, 192, 3, 1, "valid", name="conv_4a")  # (B, 71, 71, 192)
    return L.MaxPooling2D(3, 2, name="pool_5a")(x)


@family(paper="szegedy2015rethinking", variants=VARIANTS)
def inception_v3(modules=MODULES, shape=(299, 299, 3), classes=1000, name="inception_v3"):
    """A stem of 3x3 convolutions and eleven inception modules with factorised kernels.

    Input (299, 299, 3), output (1000,) logits. Names are the authors' (TensorFlow-Slim). Batch
    normalisation has its scale here, as the paper of 2015 defines it; the published weights have none,
    which is a scale of 1.
    """
    image = keras.Input(shape, name="image")
    x = stem(image)
    for module, branches in modules.items():
        x = inception_module(x, branches, name=module)
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 2048)
    x = L.Dropout(0.2, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="logits")(x), name=name)
