"""Squeeze-and-excitation networks. Hu, Shen, Albanie, Sun & Wu 2017, Tables 1 and 2 and the appendix."""

import inspect
from collections.abc import Mapping
from functools import partial

import keras
from keras import KerasTensor
from keras import layers as L

from course.blocks import conv_bn, max_pool_ceil, pad, squeeze_excite
from course.errors import check_positive_integer, unknown
from course.registry import family, find, row


def gate(x: KerasTensor, *, name: str, reduction: int) -> KerasTensor:
    """x, each channel scaled by squeeze and excitation in C / `reduction` units: layers `name_se_…`."""
    if reduction > x.shape[-1]:
        raise ValueError(
            f"reduction={reduction} leaves no unit for {name}_se_reduce: it must be at most {x.shape[-1]}, "
            f"the channels of {name}."
        )
    return squeeze_excite(x, x.shape[-1] // reduction, name=f"{name}_se")


CAFFE = {"ceil_pool": True}  # the authors' library

VARIANTS = {  # another network, each block of it gated; printed: Table 2, one crop
    "se_resnet18": row(base="resnet18", changes=CAFFE),
    "se_resnet50": row(base="resnet50", changes=CAFFE, macs="3.87G", top1="23.29", top5="6.62",
                       note={"macs": "with the gates' pooling and scaling it is 3.87G here as well"}),
    "se_resnet101": row(base="resnet101", changes=CAFFE, macs="7.60G", top1="22.38", top5="6.07",
                        note={"macs": "7.58G for ResNet-101 itself, 7.57G here"}),
    "se_resnet152": row(base="resnet152", changes=CAFFE, macs="11.32G", top1="21.57", top5="5.73",
                        note={"macs": "with the gates' pooling and scaling it is 11.32G here as well"}),
    "se_resnext50_32x4d": row(base="resnext50_32x4d", changes=CAFFE, macs="4.25G", top1="21.10", top5="5.49",
                              note={"macs": "4.24G for ResNeXt-50 itself, 4.23G here"}),
    "se_resnext101_32x4d": row(base="resnext101_32x4d", changes=CAFFE, macs="8.00G", top1="20.70",
                               top5="5.01", note={"macs": "7.99G for ResNeXt-101 itself, 7.97G here"}),
    "se_vgg16": row(base="vgg16_bn", macs="15.48G", top1="25.22", top5="7.70",
                    note={"macs": "with the gates' scaling it is 15.48G here as well"}),
    "se_inception_v2": row(base="inception_v2", macs="2.04G", top1="24.23", top5="7.14",
                           note={"macs": "with the gates' pooling and scaling it is 2.04G here as well"}),
    "se_inception_resnet_v2": row(base="inception_resnet_v2", shape=(299, 299, 3), macs="11.76G",
                                  top1="19.80", top5="4.79", note={
                                      "macs": "11.75G for the paper's Inception-ResNet-v2 itself; 13.16G for "
                                              "that of its authors' code, as here"}),
}  # fmt: skip


@family(paper="hu2017senet", variants=VARIANTS)
def senet(
    base, reduction=16, changes: Mapping | None = None, shape=(224, 224, 3), classes=1000, name="senet"
):
    """The registered network `base` with a squeeze-and-excitation gate in every block.

    Input (224, 224, 3), output (1000,) logits. The gate stands before a residual addition, after an
    inception module, and after each convolution's ReLU in VGG (section 3.3). `changes` are
    arguments of the base's builder, such as {"width": 16}.
    """
    check_positive_integer("reduction", reduction)
    architecture, changes = find(base), changes or {}
    known = inspect.signature(architecture.builder).parameters
    for argument in changes:
        if argument not in known:
            raise unknown(f"argument of {base}", argument, known)
    arguments = {**architecture.row.arguments, "shape": shape, **changes, "classes": classes, "name": name}
    return architecture.builder(**arguments, gate=partial(gate, reduction=reduction))


SENET154_VARIANTS = {  # printed: one crop, by the authors' page
    "senet154": row(depths=(3, 8, 36, 3), top1="18.68", top5="4.47"),
}


@family(paper="hu2017senet", variants=SENET154_VARIANTS)
def senet154(
    depths,
    groups=64,
    width=64,
    reduction=16,
    dropout=0.2,
    ceil_pool=True,
    shape=(224, 224, 3),
    classes=1000,
    name="senet154",
):
    """The SENet of ILSVRC 2017: a ResNeXt-152 with gates and the four changes of the appendix.

    Input (224, 224, 3), output (1000,) logits. Three 3x3 convolutions for the 7x7 of the stem; the first
    1x1 of a block has half the channels of its grouped 3x3; the projections that stride are 3x3, not
    1x1; dropout before the classifier. `width` is the stem's and that of the first stage; `ceil_pool` is
    that of `resnet`.
    """
    for each in (*depths, groups, width, reduction):
        check_positive_integer("Each of depths, groups, width and reduction", each)
    if 2 * width % groups:
        raise ValueError(f"groups={groups} must divide 2 * width={2 * width}, the channels of conv2_1_a.")
    conv = partial(conv_bn, padding="symmetric")
    x = image = keras.Input(shape, name="image")
    x = conv(x, width, 3, 2, name="conv1_1")  # (B, 112, 112, 64)
    x = conv(x, width, 3, name="conv1_2")
    x = conv(x, 2 * width, 3, name="conv1_3")
    if ceil_pool:
        x = max_pool_ceil(x, 3, 2, name="pool1")  # (B, 56, 56, 128)
    else:
        x = L.MaxPooling2D(3, 2, name="pool1")(pad(x, 3, "pool1_pad"))
    for stage, depth in enumerate(depths, start=2):
        for i in range(1, depth + 1):
            unit = f"conv{stage}_{i}"
            strides = 2 if i == 1 and stage > 2 else 1
            y = conv(x, 2 * width, 1, name=f"{unit}_a")
            y = conv(y, 4 * width, 3, strides, name=f"{unit}_b", groups=groups)
            y = conv(y, 4 * width, 1, name=f"{unit}_c", activation=None)
            y = gate(y, name=unit, reduction=reduction)
            if i == 1:
                kernel = 3 if strides == 2 else 1
                x = conv(x, 4 * width, kernel, strides, name=f"{unit}_shortcut", activation=None)
            x = L.Add(name=f"{unit}_add")([x, y])
            x = L.Activation("relu", name=f"{unit}_relu")(x)
        width *= 2
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 2048)
    x = L.Dropout(dropout, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
