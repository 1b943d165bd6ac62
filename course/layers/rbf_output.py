"""Radial basis function output, the last layer of LeNet-5."""

import keras
import numpy as np
from keras import ops

from course.layers.numeric import at_least_float32


@keras.saving.register_keras_serializable(package="course")
class RBFOutput(keras.layers.Layer):
    """Minus the squared distance from the input to the code of each class.

    y[i] = -sum of (x[j] - codes[i, j])**2 over j

    (B, features) becomes (B, classes). The paper's output is the distance, a penalty that is least for
    the right class. Here it has a minus sign, so that the greatest output is the answer, as with any
    logits; it is twice the log-likelihood, less a constant, of a Gaussian around the code, so softmax
    cross-entropy is the natural loss. No trainable weights: the codes are fixed and saved with the
    model. Inference and training are the same. Below float32 the sum is computed in float32.

    Source: LeCun, Bottou, Bengio and Haffner 1998, section II.B, equation 7.

    Args:
        codes: (classes, features), each row the code of a class.

    Raises:
        ValueError: for codes that are no table, and for an input of another length.
    """

    def __init__(self, codes, **kwargs):
        super().__init__(**kwargs)
        self.codes = np.asarray(codes)
        if self.codes.ndim != 2:
            raise ValueError(f"codes must be a table (classes, features), not of shape {self.codes.shape}.")
        self.units, self.features = self.codes.shape

    def build(self, input_shape):
        """The codes, as weights that training leaves alone."""
        if input_shape[-1] != self.features:
            raise ValueError(f"codes has {self.features} features, but the input has {input_shape[-1]}.")
        self.centers = self.add_weight(
            self.codes.shape,
            lambda shape, dtype: ops.convert_to_tensor(self.codes, dtype),
            trainable=False,
            name="codes",
        )

    def call(self, inputs):
        """Compare (B, features) with every code: (B, classes)."""
        x = at_least_float32(inputs)
        difference = ops.expand_dims(x, -2) - ops.cast(self.centers, x.dtype)  # (B, classes, features)
        return ops.cast(-ops.sum(ops.square(difference), axis=-1), inputs.dtype)

    def compute_output_shape(self, input_shape):
        """(B, classes)."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """The codes as lists."""
        return {**super().get_config(), "codes": self.codes.tolist()}
