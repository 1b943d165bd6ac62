"""nbgrader's step that runs a submission, with judging in place of running its tests."""

from pathlib import Path

import nbformat
import numpy as np
from nbgrader.utils import is_solution
from traitlets import Bool, Integer, Unicode

from autograder import plain
from autograder.asserts import run_asserts
from autograder.exercise import (
    Case,
    Exercise,
    all_cases,
    course_secret,
    find_exercise,
    full_sheet,
    generator,
)
from autograder.forbidden import mentions, roundabout
from autograder.judge import Report, judge
from autograder.probe import MIME
from autograder.reading import NOTES
from autograder.report import Score, to_html
from autograder.source import Check, find_check
from autograder.worker import Worker, is_test, make_valid, name_of

# What a kernel shows of a result or figure: all that a notebook can, or a line of text.
SHOWN = "get_ipython().display_formatter.active_types = get_ipython().display_formatter.format_types"
AS_TEXT = "get_ipython().display_formatter.active_types = ['text/plain']"


class Judge(Worker):
    """Runs a submission, but judges its test cells here: the student's process only answers probes.

    Takes the place of nbgrader's Execute. `preprocess_cell` collects what a kernel answers to the cases;
    once that has ended, `preprocess` compares it with what is expected. The verdict becomes the test
    cell's output: the score as text, which nbgrader reads, and the table as HTML.
    """

    secret_file = Unicode("course_secret", help="file that seeds hidden cases; made when missing").tag(
        config=True
    )

    judge_growth = Integer(
        100 * 2**20, help="bytes by which a judging process may grow until a new one takes its place"
    ).tag(config=True)
    given_figures = Bool(
        False, help="also draw the figures and tables of given cells: no feedback shows them"
    ).tag(config=True)

    def preprocess(self, nb, resources):
        """Run a notebook from top to bottom; once its kernel has ended, judge what its answers gave."""
        self._shown = True  # whether the kernel shows more of a result than its text
        self._written: list[str] = []  # the solution cells since the last test cell
        self._observed: dict[int, tuple[Exercise, dict]] = {}  # of test cells with `check`
        nb, resources = super().preprocess(nb, resources)
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
            run_asserts(self, cell, index)
            self._written = []
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
        observed = self._probe(check, exercise, cases, cell, index)
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

    def _probe(self, check: Check, exercise: Exercise, cases: list[Case], cell, index: int) -> dict:
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
        metadata={NOTES: summary},
    )
