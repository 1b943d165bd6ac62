"""Inception-v4, figures 3 to 9. Szegedy, Ioffe, Vanhoucke & Alemi 2016."""

from string import ascii_lowercase

import keras
from keras import layers as L

from course.blocks import inception_module
from course.models.inception_v3 import conv
from course.registry import family, row

# A module is its branches, a branch its steps: (filters or pooling, kernel, strides, padding). See
# course.blocks.inception_module.

STEM = {  # figure 3, from its first fork
    "mixed_3a": (
        [("max", 3, 2, "valid")],
        [(96, 3, 2, "valid")],
    ),
    "mixed_4a": (
        [(64, 1), (96, 3, 1, "valid")],
        [(64, 1), (64, (1, 7)), (64, (7, 1)), (96, 3, 1, "valid")],
    ),
    "mixed_5a": (
        [(192, 3, 2, "valid")],
        [("max", 3, 2, "valid")],
    ),
}

INCEPTION_A = (  # figure 4, 35x35
    [(96, 1)],
    [(64, 1), (96, 3)],
    [(64, 1), (96, 3), (96, 3)],
    [("average", 3), (96, 1)],
)

REDUCTION_A = (  # figure 7 with k = 192, l = 224, m = 256, n = 384 (Table 1), 35x35 to 17x17
    [(384, 3, 2, "valid")],
    [(192, 1), (224, 3), (256, 3, 2, "valid")],
    [("max", 3, 2, "valid")],
)

INCEPTION_B = (  # figure 5, 17x17
    [(384, 1)],
    [(192, 1), (224, (1, 7)), (256, (7, 1))],
    [(192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))],
    [("average", 3), (128, 1)],
)

REDUCTION_B = (  # figure 8, 17x17 to 8x8
    [(192, 1), (192, 3, 2, "valid")],
    [(256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3, 2, "valid")],
    [("max", 3, 2, "valid")],
)

INCEPTION_C = (  # figure 6, 8x8
    [(256, 1)],
    [(384, 1), [(256, (1, 3)), (256, (3, 1))]],
    [(384, 1), (448, (3, 1)), (512, (1, 3)), [(256, (1, 3)), (256, (3, 1))]],
    [("average", 3), (256, 1)],
)

VARIANTS = {  # printed: Table 2, one network and one crop
    "inception_v4": row(depths=(4, 7, 3), top1="20.0", top5="5.0"),
}


@family(paper="szegedy2016inceptionv4", variants=VARIANTS)
def inception_v4(depths, shape=(299, 299, 3), classes=1000, name="inception_v4"):
    """The stem, then stages of Inception-A, -B and -C modules with a reduction between them (figure 9).

    Input (299, 299, 3), output (1000,) logits. `depths` are the modules of the three stages. Names and
    the order of 1x7 and 7x1 are the authors' (TensorFlow-Slim); batch normalisation has its scale.
    """
    if len(depths) != 3 or not all(depth in range(1, 26) for depth in depths):
        raise ValueError(f"depths must be three numbers from 1 to 25, modules of each stage, not {depths!r}.")
    x = image = keras.Input(shape, name="image")
    x = conv(x, 32, 3, 2, "valid", name="conv_1a")  # (B, 149, 149, 32)
    x = conv(x, 32, 3, 1, "valid", name="conv_2a")  # (B, 147, 147, 32)
    x = conv(x, 64, 3, name="conv_2b")
    for module, branches in STEM.items():
        x = inception_module(x, branches, name=module)  # (B, 73, 73, 160), (B, 71, 71, 192), (B, 35, 35, 384)
    stages = ((5, INCEPTION_A, REDUCTION_A), (6, INCEPTION_B, REDUCTION_B), (7, INCEPTION_C, None))
    for (stage, module, reduction), depth in zip(stages, depths, strict=True):
        for letter in ascii_lowercase[1 : depth + 1]:  # "a" is the module that made the stage's size
            x = inception_module(x, module, name=f"mixed_{stage}{letter}")
        x = inception_module(x, reduction, name=f"mixed_{stage + 1}a") if reduction else x
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 1536)
    x = L.Dropout(0.2, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="logits")(x), name=name)
