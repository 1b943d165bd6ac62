"""Every picture of the lectures. A function returns a matplotlib Figure and shows nothing.

`FIGURES` maps each figure's name to a function that needs no argument; `save` and `save_all` write them.
A figure's file loads on first use: many need no Keras.
"""

import importlib

_FILES = {
    "bottleneck": ("reduction_width",),
    "convolution": (
        "dense_connectivity",
        "grouped_kernel",
        "receptive_field_cone",
        "receptive_field_growth",
        "sliding_window",
        "sliding_window_animation",
    ),
    "costs": ("accuracy_against_operations", "cost_bars", "cost_comparison"),
    "diagrams": ("architecture", "module"),
    "gallery": ("FIGURES", "save", "save_all"),
    "learning": ("feature_maps", "first_layer_kernels", "gradient_norms"),
    "normalization": (
        "lateral_inhibition",
        "moving_statistics",
        "normalization_sets",
        "steps_with_batch_normalization",
    ),
    "papers": (
        "cardinality_against_width",
        "compression_table",
        "densenet_against_resnet",
        "imagenet_timeline",
        "mobilenet_tradeoffs",
    ),
    "recipes": ("plateau_schedule", "pooling_windows"),
    "scaling": ("compound_scaling", "efficientnet_against_others"),
    "training": ("augmentations", "learning_curves", "losses"),
}
_LAZY = {name: file for file, names in _FILES.items() for name in names}

__all__ = list(_LAZY)


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(f"course.plots.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'course.plots' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
