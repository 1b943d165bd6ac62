"""Write figures to files."""

from collections.abc import Iterator
from pathlib import Path

from course.errors import unknown
from course.plots.style import FIGURES


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
