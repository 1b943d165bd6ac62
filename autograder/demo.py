"""A class of eight, and three attackers, that hands in an assignment: from release to grades.

What each hands in is made from the assignment's exercises, so there is a class for every assignment.
"""

from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import Assignment, Exercise, find_assignment
from autograder.release import release
from autograder.submissions import answered, saved_by_colab
from autograder.verify import hand_in, scratch_course

NAME = "01_conv_arithmetic"  # what is demonstrated where nothing else is asked for

# Cells in place of an answer.
RAISES = "def {name}(*arguments)\n    return arguments"
ENDS = "import os\n\n\ndef {name}(*arguments, **options):\n    os._exit(0)"
LOOKS = "import sys\n\n\ndef {name}(*arguments, **options):\n    return sys._getframe(2).f_locals['expected']"
FLOODS = "while True:\n    print('x' * 100_000)"


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


def make_class(released: nbformat.NotebookNode, assignment: Assignment) -> list[Student]:
    """What students hand in: right in two ways, mistakes, half done, broken, from Colab, and attacks."""
    answers = {name: answer for exercise in assignment.exercises for name, answer in exercise.answers.items()}
    right = {name: answer.right for name, answer in answers.items()}
    other = {name: answer.also_right[0] for name, answer in answers.items()}
    half = {name: right[name] for name in list(right)[: len(right) // 2]}
    third, fourth, last = (assignment.exercises[i] for i in (2, 3, -1))

    def mistake(exercise: Exercise) -> tuple[str, dict]:
        made = exercise.misconceptions[0]
        return f"mistake: {made.name.lower().replace('_', ' ')}", right | {made.of: made.wrong[0]}

    def instead(exercise: Exercise, cell: str) -> dict:
        name = next(iter(exercise.answers))
        return right | {name: cell.format(name=name)}

    handed_in = {
        "alice": ("everything right", right),
        "bob": ("right in another way", other),
        "carol": mistake(third),
        "dave": mistake(fourth),
        "erin": mistake(last),
        "frank": ("half done", half),
        "grace": ("a cell that raises", instead(fourth, RAISES)),
        "heidi": ("everything right, saved by Colab", right),
        "mallory": ("attack: ends the process", instead(third, ENDS)),
        "trudy": ("attack: looks for the expected value", instead(fourth, LOOKS)),
        "victor": ("attack: floods the output", instead(last, FLOODS)),
    }
    notebooks = {name: answered(released, filled_in) for name, (_, filled_in) in handed_in.items()}
    notebooks["heidi"] = saved_by_colab(notebooks["heidi"])
    return [Student(name, words, notebooks[name]) for name, (words, _) in handed_in.items()]
