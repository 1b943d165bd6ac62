"""Writes the tree to make public: the library, `check` without the answers, the released notebooks.

No answer is among what it writes: verify looks through each release, a test through the whole tree. The
library's own reference layers and formulas are in it: exercises that ask for one of them forbid to use it.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

import course as library
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.source import find_check

CLONE = Path(__file__).parents[1]
LIST = ".published.json"  # in the published tree: the files that are ours to replace
INSTRUCTORS = ("instructor", "dev")  # extras that only a clone needs


def publish(course: CourseDirectory, to: Path) -> int:
    """Write the public tree to a folder that is new, empty or was published to; give the number of files.

    Files that are not from here, a `.git` for instance, stay as they are.

    Raises:
        ValueError: for a folder with other things in it, and for a course in which nothing is released.
            Nothing has been written then.
    """
    if to.is_file() or (to.is_dir() and any(to.iterdir()) and not (to / LIST).is_file()):
        raise ValueError(f"{to} is not empty, and nothing was published to it: name a new or empty folder.")
    with tempfile.TemporaryDirectory(prefix="publish-") as temporary:
        tree = Path(temporary)
        _assemble(course, tree)
        files = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())
        before = json.loads((to / LIST).read_text()) if (to / LIST).is_file() else []
        for name in files:
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / name, to / name)
        for name in set(before) - set(files):
            if (to / name).resolve().is_relative_to(to.resolve()):
                (to / name).unlink(missing_ok=True)
        (to / LIST).write_text(json.dumps(files, indent=1) + "\n")
    return len(files)


def _assemble(course: CourseDirectory, tree: Path) -> None:
    released = sorted((course.root / course.api.coursedir.release_directory).glob("*/*.ipynb"))
    if not released:
        raise ValueError("Nothing is released: run autograder release NAME first.")
    for path in released:
        (tree / "assignments" / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, tree / "assignments" / path.parent.name / path.name)
    junk, ours = ("__pycache__", "*.pyc", ".*"), ("exercises", "cases", "students.md")
    packages = {"course": (Path(library.__file__), junk), "autograder": (Path(__file__), junk + ours)}
    for name, (file, left_out) in packages.items():
        shutil.copytree(file.parent, tree / name, ignore=shutil.ignore_patterns(*left_out))
    checked = {
        check.exercise
        for path in released
        for cell in read_notebook(path).cells
        if cell.cell_type == "code" and (check := find_check(cell.source))
    }
    (tree / "autograder" / "cases").mkdir()
    for path in (Path(__file__).parent / "cases").iterdir():
        if path.stem in checked:  # not of notebooks to come
            shutil.copyfile(path, tree / "autograder" / "cases" / path.name)
    (tree / "pyproject.toml").write_text(_pyproject(), encoding="utf-8")
    shutil.copyfile(CLONE / "LICENSE", tree / "LICENSE")
    (tree / "README.md").write_text(_readme(course, released), encoding="utf-8")


def _pyproject() -> str:
    """The clone's, without the tools' settings and the extras of those who teach."""
    text = (CLONE / "pyproject.toml").read_text("utf-8")
    tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    kept = [
        table for table in tables if not table.startswith("[tool.") or table.startswith("[tool.setuptools")
    ]
    for extra in INSTRUCTORS:
        kept = [re.sub(rf"^{extra} = \[\n(?:    .*\n)*\]\n", "", table, flags=re.MULTILINE) for table in kept]
    return "".join(kept)


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
