"""What a student and an instructor are shown after grading, and what platforms import."""

import copy
import csv
import html
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder import overview
from autograder.course_directory import CourseDirectory
from autograder.exercise import course_secret, find_assignment, full_sheet, generator
from autograder.export import FORMATS, export
from autograder.judge import show
from autograder.late import LatePenalty
from autograder.outcome import Outcome, Section
from autograder.release import release
from autograder.submissions import answered
from autograder.verify import scratch_course, secret_lines

NAME = "01_conv_arithmetic"
EXERCISES = find_assignment(NAME).exercises
ANSWERS = {name: answer.right for each in EXERCISES for name, answer in each.answers.items()}
BIN = Path(sys.executable).parent
ESSAY = 'Because $x^2$ and <script>alert("x")</script> <img src=http://a.b/c.png> ![p](http://a.b/d.png) '
ESSAY += "[link](javascript:alert)"


def by_id(notebook, grade_id):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def run(folder, *words):
    return subprocess.run(
        [BIN / words[0], *words[1:]], cwd=folder, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def graded(root, tmp_path_factory):
    """Six students: right and late, a misconception, an error, nothing, a mended file, an unreadable one."""
    folder = tmp_path_factory.mktemp("course")
    course = scratch_course(CourseDirectory(root), NAME, folder)
    config = folder / "nbgrader_config.py"
    config.write_text(config.read_text().replace("LatePenalty.per_day = 0.0", "LatePenalty.per_day = 0.1"))
    release(course, NAME)
    released = nbformat.read(course.release(NAME), as_version=4)
    right = answered(released, ANSWERS)
    by_id(right, "stack-essay").source = ESSAY
    wrong = next(m for e in EXERCISES for m in e.misconceptions if m.name == "FORGOT_BIAS")
    carol = answered(right, {wrong.of: wrong.wrong[0]})
    dora = copy.deepcopy(right)
    by_id(dora, "convolve").source = (
        "import os, sys, tempfile\n"
        "raise ValueError(f'</p><b>{os.getcwd()} {sys.prefix}/lib {tempfile.gettempdir()}/kernel-a/x.py')"
    )
    mended = copy.deepcopy(right)
    mended.cells.append(copy.deepcopy(by_id(mended, "convolve")))
    files = {"alice": right, "carol": carol, "dora": dora, "kim": released, "judy": mended}
    texts = {student: json.dumps(notebook) for student, notebook in files.items()}
    for student, text in (texts | {"ivan": json.dumps(right)[:5000]}).items():
        path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (folder / "submitted" / "alice" / NAME / "timestamp.txt").write_text("2026-11-03 11:00:00 UTC")
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate="2026-11-01 12:00:00")
        gradebook.update_or_create_student(
            "alice", first_name="Alice", last_name="Ax, Jr.", lms_user_id="1001"
        )
        gradebook.update_or_create_student("zoe", email="zoe@uni.edu")
    done = run(folder, "autograder", "grade", NAME, "--no-sandbox")
    assert done.returncode == 1, done.stderr
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        comment = gradebook.find_comment("conv-params", NAME, NAME, "carol")
        comment.manual_comment = "Look at <b> once more: $b$"
        gradebook.db.commit()
    done = run(folder, "autograder", "feedback", NAME)
    assert done.returncode == 0, done.stderr
    return course


@pytest.fixture(scope="module")
def pages(graded):
    students = [path.parent.parent.name for path in graded.root.glob(f"autograded/*/{NAME}/*.ipynb")]
    return {student: graded.feedback(NAME, student).read_text() for student in students}


def text(page):
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.mark.slow
def test_everybody_who_is_graded_gets_a_page(pages):
    assert sorted(pages) == ["alice", "carol", "dora", "judy", "kim"]


@pytest.mark.slow
def test_who_handed_in_what_cannot_be_read_is_told(graded, pages):
    page = graded.feedback(NAME, "ivan").read_text()
    assert f"{NAME}.ipynb cannot be read as a notebook: it ends in the middle" in text(page)
    assert "Hand in the .ipynb file once more." in page
    assert not re.search(r"of \d+\s+points", text(page))
    assert not any(other in page for other in pages)
    assert str(graded.root) not in page


@pytest.mark.slow
def test_the_page_says_the_score_the_misconception_the_comment_and_the_repairs(pages):
    assert re.search(r"17\s+of 20 points", text(pages["carol"]))
    assert "FORGOT_BIAS: You left the biases out" in text(pages["carol"])
    assert "0 of 3 points" in text(pages["carol"])
    assert "Look at <b> once more: $b$" in text(pages["carol"])
    assert "There were several cells for convolve" in pages["judy"]
    assert "Mended" not in pages["alice"]
    assert "waits for your instructor" in pages["alice"]
    assert "No response." not in pages["kim"]
    assert "Handed in late: 4 points were taken off" in pages["alice"]
    assert re.search(r"16\s+of 20 points", text(pages["alice"]))


@pytest.mark.slow
@pytest.mark.parametrize("student", ["alice", "carol", "dora", "judy", "kim"])
def test_the_page_gives_nothing_away(root, graded, pages, student):
    page = pages[student]
    secret = course_secret(graded.root / "course_secret")
    shown = html.unescape(page)
    for exercise in EXERCISES:
        sheet = full_sheet(exercise, generator(secret, NAME, student, exercise.id))
        calls = {False: set(), True: set()}
        for case in sheet["cases"]:
            calls[case["hidden"]].add(f"{case['of']}({', '.join(map(show, case['arguments']))})")
        assert not any(call in shown for call in calls[True] - calls[False])
    if student in ("carol", "kim"):
        source = nbformat.read(graded.source(NAME), as_version=4)
        answer = by_id(source, "conv-params").source
        assert not any(line in text(page) for line in secret_lines(answer))
    assert "hidden=True" not in shown
    assert not any(other in shown for other in pages if other != student)
    assert not any(str(path) in shown for path in (root, graded.root, sys.prefix))
    assert not re.search(r"/tmp/\w|/home/\w", shown)


@pytest.mark.slow
def test_nothing_that_a_student_wrote_is_live_and_nothing_is_loaded(pages):
    for page in pages.values():
        assert "<script" not in page
        assert not re.search(r"<(img|link|iframe)\b|href=\"javascript:|url\(", page)
        assert "default-src 'none'" in page
    assert '<script>alert("x")</script>' in text(pages["alice"])
    assert "ValueError: </p><b>" in html.unescape(pages["dora"])
    assert "<b>/" not in pages["dora"]


@pytest.mark.slow
def test_nbgraders_own_command_makes_the_same_page(graded, pages):
    done = run(graded.root, "nbgrader", "generate_feedback", NAME, "--student", "carol", "--force")
    assert done.returncode == 0, done.stderr
    assert graded.feedback(NAME, "carol").read_text() == pages["carol"]


@pytest.mark.slow
def test_the_overview_says_who_needs_a_look_and_what_cost_most(graded):
    done = run(graded.root, "autograder", "overview", NAME)
    assert done.returncode == 0, done.stderr
    page = text((graded.root / "overview" / f"{NAME}.html").read_text())
    words = " ".join(page.split())
    assert "6 handed in" in words
    for told in (
        "ivan – not graded 01_conv_arithmetic.ipynb cannot be read as a notebook: it ends in the middle",
        "kim 0 zero Nothing is written.",
        "judy 20 mended There were several cells for convolve",
        "alice 16 late 2.0 days, 4 points off",
        "To be graded by hand, in nbgrader's formgrader: To think about, 4 answers.",
        "FORGOT_BIAS 3. How many parameters? 1 carol 3",
        "3. How many parameters? 3 6 (40 %)",
    ):
        assert told in words
    assert words.index("ivan") < words.index("kim") < words.index("judy")
    assert "dora" not in words[words.index("Needs a look") : words.index("Exercises")]
    links = re.findall(r'href="\.\./([^"]+)"', (graded.root / "overview" / f"{NAME}.html").read_text())
    assert {Path(link).parts[1] for link in links} == {"alice", "carol", "dora", "ivan", "judy", "kim"}
    assert all((graded.root / link).is_file() for link in links)


def test_the_overview_keeps_exercises_of_an_earlier_release_apart():
    def graded(student, *titles):
        return Outcome(student, sections=tuple(Section(title, (), 2.0, 1.0) for title in titles))

    table = overview.sections([graded("ada", "One", "Two"), graded("ben", "One", "New", "Two")])
    found = overview.cost(table, "place")
    titles = list(zip(found.title, found.lost, strict=True))
    assert titles == [("One", 2.0), ("New", 1.0), ("Two", 1.0), ("Two", 1.0)]


@pytest.mark.slow
def test_canvas_and_moodle_get_the_columns_that_they_import(graded, tmp_path):
    rows = {}
    for kind in ("canvas", "moodle"):
        with export(graded, tmp_path / kind, kind).open(newline="") as file:
            rows[kind] = list(csv.reader(file))
    assert rows["canvas"][0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME]
    assert rows["canvas"][1] == ["    Points Possible", "", "", "", "", "20"]
    assert ["Ax, Jr., Alice", "1001", "", "alice", "", "16"] in rows["canvas"]
    assert ["kim", "", "", "kim", "", "0"] in rows["canvas"]
    assert ["zoe", "", "", "zoe", "", ""] in rows["canvas"]
    assert rows["moodle"][0] == ["ID number", "Email address", "First name", "Last name", NAME]
    assert ["alice", "", "Alice", "Ax, Jr.", "16"] in rows["moodle"]
    assert ["zoe", "zoe@uni.edu", "", "", ""] in rows["moodle"]
    assert not [row for kind in rows for row in rows[kind] if "ivan" in row]


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_the_command_writes_every_format_and_a_wrong_one_is_named(graded, kind):
    done = run(graded.root, "autograder", "export", "--format", kind, "--to", f"{kind}.csv")
    assert done.returncode == 0, done.stderr
    assert "alice" in (graded.root / f"{kind}.csv").read_text()
    assert run(graded.root, "autograder", "export", "--format", "ilias").returncode == 2


def test_columns_can_be_called_as_on_the_platform(tmp_path):
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        gradebook.add_assignment("01")
        plugin = FORMATS["canvas"](to=str(tmp_path / "c.csv"), columns={"01": "Homework 1 (4711)"})
        plugin.export(gradebook)
    assert "Homework 1 (4711)" in (tmp_path / "c.csv").read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, None), (600, None), (601, 2), (86_400, 2), (87_000, 2), (87_001, 4), (10 * 86_400, 16)],
)
def test_each_day_begun_costs_a_share_after_the_grace(seconds, expected):
    plugin = LatePenalty(per_day=0.1, grace_minutes=10, most=0.8)
    penalty = plugin.late_submission_penalty("x", 20.0, seconds)
    assert penalty == (expected if expected is None else pytest.approx(expected))


def test_nothing_is_lost_where_no_penalty_is_set():
    assert LatePenalty().late_submission_penalty("x", 20.0, 1e9) is None
