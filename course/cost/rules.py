"""How much work each kind of layer does, and what it sees: one small function a kind.

`work` has no default: a layer without a rule raises, it is never counted as free. To teach it a new
layer, register a function on its class:

    @course.cost.rules.work.register(MyLayer)
    def _(layer, inputs, outputs):
        return Work(macs=...)

and likewise on `window`, if an output pixel of the layer sees more than one pixel of its input.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import singledispatch
from typing import NamedTuple

import keras
from keras import KerasTensor
from keras import layers as L

from course import layers as ours

Tensors = list[KerasTensor]


class Work(NamedTuple):
    """Operations for one image: multiply-accumulates, and others that the first lecture counts."""

    macs: int = 0
    other: int = 0


class Window(NamedTuple):
    """What one output pixel sees of the layer's input, height and width. Upsampling has a stride below 1."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int | Fraction, int | Fraction] = (1, 1)


def elements(tensor: KerasTensor) -> int:
    """Values in a tensor, for one image."""
    return math.prod(tensor.shape[1:])


def pair(sizes: Sequence) -> tuple:
    """Sizes along the spatial axes as (height, width): a sequence has width 1, a volume its first two."""
    return tuple(sizes[:2]) if len(sizes) > 1 else (*sizes, 1)


CONVOLUTIONS = (L.Conv1D, L.Conv2D, L.Conv3D, L.DepthwiseConv1D, L.DepthwiseConv2D)
SEPARABLE = (L.SeparableConv1D, L.SeparableConv2D)
TRANSPOSED = (L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose)
POOLING = (
    L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D,
    L.AveragePooling1D, L.AveragePooling2D, L.AveragePooling3D,
)  # fmt: skip
GLOBAL_POOLING = (
    L.GlobalAveragePooling1D, L.GlobalAveragePooling2D, L.GlobalAveragePooling3D,
    L.GlobalMaxPooling1D, L.GlobalMaxPooling2D, L.GlobalMaxPooling3D,
)  # fmt: skip

# The layers whose kernel, stride and padding a table shows.
WINDOWED = (
    *CONVOLUTIONS, *SEPARABLE, *POOLING,
    ours.L2Pooling2D, ours.PrimaryCapsules, ours.SparseConv2D, ours.TrainableSubsampling2D,
)  # fmt: skip

# By convention counted as nothing: they move data, vanish at inference, fold into the layer before, or do
# one operation a value, as sums and activations do.
FREE = (
    L.InputLayer, L.Flatten, L.Reshape, L.Permute, L.RepeatVector, L.Concatenate, L.Identity,
    L.ZeroPadding1D, L.ZeroPadding2D, L.ZeroPadding3D, L.Cropping1D, L.Cropping2D, L.Cropping3D,
    L.UpSampling1D, L.UpSampling2D, L.Resizing, L.CenterCrop, L.Embedding, L.Masking,
    L.Dropout, L.SpatialDropout1D, L.SpatialDropout2D, L.SpatialDropout3D, L.AlphaDropout, L.GaussianDropout,
    L.GaussianNoise, L.ActivityRegularization, L.RandomFlip, L.RandomCrop, L.RandomRotation,
    L.RandomTranslation, L.RandomZoom, L.RandomContrast, L.RandomBrightness,
    L.Activation, L.ReLU, L.LeakyReLU, L.PReLU, L.ELU, L.Softmax,
    L.Add, L.Subtract, L.Average, L.Maximum, L.Minimum, L.Rescaling, L.Normalization, L.BatchNormalization,
    ours.BatchNormalizationFromScratch, ours.ChannelPadding, ours.ChannelShuffle, ours.ChannelSplit,
    ours.FractalJoin, ours.GlobalDropPath, ours.StochasticDepth,
)  # fmt: skip

# One counted operation an output value.
ELEMENTWISE = (
    L.LayerNormalization, L.GroupNormalization, L.UnitNormalization, L.RMSNormalization, ours.Squash,
)  # fmt: skip

# Keras's operations and layers that have no public class: `x + y`, `keras.ops.relu(x)`, parts of
# keras.applications.
FREE_NAMES = {
    "Add", "Subtract", "Negative", "Abs", "Absolute", "Maximum", "Minimum", "Clip", "Cast",
    "ReLU", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Silu", "HardSilu", "Exp",
    "Softplus", "Sigmoid", "HardSigmoid", "LogSigmoid", "SparseSigmoid", "Tanh", "HardTanh", "TanhShrink",
    "HardShrink", "SoftShrink", "Threshold", "Softmax", "LogSoftmax", "Softsign", "SparsePlus", "Squareplus",
    "Log", "Sqrt", "Rsqrt", "Square",
    "Reshape", "Transpose", "Concatenate", "Stack", "Split", "Squeeze", "ExpandDims", "Pad", "GetItem",
    "Flip", "Roll", "Repeat", "Tile", "BroadcastTo", "Moveaxis", "Swapaxes", "Ravel",
}  # fmt: skip
ELEMENTWISE_NAMES = {"Multiply", "Divide", "TrueDivide", "Power", "LayerScale", "CustomScaleLayer"}
REDUCTION_NAMES = {"Mean", "Sum", "Max", "Min", "Var", "Std"}


@singledispatch
def work(layer, inputs: Tensors, outputs: Tensors) -> Work:
    """The work of one call of `layer`. Raises TypeError for a kind of layer that has no rule."""
    name = type(layer).__name__ if type(layer).__module__.startswith("keras.") else None
    if name in FREE_NAMES:
        return Work()
    if name in ELEMENTWISE_NAMES:
        return Work(other=elements(outputs[0]))
    if name in REDUCTION_NAMES:
        return Work(other=elements(inputs[0]))
    if name == "Matmul" and len(inputs) == 2:
        return Work(macs=elements(outputs[0]) * inputs[0].shape[-1])
    hides = "hides its layers in call() and " if isinstance(layer, keras.Model) else ""
    raise TypeError(
        f"{layer.name!r}, a {type(layer).__name__}, {hides}has no rule that counts its work: register one "
        "with @course.cost.rules.work.register."
    )


def _register(rule, kinds: tuple[type, ...], function: Callable) -> None:
    for kind in kinds:
        rule.register(kind, function)


_register(work, FREE, lambda layer, inputs, outputs: Work())
_register(work, ELEMENTWISE, lambda layer, inputs, outputs: Work(other=elements(outputs[0])))
_register(work, GLOBAL_POOLING, lambda layer, inputs, outputs: Work(other=elements(inputs[0])))


def _convolution(layer, inputs: Tensors, outputs: Tensors) -> Work:
    depthwise = hasattr(layer, "depth_multiplier")
    channels = 1 if depthwise else inputs[0].shape[-1] // layer.groups
    return Work(macs=elements(outputs[0]) * math.prod(layer.kernel_size) * channels)


def _separable(layer, inputs: Tensors, outputs: Tensors) -> Work:
    pixels = math.prod(outputs[0].shape[1:-1])
    depth = inputs[0].shape[-1] * layer.depth_multiplier
    return Work(macs=pixels * depth * (math.prod(layer.kernel_size) + layer.filters))


def _transposed(layer, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=elements(inputs[0]) * math.prod(layer.kernel_size) * layer.filters)


def _pooling(layer, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(outputs[0]) * math.prod(layer.pool_size))


_register(work, CONVOLUTIONS, _convolution)
_register(work, SEPARABLE, _separable)
_register(work, TRANSPOSED, _transposed)
_register(work, POOLING, _pooling)


@work.register
def _(layer: L.Dense, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=elements(outputs[0]) * inputs[0].shape[-1])


@work.register
def _(layer: L.Dot, inputs: Tensors, outputs: Tensors) -> Work:
    axis = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
    return Work(macs=elements(outputs[0]) * inputs[0].shape[axis])


@work.register
def _(layer: L.Multiply, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(outputs[0]) * (len(inputs) - 1))


@work.register
def _(layer: ours.LocalResponseNormalization, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(outputs[0]) * _neighbours(layer))  # the squares that are summed


@work.register
def _(layer: ours.LocalResponseNormalizationWithinChannel, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(outputs[0]) * _neighbours(layer) ** 2)


def _neighbours(layer) -> int:
    return 2 * (layer.n // 2) + 1


@work.register
def _(layer: ours.L2Pooling2D, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(outputs[0]) * layer.pool_size**2)


@work.register
def _(layer: ours.TrainableSubsampling2D, inputs: Tensors, outputs: Tensors) -> Work:
    values = elements(outputs[0])
    return Work(macs=values, other=values * layer.pool_size**2)  # coefficient · sum + bias


@work.register
def _(layer: ours.SparseConv2D, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=math.prod(outputs[0].shape[1:3]) * math.prod(layer.kernel.shape))


@work.register
def _(layer: ours.RBFOutput, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=elements(outputs[0]) * inputs[0].shape[-1])  # squared differences


@work.register
def _(layer: ours.PrimaryCapsules, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(macs=elements(outputs[0]) * layer.kernel_size**2 * inputs[0].shape[-1])


@work.register
def _(layer: ours.DigitCapsules, inputs: Tensors, outputs: Tensors) -> Work:
    length, predictions = inputs[0].shape[-1], layer.lower * elements(outputs[0])
    agreements = layer.routings - 1  # every iteration sums the predictions, all but the last compare them
    return Work(macs=predictions * (length + layer.routings + agreements))


@work.register
def _(layer: ours.CapsuleLength, inputs: Tensors, outputs: Tensors) -> Work:
    return Work(other=elements(inputs[0]))


@singledispatch
def window(layer, inputs: Tensors) -> Window:
    """The window of a layer; one pixel unless its kind says otherwise."""
    return Window()


def _dilated(layer, inputs: Tensors) -> Window:
    spread = [1 + d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
    return Window(pair(spread), pair(layer.strides))


def _upsampled(layer, inputs: Tensors) -> Window:
    kernel = [-(-k // s) for k, s in zip(layer.kernel_size, layer.strides, strict=True)]
    return Window(pair(kernel), pair([Fraction(1, s) for s in layer.strides]))


def _whole(layer, inputs: Tensors) -> Window:
    _, *space, _ = inputs[0].shape
    size = pair(space or (1, 1))
    return Window(size, size)


def _square(kernel: int, stride: int = 1) -> Window:
    return Window((kernel, kernel), (stride, stride))


_register(window, (*CONVOLUTIONS, *SEPARABLE), _dilated)
_register(window, TRANSPOSED, _upsampled)
_register(window, POOLING, lambda layer, inputs: Window(pair(layer.pool_size), pair(layer.strides)))
_register(window, (*GLOBAL_POOLING, L.Flatten, ours.DigitCapsules), _whole)


@window.register(L.UpSampling1D)
@window.register(L.UpSampling2D)
def _(layer, inputs: Tensors) -> Window:
    sizes = (layer.size,) if isinstance(layer.size, int) else layer.size
    return Window(stride=pair([Fraction(1, size) for size in sizes]))


@window.register
def _(layer: ours.LocalResponseNormalizationWithinChannel, inputs: Tensors) -> Window:
    return _square(_neighbours(layer))


@window.register
def _(layer: ours.L2Pooling2D, inputs: Tensors) -> Window:
    return _square(layer.pool_size, layer.strides)


@window.register
def _(layer: ours.TrainableSubsampling2D, inputs: Tensors) -> Window:
    return _square(layer.pool_size, layer.pool_size)


@window.register
def _(layer: ours.SparseConv2D, inputs: Tensors) -> Window:
    return _square(layer.kernel_size)


@window.register
def _(layer: ours.PrimaryCapsules, inputs: Tensors) -> Window:
    return _square(layer.kernel_size, layer.strides)


@window.register
def _(layer: ours.GlobalDropPath, inputs: Tensors) -> Window:
    return Window(stride=pair(inputs[0].shape[1:-1]))  # one draw for the image
