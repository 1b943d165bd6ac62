"""Stochastic depth: a residual network that is shorter in training than in use."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="course")
class StochasticDepth(keras.layers.Layer):
    """Drops a whole residual branch, for the whole mini-batch at once; stands before the addition.

    training:   b * x, where b is 1 with probability `survival` and 0 otherwise, one b a batch
    inference:  survival * x

    No weights; input and output have the same shape, whatever it is. The paper skips the computation
    of a dropped branch; here the branch is computed and multiplied by 0, so the learning is the
    paper's and the time saved is not.

    Source: Huang, Sun, Liu, Sedra and Weinberger 2016, section 3, equations 2 and 5. The drop-connect
    of EfficientNet is another thing: one b an image, and division by `survival` in training. That is
    `keras.layers.Dropout(1 - survival, noise_shape=(None, 1, 1, 1))`.

    Args:
        survival: probability that the branch survives, above 0 and at most 1.
        seed: makes the draws repeatable.

    Raises:
        ValueError: for a survival outside (0, 1].
    """

    def __init__(self, survival: float, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0 < survival <= 1:
            raise ValueError(f"survival must be above 0 and at most 1, not {survival}.")
        self.survival, self.seed = survival, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Keep, drop or scale the branch."""
        if not training:
            return inputs * ops.cast(self.survival, inputs.dtype)
        survives = keras.random.uniform((), seed=self.seed_generator) < self.survival
        return inputs * ops.cast(survives, inputs.dtype)

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape

    def get_config(self):
        """The arguments, verbatim."""
        return {**super().get_config(), "survival": self.survival, "seed": self.seed}
