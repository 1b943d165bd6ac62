"""The tree that is made public: complete for students, and with no answer in it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from autograder.course_directory import CourseDirectory
from autograder.publish import MARK, publish
from autograder.release import release
from autograder.verify import scratch_course, secret_lines

NAME = "01_conv_arithmetic"


@pytest.fixture(scope="module")
def course(root, tmp_path_factory):
    """A course directory in which one notebook is released; the sources of all are there."""
    course = scratch_course(CourseDirectory(root), NAME, tmp_path_factory.mktemp("course"))
    release(course, NAME)
    return course


@pytest.fixture(scope="module")
def tree(course, tmp_path_factory):
    to = tmp_path_factory.mktemp("public") / "tree"
    return publish(course, to)


def sources(folder):
    """Text files outside of the library, whose formulas and layers are for everybody."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".npz" and path.relative_to(folder).parts[0] != "course"
    }


def test_no_line_of_a_solution_is_in_the_tree(root, tree):
    lines = {
        line
        for path in root.glob("solutions/*/*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        for line in secret_lines(cell.source)
        if len(line) >= 20
    }
    assert len(lines) > 30
    texts = sources(tree)
    assert not {(name, line) for name, text in texts.items() for line in lines if line in text}
    escaped = {json.dumps(line)[1:-1] for line in lines}
    assert not {(name, line) for name, text in texts.items() for line in escaped if line in text}


def test_no_name_of_an_exercises_function_is_in_the_tree(root, tree):
    names = {
        node.name
        for path in root.glob("autograder/exercises/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and "_" in node.name.strip("_")
    }
    released = "".join(path.read_text() for path in root.glob("assignments/*/*.ipynb"))
    asked = {name for name in names if re.search(rf"\b{name}\b", released)}
    hidden = names - asked - {"get_config"}
    assert len(hidden) > 50
    texts = sources(tree)
    assert not {
        (name, word) for name, text in texts.items() for word in hidden & set(re.findall(r"\w+", text))
    }


def test_what_is_for_instructors_is_not_there(tree):
    names = [path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()]
    assert not [
        name for name in names if re.search("exercises|solutions|secret|gradebook|__pycache__|tests/", name)
    ]
    assert {"README.md", "LICENSE", "pyproject.toml", f"assignments/{NAME}/{NAME}.ipynb"} <= set(names)
    assert sorted({name.split("/")[0] for name in names}) == [
        MARK, "LICENSE", "README.md", "assignments", "autograder", "course", "pyproject.toml",
    ]  # fmt: skip


def test_there_are_the_cases_of_released_notebooks_alone(root, tree):
    released = (tree / "assignments" / NAME / f"{NAME}.ipynb").read_text()
    cases = {path.stem for path in (tree / "autograder" / "cases").iterdir()}
    assert cases == {each for each in cases if f'\\"{each}\\"' in released}
    assert "feature_map" in cases
    assert {path.stem for path in (root / "autograder" / "cases").iterdir()} >= cases


def test_the_tree_installs_and_check_works_there(tree, tmp_path):
    source = shutil.copytree(tree, tmp_path / "source")
    build = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*build, "--target", tmp_path / "site", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    program = (
        "import sys\n"
        "sys.meta_path = [each for each in sys.meta_path if 'editable' not in str(each)]  # a clone's\n"
        "import autograder, course\n"
        "def conv_params(kernel, in_channels, filters):\n"
        "    return kernel * kernel * in_channels * filters\n"
        "print(autograder.__file__, course.__file__)\n"
        "print('score', float(autograder.check('parameters', conv_params)))\n"
        "print('loaded', [name for name in ('nbgrader', 'keras', 'nbformat') if name in sys.modules])\n"
        "try:\n    autograder.check('parameters', conv_params, hidden=True)\n"
        "except ValueError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    places, *_ = done.stdout.splitlines()
    assert all(place.startswith(str(tmp_path)) for place in places.split())
    assert "FORGOT_BIAS" in done.stdout
    assert "score 0.0" in done.stdout
    assert "loaded []" in done.stdout
    assert "The exercises with their answers are not installed" in done.stdout


def test_publishing_again_replaces_what_is_ours_and_nothing_else(course, tmp_path):
    to = tmp_path / "tree"
    publish(course, to)
    (to / ".git").mkdir()
    (to / ".git" / "HEAD").write_text("ref")
    (to / "syllabus.md").write_text("mine")
    (to / "README.md").write_text("changed")
    (to / "course" / "gone.py").write_text("from an older version")
    publish(course, to)
    assert (to / ".git" / "HEAD").read_text() == "ref"
    assert (to / "syllabus.md").read_text() == "mine"
    assert (to / "README.md").read_text().startswith("# Notebooks")
    assert not (to / "course" / "gone.py").exists()


def test_a_folder_with_other_things_is_refused_and_left_alone(course, root, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="is not empty, and nothing was published to it"):
        publish(course, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    program = Path(sys.executable).parent / "autograder"
    done = subprocess.run([program, "publish", tmp_path], cwd=root, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_course_with_nothing_released_is_a_sentence(root, tmp_path):
    course = scratch_course(CourseDirectory(root), NAME, tmp_path)
    with pytest.raises(ValueError, match="Nothing is released"):
        publish(course, tmp_path / "tree")
