"""Digit capsules: vectors that lower capsules vote for, by routing by agreement."""

import math

import keras
from keras import ops

from course.errors import check_positive_integer
from course.layers.numeric import at_least_float32
from course.layers.squash import squash


@keras.saving.register_keras_serializable(package="course")
class DigitCapsules(keras.layers.Layer):
    """Every lower capsule i predicts every capsule j; those whose predictions agree are heard more.

    u_hat[i, j] = W[i, j] u[i]           a prediction
    b[i, j] = 0                          then `routings` times:
        c[i, :] = softmax(b[i, :])       how i divides itself among the capsules
        s[j] = sum over i of c[i, j] u_hat[i, j]
        v[j] = squash(s[j])
        b[i, j] += u_hat[i, j] · v[j]    agreement

    (B, …, d) becomes (B, capsules, dimension); all axes between the first and the last number the n
    lower capsules, so that a grid of them needs no reshaping. n · d · capsules · dimension trainable
    weights: 1152 · 8 · 10 · 16 = 1,474,560 by default. Inference and training are the same, and the
    gradient passes through every iteration. Below float32 the routing is computed in float32.

    Source: Sabour, Frosst and Hinton 2017, section 2 and procedure 1.

    Args:
        capsules: vectors of the output, one a class.
        dimension: length of each vector.
        routings: iterations; 1 divides every lower capsule equally.

    Raises:
        ValueError: for an argument below 1, and for an image of unknown size.
    """

    def __init__(self, capsules: int = 10, dimension: int = 16, routings: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.arguments = {"capsules": capsules, "dimension": dimension, "routings": routings}
        for argument, value in self.arguments.items():
            check_positive_integer(argument, value)
            setattr(self, argument, value)

    def build(self, input_shape):
        """A matrix for each pair of a lower capsule and a capsule."""
        *grid, length = input_shape[1:]
        if None in grid:
            raise ValueError("The number of lower capsules must be known: give the image a fixed size.")
        self.lower = math.prod(grid)
        shape = (self.lower, length, self.capsules, self.dimension)
        scale = keras.initializers.RandomNormal(stddev=0.1)
        self.kernel = self.add_weight(shape, scale, name="kernel")

    def call(self, inputs):
        """Route (B, …, d) to (B, capsules, dimension)."""
        u = ops.reshape(inputs, (-1, self.lower, inputs.shape[-1]))
        u_hat = at_least_float32(ops.einsum("bid,idje->bije", u, self.kernel))
        b = ops.zeros_like(u_hat[..., 0])  # (B, i, j)
        for iteration in range(1, self.routings + 1):
            c = ops.softmax(b, axis=-1)
            v = squash(ops.einsum("bij,bije->bje", c, u_hat))
            if iteration < self.routings:  # nobody reads the last agreement
                b = b + ops.einsum("bije,bje->bij", u_hat, v)
        return ops.cast(v, inputs.dtype)

    def compute_output_shape(self, input_shape):
        """(B, capsules, dimension)."""
        return (input_shape[0], self.capsules, self.dimension)

    def get_config(self):
        """The arguments, verbatim."""
        return {**super().get_config(), **self.arguments}
