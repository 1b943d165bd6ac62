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
from autograder.source import find_check
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
        self._observed: dict[int, tuple[Exercise, dict, list]] = {}  # of test cells with `check`
        nb, resources = super().preprocess(nb, resources)
        for index, (exercise, sent, used) in self._observed.items():
            sheet = full_sheet(exercise, self._generator(exercise, resources))
            nb.cells[index].outputs = [verdict(judge(sheet, put_together(sheet, sent, used)))]
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
            sent = {  # each by itself: an answer that ends the process costs no other its points
                name: self._probe(answer, [each for each in cases if each.of == name], exercise, cell, index)
                for name, answer in zip(exercise.answers, check.answers, strict=False)
            }
            self._observed[index] = exercise, sent, self._forbidden(exercise, cell, index)
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

    def _forbidden(self, exercise: Exercise, cell, index: int) -> list[str]:
        """What the source of an exercise's answers uses and may not."""
        if exercise.forbidden and (words := set().union(*map(roundabout, self._written))):
            self.flags.append(
                f"{name_of(cell, index)}: the answer reaches for things in a roundabout way "
                f"({', '.join(sorted(words))}), which could hide what it may not use; it scores 0."
            )
            return list(exercise.forbidden)
        return [name for source in self._written for name in mentions(source, exercise.forbidden)]

    def _probe(self, answer: str, cases: list[Case], exercise: Exercise, cell, index: int) -> str:
        """What comes back of the cases' calls of one answer, as it was sent; empty if nothing is."""
        calls = [{"of": each.of, "probe": each.probe, "arguments": each.arguments} for each in cases]
        request = {"names": [cases[0].of], "calls": calls, "forbidden": exercise.forbidden}
        source = (
            "import autograder.probe as _probe\n"
            f"_probe.respond({plain.to_text(request)!r}, lambda: ({answer},))"
        )
        probe = nbformat.v4.new_code_cell(source, metadata=cell.metadata)
        if problem := self.run(probe, index, store_history=False, most=self.message_limit):
            return plain.to_text({"results": [{"error": problem}] * len(calls)})
        lines = (output.get("data", {}).get(MIME) for output in probe.outputs)
        return next((line for line in lines if isinstance(line, str)), "")


def put_together(sheet: dict, sent: dict[str, str], used: list[str]) -> dict:
    """What was sent of each answer as `judge` reads it: in the order of a sheet's cases."""
    results = {}
    for name, line in sent.items():
        try:
            observed = plain.from_text(line)
        except plain.NotPlainError:
            continue
        results[name] = iter(_listed(observed, "results"))
        used = [*used, *_listed(observed, "forbidden")]
    in_order = [next(results.get(case["of"], iter(())), {}) for case in sheet["cases"]]
    return {"results": in_order, "forbidden": used}


def _listed(observed, key: str) -> list:
    """What a student's process says under a key, if it is a list."""
    value = observed.get(key) if isinstance(observed, dict) else None
    return value if isinstance(value, list) else []


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
