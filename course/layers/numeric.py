"""Small functions on tensors that several layers share."""

import keras
from keras import KerasTensor, ops


def at_least_float32(x):
    """`x` in float32 where it is coarser: a half overflows at 256 squared, and sums in it lose digits."""
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def safe_sqrt(x):
    """The square root of x >= 0, with gradient 0 at 0, where the true one is infinite."""
    positive = x > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, x, 1)), 0)


def window_sum(x, size: int, strides: int, padding: str):
    """The sum over size x size pixels, map by map: (B, H, W, C) to (B, H', W', C)."""
    ones = ops.ones((size, size, x.shape[-1], 1), x.dtype)
    return ops.depthwise_conv(x, ones, strides, padding)


def window_shape(shape: tuple, size: int, strides: int, padding: str) -> tuple:
    """The shape of `window_sum`. Raises ValueError where the window does not fit."""
    return ops.average_pool(KerasTensor(shape), size, strides, padding).shape
