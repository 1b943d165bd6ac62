"""How much work each kind of layer does: one small function a kind.

`work` has no default: a layer without a rule raises, it is never counted as free. To teach it a new
layer, register a function on its class:

    @work.register(MyLayer)
    def _(layer, inputs, outputs):
        return Work(macs=...)
"""

import math
from functools import singledispatch
from typing import NamedTuple

from keras import KerasTensor
from keras import layers as L

from course.layers import LocalResponseNormalization

Tensors = list[KerasTensor]


class Work(NamedTuple):
    """Operations for one image: multiply-accumulates, and others that the first lecture counts."""

    macs: int = 0
    other: int = 0


class Window(NamedTuple):
    """What one output pixel sees of the layer's input, height and width."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)


@singledispatch
def work(layer, inputs: Tensors, outputs: Tensors) -> Work:
    """The work of one call of `layer`. Raises TypeError for a kind of layer that has no rule."""
    raise TypeError(
        f"No rule counts the work of {type(layer).__name__} (layer {layer.name!r}): register one with "
        "@course.cost.rules.work.register."
    )


def elements(tensor: KerasTensor) -> int:
    """Values in a tensor, for one image."""
    return math.prod(tensor.shape[1:])


# By convention counted as nothing: they move data, vanish at inference or fold into the layer before.
FREE = (
    L.InputLayer, L.Flatten, L.Reshape, L.Permute, L.Concatenate, L.ZeroPadding2D, L.Cropping2D,
    L.Dropout, L.Activation, L.ReLU, L.Softmax, L.Add, L.Average, L.Identity, L.Rescaling,
    L.BatchNormalization,
)  # fmt: skip


def _free(layer, inputs: Tensors, outputs: Tensors) -> Work:
    return Work()


for kind in FREE:
    work.register(kind, _free)


@work.register
def _(layer: L.Dense, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=elements(outputs[0]) * inputs[0].shape[-1])


@work.register
def _(layer: L.Conv2D, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=elements(outputs[0]) * math.prod(layer.kernel_size) * inputs[0].shape[-1] // layer.groups)


@work.register
def _(layer: L.Conv2DTranspose, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=elements(inputs[0]) * math.prod(layer.kernel_size) * layer.filters)


@work.register
def _(layer: L.DepthwiseConv2D, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=elements(outputs[0]) * math.prod(layer.kernel_size))


@work.register
def _(layer: L.SeparableConv2D, inputs: Tensors, outputs: Tensors) -> Work:
    pixels = math.prod(outputs[0].shape[1:3])
    depth = inputs[0].shape[-1] * layer.depth_multiplier
    return Work(macs=pixels * depth * (math.prod(layer.kernel_size) + layer.filters))


@work.register(L.MaxPooling2D)
@work.register(L.AveragePooling2D)
def _(layer, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(outputs[0]) * math.prod(layer.pool_size))


@work.register(L.GlobalAveragePooling2D)
@work.register(L.GlobalMaxPooling2D)
def _(layer, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(inputs[0]))


@work.register
def _(layer: L.Multiply, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(outputs[0]) * (len(inputs) - 1))


@work.register
def _(layer: LocalResponseNormalization, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(outputs[0]) * (2 * (layer.n // 2) + 1))  # the squares that are summed


@singledispatch
def window(layer, inputs: Tensors) -> Window:
    """The window of a layer; one pixel unless its kind says otherwise."""
    return Window()


@window.register(L.Conv2D)
@window.register(L.DepthwiseConv2D)
@window.register(L.SeparableConv2D)
def _(layer, inputs: Tensors) -> Window:
    spread = (1 + d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True))
    return Window(tuple(spread), tuple(layer.strides))


@window.register(L.MaxPooling2D)
@window.register(L.AveragePooling2D)
def _(layer, inputs: Tensors) -> Window:
    return Window(tuple(layer.pool_size), tuple(layer.strides))


@window.register(L.GlobalAveragePooling2D)
@window.register(L.GlobalMaxPooling2D)
@window.register(L.Flatten)
def _(layer, inputs: Tensors) -> Window:
    size = tuple(inputs[0].shape[1:3]) if len(inputs[0].shape) == 4 else (1, 1)
    return Window(size, size)
