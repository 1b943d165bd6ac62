"""The steps that this package adds to nbgrader's: release settings, and judging in place of running tests."""

import ast
import os
import secrets
import tempfile
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Unicode

from autograder import plain
from autograder.exercise import find_exercise, full_sheet, generator
from autograder.forbidden import mentions
from autograder.judge import Report, judge
from autograder.probe import MIME
from autograder.report import Score, to_html

VERDICT = "autograder"  # key in the metadata of the output that holds a verdict


class Check(NamedTuple):
    """A `check(...)` call of a test cell: the exercise's id, and the source of each answer."""

    exercise: str
    answers: tuple[str, ...]


class SetRepository(NbGraderPreprocessor):
    """At release, says in the notebook where the class's repository is: badge and install line."""

    repository = Unicode("", help='"owner/name" of the class\'s public repository; empty for none').tag(
        config=True
    )
    branch = Unicode("main", help="its branch").tag(config=True)

    def preprocess_cell(self, cell, resources, cell_index):
        """Replace the badge's place holder, and in the cell tagged "install" what pip installs."""
        path = f"assignments/{resources['nbgrader']['assignment']}/{resources['nbgrader']['notebook']}.ipynb"
        notebook = f"https://colab.research.google.com/github/{self.repository}/blob/{self.branch}/{path}"
        badge = f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({notebook})\n"
        cell.source = cell.source.replace("<!-- badge -->\n", badge if self.repository else "")
        if self.repository and "install" in cell.metadata.get("tags", []):
            package = f'"git+https://github.com/{self.repository}@{self.branch}"'
            cell.source = cell.source.replace("cnn-course", package)
        return cell, resources


class Judge(Execute):
    """Runs a submission, but judges its test cells here: the student's process only answers probes.

    Takes the place of nbgrader's Execute. The verdict becomes the test cell's output: the score as
    text, which nbgrader reads, and the table as HTML.
    """

    secret_file = Unicode("course_secret", help="file that seeds hidden cases; made when missing").tag(
        config=True
    )

    def preprocess(self, nb, resources=None, km=None):
        """Run and judge a notebook from top to bottom."""
        self._written: list[str] = []  # the solution cells since the last test cell
        with tempfile.TemporaryDirectory(prefix="kernel-") as self._sockets:
            return super().preprocess(nb, resources, km)

    def create_kernel_manager(self):
        """A kernel that talks through files of this user's, not through ports that everybody can reach."""
        manager = super().create_kernel_manager()
        manager.transport, manager.ip = "ipc", str(Path(self._sockets) / "socket")
        return manager

    def preprocess_cell(self, cell, resources, index):
        """Judge a test cell that calls `check`; run any other cell."""
        check = find_check(cell.source) if cell.cell_type == "code" and is_grade(cell) else None
        if check is not None:
            report = self._report(check, resources["nbgrader"], index)
            self.nb.cells[index] = cell  # nbclient puts there what it ran last: the probe
            cell.outputs = [verdict(report)]
            self._written = []
            return cell, resources
        cell, resources = super().preprocess_cell(cell, resources, index)
        if cell.cell_type == "code" and is_grade(cell):
            # nbgrader takes any line on stderr for a failure, and TensorFlow logs there
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        elif is_solution(cell):
            self._written.append(cell.source)
        return cell, resources

    def _report(self, check: Check, who: dict, index: int) -> Report:
        exercise = find_exercise(check.exercise)
        rng = generator(course_secret(Path(self.secret_file)), who["assignment"], who["student"], exercise.id)
        sheet = full_sheet(exercise, rng)
        observed = self._observe(check, sheet, index)
        named = set().union(*(mentions(source, exercise.forbidden) for source in self._written))
        if named:
            observed = {**observed, "forbidden": sorted(named)}
        return judge(sheet, observed)

    def _observe(self, check: Check, sheet: dict, index: int) -> dict:
        """What the student's process answers to the sheet's calls; {} if it is nothing readable."""
        calls = [{key: case[key] for key in ("of", "probe", "arguments")} for case in sheet["cases"]]
        request = {"names": list(sheet["answers"]), "calls": calls, "forbidden": sheet["forbidden"]}
        answers = "".join(f"{answer}, " for answer in check.answers)
        source = (
            "import autograder.probe as _probe\n"
            f"_probe.respond({plain.to_text(request)!r}, lambda: ({answers}))"
        )
        cell = nbformat.v4.new_code_cell(source)
        self.execute_cell(cell, index, store_history=False)
        for output in cell.outputs:
            line = output.get("data", {}).get(MIME)
            if isinstance(line, str):
                try:
                    observed = plain.from_text(line)
                except plain.NotPlainError:
                    continue
                return observed if isinstance(observed, dict) else {}
        return {}


def find_check(source: str) -> Check | None:
    """The first `check("id", answer, ...)` of a cell; None if there is none."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check":
            exercise, *answers = node.args
            return Check(ast.literal_eval(exercise), tuple(ast.unparse(answer) for answer in answers))
    return None


def verdict(report: Report) -> nbformat.NotebookNode:
    """A report as the output of a test cell."""
    summary = {
        "exercise": report.exercise,
        "score": report.score,
        "points": report.points,
        "misconceptions": list(report.misconceptions),
    }
    return nbformat.v4.new_output(
        "execute_result",
        data={"text/plain": repr(float(Score(report))), "text/html": to_html(report)},
        metadata={VERDICT: summary},
    )


def verdicts(notebook: nbformat.NotebookNode) -> list[dict]:
    """The summaries that `verdict` left in a graded notebook, in order."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return [output.metadata[VERDICT] for output in outputs if VERDICT in output.get("metadata", {})]


def course_secret(path: Path) -> bytes:
    """The course's secret; made on first use, readable by its owner alone, never overwritten."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_hex(32).encode())
    return path.read_bytes()
