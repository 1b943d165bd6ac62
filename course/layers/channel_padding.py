"""Channel padding, the shortcut of a ResNet that widens without a weight."""

import keras
from keras import ops

from course.errors import check_positive_integer


@keras.saving.register_keras_serializable(package="course")
class ChannelPadding(keras.layers.Layer):
    """Appends channels of zeros until there are `channels` of them.

    (batch, …, C) becomes (batch, …, channels). No weights; inference and training are the same. The
    stride of such a shortcut is a layer of its own before this one: `MaxPooling2D(1, strides=2)`.

    Source: He, Zhang, Ren and Sun 2015, section 3.3, option A.

    Args:
        channels: channels of the output.

    Raises:
        ValueError: for channels below 1, and for an input that has more already.
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("channels", channels)
        self.channels = channels

    def call(self, inputs):
        """Pad (…, C) to (…, channels)."""
        missing = self.compute_output_shape(inputs.shape)[-1] - inputs.shape[-1]
        return ops.pad(inputs, [(0, 0)] * (len(inputs.shape) - 1) + [(0, missing)])

    def compute_output_shape(self, input_shape):
        """The shape of the input, with `channels` channels."""
        if input_shape[-1] > self.channels:
            raise ValueError(f"channels={self.channels} is less than the {input_shape[-1]} of the input.")
        return (*input_shape[:-1], self.channels)

    def get_config(self):
        """The argument, verbatim."""
        return {**super().get_config(), "channels": self.channels}
