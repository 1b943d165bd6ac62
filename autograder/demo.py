"""A class of eight that hands in notebook 01, from release to grades, on data built in here."""

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


@dataclass(frozen=True)
class Student:
    """One of the class: who, what was handed in, in words, and the notebook."""

    name: str
    handed_in: str
    notebook: nbformat.NotebookNode


def prepare(course: CourseDirectory, folder: Path) -> tuple[CourseDirectory, list[Student]]:
    """A course directory in `folder`, with notebook 01 released and eight submissions to it."""
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
    """What students hand in: right, right in another way, three mistakes, half done, broken, from Colab."""
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
    ]
