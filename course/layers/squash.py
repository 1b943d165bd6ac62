"""The non-linearity of capsules: a vector's length becomes a probability."""

import keras
from keras import ops

from course.layers.numeric import at_least_float32, safe_sqrt


def squash(s):
    """|s|² / (1 + |s|²) · s / |s| along the last axis; a zero vector stays zero.

    Source: Sabour, Frosst and Hinton 2017, equation 1.
    """
    energy = ops.sum(ops.square(s), axis=-1, keepdims=True)
    return s * safe_sqrt(energy) / (1 + energy)  # |s|² / |s| is |s|: nothing is divided by zero


@keras.saving.register_keras_serializable(package="course")
class Squash(keras.layers.Layer):
    """Shrinks each vector of the last axis to a length below 1, its direction kept.

    v = |s|² / (1 + |s|²) · s / |s|

    Input and output: (batch, …, dimension). No weights; inference and training are the same. Below
    float32 it is computed in float32.

    Source: Sabour, Frosst and Hinton 2017, equation 1.
    """

    def call(self, inputs):
        """Squash (B, …, D) to (B, …, D)."""
        return ops.cast(squash(at_least_float32(inputs)), inputs.dtype)

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape
