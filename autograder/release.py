"""Release: the student's notebook from ours, and the public cases compiled to data."""

from pathlib import Path

import numpy as np
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Unicode

from autograder import plain
from autograder.check import CASES
from autograder.course_directory import CourseDirectory, read_notebook, reason
from autograder.exercise import Assignment, Exercise, find_assignment, public_sheet
from autograder.source import find_check


class SetRepository(NbGraderPreprocessor):
    """At release, says in the notebook where the class's repository is: badge and install line."""

    repository = Unicode("", help='"owner/name" of the class\'s public repository; empty for none').tag(
        config=True
    )
    branch = Unicode("main", help="its branch").tag(config=True)

    def preprocess_cell(self, cell, resources, cell_index):
        """Replace the badge's place holder, and in the cell tagged "install" what pip installs."""
        path = f"assignments/{resources['nbgrader']['assignment']}/{resources['nbgrader']['notebook']}.ipynb"
        notebook = f"https://colab.research.google.com/github/{self.repository}/blob/{self.branch}/{path}"
        badge = f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({notebook})\n"
        cell.source = cell.source.replace("<!-- badge -->\n", badge if self.repository else "")
        if self.repository and "install" in cell.metadata.get("tags", []):
            package = f'"git+https://github.com/{self.repository}@{self.branch}"'
            cell.source = cell.source.replace("cnn-course", package)
        return cell, resources


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
        if outdated(exercise, folder):
            plain.write(folder / exercise.id, public_sheet(exercise))


def outdated(exercise: Exercise, folder: Path) -> bool:
    """Whether folder/ID says something else than the exercise's public sheet, or nothing.

    Fractions may differ by a tenth of what the judge tolerates: what networks give differs in the last
    digits between processors, and a release on another machine should change nothing.
    """
    from keras import tree

    def alike(one, other) -> bool:
        if isinstance(one, float | np.ndarray) and type(one) is type(other):
            tolerance = exercise.tolerance / 10
            same_type = np.asarray(one).dtype == np.asarray(other).dtype and np.shape(one) == np.shape(other)
            return same_type and np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        return type(one) is type(other) and one == other

    try:
        compiled = plain.read(folder / exercise.id)
        fresh = plain.as_plain(public_sheet(exercise))
        return not all(tree.flatten(tree.map_structure(alike, compiled, fresh)))
    except (FileNotFoundError, TypeError, ValueError):  # no file, no plain data, another structure
        return True


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
