"""ZFNet, AlexNet with a finer first layer. Zeiler & Fergus 2013, figure 3."""

import keras
from keras import layers as L

from course.blocks import max_pool_ceil
from course.errors import check_positive_integer
from course.layers import LocalResponseNormalization
from course.registry import family, row

VARIANTS = {  # filters of conv1 to conv5; printed: Table 2, one network
    "zfnet_384": row(widths=(96, 256, 384, 384, 256), top1="38.4", top5="16.5"),
    "zfnet": row(widths=(96, 256, 512, 1024, 512), top1="37.5", top5="16.0"),  # what lectures call ZFNet
}


@family(paper="zeiler2013zfnet", variants=VARIANTS)
def zfnet(widths, units=4096, shape=(224, 224, 3), classes=1000, name="zfnet"):
    """Five convolutions, the first 7x7 with stride 2, and three dense layers.

    Input (224, 224, 3), output (1000,) logits. After conv1 and conv2 come ReLU, pooling, then
    normalisation across channels, for which the paper prints no constants: AlexNet's are used.
    """
    if len(widths) != 5:
        raise ValueError(f"widths must be the filters of conv1 to conv5, five numbers, not {widths!r}.")
    for each in (*widths, units):
        check_positive_integer("Each of widths and units", each)
    conv1, conv2, conv3, conv4, conv5 = widths

    def conv(x, filters, kernel, strides, padding, name):
        return L.Conv2D(filters, kernel, strides, padding, activation="relu", name=name)(x)

    x = image = keras.Input(shape, name="image")
    x = L.ZeroPadding2D(1, name="conv1_pad")(x)
    x = conv(x, conv1, 7, 2, "valid", "conv1")  # (B, 110, 110, 96)
    x = max_pool_ceil(x, 3, 2, name="pool1")  # (B, 55, 55, 96)
    x = LocalResponseNormalization(name="norm1")(x)
    x = conv(x, conv2, 5, 2, "valid", "conv2")  # (B, 26, 26, 256)
    x = max_pool_ceil(x, 3, 2, name="pool2")  # (B, 13, 13, 256)
    x = LocalResponseNormalization(name="norm2")(x)
    x = conv(x, conv3, 3, 1, "same", "conv3")
    x = conv(x, conv4, 3, 1, "same", "conv4")
    x = conv(x, conv5, 3, 1, "same", "conv5")
    x = max_pool_ceil(x, 3, 2, name="pool5")  # (B, 6, 6, 256)
    x = L.Flatten(name="flatten")(x)
    for layer in ("6", "7"):
        x = L.Dense(units, activation="relu", name=f"fc{layer}")(x)
        x = L.Dropout(0.5, name=f"drop{layer}")(x)
    return keras.Model(image, L.Dense(classes, name="fc8")(x), name=name)
