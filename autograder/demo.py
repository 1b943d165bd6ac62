"""A class of eight, and three attackers, that hands in an assignment: from release to grades.

What each hands in is made from the assignment's exercises, so there is a class for every assignment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import Assignment, Exercise, find_assignment
from autograder.export import export
from autograder.feedback import write_feedback
from autograder.grading import Outcome, grade
from autograder.release import release
from autograder.submissions import answered, saved_by_colab
from autograder.verify import hand_in, scratch_course

NAME = "01_conv_arithmetic"  # what is demonstrated where nothing else is asked for

# Each attacks another exercise: name -> the attack in words, and the cell in place of an answer.
ATTACKS = {
    "mallory": (
        "attack: ends the process",
        "import os\n\n\ndef {name}(*arguments, **options):\n    os._exit(0)",
    ),
    "trudy": (
        "attack: looks for the expected value",
        "import sys\n\n\ndef {name}(*arguments, **options):\n"
        "    return sys._getframe(2).f_locals['expected']",
    ),
    "victor": (
        "attack: floods the output",
        "while True:\n    print('x' * 100_000)",
    ),
}


@dataclass(frozen=True)
class Student:
    """One of the class: who, what was handed in, in words, and the notebook."""

    name: str
    handed_in: str
    notebook: nbformat.NotebookNode


def prepare(
    course: CourseDirectory, folder: Path, assignment: str = NAME
) -> tuple[CourseDirectory, list[Student]]:
    """A course directory in `folder`, with an assignment released and the class's submissions to it.

    The folder may hold other assignments already.
    """
    scratch = scratch_course(course, assignment, folder)
    students = make_class(read_notebook(release(scratch, assignment)), find_assignment(assignment))
    for student in students:
        hand_in(scratch, assignment, student.name, student.notebook)
    return scratch, students


def run(course: CourseDirectory, students: list[Student], assignment: str = NAME) -> Iterator[Outcome]:
    """Grade each submission through nbgrader and write its feedback page; at the end, grades.csv."""
    for outcome in grade(course, assignment, [student.name for student in students]):
        if not outcome.problem:
            write_feedback(course, assignment, outcome.student)
        yield outcome
    export(course, course.root / "grades.csv")


def make_class(released: nbformat.NotebookNode, assignment: Assignment) -> list[Student]:
    """What students hand in: right in two ways, mistakes, half done, broken, from Colab, and attacks."""
    answers = {name: answer for exercise in assignment.exercises for name, answer in exercise.answers.items()}
    right = {name: answer.right for name, answer in answers.items()}
    other = {name: answer.also_right[0] for name, answer in answers.items()}
    half = {name: right[name] for name in list(right)[: len(right) // 2]}
    third, fourth, last = (assignment.exercises[i] for i in (2, 3, -1))

    def student(name: str, handed_in: str, filled_in: dict) -> Student:
        return Student(name, handed_in, answered(released, filled_in))

    def mistaken(name: str, exercise: Exercise) -> Student:
        mistake = exercise.misconceptions[0]
        words = f"mistake: {mistake.name.lower().replace('_', ' ')}"
        return student(name, words, right | {mistake.of: mistake.wrong[0]})

    def with_cell(name: str, handed_in: str, exercise: Exercise, cell: str) -> Student:
        attacked = next(iter(exercise.answers))
        return student(name, handed_in, right | {attacked: cell.format(name=attacked)})

    colab = student("heidi", "everything right, saved by Colab", right)
    return [
        student("alice", "everything right", right),
        student("bob", "right in another way", other),
        mistaken("carol", third),
        mistaken("dave", fourth),
        mistaken("erin", last),
        student("frank", "half done", half),
        with_cell("grace", "a cell that raises", fourth, "def {name}(*arguments)\n    return arguments"),
        Student(colab.name, colab.handed_in, saved_by_colab(colab.notebook)),
        *(
            with_cell(name, words, exercise, cell)
            for (name, (words, cell)), exercise in zip(ATTACKS.items(), (third, fourth, last), strict=True)
        ),
    ]
