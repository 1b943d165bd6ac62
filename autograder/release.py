"""Release: the student's notebook from ours, and the public cases compiled to data."""

from itertools import repeat
from pathlib import Path

import numpy as np

from autograder import plain
from autograder.check import CASES
from autograder.course_directory import CourseDirectory, read_notebook, reason
from autograder.exercise import Assignment, Exercise, find_assignment, public_sheet
from autograder.preprocessors import find_check


def release(course: CourseDirectory, name: str) -> Path:
    """Generate assignments/NAME from solutions/NAME through nbgrader, and compile its public cases.

    Raises:
        ValueError: for an unknown assignment, a notebook that cannot be read or whose checks and points
            are not those of the exercises. Nothing has been written then.
    """
    assignment = find_assignment(name)
    check_points(course.source(name), assignment)
    result = course.api.generate_assignment(name, force=True)
    if not result["success"]:
        raise ValueError(f"nbgrader could not release {name}: {reason(result)}")
    compile_cases(assignment, CASES)
    return course.release(name)


def compile_cases(assignment: Assignment, folder: Path) -> None:
    """Write each exercise's public sheet to folder/ID.json and .npz, unless what is there says the same."""
    for exercise in assignment.exercises:
        if not is_compiled(exercise, folder):
            plain.write(folder / exercise.id, public_sheet(exercise))


def is_compiled(exercise: Exercise, folder: Path) -> bool:
    """Whether folder/ID holds the exercise's public sheet.

    Fractions may differ by a tenth of what the judge tolerates: what networks give differs in the last
    digits between processors, and a release on another machine should change nothing.
    """
    try:
        compiled = plain.read(folder / exercise.id)
    except (FileNotFoundError, plain.NotPlainError):
        return False
    return _alike(compiled, plain.as_plain(public_sheet(exercise)), exercise.tolerance / 10)


def _alike(one, other, tolerance: float) -> bool:
    """Whether two plain values are equal, but for fractions that differ by up to `tolerance`."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(_alike(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_alike, one, other, repeat(tolerance)))
    if isinstance(one, np.ndarray) and (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    if isinstance(one, (float, np.ndarray)):
        return np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
    return one == other


def check_points(path: Path, assignment: Assignment) -> None:
    """Raise ValueError unless the notebook's test cells are the exercises, in order, with their points."""
    cells = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
    graded = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]
    found = [
        (check.exercise, cell.metadata.nbgrader.points)
        for cell in graded
        if (check := find_check(cell.source))
    ]
    wanted = [(exercise.id, exercise.points) for exercise in assignment.exercises]
    if found != wanted:
        raise ValueError(f"{path.name} checks {found}, but the exercises of {assignment.name} are {wanted}.")
