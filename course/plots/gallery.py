"""Write figures to files."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from course.errors import unknown
from course.plots.architecture import architecture, module
from course.plots.style import FIGURES

FIGURES |= {
    f"architecture_{name}": partial(architecture, name)
    for name in ("alexnet_2012", "vgg16", "googlenet", "resnet50", "densenet121", "mobilenet", "inception_v3")
}
FIGURES |= {
    f"module_{name}": partial(module, name, layer)
    for name, layer in (
        ("resnet50", "conv2_1_a"), ("se_resnet50", "conv2_2_a"), ("densenet121", "dense1_1"),
        ("squeezenet", "fire2_concat"), ("inception_v3", "mixed_7b_2b_1x3"), ("mobilenet_v2", "block_2_expand"),
    )
}  # fmt: skip


def save(name: str, path: str | Path) -> Path:
    """Draw the figure called `name` into a file; its suffix (.svg, .png, .pdf) says in which format.

    Raises ValueError for an unknown figure, with the nearest names, and for an unknown format.
    """
    if name not in FIGURES:
        raise unknown("figure", name, FIGURES)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    FIGURES[name]().savefig(path)
    return path


def save_all(folder: str | Path, suffix: str = ".png") -> Iterator[Path]:
    """Draw every figure into a folder, one file each, and yield the files as they are written."""
    for name in FIGURES:
        yield save(name, Path(folder) / f"{name}{suffix}")
