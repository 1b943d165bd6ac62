"""BN-Inception (Inception-v2), figure 5. Ioffe & Szegedy 2015."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import conv_bn
from course.registry import family, row

FIGURE_5 = {  # #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pooling, projection
    "3a": (64, 64, 64, 64, 96, "average", 32),
    "3b": (64, 64, 96, 64, 96, "average", 64),
    "3c": (0, 128, 160, 64, 96, "max", 0),  # no 1x1 and no projection: stride 2
    "4a": (224, 64, 96, 96, 128, "average", 128),
    "4b": (192, 96, 128, 96, 128, "average", 128),
    "4c": (160, 128, 160, 128, 160, "average", 128),
    "4d": (96, 128, 192, 160, 192, "average", 128),
    "4e": (0, 128, 192, 192, 256, "max", 0),
    "5a": (352, 192, 320, 160, 224, "average", 128),
    "5b": (352, 192, 320, 192, 224, "max", 128),
}

VARIANTS = {  # printed: errors in figure 4, one network and one crop; macs in the first lecture
    "inception_v2": row(macs="2.03G", top1="25.2", top5="7.82", aliases=("bn_inception", "inception_bn")),
}


def conv(x: KerasTensor, filters: int, kernel: int, strides: int = 1, *, name: str) -> KerasTensor:
    """Convolution, batch normalisation, ReLU, padded as TensorFlow pads."""
    return conv_bn(x, filters, kernel, strides, name=name, epsilon=1e-3)


def inception(x: KerasTensor, widths: tuple, *, name: str) -> KerasTensor:
    """GoogLeNet's module with two 3x3 for its 5x5: (B, H, W, C) to the sum of the branches' channels.

    `widths` is a row of figure 5. Without a projection the module halves height and width, and its
    pooling passes all C channels on.
    """
    one, reduce, three, reduce_double, double, pooling, projection = widths
    strides = 1 if projection else 2
    pool = L.MaxPooling2D if pooling == "max" else L.AveragePooling2D
    branches = [conv(x, one, 1, name=f"{name}_1x1")] if one else []
    y = conv(x, reduce, 1, name=f"{name}_3x3_reduce")
    branches += [conv(y, three, 3, strides, name=f"{name}_3x3")]
    y = conv(x, reduce_double, 1, name=f"{name}_double_3x3_reduce")
    y = conv(y, double, 3, name=f"{name}_double_3x3_1")
    branches += [conv(y, double, 3, strides, name=f"{name}_double_3x3_2")]
    y = pool(3, strides, "same", name=f"{name}_pool")(x)
    branches += [conv(y, projection, 1, name=f"{name}_pool_proj") if projection else y]
    return L.Concatenate(name=name)(branches)


@family(paper="ioffe2015batchnorm", variants=VARIANTS)
def inception_v2(modules=FIGURE_5, gate=None, shape=(224, 224, 3), classes=1000, name="inception_v2"):
    """GoogLeNet with batch normalisation before every ReLU, and without its LRN and dropout.

    Input (224, 224, 3), output (1000,) logits. Figure 5 prints 576 channels for 4c and 4d and 1024 for
    4e, where its own filters add up to 608, 608 and 1056: the filters are taken. `gate(x, name=...)` is
    applied to the output of each module.
    """
    x = image = keras.Input(shape, name="image")
    x = conv(x, 64, 7, 2, name="conv1")  # (B, 112, 112, 64)
    x = L.MaxPooling2D(3, 2, "same", name="pool1")(x)
    x = conv(x, 64, 1, name="conv2_reduce")
    x = conv(x, 192, 3, name="conv2")  # (B, 56, 56, 192)
    x = L.MaxPooling2D(3, 2, "same", name="pool2")(x)
    for module, widths in modules.items():
        x = inception(x, widths, name=f"inception_{module}")
        x = gate(x, name=f"inception_{module}") if gate else x
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 1024)
    return keras.Model(image, L.Dense(classes, name="linear")(x), name=name)
