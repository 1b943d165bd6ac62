"""Writes the tree to make public: the library, `check` without the answers, the released notebooks.

No answer is among what it writes: verify looks through each release, a test through the whole tree. The
library's own reference layers and formulas are in it: exercises that ask for one of them forbid to use it.
"""

import shutil
from pathlib import Path

import course as library
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.source import find_check

CLONE = Path(__file__).parents[1]
MARK = ".published"  # in the published tree: its folders are ours to replace
FOLDERS = ("course", "autograder", "assignments")


def publish(course: CourseDirectory, to: Path) -> Path:
    """Write the public tree to a folder that is new, empty or was published to; what is ours is replaced.

    Whatever else is there, a `.git` for instance, stays as it is.

    Raises:
        ValueError: for a folder with other things in it, and for a course in which nothing is released.
            Nothing has been written then.
    """
    if to.is_file() or (to.is_dir() and any(to.iterdir()) and not (to / MARK).is_file()):
        raise ValueError(f"{to} is not empty, and nothing was published to it: name a new or empty folder.")
    releases = course.root / course.api.coursedir.release_directory
    released = sorted(releases.glob("*/*.ipynb"))
    if not released:
        raise ValueError("Nothing is released: run autograder release NAME first.")
    to.mkdir(parents=True, exist_ok=True)
    (to / MARK).touch()
    for folder in FOLDERS:
        shutil.rmtree(to / folder, ignore_errors=True)
    junk = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(releases, to / "assignments", ignore=junk)
    shutil.copytree(Path(library.__file__).parent, to / "course", ignore=junk)
    ours = shutil.ignore_patterns("__pycache__", ".*", "exercises", "cases", "students.md")
    shutil.copytree(Path(__file__).parent, to / "autograder", ignore=ours)
    (to / "autograder" / "cases").mkdir()
    cells = [cell for path in released for cell in read_notebook(path).cells if cell.cell_type == "code"]
    for check in filter(None, (find_check(cell.source) for cell in cells)):
        for path in (Path(__file__).parent / "cases").glob(f"{check.exercise}.*"):
            shutil.copyfile(path, to / "autograder" / "cases" / path.name)
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copyfile(CLONE / name, to / name)
    (to / "README.md").write_text(_readme(course, released), encoding="utf-8")
    return to


def _readme(course: CourseDirectory, released: list[Path]) -> str:
    """What students read first, with a link to each notebook."""
    settings = course.config.SetRepository
    repository, branch = settings.get("repository", ""), settings.get("branch", "main")
    rows = []
    for path in released:
        place = f"assignments/{path.parent.name}/{path.name}"
        colab = f"https://colab.research.google.com/github/{repository}/blob/{branch}/{place}"
        rows.append(f"- [{path.stem}]({place})" + (f" ([open in Colab]({colab}))" if repository else ""))
    text = (Path(__file__).parent / "students.md").read_text("utf-8")
    return text.replace("NOTEBOOKS", "\n".join(rows))
