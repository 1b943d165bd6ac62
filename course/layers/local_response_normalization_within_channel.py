"""Local response normalisation within a channel, the other of its two directions."""

import keras
from keras import ops

from course.errors import check_positive_integer
from course.layers.numeric import at_least_float32, window_sum


@keras.saving.register_keras_serializable(package="course")
class LocalResponseNormalizationWithinChannel(keras.layers.Layer):
    """Divides each activation by a power of the energy of its neighbours in the same map.

    b[y, x] = a[y, x] / (k + alpha * sum of a[v, u]**2 for |v - y| and |u - x| up to n//2) ** beta

    The sum is not divided by n², and pixels beyond the border count as zero. No weights; inference and
    training are the same. Input and output: (batch, height, width, channels).

    Source: the formula of Krizhevsky, Sutskever and Hinton 2012, section 3.3, with the neighbourhood
    turned from channels to pixels, as cuda-convnet and Caffe ("WITHIN_CHANNEL") offer it. Those have
    k = 1 and divide alpha by n². Below float32 the sum is computed in float32.

    Args:
        n: side of the neighbourhood in pixels, at least 1; an even n reaches as far as n + 1.
        k, alpha, beta: the constants of the formula.

    Raises:
        ValueError: for n below 1.
    """

    def __init__(self, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("n", n)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def call(self, inputs):
        """Normalise (B, H, W, C) to (B, H, W, C)."""
        x = at_least_float32(inputs)
        energy = window_sum(ops.square(x), 2 * (self.n // 2) + 1, strides=1, padding="same")
        return ops.cast(x / (self.k + self.alpha * energy) ** self.beta, inputs.dtype)

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape

    def get_config(self):
        """The constants, verbatim."""
        return {**super().get_config(), "n": self.n, "k": self.k, "alpha": self.alpha, "beta": self.beta}
