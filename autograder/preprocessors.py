"""The steps that this package adds to nbgrader's: release settings, and judging in place of running tests."""

import copy
import os
import secrets
from pathlib import Path

import nbformat
import numpy as np
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Bool, Integer, Unicode

from autograder import plain
from autograder.exercise import Case, Exercise, all_cases, find_exercise, full_sheet, generator
from autograder.forbidden import mentions, roundabout
from autograder.judge import Report, judge
from autograder.probe import MIME
from autograder.report import Score, to_html
from autograder.source import Check, ends_in_expression, find_check
from autograder.worker import VERDICT, Worker, error_output, is_test, make_valid, name_of

# What a kernel shows of a result or figure: all that a notebook can, or a line of text.
SHOWN = "get_ipython().display_formatter.active_types = get_ipython().display_formatter.format_types"
AS_TEXT = "get_ipython().display_formatter.active_types = ['text/plain']"


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


class Judge(Worker):
    """Runs a submission, but judges its test cells here: the student's process only answers probes.

    Takes the place of nbgrader's Execute. The verdict becomes the test cell's output: the score as
    text, which nbgrader reads, and the table as HTML.
    """

    secret_file = Unicode("course_secret", help="file that seeds hidden cases; made when missing").tag(
        config=True
    )

    judge_growth = Integer(
        200 * 2**20, help="bytes by which a judging process may grow until a new one takes its place"
    ).tag(config=True)
    given_figures = Bool(
        False, help="also draw the figures and tables of given cells: no feedback shows them"
    ).tag(config=True)

    def preprocess(self, nb, resources=None, km=None):
        """Run a notebook from top to bottom; once its kernel has ended, judge what its answers gave."""
        self._shown = True  # whether the kernel shows more of a result than its text
        self._written: list[str] = []  # the solution cells since the last test cell
        self._graded: dict[int, list] = {}  # outputs of the cells that count, by the cell's index
        self._observed: dict[int, tuple[Exercise, dict]] = {}  # of test cells with `check`
        nb, resources = super().preprocess(nb, resources, km)
        for index, outputs in self._graded.items():  # later cells may have updated displays in them
            nb.cells[index].outputs = outputs
        for index, (exercise, observed) in self._observed.items():
            sheet = full_sheet(exercise, self._generator(exercise, resources))
            nb.cells[index].outputs = [verdict(judge(sheet, observed))]
        make_valid(nb)
        return nb, resources

    def preprocess_cell(self, cell, resources, index):
        """Run a cell; of a test cell, its asserts, or what its `check` asks of the answers."""
        if cell.cell_type != "code":
            return cell, resources
        if not is_test(cell):
            self._show_results(self.given_figures or is_solution(cell))
            self.run(cell, index)
            if is_solution(cell):
                self._written.append(cell.source)
        elif check := find_check(cell.source):
            exercise = find_exercise(check.exercise, resources["nbgrader"]["assignment"])
            cases = all_cases(exercise, self._generator(exercise, resources))
            self._observed[index] = exercise, self._observe(check, exercise, cases, cell, index)
            self._written = []
        else:
            self._run_asserts(cell, index)
            self._written = []
        self.nb.cells[index] = cell  # nbclient puts there what it ran last, such as the probe
        if is_grade(cell):
            self._graded[index] = copy.deepcopy(cell.outputs)
        return cell, resources

    def _show_results(self, shown: bool) -> None:
        """Tell the kernel what to show of the results of the next cells."""
        if not self._dead and shown != self._shown:
            self.kc.execute(SHOWN if shown else AS_TEXT, silent=True, store_history=False)
            self._shown = shown

    def _generator(self, exercise: Exercise, resources: dict) -> np.random.Generator:
        """The source of the student's hidden cases, the same each time."""
        who = resources["nbgrader"]
        secret = course_secret(Path(self.secret_file))
        return generator(secret, who["assignment"], who["student"], exercise.id)

    def _observe(self, check: Check, exercise: Exercise, cases: list[Case], cell, index: int) -> dict:
        """What the student's process answers to an exercise's cases, and what the source shows."""
        observed = self._answers(check, exercise, cases, cell, index)
        named = set().union(*(mentions(source, exercise.forbidden) for source in self._written))
        if named:
            observed = {**observed, "forbidden": sorted(named)}
        if exercise.forbidden and (words := set().union(*map(roundabout, self._written))):
            self.flags.append(
                f"{name_of(cell, index)}: the answer reaches for things in a roundabout way "
                f"({', '.join(sorted(words))}), which could hide what it may not use; it scores 0."
            )
            observed = {**observed, "forbidden": list(exercise.forbidden)}
        return observed

    def _answers(self, check: Check, exercise: Exercise, cases: list[Case], cell, index: int) -> dict:
        """What comes back of the cases' calls; {} if it is nothing readable."""
        calls = [{"of": each.of, "probe": each.probe, "arguments": each.arguments} for each in cases]
        request = {"names": list(exercise.answers), "calls": calls, "forbidden": exercise.forbidden}
        answers = "".join(f"{answer}, " for answer in check.answers)
        source = (
            "import autograder.probe as _probe\n"
            f"_probe.respond({plain.to_text(request)!r}, lambda: ({answers}))"
        )
        probe = nbformat.v4.new_code_cell(source, metadata=cell.metadata)
        if problem := self.run(probe, index, store_history=False, most=self.message_limit):
            return {"results": [{"error": problem}] * len(calls)}
        for output in probe.outputs:
            line = output.get("data", {}).get(MIME)
            if isinstance(line, str):
                try:
                    observed = plain.from_text(line)
                except plain.NotPlainError:
                    continue
                return observed if isinstance(observed, dict) else {}
        return {}

    def _run_asserts(self, cell: nbformat.NotebookNode, index: int) -> None:
        """Run a test cell of an instructor's own, between statements that must fail.

        Where one of those passes, the submission has tampered with the tests, and the cell scores 0.
        """
        canaries = make_canaries()
        passed = [self._sings(*canary, index) for canary in canaries[::2]]
        self.run(cell, index)
        passed += [self._sings(*canary, index) for canary in canaries[1::2]]
        # nbgrader takes any line on stderr for a failure, and TensorFlow logs there
        outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        # a number is partial credit where the cell ends in an expression, and not where a student's
        # function showed it
        shown = [output for output in outputs if output.output_type == "execute_result"]
        counted = shown[-1:] if ends_in_expression(cell.source) else []
        cell.outputs = [output for output in outputs if output not in shown] + counted
        sentence = ""
        if any(passed):
            sentence = "A test that must fail was passed: the submission has tampered with the tests."
        elif not all(is_credit(output, cell.metadata["nbgrader"]["points"]) for output in counted):
            sentence = "The test cell ends in a value that is no number of points which it can give."
        if sentence:
            self.flags.append(f"{name_of(cell, index)}: {sentence}")
            cell.outputs = [error_output("TamperingError", sentence)]

    def _sings(self, source: str, expected: str | None, index: int) -> bool:
        """Whether a canary passes that must fail, or shows another text than expected."""
        canary = nbformat.v4.new_code_cell(source)
        if self.run(canary, index, store_history=False):
            return False
        failed = any(output.output_type == "error" for output in canary.outputs)
        if expected is None:
            return not failed
        texts = [output.data.get("text/plain") for output in canary.outputs if "data" in output]
        return texts != [expected]


def is_credit(output: nbformat.NotebookNode, points: float) -> bool:
    """Whether nbgrader can take a result for credit: a number up to `points`, or a text that is none.

    Of what is no number from 0 on, such as NaN, it would take any for full credit.
    """
    text = output.data.get("text/plain")
    try:
        return 0 <= float(text) <= points
    except (TypeError, ValueError):
        return isinstance(text, str) and bool(text)


def make_canaries() -> list[tuple[str, str | None]]:
    """Statements, in random order, that must fail (None), or must show a text: a source and that text."""
    a, b = (secrets.randbelow(900) + 100 for _ in range(2))
    b += a == b
    canaries = [
        (f"assert {a} == {b}", None),
        (f"assert abs({a} - {b}) < 1e-6", None),
        (f"import numpy as np\nassert np.allclose([{a}, 1], [{b}, 1])", None),
        (f"import numpy as np\nnp.testing.assert_allclose([{a}, 1], [{b}, 1])", None),
        (f"{a} * {b}", str(a * b)),
        (f"{a} / 128", repr(a / 128)),
    ]
    secrets.SystemRandom().shuffle(canaries)
    return canaries


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
    """The summaries that `verdict` left in a graded notebook's test cells, in order."""
    outputs = (output for cell in notebook.cells if is_test(cell) for output in cell.outputs)
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
