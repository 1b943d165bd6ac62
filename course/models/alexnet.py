"""AlexNet. Krizhevsky, Sutskever & Hinton 2012, section 3.5 and figure 2."""

import keras
from keras import layers as L

from course.layers import LocalResponseNormalization
from course.registry import family, row

ONE_TOWER = (64, 192, 384, 256, 256)  # filters of conv1 to conv5 on one GPU (Krizhevsky 2014)
TWO_TOWERS = (96, 256, 384, 384, 256)  # both GPUs together, the paper's

VARIANTS = {  # printed: section 3.5 (parameters), Table 2 (errors of one network)
    "alexnet": row(widths=ONE_TOWER, stem_padding=2),
    "alexnet_2012": row(widths=TWO_TOWERS, groups=2, lrn=True, params="60M", top1="40.7", top5="18.2",
                        note={"params": "60,965,224; the paper cuts where it should round"}),
    "alexnet_ungrouped": row(widths=TWO_TOWERS),
    "alexnet_cifar": row(widths=ONE_TOWER, stem=(5, 1), stem_padding=2, shape=(32, 32, 3), classes=100),
}  # fmt: skip


@family(paper="krizhevsky2012alexnet", variants=VARIANTS)
def alexnet(
    widths,
    groups=1,
    lrn=False,
    stem=(11, 4),
    stem_padding=0,
    units=4096,
    shape=(227, 227, 3),
    classes=1000,
    name="alexnet",
):
    """Five convolutions, overlapping max pooling after 1, 2 and 5, three dense layers.

    Input (227, 227, 3), output (1000,) logits. `groups=2` keeps conv2, conv4 and conv5 within one GPU's
    channels; `lrn` normalises after the ReLU of conv1 and conv2, before pooling. `stem` is the kernel and
    the stride of conv1: for images of 32x32 ours is (5, 1), since 11x11/4 and pooling leave nothing to pool5.
    """
    conv1, conv2, conv3, conv4, conv5 = widths
    kernel, stride = stem

    def conv(x, filters, kernel, name, **options):
        return L.Conv2D(filters, kernel, activation="relu", name=name, **options)(x)

    def pool(x, name):
        return L.MaxPooling2D(3, 2, name=name)(x)

    x = image = keras.Input(shape, name="image")
    x = L.ZeroPadding2D(stem_padding, name="pad1")(x) if stem_padding else x
    x = conv(x, conv1, kernel, "conv1", strides=stride)  # (B, 55, 55, 96)
    x = LocalResponseNormalization(name="norm1")(x) if lrn else x
    x = pool(x, "pool1")
    x = conv(x, conv2, 5, "conv2", padding="same", groups=groups)  # (B, 27, 27, 256)
    x = LocalResponseNormalization(name="norm2")(x) if lrn else x
    x = pool(x, "pool2")
    x = conv(x, conv3, 3, "conv3", padding="same")  # (B, 13, 13, 384)
    x = conv(x, conv4, 3, "conv4", padding="same", groups=groups)
    x = conv(x, conv5, 3, "conv5", padding="same", groups=groups)
    x = pool(x, "pool5")
    x = L.Flatten(name="flatten")(x)
    for layer in ("6", "7"):
        x = L.Dense(units, activation="relu", name=f"fc{layer}")(x)
        x = L.Dropout(0.5, name=f"drop{layer}")(x)
    return keras.Model(image, L.Dense(classes, name="fc8")(x), name=name)
