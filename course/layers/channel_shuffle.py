"""Channel shuffle, how grouped convolutions get to see one another."""

import keras
from keras import ops

from course.errors import check_positive_integer


@keras.saving.register_keras_serializable(package="course")
class ChannelShuffle(keras.layers.Layer):
    """Takes one channel of each group in turn: with two groups, a b c | d e f becomes a d b e c f.

    The C channels are seen as a matrix of `groups` rows, transposed, and flattened again, so that each
    group of the next convolution gets channels of every group of the last. Input and output:
    (batch, …, C). No weights; inference and training are the same.

    Source: Zhang, Zhou, Lin and Sun 2018 (ShuffleNet), section 3.1.

    Args:
        groups: groups of the convolution before; it must divide C.

    Raises:
        ValueError: for groups below 1, and for an input whose channels they do not divide.
    """

    def __init__(self, groups: int, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("groups", groups)
        self.groups = groups

    def call(self, inputs):
        """Permute the channels of (…, C)."""
        self.compute_output_shape(inputs.shape)  # raises where the groups do not divide the channels
        *outer, channels = ops.shape(inputs)
        x = ops.reshape(inputs, (*outer, self.groups, channels // self.groups))
        return ops.reshape(ops.swapaxes(x, -1, -2), (*outer, channels))

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        if input_shape[-1] % self.groups:
            raise ValueError(f"groups={self.groups} must divide the {input_shape[-1]} channels of the input.")
        return input_shape

    def get_config(self):
        """The argument, verbatim."""
        return {**super().get_config(), "groups": self.groups}
