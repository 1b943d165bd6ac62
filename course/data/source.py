"""What every dataset offers, wherever it comes from."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np


class Source(NamedTuple):
    """Images by number.

    Attributes:
        sizes: how many images each split has.
        labels: the names of the classes.
        read: read(split, start, stop) gives images start to stop of a split and their classes,
            uint8 (N, H, W, C) and int32 (N,).
        mirror: whether an image and its mirror image are of the same class.
    """

    sizes: Mapping[str, int]
    labels: tuple[str, ...]
    read: Callable[[str, int, int], tuple[np.ndarray, np.ndarray]]
    mirror: bool = True
