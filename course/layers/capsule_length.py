"""The length of capsules, which says how likely it is that what each stands for is there."""

import keras
from keras import ops

from course.layers.numeric import at_least_float32, safe_sqrt


@keras.saving.register_keras_serializable(package="course")
class CapsuleLength(keras.layers.Layer):
    """The Euclidean length of each vector of the last axis.

    (batch, …, dimension) becomes (batch, …). No weights; inference and training are the same. A zero
    vector passes no gradient back (the true one does not exist). Below float32 it is computed in
    float32.

    Source: Sabour, Frosst and Hinton 2017, section 3.
    """

    def call(self, inputs):
        """Measure (B, …, D) to (B, …)."""
        energy = ops.sum(ops.square(at_least_float32(inputs)), axis=-1)
        return ops.cast(safe_sqrt(energy), inputs.dtype)

    def compute_output_shape(self, input_shape):
        """The shape of the input without its last axis."""
        return input_shape[:-1]
