"""What is given to students: generated from the sources, without answers, in notebooks and in the wheel."""

import copy
import dataclasses
import subprocess
import sys
import zipfile

import nbformat
import pytest

from autograder import plain
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import Answer, Assignment, Exercise, assignments, find_assignment
from autograder.release import check_points, compile_cases, outdated, release
from autograder.sandbox import unavailable
from autograder.verify import mistakes, rights, scratch_course, secret_lines, verify

ASSIGNMENTS = list(assignments().values())
every_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda assignment: assignment.name)


def test_every_source_has_exercises_and_the_other_way_round(root):
    sources = {path.parent.name for path in root.glob("solutions/*/*.ipynb")}
    assert sources == {assignment.name for assignment in ASSIGNMENTS}


@every_assignment
def test_committed_release_is_what_the_source_gives(root, tmp_path, monkeypatch, assignment):
    monkeypatch.setattr("autograder.release.compile_cases", lambda *a: None)  # tested with the exercises
    course = CourseDirectory(root)
    fresh = release(scratch_course(course, assignment.name, tmp_path), assignment.name)
    assert fresh.read_text() == course.release(assignment.name).read_text()


@every_assignment
def test_release_holds_no_answer(root, assignment):
    course = CourseDirectory(root)
    source = course.source(assignment.name).read_text()
    cells = read_notebook(course.source(assignment.name)).cells
    secrets = {line for cell in cells for line in secret_lines(cell.source)}
    released = read_notebook(course.release(assignment.name))
    lines = {line.strip() for cell in released.cells for line in cell.source.splitlines()}
    assert "BEGIN SOLUTION" in source
    assert len(secrets) > 10
    assert not secrets & lines
    assert not any(
        "### BEGIN" in line or "hidden" in line for line in lines if not line[:1].isalpha() or "(" in line
    )


@every_assignment
@pytest.mark.parametrize("folder", ["solutions", "assignments"])
def test_notebooks_are_committed_without_outputs(root, folder, assignment):
    notebook = read_notebook(root / folder / assignment.name / f"{assignment.name}.ipynb")
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@every_assignment
def test_points_that_do_not_agree_are_refused(root, tmp_path, assignment):
    notebook = read_notebook(CourseDirectory(root).source(assignment.name))
    graded = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("points")]
    graded[0].metadata.nbgrader.points += 1
    nbformat.write(notebook, tmp_path / "changed.ipynb")
    with pytest.raises(ValueError, match="but the exercises of"):
        check_points(tmp_path / "changed.ipynb", assignment)


def test_compiled_cases_stay_as_they_are_where_only_last_digits_differ(tmp_path):
    """Another processor computes a network's output a little differently."""
    assignment = find_assignment("01_conv_arithmetic")
    exercise = assignment.exercises[0]
    compile_cases(assignment, tmp_path)
    sheet = plain.read(tmp_path / exercise.id)
    assert sheet["cases"][0]["expected"].dtype.kind == "f"

    def compiled_anew(relative: float) -> bool:
        changed = copy.deepcopy(sheet)
        changed["cases"][0]["expected"] *= 1 + relative
        plain.write(tmp_path / exercise.id, changed)
        before = (tmp_path / exercise.id).with_suffix(".npz").read_bytes()
        compile_cases(assignment, tmp_path)
        return before != (tmp_path / exercise.id).with_suffix(".npz").read_bytes()

    assert not compiled_anew(exercise.tolerance / 100)
    assert compiled_anew(exercise.tolerance)
    assert plain.pack(plain.read(tmp_path / exercise.id)) == plain.pack(sheet)
    (tmp_path / exercise.id).with_suffix(".json").write_text("{")
    assert outdated(exercise, tmp_path)


def test_a_repository_gives_a_badge_and_an_install_line(root, tmp_path):
    course = scratch_course(CourseDirectory(root), "01_conv_arithmetic", tmp_path)
    plain = release(course, "01_conv_arithmetic").read_text()
    assert "colab-badge" not in plain
    assert "%pip install --quiet cnn-course" in plain
    with (tmp_path / "nbgrader_config.py").open("a") as config:
        config.write(
            '\nc.SetRepository.repository = "someone/deep-learning"\nc.SetRepository.branch = "2026"\n'
        )
    notebook = read_notebook(release(CourseDirectory(tmp_path), "01_conv_arithmetic"))
    text = "\n".join(cell.source for cell in notebook.cells)
    assert (
        "github/someone/deep-learning/blob/2026/assignments/01_conv_arithmetic/01_conv_arithmetic.ipynb"
        in text
    )
    assert '%pip install --quiet "git+https://github.com/someone/deep-learning@2026"' in text


def test_the_wheel_holds_neither_exercises_nor_solutions(root, tmp_path):
    source = tmp_path / "source"
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True
    )
    for name in files.stdout.splitlines():
        if (root / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((root / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [
        name for name in names if "exercises" in name or "solutions" in name or name.endswith(".ipynb")
    ]
    for wanted in (
        "autograder/cases/output_size.json",
        "autograder/cases/feature_map.npz",
        "course/papers.bib",
    ):
        assert wanted in names
    assert "course/golden.json" in names
    assert {name.split("/")[0] for name in names} == {"course", "autograder", "cnn_course-0.1.0.dist-info"}


def test_an_answer_without_two_alternatives_is_named():
    answers = {"a": Answer(abs, (abs, abs)), "b": Answer(abs, (abs,))}
    exercise = Exercise("x", "", 1, answers, (), lambda rng: ())
    with pytest.raises(ValueError, match="b in 99_x: give two other right answers"):
        rights(Assignment("99_x", "", 1.0, (exercise,)))


def test_a_misconception_that_is_right_is_found_before_release():
    exercise = find_assignment("01_conv_arithmetic").exercises[0]
    (first, *_) = exercise.misconceptions
    harmless = dataclasses.replace(first, wrong=[exercise.answers[first.of].right])
    (finding,) = mistakes(dataclasses.replace(exercise, misconceptions=[harmless]))
    assert not finding.holds
    assert finding.detail == f"{exercise.points} of {exercise.points}, named nothing"


@pytest.mark.skipif(bool(unavailable()), reason=unavailable())
def test_everything_that_verify_looks_at_holds(root):
    findings = list(verify(CourseDirectory(root), "01_conv_arithmetic"))
    assert [finding for finding in findings if not finding.holds] == []
    exercises = find_assignment("01_conv_arithmetic").exercises
    variants = [each for exercise in exercises for one in exercise.misconceptions for each in one.wrong]
    assert len(findings) == len(variants) + 7
