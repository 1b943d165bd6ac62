"""LeNet-5. LeCun, Bottou, Bengio & Haffner 1998, section II.B and figure 2."""

import keras
import numpy as np
from keras import layers as L

from course.layers import RBFOutput, SparseConv2D, TrainableSubsampling2D, scaled_tanh
from course.registry import family, row

VARIANTS = {
    "lenet5": row(
        params="60,000",
        aliases=("lenet", "lenet_5"),
        note={"params": "C3 sees all six maps of S2 here (61,706), not the pattern of Table I"},
    ),
}


@family(paper="lecun1998lenet", variants=VARIANTS)
def lenet(shape=(32, 32, 1), classes=10, name="lenet5"):
    """Two convolutions with average pooling, a third that sees all of S4, and two dense layers.

    Input (32, 32, 1), output (10,) logits. The paper's layer names; plain tanh for its scaled one, and
    average pooling without the trainable coefficient and bias of its subsampling.
    """
    x = image = keras.Input(shape, name="image")
    x = L.Conv2D(6, 5, activation="tanh", name="C1")(x)  # (B, 28, 28, 6)
    x = L.AveragePooling2D(2, name="S2")(x)
    x = L.Conv2D(16, 5, activation="tanh", name="C3")(x)  # (B, 10, 10, 16)
    x = L.AveragePooling2D(2, name="S4")(x)
    x = L.Conv2D(120, 5, activation="tanh", name="C5")(x)  # (B, 1, 1, 120)
    x = L.Flatten(name="flatten")(x)
    x = L.Dense(84, activation="tanh", name="F6")(x)
    return keras.Model(image, L.Dense(classes, name="output")(x), name=name)


# Table I: the maps of S2 that each of C3's sixteen maps sees, 60 connections of 96
C3_TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# The digits 0 to 9 as bitmaps, 7 pixels wide and 12 high. The paper prints its own as a picture only
# (figure 3); these are drawn after the same rule, a stylised digit on empty last rows, not read off it.
BITMAPS = """
 .#####.  ...##..  .#####.  #######  ....##.  #######  ..####.  #######  .#####.  .#####.
 ##...##  ..###..  ##...##  ....##.  ...###.  ##.....  .##....  ##...##  ##...##  ##...##
 ##..###  .####..  .....##  ...##..  ..####.  ##.....  ##.....  .....##  ##...##  ##...##
 ##.####  ...##..  .....##  ..##...  .##.##.  ##.....  ##.....  ....##.  .##.##.  ##...##
 ####.##  ...##..  ....##.  .####..  ##..##.  ######.  ######.  ....##.  ..###..  .######
 ###..##  ...##..  ...##..  ....##.  ##..##.  .....##  ##...##  ...##..  .##.##.  .....##
 ##...##  ...##..  ..##...  .....##  #######  .....##  ##...##  ...##..  ##...##  .....##
 ##...##  ...##..  .##....  .....##  ....##.  .....##  ##...##  ..##...  ##...##  .....##
 ##...##  ...##..  ##.....  ##...##  ....##.  ##...##  ##...##  ..##...  ##...##  ....##.
 .#####.  .######  #######  .#####.  ....##.  .#####.  .#####.  ..##...  .#####.  .####..
 .......  .......  .......  .......  .......  .......  .......  .......  .......  .......
 .......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""

# (10, 84): a row a digit, its pixels line by line, +1 for ink and -1 for paper
DIGIT_CODES = np.array(
    [
        [1 if pixel == "#" else -1 for line in digit for pixel in line]
        for digit in zip(*(line.split() for line in BITMAPS.strip().splitlines()), strict=True)
    ]
)

ORIGINAL = {  # printed: section II.B (parameters), III.B (test error on MNIST)
    "lenet5_sparse": row(params="60,000", top1="0.95", aliases=("lenet5_1998",)),
}


@family(paper="lecun1998lenet", variants=ORIGINAL)
def lenet_original(shape=(32, 32, 1), classes=10, name="lenet5_sparse"):
    """The same network with all that is left out above, as the paper has it.

    Input (32, 32, 1), output (10,): minus the distance to each digit's code, the greatest being the
    answer. Subsampling is trainable, C3 is connected by Table I, and a scaled tanh follows all layers
    from C1 to F6. There are codes for ten digits, so `classes` is at most 10.
    """
    if classes > len(DIGIT_CODES):
        raise ValueError(
            f"classes must be at most {len(DIGIT_CODES)}, the digits that have a code, not {classes}."
        )

    def tanh(x, name):
        return L.Activation(scaled_tanh, name=f"{name}_tanh")(x)

    x = image = keras.Input(shape, name="image")
    x = tanh(L.Conv2D(6, 5, name="C1")(x), "C1")  # (B, 28, 28, 6), 156 parameters
    x = tanh(TrainableSubsampling2D(2, name="S2")(x), "S2")  # 12
    x = tanh(SparseConv2D(C3_TABLE, 5, name="C3")(x), "C3")  # (B, 10, 10, 16), 1,516
    x = tanh(TrainableSubsampling2D(2, name="S4")(x), "S4")  # 32
    x = tanh(L.Conv2D(120, 5, name="C5")(x), "C5")  # (B, 1, 1, 120), 48,120
    x = L.Flatten(name="flatten")(x)
    x = tanh(L.Dense(84, name="F6")(x), "F6")  # 10,164
    return keras.Model(image, RBFOutput(DIGIT_CODES[:classes], name="output")(x), name=name)
