"""The main job on the real tools: release, hand in, grade, feedback, grades, by nbgrader's own commands."""

import hashlib
import html
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from autograder import demo
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import course_secret, find_assignment, full_sheet, generator
from autograder.judge import show
from autograder.outcome import find
from autograder.source import find_check
from autograder.submissions import answered
from autograder.verify import hand_in

NAME = demo.NAME
BIN = Path(sys.executable).parent
EXPECTED = {
    **{"alice": 20, "bob": 20, "carol": 17, "dave": 17, "erin": 16.5, "frank": 7, "grace": 17, "heidi": 20},
    **{"mallory": 17, "trudy": 17, "victor": 16},  # attacks cost the attacked exercise
}
NAMED = {"carol": "FORGOT_BIAS", "dave": "COUNTS_MULTIPLY_AND_ADD", "erin": "RF_IGNORES_STRIDE"}


def command(folder: Path, *words: str) -> subprocess.CompletedProcess:
    program, *arguments = words
    return subprocess.run(
        [BIN / program, *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def graded(root, tmp_path_factory):
    """The demo's class, graded with stock nbgrader commands under our configuration."""
    folder = tmp_path_factory.mktemp("course")
    course, _ = demo.prepare(CourseDirectory(root), folder)
    for words in (
        ("generate_assignment", NAME, "--force"),
        ("autograde", NAME),
        ("generate_feedback", NAME),
        ("export",),
    ):
        done = command(folder, "nbgrader", *words)
        assert done.returncode == 0, done.stderr
    return course


def scores(course: CourseDirectory) -> dict[str, float]:
    with course.api.gradebook as gradebook:
        return {each.student_id: each.score for each in gradebook.assignment_submissions(NAME)}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_stock_nbgrader_gives_the_expected_scores(graded):
    assert scores(graded) == EXPECTED


@pytest.mark.slow
def test_stock_export_has_the_same_scores(graded):
    grades = pd.read_csv(graded.root / "grades.csv").set_index("student_id")
    assert grades["score"].to_dict() == EXPECTED
    assert set(grades["max_score"]) == {20}


@pytest.mark.slow
@pytest.mark.parametrize("student", EXPECTED)
def test_misconceptions_are_named(graded, student):
    named = find(graded, NAME, student).misconceptions
    assert named == ((NAMED[student],) if student in NAMED else ())


@pytest.mark.slow
@pytest.mark.parametrize("student", EXPECTED)
def test_feedback_shows_the_verdict_and_no_hidden_case(graded, student):
    page = graded.feedback(NAME, student).read_text()
    assert "points</b>" in page
    assert NAMED.get(student, "") in page
    secret = course_secret(graded.root / "course_secret")
    for exercise in find_assignment(NAME).exercises:
        sheet = full_sheet(exercise, generator(secret, NAME, student, exercise.id))
        calls = {False: set(), True: set()}  # by whether they are hidden
        for case in sheet["cases"]:
            calls[case["hidden"]].add(html.escape(f"{case['of']}({', '.join(map(show, case['arguments']))})"))
        assert all(call in page for call in calls[False])
        assert not any(call in page for call in calls[True] - calls[False])  # a draw may repeat a public case


@pytest.mark.slow
def test_our_command_gives_the_same_scores_and_regrading_too(graded):
    before = scores(graded)
    done = command(graded.root, "autograder", "grade", NAME, "--student", "carol", "--student", "heidi")
    assert done.returncode == 0, done.stderr
    assert "FORGOT_BIAS" in done.stdout
    assert scores(graded) == before


@pytest.mark.slow
def test_an_unreadable_submission_is_one_sentence_and_leaves_the_gradebook_as_it_was(graded):
    path = graded.root / "submitted" / "ivan" / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(graded.source(NAME).read_text()[:2000])
    before = digest(graded.root / "gradebook.db")
    done = command(graded.root, "autograder", "grade", NAME, "--student", "ivan")
    assert done.returncode == 1
    assert "cannot be read as a notebook" in " ".join(done.stdout.split())
    assert digest(graded.root / "gradebook.db") == before
    path.unlink()
    done = command(graded.root, "autograder", "grade", NAME, "--student", "ivan")
    assert done.returncode == 1
    assert "does not exist" in " ".join(done.stdout.split())
    assert digest(graded.root / "gradebook.db") == before


@pytest.mark.slow
def test_a_noisy_standard_error_costs_nothing_and_a_copied_answer_earns_nothing(graded):
    right = {
        name: answer.right for e in find_assignment(NAME).exercises for name, answer in e.answers.items()
    }
    noisy = "import os, sys\nos.write(2, b'I0000 a log line')\nprint('a warning', file=sys.stderr)\n"
    noisy += "def conv_params(kernel, in_channels, filters):\n"
    noisy += "    os.write(2, b'W0000 another')\n    return filters * (kernel**2 * in_channels + 1)"
    copied = "from course.cost.arithmetic import receptive_field_of_stack as receptive_field\n"
    copied += "def receptive_field(layers, borrowed=receptive_field):\n    return borrowed(layers)"
    notebook = answered(
        read_notebook(graded.release(NAME)), right | {"conv_params": noisy, "receptive_field": copied}
    )
    hand_in(graded, NAME, "judy", notebook)
    done = command(graded.root, "autograder", "grade", NAME, "--student", "judy")
    assert done.returncode == 0, done.stderr
    assert scores(graded)["judy"] == 16


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("grade", "01_conv_aritmetic"), "Did you mean 01_conv_arithmetic?"),
        (("release", "01_conv_aritmetic"), "Did you mean 01_conv_arithmetic?"),
        (("verify", "02"), "There is no assignment called '02'"),
        (("grade", NAME, "--student", "nobody"), "nobody has not handed in"),
        (("feedback", NAME, "--student", "nobody"), "is not graded yet"),
        (("grade", NAME, "--course", "assignments"), "is no course directory"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_the_gradebook_as_it_was(graded, words, sentence):
    before = digest(graded.root / "gradebook.db")
    done = command(graded.root, "autograder", *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert digest(graded.root / "gradebook.db") == before


@pytest.mark.slow
def test_a_missing_or_unreadable_source_is_one_sentence(graded):
    source = graded.source(NAME)
    kept, before = source.read_text(), digest(graded.root / "gradebook.db")
    try:
        source.write_text(kept[:3000])
        done = command(graded.root, "autograder", "release", NAME)
        assert (done.returncode, "cannot be read as a notebook" in done.stderr) == (2, True)
        source.unlink()
        done = command(graded.root, "autograder", "release", NAME)
        assert (done.returncode, "There is no notebook in solutions/" in done.stderr) == (2, True)
    finally:
        source.write_text(kept)
    assert digest(graded.root / "gradebook.db") == before


@pytest.mark.slow
def test_the_release_runs_with_every_check_failing_politely(root, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = read_notebook(CourseDirectory(root).release(NAME))
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    checks = [cell for cell in notebook.cells if cell.cell_type == "code" and find_check(cell.source)]
    assert len(checks) == 6
    for cell in checks:
        (output,) = cell.outputs
        assert output.data["text/plain"] == "0.0"
        assert "Not written yet." in output.data["text/html"]
    nbformat.validate(notebook)


def test_the_secret_is_made_once_and_kept(tmp_path):
    first = course_secret(tmp_path / "secret")
    assert len(first) == 64
    assert course_secret(tmp_path / "secret") == first
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
