"""LeNet-5. LeCun, Bottou, Bengio & Haffner 1998, section II.B and figure 2."""

import keras
from keras import layers as L

from course.registry import family, row

VARIANTS = {
    "lenet5": row(
        params="60,000",
        aliases=("lenet", "lenet_5"),
        note={"params": "C3 sees all six maps of S2 here (61,706), not the ten-map pattern of Table I"},
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
