"""ResNet for 32x32 images and its plain counterpart. He, Zhang, Ren & Sun 2015, section 4.2."""

from functools import partial

import keras
from keras import layers as L

from course.blocks import conv_bn
from course.errors import check_positive_integer
from course.models.resnet import basic, check_option, unit
from course.registry import family, row

VARIANTS = {  # printed: Table 6, test error on CIFAR-10 with flips and shifts
    "resnet20_cifar": row(depth=20, params="0.27M", top1="8.75", aliases=("resnet20",)),
    "resnet32_cifar": row(depth=32, params="0.46M", top1="7.51", aliases=("resnet32",)),
    "resnet44_cifar": row(depth=44, params="0.66M", top1="7.17", aliases=("resnet44",)),
    "resnet56_cifar": row(depth=56, params="0.85M", top1="6.97", aliases=("resnet56",)),
    "resnet110_cifar": row(depth=110, params="1.7M", top1="6.43", aliases=("resnet110",)),
    "resnet1202_cifar": row(depth=1202, params="19.4M", top1="7.93", aliases=("resnet1202",)),
    "plain20_cifar": row(depth=20, option=None, aliases=("plain20",)),
    "plain32_cifar": row(depth=32, option=None, aliases=("plain32",)),
    "plain44_cifar": row(depth=44, option=None, aliases=("plain44",)),
    "plain56_cifar": row(depth=56, option=None, aliases=("plain56",)),
    "plain110_cifar": row(depth=110, option=None, aliases=("plain110",)),
}


@family(paper="he2015resnet", variants=VARIANTS)
def cifar_resnet(depth, option="A", width=16, gate=None, shape=(32, 32, 3), classes=10, name="cifar_resnet"):
    """A 3x3 stem and three stages of n basic units at 32, 16 and 8 pixels: 6n + 2 layers.

    Input (32, 32, 3), output (10,) logits. `width` is the first stage's, doubled by each of the next;
    `option` the kind of shortcut, None for a plain network. `gate(number, residual, name=...)` is
    applied to the residual of each unit before the addition; `number` is 1 to 3n.
    """
    check_positive_integer("depth", depth)
    check_positive_integer("width", width)
    check_option(option)
    n, rest = divmod(depth - 2, 6)
    if n < 1 or rest:
        raise ValueError(f"depth must be 6n + 2 with n of at least 1, such as 8, 20 or 56, not {depth}.")
    x = image = keras.Input(shape, name="image")
    x = conv_bn(x, width, 3, name="conv1")  # (B, 32, 32, 16)
    for stage in (2, 3, 4):  # 32x32, 16x16, 8x8
        for i in range(1, n + 1):
            strides = 2 if i == 1 and stage > 2 else 1
            unit_gate = gate and partial(gate, (stage - 2) * n + i)
            x = unit(x, basic, width, strides, name=f"conv{stage}_{i}", option=option, gate=unit_gate)
        width *= 2
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 64)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
