"""Local response normalisation, the layer of AlexNet that batch normalisation replaced."""

import keras
from keras import ops

from course.errors import check_positive_integer
from course.layers.numeric import at_least_float32


@keras.saving.register_keras_serializable(package="course")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each activation by a power of the energy of its neighbours across channels.

    b[i] = a[i] / (k + alpha * sum of a[j]**2 for j from i - n//2 to i + n//2) ** beta

    The sum is not divided by n, and channels beyond either end count as zero. No weights; inference
    and training are the same. Input and output: (batch, height, width, channels), or any shape whose
    last axis is channels.

    Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3, whose constants are the defaults.
    Equal to `tf.nn.local_response_normalization(x, depth_radius=n // 2, bias=k, alpha=alpha, beta=beta)`.
    Below float32 the sum is computed in float32.

    Args:
        n: channels in the neighbourhood, at least 1; an even n reaches as far as n + 1.
        k, alpha, beta: the constants of the formula.

    Raises:
        ValueError: for n below 1.
    """

    def __init__(self, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("n", n)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def call(self, inputs):
        """Normalise (…, C) to (…, C)."""
        channels, radius = inputs.shape[-1], self.n // 2
        x = at_least_float32(inputs)
        margin = [(0, 0)] * (len(x.shape) - 1) + [(radius, radius)]
        square = ops.pad(ops.square(x), margin)  # (…, C + 2 radius)
        energy = sum(square[..., shift : shift + channels] for shift in range(2 * radius + 1))
        return ops.cast(x / (self.k + self.alpha * energy) ** self.beta, inputs.dtype)

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape

    def get_config(self):
        """The constants, verbatim."""
        return {**super().get_config(), "n": self.n, "k": self.k, "alpha": self.alpha, "beta": self.beta}
