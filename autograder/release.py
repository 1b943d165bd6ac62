"""Release: the student's notebook from ours, and the public cases compiled to data."""

import tempfile
from pathlib import Path

from autograder import plain
from autograder.check import CASES
from autograder.course_directory import CourseDirectory, read_notebook, reason
from autograder.exercise import Assignment, find_assignment, public_sheet
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
    """Write each exercise's public sheet to folder/ID.json and .npz; equal files stay as they are."""
    for exercise in assignment.exercises:
        with tempfile.TemporaryDirectory() as temporary:
            plain.write(Path(temporary) / exercise.id, public_sheet(exercise))
            for fresh in Path(temporary).iterdir():
                target = folder / fresh.name
                if not target.exists() or target.read_bytes() != fresh.read_bytes():
                    target.write_bytes(fresh.read_bytes())


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
