"""OverFeat, the classifier. Sermanet et al. 2013, Table 1 (fast) and Table 3 (accurate)."""

import keras
from keras import layers as L

from course.errors import check_positive_integer
from course.registry import family, row

FAST = (  # filters, kernel, stride, padding, side and stride of the max pooling that follows (0: none)
    (96, 11, 4, "valid", 2),
    (256, 5, 1, "valid", 2),
    (512, 3, 1, "same", 0),
    (1024, 3, 1, "same", 0),
    (1024, 3, 1, "same", 2),
)

ACCURATE = (
    (96, 7, 2, "valid", 3),
    (256, 7, 1, "valid", 2),
    (512, 3, 1, "same", 0),
    (512, 3, 1, "same", 0),
    (1024, 3, 1, "same", 0),
    (1024, 3, 1, "same", 3),
)

# Printed: params in Table 4; macs in the third lecture; errors of one network in Table 2, at one scale
# (fast) and at four (accurate).
VARIANTS = {
    "overfeat_fast": row(convolutions=FAST, units=(3072, 4096), shape=(231, 231, 3),
                         params="145M", macs="2.8G", top1="39.01", top5="16.97",
                         note={"params": "145.9M; the paper cuts where it should round"}),
    "overfeat_accurate": row(convolutions=ACCURATE, units=(4096, 4096), shape=(221, 221, 3),
                             params="144M", top1="35.74", top5="14.18",
                             note={"params": "144.7M; the paper cuts where it should round"}),
}  # fmt: skip


@family(paper="sermanet2013overfeat", variants=VARIANTS)
def overfeat(convolutions, units, shape=(231, 231, 3), classes=1000, name="overfeat"):
    """Convolutions with non-overlapping pooling and no normalisation, then three dense layers.

    Input (231, 231, 3), or (221, 221, 3) for the accurate network; output (1000,) logits. The paper
    slides the dense layers over larger images as convolutions, with the same weights.
    """
    for filters, *_ in convolutions:
        check_positive_integer("The filters of each of convolutions", filters)
    for each in units:
        check_positive_integer("Each of units", each)
    x = image = keras.Input(shape, name="image")
    for layer, (filters, kernel, strides, padding, pool) in enumerate(convolutions, start=1):
        x = L.Conv2D(filters, kernel, strides, padding, activation="relu", name=f"conv{layer}")(x)
        x = L.MaxPooling2D(pool, name=f"pool{layer}")(x) if pool else x
    x = L.Flatten(name="flatten")(x)  # (B, 6 * 6 * 1024), or (B, 5 * 5 * 1024)
    for layer, each in enumerate(units, start=len(convolutions) + 1):
        x = L.Dense(each, activation="relu", name=f"fc{layer}")(x)
        x = L.Dropout(0.5, name=f"drop{layer}")(x)
    last = len(convolutions) + len(units) + 1
    return keras.Model(image, L.Dense(classes, name=f"fc{last}")(x), name=name)
