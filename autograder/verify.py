"""The gate before release: does an assignment grade right answers right and wrong ones wrong?"""

import inspect
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.course_directory import CONFIG, CourseDirectory, read_notebook
from autograder.exercise import Assignment, find_assignment
from autograder.grading import Outcome, grade
from autograder.preprocessors import verdicts
from autograder.release import check_points, release
from autograder.submissions import answered


@dataclass(frozen=True)
class Finding:
    """One thing that was verified: what, whether it holds, and the figures."""

    what: str
    holds: bool
    detail: str = ""


def verify(course: CourseDirectory, name: str) -> Iterator[Finding]:
    """Everything that must hold before NAME is released, tried through nbgrader in a folder of its own.

    Raises:
        ValueError: for an unknown assignment or a missing notebook.
    """
    assignment = find_assignment(name)
    source = read_notebook(course.source(name))
    yield _points(course, assignment)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        scratch = scratch_course(course, name, Path(folder))
        with (scratch.root / CONFIG).open("a", encoding="utf-8") as settings:
            settings.write("\nc.Judge.given_figures = True\n")  # the budget is that of a student's run
        released = read_notebook(release(scratch, name))
        yield _clean(source, released)
        hand_in(scratch, name, "solution", source)
        hand_in(scratch, name, "untouched", released)
        right, wrong = rights(assignment), wrongs(assignment)
        for student, answers in (right | wrong).items():
            hand_in(scratch, name, student, answered(released, answers))
        start = time.perf_counter()
        (outcome,) = grade(scratch, name, ["solution"])
        seconds = time.perf_counter() - start
        yield Finding("the solution scores full marks", outcome.score == assignment.points, _score(outcome))
        within = f"{seconds:.0f} of {assignment.budget:g} s"
        yield Finding("it runs within its budget", seconds <= assignment.budget, within)
        for outcome in grade(scratch, name, ["untouched", *right, *wrong]):
            if outcome.student in wrong:
                yield from _named(scratch, name, outcome.student, assignment)
            elif outcome.student in right:
                full = outcome.score == assignment.points
                yield Finding(f"{outcome.student} scores full marks", full, _score(outcome))
            else:
                nothing = not outcome.problem and outcome.score == 0
                yield Finding("the untouched release scores 0", nothing, _score(outcome))


def _score(outcome: Outcome) -> str:
    return outcome.problem or f"{outcome.score:g} of {outcome.points:g}"


def scratch_course(course: CourseDirectory, name: str, folder: Path) -> CourseDirectory:
    """A course directory of its own with the same configuration and one assignment's source."""
    shutil.copy(course.root / CONFIG, folder / CONFIG)
    shutil.copytree(course.source(name).parent, folder / course.api.coursedir.source_directory / name)
    return CourseDirectory(folder)


def hand_in(course: CourseDirectory, name: str, student: str, notebook: nbformat.NotebookNode) -> None:
    """Put a notebook where nbgrader expects what a student handed in."""
    path = course.root / course.api.coursedir.submitted_directory / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def _points(course: CourseDirectory, assignment: Assignment) -> Finding:
    what = "points in the cells equal points in the exercises"
    try:
        check_points(course.source(assignment.name), assignment)
    except ValueError as error:
        return Finding(what, False, str(error))
    return Finding(what, True, f"{assignment.points} points")


def _clean(source: nbformat.NotebookNode, released: nbformat.NotebookNode) -> Finding:
    """Whether a line of a solution or hidden test of the source is left in the release."""
    secret = {line for cell in source.cells for line in secret_lines(cell.source)}
    left = sorted(secret & {line.strip() for cell in released.cells for line in cell.source.splitlines()})
    return Finding("no solution or hidden case is in the release", bool(secret) and not left, "; ".join(left))


def secret_lines(source: str) -> Iterator[str]:
    """The lines between ### BEGIN and ### END of solutions and hidden tests."""
    inside = False
    for line in map(str.strip, source.splitlines()):
        if line.startswith(("### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS")):
            inside = True
        elif line.startswith("### END"):
            inside = False
        elif inside and line:
            yield line


def rights(assignment: Assignment) -> dict[str, dict[str, Callable]]:
    """Submissions that are right in another way: the first alternative of every answer, the second, …

    Raises:
        ValueError: for an answer that has fewer than two.
    """
    answers = {name: answer for exercise in assignment.exercises for name, answer in exercise.answers.items()}
    if few := [name for name, answer in answers.items() if len(answer.also_right) < 2]:
        raise ValueError(f"{', '.join(few)} in {assignment.name}: give two other right answers (also_right).")
    count = min(len(answer.also_right) for answer in answers.values())
    return {
        f"right in another way ({i + 1})": {name: answer.also_right[i] for name, answer in answers.items()}
        for i in range(count)
    }


def wrongs(assignment: Assignment) -> dict[str, dict[str, Callable]]:
    """Submissions with a misconception in each exercise that has one left, until all variants are used."""
    right = {
        name: answer.right for exercise in assignment.exercises for name, answer in exercise.answers.items()
    }
    left = [
        [(each.of, function) for each in exercise.misconceptions for function in each.wrong]
        for exercise in assignment.exercises
    ]
    submissions = []
    while any(left):
        wrong: dict[str, Callable] = {}
        for variants in left:
            if variants and not _uses(variants[0][1], wrong):  # what it uses must be right for it to be named
                wrong.update([variants.pop(0)])
        submissions.append(right | wrong)
    return {f"wrong ({i})": each for i, each in enumerate(submissions, start=1)}


def _uses(function: Callable, names: Iterable[str]) -> bool:
    return any(re.search(rf"\b{name}\b", inspect.getsource(function)) for name in names)


def _named(course: CourseDirectory, name: str, student: str, assignment: Assignment) -> Iterator[Finding]:
    """Whether each misconception in this submission lost points and was named."""
    wrong = wrongs(assignment)[student]
    found = {each["exercise"]: each for each in verdicts(read_notebook(course.autograded(name, student)))}
    for exercise in assignment.exercises:
        for misconception in exercise.misconceptions:
            if wrong[misconception.of] in misconception.wrong:
                verdict = found[exercise.id]
                holds = (
                    verdict["misconceptions"] == [misconception.name] and verdict["score"] < exercise.points
                )
                named = ", ".join(verdict["misconceptions"]) or "nothing"
                detail = f"{verdict['score']:g} of {exercise.points}, named {named}"
                yield Finding(f"{misconception.name} loses points and is named", holds, detail)
