"""Channel split, the opposite of concatenation: half of the channels take a shortcut."""

import keras
from keras import ops

from course.errors import check_positive_integer


@keras.saving.register_keras_serializable(package="course")
class ChannelSplit(keras.layers.Layer):
    """Cuts the channels into equal parts, the first ones first: a b c d becomes a b and c d.

    (batch, …, C) becomes `parts` tensors (batch, …, C / parts). Concatenating them gives the input back.
    No weights; inference and training are the same.

    Source: Ma, Zhang, Zheng and Sun 2018 (ShuffleNet V2), section 3 and figure 3 (c).

    Args:
        parts: number of outputs; it must divide C.

    Raises:
        ValueError: for parts below 1, and for an input whose channels they do not divide.
    """

    def __init__(self, parts: int = 2, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("parts", parts)
        self.parts = parts

    def call(self, inputs):
        """Split (…, C) into a list of (…, C / parts)."""
        self.compute_output_shape(inputs.shape)  # raises where the parts do not divide the channels
        return list(ops.split(inputs, self.parts, axis=-1))

    def compute_output_shape(self, input_shape):
        """The shapes of the parts."""
        *outer, channels = input_shape
        if channels % self.parts:
            raise ValueError(f"parts={self.parts} must divide the {channels} channels of the input.")
        return [(*outer, channels // self.parts)] * self.parts

    def get_config(self):
        """The argument, verbatim."""
        return {**super().get_config(), "parts": self.parts}
