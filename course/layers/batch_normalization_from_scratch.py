"""Batch normalisation written out, to be read."""

import keras
from keras import ops

from course.layers.numeric import at_least_float32


@keras.saving.register_keras_serializable(package="course")
class BatchNormalizationFromScratch(keras.layers.Layer):
    """Normalises each channel over the batch and all pixels, then scales and shifts it.

    y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    training:   mean and variance of this batch, one pair a channel; the moving ones follow them,
                moving = momentum * moving + (1 - momentum) * batch
    inference:  the moving mean and variance

    C channels have 2C trainable weights (gamma, beta) and 2C that are not (the moving statistics).
    Input and output: (batch, …, channels). Equal to `keras.layers.BatchNormalization`, which has the
    same defaults, to rounding; like it, a layer with `trainable = False` uses the moving statistics
    even in training, and below float32 everything is computed in float32.

    Source: Ioffe and Szegedy 2015, algorithms 1 and 2. There the variance kept for inference is the
    unbiased one, m / (m - 1) times as large; here, as in Keras, it is not.

    Args:
        momentum: how much of the moving statistics stays at each step, from 0 to 1.
        epsilon: keeps the square root above 0.

    Raises:
        ValueError: for a momentum outside [0, 1] and an epsilon that is not positive.
    """

    def __init__(self, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be from 0 to 1, not {momentum}.")
        if epsilon <= 0:
            raise ValueError(f"epsilon must be above 0, not {epsilon}.")
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, input_shape):
        """Four vectors of as many values as there are channels."""
        channels = input_shape[-1:]
        keep = {"autocast": False}  # in full precision, whatever the policy computes in
        self.gamma = self.add_weight(channels, "ones", name="gamma", **keep)
        self.beta = self.add_weight(channels, "zeros", name="beta", **keep)
        self.moving_mean = self.add_weight(channels, "zeros", trainable=False, name="moving_mean", **keep)
        self.moving_variance = self.add_weight(
            channels, "ones", trainable=False, name="moving_variance", **keep
        )

    def call(self, inputs, training=False):
        """Normalise (B, …, C) to (B, …, C)."""
        x = at_least_float32(inputs)
        if training and self.trainable:
            all_but_channels = tuple(range(len(x.shape) - 1))
            mean = ops.mean(x, all_but_channels)
            variance = ops.mean(ops.square(x - mean), all_but_channels)
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        normalized = (x - mean) / ops.sqrt(variance + self.epsilon)
        return ops.cast(self.gamma * normalized + self.beta, inputs.dtype)

    def _follow(self, moving, batch):
        moving.assign(self.momentum * moving + (1 - self.momentum) * batch)

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape

    def get_config(self):
        """The arguments, verbatim."""
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
