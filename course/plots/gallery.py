"""Write figures to files."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from course.errors import unknown
from course.plots import (  # noqa: F401 - they fill FIGURES
    bottleneck,
    convolution,
    costs,
    diagrams,
    learning,
    normalization,
    papers,
    recipes,
    scaling,
    training,
)
from course.plots.style import FIGURES

ANIMATIONS = {"sliding_window": convolution.sliding_window_animation}

DRAWN = ("alexnet_2012", "vgg16", "googlenet", "resnet50", "densenet121", "mobilenet", "inception_v3")
MODULES = {
    "resnet50": "conv2_1_add",
    "se_resnet50": "conv2_2_add",
    "densenet121": "dense1_1",
    "squeezenet": "fire2_concat",
    "inception_v3": "mixed_7b",
    "mobilenet_v2": "block_2_add",
}
FIGURES |= {f"architecture_{name}": partial(diagrams.architecture, name) for name in DRAWN}
FIGURES |= {f"module_{name}": partial(diagrams.module, name, layer) for name, layer in MODULES.items()}


def save(name: str, path: str | Path) -> Path:
    """Draw the figure called `name` into a file, whose suffix (.svg, .png, .pdf, .gif) says in which format.

    A .gif of `sliding_window` moves. Raises ValueError for an unknown figure, with the nearest names, and
    for an unknown format.
    """
    if name not in FIGURES:
        raise unknown("figure", name, FIGURES)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gif" and name in ANIMATIONS:
        ANIMATIONS[name]().save(path, writer="pillow")
    else:
        FIGURES[name]().savefig(path)
    return path


def save_all(folder: str | Path, suffix: str = ".png") -> Iterator[Path]:
    """Draw every figure into a folder, and yield the files as they are written."""
    for name in FIGURES:
        yield save(name, Path(folder) / f"{name}{suffix}")
    for name in ANIMATIONS:
        yield save(name, Path(folder) / f"{name}.gif")
