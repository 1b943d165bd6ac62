"""What a network costs: parameters, multiply-accumulates, memory, receptive field.

One multiply-accumulate (MAC) is what the first lecture calls a "flop". `course.cost.arithmetic` and
`course.cost.ERRATA` need neither Keras nor a backend: the rest loads on first use.
"""

import importlib

_LAZY = {
    "ERRATA": "course.cost.errata",
    "Total": "course.cost.counting",
    "compare": "course.cost.counting",
    "lecture": "course.cost.slide",
    "receptive_field": "course.cost.counting",
    "table": "course.cost.counting",
    "total": "course.cost.counting",
}
_SUBMODULES = ("arithmetic", "errata", "rules")

__all__ = [*_LAZY, *_SUBMODULES]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"course.cost.{name}")
    raise AttributeError(f"module 'course.cost' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
