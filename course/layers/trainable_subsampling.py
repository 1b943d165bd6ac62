"""Trainable subsampling, the pooling of LeNet-5."""

import keras

from course.errors import check_positive_integer
from course.layers.numeric import window_shape, window_sum


@keras.saving.register_keras_serializable(package="course")
class TrainableSubsampling2D(keras.layers.Layer):
    """The sum over a window times a coefficient, plus a bias: one of each a map.

    y[c] = coefficient[c] * (sum of the window in map c) + bias[c]

    Windows do not overlap and a remainder at the border is cut: (B, H, W, C) becomes
    (B, H // pool_size, W // pool_size, C). 2C trainable weights; inference and training are the same.
    The coefficient starts as that of average pooling. The squashing function that the paper applies
    to the result is a layer of its own.

    Source: LeCun, Bottou, Bengio and Haffner 1998, section II.B, layers S2 and S4.

    Args:
        pool_size: side of the window in pixels.

    Raises:
        ValueError: for a pool_size below 1.
    """

    def __init__(self, pool_size: int = 2, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("pool_size", pool_size)
        self.pool_size = pool_size

    def build(self, input_shape):
        """A coefficient and a bias for each map."""
        average = keras.initializers.Constant(1 / self.pool_size**2)
        self.coefficient = self.add_weight(input_shape[-1:], average, name="coefficient")
        self.bias = self.add_weight(input_shape[-1:], "zeros", name="bias")

    def call(self, inputs):
        """Subsample (B, H, W, C) to (B, H', W', C)."""
        total = window_sum(inputs, self.pool_size, strides=self.pool_size, padding="valid")
        return self.coefficient * total + self.bias

    def compute_output_shape(self, input_shape):
        """(B, H', W', C)."""
        return window_shape(input_shape, self.pool_size, self.pool_size, "valid")

    def get_config(self):
        """The argument, verbatim."""
        return {**super().get_config(), "pool_size": self.pool_size}
