"""CNN architectures of a deep-learning course in Keras 3, and what each of them costs.

>>> import course
>>> model = course.build("alexnet")
>>> course.cost.lecture("alexnet")
"""

import importlib

__version__ = "0.1.0"

# name -> module that defines it; loaded on first use, so that `import course` does not import TensorFlow
_LAZY = {
    "build": "course.building",
    "copy_weights": "course.training.copying",
    "facts": "course.registry",
    "features": "course.building",
    "headless": "course.building",
    "names": "course.registry",
    "pretrained": "course.training.weights",
    "summary": "course.summaries",
}
_SUBMODULES = ("blocks", "cost", "data", "layers", "models", "plots", "registry", "training")

__all__ = ["__version__", *_LAZY, *_SUBMODULES]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"course.{name}")
    raise AttributeError(f"module 'course' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
