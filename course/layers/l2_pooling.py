"""L2 pooling: the length of what a window sees."""

import keras
from keras import ops

from course.errors import check_positive_integer
from course.layers.numeric import at_least_float32, safe_sqrt, window_shape, window_sum


@keras.saving.register_keras_serializable(package="course")
class L2Pooling2D(keras.layers.Layer):
    """The square root of the sum of squares over a window, map by map.

    (B, H, W, C) becomes (B, H', W', C). No weights; inference and training are the same. With
    padding "same" the zeros of the border add nothing. A window of zeros passes no gradient back (the
    true one does not exist). Below float32 the sum is computed in float32.

    Source: Goodfellow, Bengio and Courville 2016, section 9.3, which lists it beside maximum and mean.

    Args:
        pool_size: side of the window in pixels.
        strides: pixels from one window to the next; `pool_size` by default.
        padding: "valid" or "same".

    Raises:
        ValueError: for a pool_size or strides below 1 and for another padding.
    """

    def __init__(self, pool_size: int = 2, strides: int | None = None, padding: str = "valid", **kwargs):
        super().__init__(**kwargs)
        strides = pool_size if strides is None else strides
        check_positive_integer("pool_size", pool_size)
        check_positive_integer("strides", strides)
        if padding not in ("valid", "same"):
            raise ValueError(f'padding must be "valid" or "same", not {padding!r}.')
        self.pool_size, self.strides, self.padding = pool_size, strides, padding

    def call(self, inputs):
        """Pool (B, H, W, C) to (B, H', W', C)."""
        energy = window_sum(ops.square(at_least_float32(inputs)), self.pool_size, self.strides, self.padding)
        return ops.cast(safe_sqrt(energy), inputs.dtype)

    def compute_output_shape(self, input_shape):
        """(B, H', W', C)."""
        return window_shape(input_shape, self.pool_size, self.strides, self.padding)

    def get_config(self):
        """The arguments; strides as the number that it stands for."""
        config = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **config}
