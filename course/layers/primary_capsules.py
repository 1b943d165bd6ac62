"""Primary capsules: a convolution whose channels are grouped into vectors."""

import keras
from keras import KerasTensor, ops

from course.errors import check_positive_integer
from course.layers.numeric import at_least_float32
from course.layers.squash import squash


@keras.saving.register_keras_serializable(package="course")
class PrimaryCapsules(keras.layers.Layer):
    """A convolution without padding whose output channels are taken `dimension` at a time and squashed.

    (B, H, W, C) becomes (B, H', W', capsules, dimension): at each pixel so many vectors shorter than 1.
    The defaults turn (20, 20, 256) into 6 · 6 · 32 = 1,152 capsules of 8 dimensions, with 9² · 256 ·
    256 + 256 = 5,308,672 trainable weights. Inference and training are the same. Below float32 the
    lengths are computed in float32.

    Source: Sabour, Frosst and Hinton 2017, section 4.

    Args:
        capsules: vectors at each pixel.
        dimension: length of each vector.
        kernel_size: side of the kernel in pixels.
        strides: pixels from one kernel position to the next.

    Raises:
        ValueError: for an argument below 1.
    """

    def __init__(
        self, capsules: int = 32, dimension: int = 8, kernel_size: int = 9, strides: int = 2, **kwargs
    ):
        super().__init__(**kwargs)
        self.arguments = {
            "capsules": capsules,
            "dimension": dimension,
            "kernel_size": kernel_size,
            "strides": strides,
        }
        for argument, value in self.arguments.items():
            check_positive_integer(argument, value)
            setattr(self, argument, value)
        self.filters = capsules * dimension

    def build(self, input_shape):
        """The kernel and bias of a convolution."""
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape, "glorot_uniform", name="kernel")
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    def call(self, inputs):
        """Make capsules (B, H', W', capsules, dimension) of (B, H, W, C)."""
        s = ops.conv(inputs, self.kernel, self.strides) + self.bias
        s = ops.reshape(s, (*ops.shape(s)[:-1], self.capsules, self.dimension))
        return ops.cast(squash(at_least_float32(s)), inputs.dtype)

    def compute_output_shape(self, input_shape):
        """(B, H', W', capsules, dimension)."""
        kernel = KerasTensor((self.kernel_size, self.kernel_size, input_shape[-1], self.filters))
        *grid, _ = ops.conv(KerasTensor(input_shape), kernel, self.strides).shape
        return (*grid, self.capsules, self.dimension)

    def get_config(self):
        """The arguments, verbatim."""
        return {**super().get_config(), **self.arguments}
