"""Grade what students handed in, through nbgrader, one student at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from nbgrader.api import MissingEntry

from autograder.course_directory import CourseDirectory, read_notebook, reason
from autograder.preprocessors import verdicts


@dataclass(frozen=True)
class Outcome:
    """What grading one submission came to. `problem` says why there is no score."""

    student: str
    score: float = 0.0
    points: float = 0.0
    misconceptions: tuple[str, ...] = ()
    problem: str = ""


def grade(course: CourseDirectory, name: str, students: list[str] | None = None) -> Iterator[Outcome]:
    """Grade the submissions of an assignment, all or those of some students, yielding each as it is done.

    A submission that cannot be read is reported and leaves the gradebook as it was.

    Raises:
        ValueError: for an assignment that is not released, or a student who handed nothing in.
    """
    course.release(name)
    submitted = course.submitted(name)
    if not submitted:
        raise ValueError(f"Nobody has handed in {name}: there is no folder submitted/STUDENT/{name}.")
    for student in students or submitted:
        if student not in submitted:
            raise ValueError(f"{student} has not handed in {name}.")
        yield _grade_one(course, name, student)


def _grade_one(course: CourseDirectory, name: str, student: str) -> Outcome:
    try:
        read_notebook(course.submitted(name)[student])
    except ValueError as error:
        return Outcome(student, problem=str(error))
    result = course.api.autograde(name, student, force=True)
    if not result["success"]:
        return Outcome(student, problem=f"nbgrader could not grade it: {reason(result)}")
    found = verdicts(read_notebook(course.autograded(name, student)))
    with course.api.gradebook as gradebook:
        try:
            submission = gradebook.find_submission(name, student)
        except MissingEntry:
            return Outcome(student, problem="nbgrader wrote no submission to the gradebook.")
        named = tuple(each for verdict in found for each in verdict["misconceptions"])
        return Outcome(student, submission.score, submission.max_score, named)
