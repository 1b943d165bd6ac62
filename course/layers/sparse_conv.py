"""Convolution whose maps each see some of the input's maps, the C3 of LeNet-5."""

import keras
import numpy as np
from keras import KerasTensor, ops

from course.errors import check_positive_integer


@keras.saving.register_keras_serializable(package="course")
class SparseConv2D(keras.layers.Layer):
    """Convolution without padding in which output map i is connected to the input maps `table[i]`.

    (B, H, W, C) becomes (B, H - k + 1, W - k + 1, len(table)). There are k² weights a connection and
    one bias an output map: Table I has 60 connections, 25 · 60 + 16 = 1,516 trainable weights with
    k = 5. Inference and training are the same.

    The weights are kept as (k, k, connections) and put in their places among zeros for an ordinary
    convolution, which is quicker than sixteen small ones.

    Source: LeCun, Bottou, Bengio and Haffner 1998, section II.B and Table I.

    Args:
        table: for each output map, the numbers of the input maps that it sees, from 0.
        kernel_size: side k of the kernel in pixels.
        kernel_initializer: as of a convolution with all connections.

    Raises:
        ValueError: for an empty table or row, a map named twice in a row, a map that the input lacks,
            and a kernel_size below 1.
    """

    def __init__(self, table, kernel_size: int, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("kernel_size", kernel_size)
        if not table:
            raise ValueError("table must have a row for each output map; it is empty.")
        for i, row in enumerate(table):
            if not row or len(set(row)) < len(row) or min(row) < 0:
                raise ValueError(f"Row {i} of table must name different input maps, from 0; it is {row!r}.")
        self.table = tuple(map(tuple, table))
        self.filters, self.kernel_size = len(self.table), kernel_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        """The weights of the connections alone, and the place of each in a dense kernel."""
        k, channels, filters = self.kernel_size, input_shape[-1], self.filters
        pairs = [(source, i) for i, row in enumerate(self.table) for source in row]
        last = max(source for source, _ in pairs)
        if last >= channels:
            raise ValueError(f"table names input map {last}, but there are {channels}, numbered from 0.")
        self.dense_shape = (k, k, channels, filters)
        self.places = np.zeros((len(pairs), channels * filters), "float32")  # one-hot rows
        self.places[range(len(pairs)), [source * filters + i for source, i in pairs]] = 1

        def connected(shape, dtype=None):
            dense = self.kernel_initializer(self.dense_shape, dtype)
            return ops.stack([dense[:, :, source, i] for source, i in pairs], axis=-1)

        self.kernel = self.add_weight((k, k, len(pairs)), connected, name="kernel")
        self.bias = self.add_weight((filters,), "zeros", name="bias")

    def call(self, inputs):
        """Convolve (B, H, W, C) to (B, H', W', filters)."""
        dense = ops.matmul(self.kernel, ops.cast(self.places, self.kernel.dtype))
        return ops.conv(inputs, ops.reshape(dense, self.dense_shape)) + self.bias

    def compute_output_shape(self, input_shape):
        """(B, H', W', filters)."""
        kernel = KerasTensor((self.kernel_size, self.kernel_size, input_shape[-1], self.filters))
        return ops.conv(KerasTensor(input_shape), kernel).shape

    def get_config(self):
        """The arguments; the initialiser as Keras writes it."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        config = {"table": self.table, "kernel_size": self.kernel_size, "kernel_initializer": initializer}
        return {**super().get_config(), **config}
