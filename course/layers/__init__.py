"""Layers that Keras lacks, one a file."""

from course.layers.local_response_normalization import LocalResponseNormalization

__all__ = ["LocalResponseNormalization"]
