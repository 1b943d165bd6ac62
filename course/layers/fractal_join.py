"""The join of a fractal network: a mean that learns to do without some of its inputs."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="course")
class FractalJoin(keras.layers.Layer):
    """The mean of the inputs that survive drop-path.

    inference:               the mean of all inputs
    training, all columns:   local drop-path; each input is dropped with probability `drop`, at least
                             one survives (if all fall, one drawn at random), one draw a mini-batch
    training, one column:    global drop-path; that column's input alone. Where the column does not
                             pass through this join, the mean of all: nothing that counts reads it

    Takes [x_1, …, x_k, in_use]: one tensor from each of the last k columns, all of the same shape,
    which is the output's, and (batch, columns) from `GlobalDropPath`. No weights.

    Source: Larsson, Maire and Shakhnarovich 2017, section 3.

    Args:
        drop: probability that local drop-path drops an input; the paper's is 0.15.
        seed: makes the draws repeatable.

    Raises:
        ValueError: for a drop outside [0, 1), and for fewer than two tensors to join.
    """

    def __init__(self, drop: float = 0.15, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= drop < 1:
            raise ValueError(f"drop must be at least 0 and below 1, not {drop}.")
        self.drop, self.seed = drop, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Join k tensors (B, …) to one."""
        self.compute_output_shape([each.shape for each in inputs])  # raises where there is one path
        *paths, in_use = inputs
        if not training:
            return sum(paths) / len(paths)
        draws = keras.random.uniform((len(paths),), seed=self.seed_generator)
        survives = ops.logical_or(draws >= self.drop, draws == ops.max(draws))  # the greatest always does
        all_columns = ops.min(in_use, axis=-1, keepdims=True) > 0  # (B, 1)
        weights = ops.where(all_columns, ops.cast(survives, in_use.dtype), in_use[:, -len(paths) :])
        elsewhere = ops.max(weights, axis=-1, keepdims=True) == 0
        weights = ops.where(elsewhere, ops.ones_like(weights), weights)
        weights = weights / ops.sum(weights, axis=-1, keepdims=True)  # (B, k)
        to_paths = (-1,) + (1,) * (len(paths[0].shape) - 1)
        return sum(ops.reshape(weights[:, i], to_paths) * path for i, path in enumerate(paths))

    def compute_output_shape(self, input_shape):
        """The shape of one of the tensors to join."""
        if len(input_shape) < 3:
            raise ValueError(f"A join takes [x_1, x_2, …, in_use], not {len(input_shape)} tensors.")
        return input_shape[0]

    def get_config(self):
        """The arguments, verbatim."""
        return {**super().get_config(), "drop": self.drop, "seed": self.seed}
