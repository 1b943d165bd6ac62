"""A class of eight, and three attackers, that hands in notebook 01: from release to grades."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import Assignment, find_assignment
from autograder.grading import Outcome, grade
from autograder.release import release
from autograder.submissions import answered, saved_by_colab
from autograder.verify import hand_in, scratch_course

NAME = "01_conv_arithmetic"

# What to look at an attacker for: name -> in words, the answer attacked, and its cell.
ATTACKS = {
    "mallory": (
        "attack: ends the process",
        "conv_params",
        "import os\n\n\ndef conv_params(kernel, in_channels, filters):\n    os._exit(0)",
    ),
    "trudy": (
        "attack: looks for the expected value",
        "conv_macs",
        "import sys\n\n\ndef conv_macs(*arguments):\n    return sys._getframe(2).f_locals['expected']",
    ),
    "victor": (
        "attack: floods the output",
        "receptive_field",
        "while True:\n    print('x' * 100_000)",
    ),
}


@dataclass(frozen=True)
class Student:
    """One of the class: who, what was handed in, in words, and the notebook."""

    name: str
    handed_in: str
    notebook: nbformat.NotebookNode


def prepare(course: CourseDirectory, folder: Path) -> tuple[CourseDirectory, list[Student]]:
    """A course directory in `folder`, with notebook 01 released and the class's submissions to it."""
    scratch = scratch_course(course, NAME, folder)
    students = make_class(read_notebook(release(scratch, NAME)), find_assignment(NAME))
    for student in students:
        hand_in(scratch, NAME, student.name, student.notebook)
    return scratch, students


def run(course: CourseDirectory, students: list[Student]) -> Iterator[Outcome]:
    """Grade each submission through nbgrader and write its feedback page; at the end, grades.csv."""
    for outcome in grade(course, NAME, [student.name for student in students]):
        if not outcome.problem:
            course.write_feedback(NAME, outcome.student)
        yield outcome
    course.export(course.root / "grades.csv")


def make_class(released: nbformat.NotebookNode, assignment: Assignment) -> list[Student]:
    """What students hand in: right in two ways, mistakes, half done, broken, from Colab, and attacks."""
    answers = {name: answer for exercise in assignment.exercises for name, answer in exercise.answers.items()}
    right = {name: answer.right for name, answer in answers.items()}
    other = {name: answer.also_right[0] for name, answer in answers.items()}
    half = {name: right[name] for name in list(right)[: len(right) // 2]}
    broken = {
        "conv_macs": "def conv_macs(size, kernel, stride, padding, in_channels, filters)\n    return size"
    }
    wrong = {
        each.name: {each.of: each.wrong[0]}
        for exercise in assignment.exercises
        for each in exercise.misconceptions
    }

    def student(name: str, handed_in: str, *filled_in: dict) -> Student:
        merged = {key: value for part in filled_in for key, value in part.items()}
        return Student(name, handed_in, answered(released, merged))

    colab = student("heidi", "everything right, saved by Colab", right)
    return [
        student("alice", "everything right", right),
        student("bob", "right in another way", other),
        student("carol", "forgot the biases", right, wrong["FORGOT_BIAS"]),
        student("dave", "counted multiply and add as two", right, wrong["COUNTS_MULTIPLY_AND_ADD"]),
        student("erin", "receptive field without strides", right, wrong["RF_IGNORES_STRIDE"]),
        student("frank", "half done", half),
        student("grace", "a cell that raises", right, broken),
        Student(colab.name, colab.handed_in, saved_by_colab(colab.notebook)),
        *(student(name, words, right, {of: cell}) for name, (words, of, cell) in ATTACKS.items()),
    ]
