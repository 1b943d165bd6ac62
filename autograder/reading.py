"""Reads what was handed in as a notebook, whatever wrote it, or says in a sentence why it is none."""

import contextlib
import json
import os
from functools import cached_property
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter

from autograder import plain
from autograder.magics import neutralise
from autograder.source import bound

LARGEST = 100 * 2**20  # bytes of a notebook file
MOST = 5_000  # cells
NOTES = "autograder"  # key in the metadata of notebooks and outputs: what this package says of them
OTHERS = {b"PK": "a zip archive", b"%PDF": "a PDF file", b"<": "a web page", b"\x89PNG": "a picture"}


class UnreadableError(ValueError):
    """What was handed in is no notebook; the sentence says why."""


class SubmissionExporter(NotebookExporter):
    """Opens files for nbgrader's autograde, those too that nbformat refuses: Ingest reads the file itself."""

    def from_filename(self, filename, resources=None, **arguments):
        """Convert the notebook in a file: of a submitted one that nbformat refuses, an empty one."""
        if not getattr(self.parent, "_sanitizing", True):
            return super().from_filename(filename, resources=resources, **arguments)
        path, notebook = Path(filename), nbformat.v4.new_notebook()
        resources = {**(resources or {}), "metadata": {"path": str(path.parent)}}
        if is_plain_file(path):
            with contextlib.suppress(Exception):  # of many kinds
                notebook = nbformat.read(path, as_version=4)
        return self.from_notebook_node(notebook, resources=resources, **arguments)


class Cell:
    """A cell of a student's file, whatever wrote it, as far as it matters: nothing in it is trusted."""

    def __init__(self, cell: dict):
        metadata = _dict(cell, "metadata")
        self.grade_id = str(_dict(metadata, "nbgrader").get("grade_id", ""))
        self.id = str(cell.get("id") or metadata.get("id") or "")  # Colab has it in the metadata
        kind = cell.get("cell_type")
        self.kind = kind if kind in ("code", "raw") else "markdown"
        source = cell.get("source", "")
        source = "".join(map(str, source)) if isinstance(source, list) else str(source)
        self.source = source.replace("\r\n", "\n").replace("\r", "\n")
        self.attachments = {
            key: each for key, each in _dict(cell, "attachments").items() if isinstance(each, dict)
        }
        self.code, self.removed = neutralise(self.source)  # as plain Python; the lines of it that are none

    @cached_property
    def names(self) -> set[str]:
        """What the cell defines."""
        return bound(self.code)


def find_notebook(folder: Path) -> Path:
    """The notebook in a submission's folder: the one named like it, else the latest of the others."""
    found = [path for path in folder.iterdir() if path.suffix == ".ipynb" and not path.name.startswith(".")]
    if not found:
        raise UnreadableError(f"{folder.name}.ipynb does not exist, and no other notebook is there.")
    named = folder / f"{folder.name}.ipynb"
    return named if named in found else max(found, key=lambda path: path.lstat().st_mtime)


def is_plain_file(path: Path) -> bool:
    """Whether there is a file that can be opened: a link could lead anywhere, a pipe never ends."""
    return path.is_file() and not path.is_symlink()


def load(path: Path) -> list[Cell]:
    """The cells of the notebook in a file, whatever its encoding.

    Raises:
        UnreadableError: for what is no notebook, in a sentence.
    """
    try:
        if os.path.lexists(path) and not is_plain_file(path):
            raise UnreadableError(f"{path.name} is a link or a device, not a file.")
        if path.stat().st_size > LARGEST:
            raise UnreadableError(f"{path.name} is larger than {LARGEST // 2**20} MiB.")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror}.") from None
    notebook = _parsed(data, path.name)
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise UnreadableError(f"{path.name} cannot be read as a notebook: there are no cells in it.")
    if len(cells) > MOST:
        raise UnreadableError(f"{path.name} has more than {MOST} cells.")
    return [Cell(cell) for cell in cells if isinstance(cell, dict)]


def _parsed(data: bytes, name: str) -> dict:
    """The JSON object in a file; {} for other JSON. Raises UnreadableError in a sentence."""
    text = data.decode(json.detect_encoding(data), "replace").strip().strip("\0")  # UTF-8, 16 or 32
    if not text:
        raise UnreadableError(f"{name} is empty.")
    what = next((what for start, what in OTHERS.items() if data.lstrip().startswith(start)), "")
    if what:
        raise UnreadableError(f"{name} cannot be read as a notebook: it is {what}.")
    try:
        value = plain.with_whole_characters(json.loads(text, strict=False))
    except RecursionError:
        raise UnreadableError(f"{name} cannot be read as a notebook: it is nested too deeply.") from None
    except ValueError as error:
        why = "it ends in the middle, as after a broken upload" if text[-1] != "}" else str(error)
        why = why if text[0] == "{" else "it is no JSON; the .ipynb file itself is asked for"
        raise UnreadableError(f"{name} cannot be read as a notebook: {why}.") from None
    return value if isinstance(value, dict) else {}


def _dict(owner: dict, key: str) -> dict:
    value = owner.get(key)
    return value if isinstance(value, dict) else {}
