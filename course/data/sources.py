"""The datasets by name, and `load`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from course.data import digits, downloads, shapes100
from course.errors import unknown


@dataclass(frozen=True)
class Source:
    """Where a dataset comes from.

    `sizes(folder)` says how many images each split has; `read(split, start, stop, folder)` gives some of
    them as arrays, uint8 (N, H, W, C) and int32 (N,); `labels(folder)` names the classes.
    """

    sizes: Callable[[Path | None], Mapping[str, int]]
    read: Callable
    labels: Callable[[Path | None], tuple[str, ...]]
    mirror: bool = True
