"""Datasets: tf.data pipelines of images and labels, what is known of them, augmentation.

>>> pipeline, info = course.data.load("digits", "train", size=32)

`names()` lists the datasets; everything loads on first use, TensorFlow with it.
"""

import importlib

_LAZY = {
    "Data": "course.data.dataset",
    "Info": "course.data.dataset",
    "arrays": "course.data.dataset",
    "batches": "course.data.batching",
    "from_arrays": "course.data.dataset",
    "load": "course.data.loading",
    "names": "course.data.loading",
    "shuffled": "course.data.batching",
}
_SUBMODULES = ("augmentation",)

__all__ = [*_LAZY, *_SUBMODULES]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"course.data.{name}")
    raise AttributeError(f"module 'course.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
