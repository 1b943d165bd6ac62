"""Training: recipes of the lectures, checkpoints, evaluation; weights that are published.

Everything loads on first use, TensorFlow with it.
"""

import importlib

_LAZY = {
    "RECIPES": "course.training.recipes",
    "Recipe": "course.training.fitting",
    "SGD": "course.training.optimizer",
    "copy_weights": "course.training.copying",
    "ensemble": "course.training.evaluation",
    "multi_crop": "course.training.crops",
    "prepare": "course.training.weights",
    "pretrained": "course.training.weights",
    "probabilities": "course.training.evaluation",
    "recipe": "course.training.recipes",
    "recipe_for": "course.training.recipes",
    "ten_crop": "course.training.crops",
    "top_k": "course.training.evaluation",
}
_SUBMODULES = ("runs", "schedules")

__all__ = [*_LAZY, *_SUBMODULES]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"course.training.{name}")
    raise AttributeError(f"module 'course.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
