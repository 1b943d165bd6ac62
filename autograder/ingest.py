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
from collections import defaultdict
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution, is_task
from traitlets import Unicode

from autograder.reading import NOTES, Cell, find_notebook, load
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

Helper = tuple[str, set[str]]  # a statement outside of answers, and the names that it binds


class Ingest(NbGraderPreprocessor):
    """First of nbgrader's sanitising steps: rebuilds the submission from the release."""

    release_directory = Unicode("assignments", help="folder of released notebooks").tag(config=True)

    def preprocess(self, nb, resources):
        """The released notebook with the answers of the file that `nb` stands for."""
        assignment, notebook = resources["nbgrader"]["assignment"], resources["nbgrader"]["notebook"]
        released = Path(self.release_directory) / assignment / f"{notebook}.ipynb"
        if not released.is_file():
            raise ValueError(f"{released} does not exist: release {assignment} first.")
        submitted = Path(resources["metadata"]["path"]) / f"{notebook}.ipynb"
        submitted = submitted if submitted.exists() else submitted.parent
        rebuilt, repairs = read_submission(submitted, nbformat.read(released, as_version=4))
        for repair in repairs:
            self.log.warning("%s: %s", resources["nbgrader"]["student"], repair)
        return rebuilt, resources


def use_renamed(assignment: str, student: str, notebooks: list[str]) -> None:
    """Hook of nbgrader's autograde, before the notebooks of one student are converted.

    Where the assignment is one notebook of its name and no file has that name, the notebook that was
    handed in under another is converted in its place. Runs in the course directory, as nbgrader does.
    """
    ours = {path.stem for path in Path().glob(f"*/{assignment}/*.ipynb")}
    if ours == {assignment} and notebooks and Path(notebooks[0]).parent.name == assignment:
        wanted = Path(notebooks[0]).with_name(f"{assignment}.ipynb")
        if str(wanted) not in notebooks:
            load(find_notebook(wanted.parent))  # or raises, and the submission is passed over
            notebooks.append(str(wanted))  # Ingest finds what there is


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
            repairs.append(f"The notebook was called {path.name}; it was taken for {folder.name}.ipynb.")
    rebuilt, found = rebuild(load(path), master)
    rebuilt.metadata[NOTES] = {"repairs": repairs + found}
    return rebuilt, repairs + found


def rebuild(cells: list[Cell], master: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The release with the answers of a submission, and the repairs that this took."""
    notebook = copy.deepcopy(master)
    place, how = _match(cells, master.cells)
    repairs: dict[str, list[str]] = defaultdict(list)
    for at, original in enumerate(notebook.cells):
        name, found = _name(original), [cells[index] for index, there in place.items() if there == at]
        if is_solution(original):
            repairs[how.get(at, "missing")].append(name)
            _put(original, found, repairs)
        elif name:
            given = "test" if is_grade(original) else "given"
            if not found:
                repairs[f"{given} deleted"].append(name)
            elif any(not _same(cell.source, original.source) for cell in found):
                repairs[f"{given} changed"].append(name)
    answers = list(dict.fromkeys(at for at in place.values() if is_solution(master.cells[at])))
    if answers != sorted(answers):
        repairs["reordered"].append("")
    _add_helpers(notebook, _helpers(cells, place, master.cells), repairs)
    _add_task_answers(notebook, cells, place)
    said = {kind: ", ".join(dict.fromkeys(names)) for kind, names in repairs.items() if names}
    return notebook, [sentence.format(said[kind]) for kind, sentence in SENTENCES.items() if kind in said]


def _match(cells: list[Cell], master: list[NotebookNode]) -> tuple[dict[int, int], dict[int, str]]:
    """Which cells of a submission are which cells of the release.

    Returns:
        place: index of a student's cell -> position in the release, for the cells that are found; several
            have the same where one was duplicated or split.
        how: position in the release -> "" for nbgrader's id, "id", "header" or "order".
    """
    place: dict[int, int] = {}
    how: dict[int, str] = {}

    def defined(original: NotebookNode) -> set[str]:
        """What an answer defines that is missing, or left as released."""
        found = [cells[index] for index, at in place.items() if master[at] is original]
        written = any(not _same(cell.source, original.source) for cell in found)
        is_code = is_solution(original) and original.cell_type == "code"
        return bound(original.source) if is_code and not written else set()

    for by, theirs, ours in (  # how a cell is recognised, the surest first: what in theirs is one of ours
        ("", lambda cell: {cell.grade_id}, lambda original: {_name(original)}),
        ("id", lambda cell: {cell.id}, lambda original: {original.get("id", "")}),
        ("header", lambda cell: cell.names, defined),
        ("", lambda cell: {cell.source.strip()}, lambda original: {original.source.strip()}),
    ):
        known = {key: at for at, original in enumerate(master) for key in ours(original) - {""}}
        for index, cell in enumerate(cells):
            if index not in place and (found := [known[key] for key in theirs(cell) & known.keys()]):
                place[index] = min(found)
                how.setdefault(min(found), by)
    for at, original in enumerate(master):  # between what comes before and after it in the release
        if is_solution(original) and at not in how:
            first = max((index for index, there in place.items() if there < at), default=-1) + 1
            last = min((index for index, there in place.items() if there > at), default=len(cells))
            for index in range(first, last):
                if index not in place and cells[index].kind == original.cell_type:
                    place[index], how[at] = at, "order"
    return dict(sorted(place.items())), how


def _put(original: NotebookNode, found: list[Cell], repairs: dict[str, list[str]]) -> None:
    """Put what was found for an answer into its cell of the release."""
    written = [cell for cell in found if not _same(cell.source, original.source)]
    written = list({cell.source.strip(): cell for cell in written}.values())
    if len(found) > 1:
        repairs["duplicated"].append(_name(original))
    if any(cell.kind != original.cell_type for cell in found):
        repairs["retyped"].append(_name(original))
    if not written:
        return
    if original.cell_type == "code":
        original.source = "\n".join(cell.code for cell in written)
        if len(written) > 1 and parse(original.source) is None:  # not one cell that was split
            original.source = ([cell for cell in written if parse(cell.code)] or written)[-1].code
        for cell in written:
            repairs["magic"] += cell.removed
    else:
        original.source = "\n\n".join(cell.source for cell in written)
        attachments = {key: value for cell in written for key, value in cell.attachments.items()}
        if attachments:
            original["attachments"] = attachments


def _helpers(cells: list[Cell], place: dict[int, int], master: list[NotebookNode]) -> list[Helper]:
    """Statements that are neither in answers, nor in tests, nor the release's own; and what they define."""
    given = [parse(cell.source) for cell in master if cell.cell_type == "code"]
    ours = {ast.dump(each) for tree in given if tree for each in tree.body}
    taken = {index for index, at in place.items() if is_solution(master[at]) or is_grade(master[at])}
    helpers = []
    for index, cell in enumerate(cells):
        tree = parse(cell.code) if cell.kind == "code" and index not in taken else None
        lines = cell.code.split("\n")
        for each in tree.body if tree else ():
            if ast.dump(each) not in ours:
                helpers.append((text(lines, each), bound_by(each)))
    return helpers


def _add_helpers(notebook: NotebookNode, helpers: list[Helper], repairs: dict[str, list[str]]) -> None:
    """Put statements that are in no answer in front of the first answer that uses what they define."""
    given = set().union(*(bound(cell.source) for cell in notebook.cells if cell.cell_type == "code"))
    defining = defaultdict(list)
    for number, (_, names) in enumerate(helpers):
        for name in names - given:
            defining[name].append(number)
    moved: set[int] = set()
    for cell in notebook.cells:
        if is_solution(cell) and cell.cell_type == "code":
            taken, names = set(), list(used(cell.source))
            while names:
                for number in {*defining.pop(names.pop(), ())} - moved:
                    moved.add(number)
                    taken.add(number)
                    names += used(helpers[number][0])  # it may use others
            taken = [helpers[number] for number in sorted(taken)]
            cell.source = "\n".join([*(source for source, _ in taken), cell.source])
            repairs["helper"] += sorted(set().union(*(names for _, names in taken)))


def _add_task_answers(notebook: NotebookNode, cells: list[Cell], place: dict[int, int]) -> None:
    """The answer to a task of nbgrader's is whatever cells a student put below it."""
    for at in reversed(range(len(notebook.cells))):
        if is_task(notebook.cells[at]) and at in place.values():
            first = max(index for index, there in place.items() if there == at) + 1
            last = min((index for index in place if index >= first), default=len(cells))
            notebook.cells[at + 1 : at + 1] = [
                nbformat.v4.new_code_cell(cell.code)
                if cell.kind == "code"
                else nbformat.v4.new_markdown_cell(cell.source)
                for cell in cells[first:last]
            ]


def _name(cell: NotebookNode) -> str:
    """nbgrader's id of a cell of the release; "" if it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()
