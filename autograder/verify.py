"""The gate before release: does an assignment grade right answers right and wrong ones wrong?"""

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.course_directory import CONFIG, CourseDirectory, read_notebook
from autograder.exercise import Assignment, Exercise, find_assignment, full_sheet, generator
from autograder.grading import grade
from autograder.judge import judge
from autograder.probe import observe
from autograder.release import check_points, release
from autograder.submissions import answered


@dataclass(frozen=True)
class Finding:
    """One thing that was verified: what, whether it holds, and the figures."""

    what: str
    holds: bool
    detail: str = ""


def verify(course: CourseDirectory, name: str) -> Iterator[Finding]:
    """Everything that must hold before NAME is released; what is graded, in a course directory of its own.

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
        submissions = {"the solution": source, "the untouched release": released}
        submissions |= {who: answered(released, answers) for who, answers in rights(assignment).items()}
        for who, notebook in submissions.items():
            hand_in(scratch, name, who, notebook)
            start = time.perf_counter()
            (outcome,) = grade(scratch, name, [who])
            seconds = time.perf_counter() - start
            wanted = 0 if notebook is released else assignment.points
            holds = not outcome.problem and outcome.score == wanted
            score = outcome.problem or f"{outcome.score:g} of {outcome.points:g}"
            yield Finding(f"{who} scores {wanted}", holds, score)
            if notebook is source:
                within = f"{seconds:.0f} of {assignment.budget:g} s"
                yield Finding("it runs within its budget", seconds <= assignment.budget, within)
    for exercise in assignment.exercises:
        yield from mistakes(exercise)


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


def secret_lines(source: str) -> list[str]:
    """The lines between ### BEGIN and ### END of solutions and hidden tests."""
    blocks = re.findall(r"### BEGIN (?:SOLUTION|HIDDEN TESTS).*?\n(.*?)### END", source, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def rights(assignment: Assignment) -> dict[str, dict[str, Callable]]:
    """Submissions that are right in another way: the first alternative of every answer, and the second.

    Raises:
        ValueError: for an answer that has fewer than two.
    """
    answers = {name: answer for exercise in assignment.exercises for name, answer in exercise.answers.items()}
    if few := [name for name, answer in answers.items() if len(answer.also_right) < 2]:
        raise ValueError(f"{', '.join(few)} in {assignment.name}: give two other right answers (also_right).")
    return {
        f"right in another way ({i + 1})": {name: answer.also_right[i] for name, answer in answers.items()}
        for i in range(2)
    }


def mistakes(exercise: Exercise) -> Iterator[Finding]:
    """Whether each misconception, in each of its variants, loses points and is named."""
    right = {name: answer.right for name, answer in exercise.answers.items()}
    sheet = full_sheet(exercise, generator(b"verify", exercise.id))
    for misconception in exercise.misconceptions:
        for wrong in misconception.wrong:
            answers = list((right | {misconception.of: wrong}).values())
            report = judge(
                sheet, observe(list(right), lambda a=answers: a, sheet["cases"], sheet["forbidden"])
            )
            named = list(report.misconceptions)
            holds = named == [misconception.name] and report.score < exercise.points
            detail = f"{report.score:g} of {exercise.points}, named {', '.join(named) or 'nothing'}"
            yield Finding(f"{misconception.name} loses points and is named", holds, detail)
