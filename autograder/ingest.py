"""What a student handed in, rebuilt from the release: its cells, with the student's answers in them.

Nothing else of the student's file goes on: test cells, given cells, outputs, metadata (Colab writes the
student's name there) are the release's. What had to be mended is said in sentences, the repairs, which
the instructor's tables and the student's feedback show.

An answer is found by nbgrader's grade_id, else by the cell's id, else by what it defines (`def name`),
else by its place among the cells around it. Of what a student wrote into cells of their own, or added to
given cells, an answer takes the statements that define a name which it uses, and nothing else.
"""

import ast
import copy
import filecmp
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution, is_task
from traitlets import Unicode

from autograder.magics import neutralise
from autograder.reading import NO_ID, NOTES, find_notebook, load
from autograder.source import bound, bound_by, parse, text, used

SENTENCES = {  # repair -> what is said of it
    "id": "The metadata of {} was lost; recognised by the cell's id.",
    "header": "The metadata of {} was lost; recognised by what the cell defines.",
    "order": "The metadata of {} was lost; recognised by the place in the notebook.",
    "missing": "There is no cell for {}: counted as not written.",
    "duplicated": "There were several cells for {}; they were put together in their order.",
    "retyped": "The cell of {} had been turned into another type and was turned back.",
    "magic": "Lines that only a live notebook understands were left out: {}.",
    "helper": "Definitions from cells of your own were added to an answer that uses them: {}.",
    "test changed": "Changed test cells were replaced by the original ones: {}.",
    "test deleted": "Deleted test cells were put back: {}.",
    "given changed": "Changed given cells were replaced by the original ones: {}.",
    "given deleted": "Deleted given cells were put back: {}.",
    "reordered": "The cells were in another order; the original order was restored.",
}


class Cell:
    """A cell of the student's file, as far as it matters: nothing in it is trusted."""

    def __init__(self, cell: NotebookNode):
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        self.grade_id = grade_id if isinstance(grade_id, str) else ""
        self.kind, self.source, self.id = cell.cell_type, cell.source, cell.get("id", NO_ID)
        self.attachments = cell.get("attachments", {})
        self.code, self.removed = neutralise(cell.source)  # as plain Python; the lines of it that are none

    @cached_property
    def names(self) -> set[str]:
        """What the cell defines."""
        return bound(self.code)


class Ingest(NbGraderPreprocessor):
    """First of nbgrader's sanitising steps: rebuilds the submission from the release."""

    release_directory = Unicode("assignments", help="folder of released notebooks").tag(config=True)

    def preprocess(self, nb, resources):
        """Put the answers of `nb` into the released notebook."""
        assignment, notebook = resources["nbgrader"]["assignment"], resources["nbgrader"]["notebook"]
        released = Path(self.release_directory) / assignment / f"{notebook}.ipynb"
        if not released.is_file():
            raise ValueError(f"{released} does not exist: release {assignment} first.")
        rebuilt, repairs = rebuild(nb, nbformat.read(released, as_version=4))
        submitted = Path(resources["metadata"].get("path", "")) / f"{notebook}.ipynb"
        repairs = [*_copied(submitted), *repairs]
        for repair in repairs:
            self.log.warning("%s: %s", resources["nbgrader"]["student"], repair)
        return _with_repairs(rebuilt, repairs), resources


def use_renamed(assignment: str, student: str, notebooks: list[str]) -> None:
    """Hook of nbgrader's autograde, before the notebooks of one student are converted.

    Where the assignment is one notebook of its name and no file has that name, the notebook that was
    handed in under another is copied to it. Runs in the course directory, as nbgrader does.
    """
    ours = {path.stem for path in Path().glob(f"*/{assignment}/*.ipynb")}
    if ours == {assignment} and notebooks and Path(notebooks[0]).parent.name == assignment:
        folder = Path(notebooks[0]).parent
        wanted, found = folder / f"{assignment}.ipynb", find_notebook(folder)
        if found != wanted and found.is_file() and not found.is_symlink():
            shutil.copyfile(found, wanted)
            notebooks.append(str(wanted))


def read_submission(path: Path, master: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The rebuilt notebook of a submission, and the repairs that this took.

    Args:
        path: the notebook, or the folder with it (submitted/STUDENT/NAME) under whatever name.
        master: the released notebook.

    Raises:
        UnreadableError: for what is no notebook, in a sentence.
    """
    repairs = []
    if path.is_dir():
        folder, path = path, find_notebook(path)
        if path.stem != folder.name:
            repairs.append(_renamed(path.name, f"{folder.name}.ipynb"))
        else:
            repairs += _copied(path)
    rebuilt, found = rebuild(load(path), master)
    return _with_repairs(rebuilt, repairs + found), repairs + found


def rebuild(submitted: NotebookNode, master: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The release with the answers of a submission, and the repairs that this took."""
    notebook, cells = copy.deepcopy(master), [Cell(cell) for cell in submitted.cells]
    match = Match(cells, master.cells)
    repairs: dict[str, list[str]] = defaultdict(list)
    for position, original in enumerate(notebook.cells):
        name = _name(original)
        how, found = match.how.get(position, ""), match.found.get(position, [])
        if is_solution(original):
            if found:
                _put(original, found, repairs, name)
                repairs[how].append(name)
            else:
                repairs["missing"].append(name)
        elif name:
            given = "test" if is_grade(original) else "given"
            if not found:
                repairs[f"{given} deleted"].append(name)
            elif any(not _same(cell.source, original.source) for cell in found):
                repairs[f"{given} changed"].append(name)
    if match.reordered:
        repairs["reordered"].append("")
    _add_helpers(notebook, match, repairs)
    _add_task_answers(notebook, match)
    return notebook, _sentences(repairs)


class Match:
    """Which cells of a submission are which cells of the release.

    Attributes:
        found: position in the release -> the student's cells; several where one was duplicated or split.
        how: position in the release -> "" for nbgrader's id, "id", "header" or "order".
        place: index of a student's cell -> position in the release, for the cells that are found.
        reordered: whether answers come in another order than in the release.
    """

    def __init__(self, cells: list[Cell], master: list[NotebookNode]):
        self.cells, self.master = cells, master
        self.found: dict[int, list[Cell]] = {}
        self.how: dict[int, str] = {}
        self.place: dict[int, int] = {}
        known = {_name(cell) for cell in master} - {""}
        self._by("", lambda cell: cell.grade_id, _name)
        self._by(
            "id", lambda cell: "" if cell.grade_id in known else cell.id, lambda cell: cell.get("id", "")
        )
        self._by_header()
        self._by("", lambda cell: cell.source.strip(), lambda cell: cell.source.strip())
        self._by_order()
        self.place = dict(sorted(self.place.items()))
        answers = dict.fromkeys(at for at in self.place.values() if is_solution(master[at]))
        self.reordered = list(answers) != sorted(answers)

    def _by(self, how: str, theirs: Callable[[Cell], str], ours: Callable[[NotebookNode], str]) -> None:
        known = {ours(cell): at for at, cell in enumerate(self.master) if ours(cell)}
        for index, cell in enumerate(self.cells):
            at = None if cell.id.startswith(NO_ID) and how == "id" else known.get(theirs(cell))
            if index not in self.place and at is not None and self.how.get(at, how) == how:
                self._take(index, at, how)

    def _by_header(self) -> None:
        """An answer that is missing, or left as released, may be in a cell that defines its names."""
        for at, original in enumerate(self.master):
            found = self.found.get(at, [])
            if is_solution(original) and all(_same(cell.source, original.source) for cell in found):
                names = bound(original.source) if original.cell_type == "code" else set()
                for index, cell in enumerate(self.cells):
                    if index not in self.place and names & cell.names:
                        self._take(index, at, "" if found else "header")

    def _by_order(self) -> None:
        """An answer that is missing is looked for between what comes before and after it in the release."""
        for at, original in enumerate(self.master):
            if is_solution(original) and at not in self.found:
                first = max((index for index, place in self.place.items() if place < at), default=-1) + 1
                last = min((i for i, place in self.place.items() if place > at), default=len(self.cells))
                for index in range(first, last):
                    if index not in self.place and self.cells[index].kind == original.cell_type:
                        self._take(index, at, "order")

    def _take(self, index: int, at: int, how: str) -> None:
        self.place[index] = at
        self.found.setdefault(at, []).append(self.cells[index])
        self.how.setdefault(at, how)


def _sentences(repairs: dict[str, list[str]]) -> list[str]:
    """Repairs of one kind are one sentence."""
    named = {kind: ", ".join(dict.fromkeys(names)) for kind, names in repairs.items()}
    return [sentence.format(named[kind]) for kind, sentence in SENTENCES.items() if kind in named]


def _put(original: NotebookNode, found: list[Cell], repairs: dict[str, list[str]], name: str) -> None:
    """Put what was found for an answer into its cell of the release."""
    written = [cell for cell in found if not _same(cell.source, original.source)]
    written = list({cell.source.strip(): cell for cell in written}.values())
    if len(found) > 1:
        repairs["duplicated"].append(name)
    if any(cell.kind != original.cell_type for cell in found):
        repairs["retyped"].append(name)
    if not written:
        return
    if original.cell_type == "code":
        original.source = "\n".join(cell.code for cell in written)
        if len(written) > 1 and parse(original.source) is None:  # not one cell that was split
            original.source = ([cell for cell in written if parse(cell.code)] or written)[-1].code
        for cell in written:
            for line in cell.removed:
                repairs["magic"].append(line)
    else:
        original.source = "\n\n".join(cell.source for cell in written)
        attachments = {key: value for cell in written for key, value in cell.attachments.items()}
        if attachments:
            original["attachments"] = attachments


def _add_helpers(notebook: NotebookNode, match: Match, repairs: dict[str, list[str]]) -> None:
    """Put statements that are in no answer in front of the first answer that uses what they define."""
    given = set().union(*(bound(cell.source) for cell in notebook.cells if cell.cell_type == "code"))
    defining: dict[str, list[_Helper]] = {}
    for helper in _helpers(match):
        for name in helper.names - given:
            defining.setdefault(name, []).append(helper)
    moved: set[_Helper] = set()
    for cell in notebook.cells:
        if not is_solution(cell) or cell.cell_type != "code":
            continue
        taken, names = set(), list(used(cell.source))
        while names:
            for helper in {*defining.pop(names.pop(), ())} - moved:
                moved.add(helper)
                taken.add(helper)
                names += used(helper.source)  # it may use others
        taken = sorted(taken, key=lambda helper: helper.place)
        cell.source = "\n".join([each.source for each in taken] + [cell.source])
        for name in sorted(set().union(*(each.names for each in taken))):
            repairs["helper"].append(name)


def _add_task_answers(notebook: NotebookNode, match: Match) -> None:
    """The answer to a task of nbgrader's is whatever cells a student put below it."""
    for at in reversed(range(len(notebook.cells))):
        if is_task(notebook.cells[at]) and at in match.place.values():
            first = max(index for index, place in match.place.items() if place == at) + 1
            last = min((index for index in match.place if index >= first), default=len(match.cells))
            notebook.cells[at + 1 : at + 1] = [
                nbformat.v4.new_code_cell(cell.code)
                if cell.kind == "code"
                else nbformat.v4.new_markdown_cell(cell.source)
                for cell in match.cells[first:last]
            ]


@dataclass(frozen=True)
class _Helper:
    """A statement outside of answers: where it is, its text, and the names that it binds."""

    place: tuple[int, int]
    source: str
    names: frozenset[str]


def _helpers(match: Match) -> Iterator[_Helper]:
    """Statements of code cells that are neither answers, nor tests, nor in the release's own cell."""
    for index, cell in enumerate(match.cells):
        original = match.master[match.place[index]] if index in match.place else None
        tree = parse(cell.code) if cell.kind == "code" else None
        if tree is None or (original and (is_solution(original) or is_grade(original))):
            continue
        theirs = parse(original.source) if original else None
        theirs = {ast.dump(statement) for statement in theirs.body} if theirs else set()
        lines = cell.code.split("\n")
        for number, statement in enumerate(tree.body):
            if ast.dump(statement) not in theirs:
                yield _Helper((index, number), text(lines, statement), frozenset(bound_by(statement)))


def _name(cell: NotebookNode) -> str:
    """nbgrader's id of a cell of the release; "" if it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()


def _renamed(name: str, wanted: str) -> str:
    return f"The notebook was called {name}; it was taken for {wanted}."


def _copied(submitted: Path) -> Iterator[str]:
    """A repair if the submitted notebook is `use_renamed`'s copy of one beside it."""
    if submitted.is_file():
        for path in sorted(submitted.parent.glob("*.ipynb")):
            if path != submitted and path.is_file() and filecmp.cmp(path, submitted, shallow=False):
                yield _renamed(path.name, submitted.name)


def _with_repairs(notebook: NotebookNode, repairs: list[str]) -> NotebookNode:
    notebook.metadata[NOTES] = {"repairs": repairs}
    return notebook
