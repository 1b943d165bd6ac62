"""Network in Network. Lin, Chen & Yan 2013, figure 2; filters from the authors' published networks."""

import keras
from keras import layers as L

from course.blocks import max_pool_ceil
from course.errors import check_positive_integer
from course.registry import family, row

CIFAR10 = (  # filters, kernel, stride, padding of a convolution; filters of the 1x1 layers upon it; pooling
    (192, 5, 1, "same", (160, 96), "max"),
    (192, 5, 1, "same", (192, 192), "average"),
    (192, 3, 1, "same", (192,), None),
)

IMAGENET = (
    (96, 11, 4, "valid", (96, 96), "max"),
    (256, 5, 1, "same", (256, 256), "max"),
    (384, 3, 1, "same", (384, 384), "max"),
    (1024, 3, 1, "same", (1024,), None),
)

VARIANTS = {  # printed: Table 1, CIFAR-10 without augmentation
    "nin_cifar10": row(mlpconvs=CIFAR10, shape=(32, 32, 3), classes=10, top1="10.41", aliases=("nin",)),
    "nin_imagenet": row(mlpconvs=IMAGENET, drop=("pool3",)),
}


@family(paper="lin2013nin", variants=VARIANTS)
def nin(mlpconvs, drop=("pool1", "pool2"), shape=(224, 224, 3), classes=1000, name="nin"):
    """Mlpconv layers: a convolution, then 1x1 convolutions that work as a small network at each pixel.

    Input (32, 32, 3) and output (10,) logits, or (224, 224, 3) and (1000,). The last 1x1 convolution
    makes one map a class; its mean is the logit, so that no dense layer is needed. `mlpconvs` are rows
    like those of CIFAR10 above; dropout follows the pooling layers named in `drop`.
    """
    for filters, *_, widths, pool in mlpconvs:
        for each in (filters, *widths):
            check_positive_integer("Each number of filters in mlpconvs", each)
        if pool not in ("max", "average", None):
            raise ValueError(
                f"The pooling of each of mlpconvs must be 'max', 'average' or None, not {pool!r}."
            )
    x = image = keras.Input(shape, name="image")
    cccp = 0  # the 1x1 layers are numbered through: "cascaded cross-channel parametric pooling"
    for layer, (filters, kernel, strides, padding, widths, pool) in enumerate(mlpconvs, start=1):
        x = L.Conv2D(filters, kernel, strides, padding, activation="relu", name=f"conv{layer}")(x)
        last = layer == len(mlpconvs)
        for width in (*widths, classes) if last else widths:
            cccp += 1
            x = L.Conv2D(width, 1, activation="relu", name=f"cccp{cccp}")(x)
        if pool == "max":
            x = max_pool_ceil(x, 3, 2, name=f"pool{layer}")
        elif pool == "average":  # of the pixels inside the image, as in Caffe; not so on the torch backend
            x = L.AveragePooling2D(3, 2, "same", name=f"pool{layer}")(x)
        x = L.Dropout(0.5, name=f"drop{layer}")(x) if f"pool{layer}" in drop else x
    return keras.Model(image, L.GlobalAveragePooling2D(name=f"pool{layer}")(x), name=name)
