"""Training: weights that are published, and how to come by them."""

from course.training.copying import copy_weights
from course.training.weights import prepare, pretrained

__all__ = ["copy_weights", "prepare", "pretrained"]
