"""Submissions made from the released notebook, as students hand them in."""

import copy
import inspect
import re
import textwrap
from collections.abc import Callable

from nbformat import NotebookNode


def answered(released: NotebookNode, answers: dict[str, Callable | str]) -> NotebookNode:
    """The released notebook with the solution cells of some answers filled in.

    Args:
        released: the student's version.
        answers: name of the answer -> a function that becomes it under that name, or a cell's source.

    Raises:
        ValueError: for an answer that no solution cell defines.
    """
    notebook = copy.deepcopy(released)
    for name, answer in answers.items():
        cell = _solution_cell(notebook, name)
        cell.source = answer if isinstance(answer, str) else source_as(answer, name)
    return notebook


def source_as(function: Callable, name: str) -> str:
    """The source of a function, which gets another name."""
    source = textwrap.dedent(inspect.getsource(function))
    return re.sub(rf"\b{function.__name__}\b", name, source).rstrip("\n")


def saved_by_colab(notebook: NotebookNode) -> NotebookNode:
    """The notebook as Colab writes it: format 4.0, ids in the metadata, its own keys and who ran what."""
    notebook = copy.deepcopy(notebook)
    notebook.nbformat_minor = 0
    notebook.metadata = NotebookNode(
        colab={"provenance": [], "toc_visible": True},
        kernelspec={"name": "python3", "display_name": "Python 3"},
        language_info={"name": "python"},
        accelerator="GPU",
    )
    for number, cell in enumerate(notebook.cells):
        cell.metadata["id"] = cell.pop("id", f"cell{number}")
        if cell.cell_type == "code":
            cell.metadata["outputId"] = f"5e1f{number:04d}"
            cell.metadata["executionInfo"] = {
                "status": "ok",
                "timestamp": 1795000000000 + number,
                "user_tz": -60,
                "user": {"displayName": "A. Student", "userId": "01234567890123456789"},
                "elapsed": 12,
            }
            cell.execution_count = number
    return notebook


def _solution_cell(notebook: NotebookNode, name: str) -> NotebookNode:
    for cell in notebook.cells:
        solution = cell.metadata.get("nbgrader", {}).get("solution")
        if solution and re.search(rf"^(def|class) {name}\b", cell.source, re.MULTILINE):
            return cell
    raise ValueError(f"No solution cell defines {name}.")
