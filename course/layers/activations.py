"""Activations of MobileNet and EfficientNet with their derivatives, and LeNet's, as functions.

Each takes and gives a tensor of any shape; `L.Activation(hard_swish)` makes a layer of one that is
saved with the model. The derivatives are what automatic differentiation computes, in closed form.
"""

import keras
from keras import ops

register = keras.saving.register_keras_serializable(package="course")


@register
def relu6(x):
    """min(max(x, 0), 6). Source: Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10."""
    return ops.clip(x, 0, 6)


def relu6_derivative(x):
    """1 between 0 and 6, else 0."""
    return ops.cast(ops.logical_and(x > 0, x < 6), x.dtype)


@register
def swish(x):
    """x · sigmoid(x), also called SiLU. Source: Ramachandran, Zoph and Le 2017."""
    return x * ops.sigmoid(x)


def swish_derivative(x):
    """sigmoid(x) · (1 + x · (1 - sigmoid(x)))."""
    gate = ops.sigmoid(x)
    return gate * (1 + x * (1 - gate))


@register
def hard_swish(x):
    """x · ReLU6(x + 3) / 6, swish without an exponential. Source: Howard et al. 2019, section 5.2."""
    return x * (relu6(x + 3) / 6)  # divided first: x² alone would overflow a half


def hard_swish_derivative(x):
    """0 below -3, 1 above 3, and (2x + 3) / 6 between."""
    slope = (2 * x + 3) / 6
    return ops.where(x < -3, ops.zeros_like(x), ops.where(x > 3, ops.ones_like(x), slope))


@register
def scaled_tanh(x):
    """1.7159 · tanh(2x / 3), so that f(1) = 1 and f(-1) = -1. Source: LeCun et al. 1998, appendix A."""
    return 1.7159 * ops.tanh(2 / 3 * x)
