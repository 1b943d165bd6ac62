"""The choice of one column for a whole fractal network."""

import keras
from keras import ops

from course.errors import check_positive_integer


@keras.saving.register_keras_serializable(package="course")
class GlobalDropPath(keras.layers.Layer):
    """Says which columns of a fractal network are in use for this mini-batch.

    training:   with probability `share` one column, each as likely as the others; else all of them
    inference:  all of them

    Reads the size of the batch off its input, which may be anything, and gives (batch, columns): 1 for
    a column in use, 0 for another, the same in each row. Every `FractalJoin` of the network reads it.
    No weights.

    Source: Larsson, Maire and Shakhnarovich 2017, section 3.

    Args:
        columns: columns of the network.
        share: probability that a mini-batch has one column only; the paper's is one half.
        seed: makes the draws repeatable.

    Raises:
        ValueError: for columns below 1 and a share outside [0, 1].
    """

    def __init__(self, columns: int, share: float = 0.5, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("columns", columns)
        if not 0 <= share <= 1:
            raise ValueError(f"share must be from 0 to 1, not {share}.")
        self.columns, self.share, self.seed = columns, share, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Draw for (B, …): (B, columns)."""
        in_use = ops.ones((self.columns,), self.compute_dtype)
        if training:
            column = keras.random.randint((), 0, self.columns, seed=self.seed_generator)
            alone = keras.random.uniform((), seed=self.seed_generator) < self.share
            in_use = ops.where(alone, ops.one_hot(column, self.columns, dtype=self.compute_dtype), in_use)
        return ops.broadcast_to(in_use, (ops.shape(inputs)[0], self.columns))

    def compute_output_shape(self, input_shape):
        """(B, columns)."""
        return (input_shape[0], self.columns)

    def get_config(self):
        """The arguments, verbatim."""
        return {**super().get_config(), "columns": self.columns, "share": self.share, "seed": self.seed}
