"""The runner: it loses nothing, whatever dies under it, and does no work twice."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder import demo, grading
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.verify import hand_in

NAME = demo.NAME
EXPECTED = {
    **{"alice": 20, "bob": 20, "carol": 17, "dave": 17, "erin": 16.5, "frank": 7, "grace": 17, "heidi": 20},
    **{"mallory": 17, "trudy": 17, "victor": 16},  # attacks cost the attacked exercise
}

pytestmark = pytest.mark.slow


@pytest.fixture
def course(root, tmp_path):
    scratch, _ = demo.prepare(CourseDirectory(root), tmp_path)
    return scratch


def grades(course: CourseDirectory) -> dict[str, dict[str, float]]:
    """student -> test cell -> score, read from the gradebook with SQL alone."""
    query = """
        select submitted_assignment.student_id, base_cell.name, grade.auto_score
        from grade join base_cell on grade.cell_id = base_cell.id
        join submitted_notebook on grade.notebook_id = submitted_notebook.id
        join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id
    """
    found: dict[str, dict[str, float]] = {}
    with sqlite3.connect(course.root / "gradebook.db") as database:
        for student, cell, score in database.execute(query):
            found.setdefault(student, {})[cell] = score
    return found


def totals(course: CourseDirectory) -> dict[str, float]:
    return {student: sum(cells.values()) for student, cells in grades(course).items()}


def command(course: CourseDirectory, *words: str, **options) -> subprocess.Popen:
    words = [Path(sys.executable).parent / "autograder", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(words, cwd=course.root, start_new_session=True, **pipes, **options)


def test_grades_are_right_and_a_rerun_changes_nothing_and_runs_nothing(course, monkeypatch):
    outcomes = {outcome.student: outcome for outcome in grading.grade(course, NAME)}
    assert totals(course) == EXPECTED
    assert {student: outcome.score for student, outcome in outcomes.items()} == EXPECTED
    assert outcomes["carol"].misconceptions == ("FORGOT_BIAS",)
    monkeypatch.setattr(
        grading, "_judged", lambda *arguments: iter(()) if not arguments[2] else pytest.fail("judged again")
    )
    again = list(grading.grade(course, NAME))
    assert all(outcome.unchanged for outcome in again)
    assert {outcome.student: outcome.score for outcome in again} == EXPECTED


def test_only_what_changed_is_graded_again(course):
    list(grading.grade(course, NAME))
    hand_in(course, NAME, "frank", read_notebook(course.submitted(NAME)["alice"]))
    fresh = {outcome.student for outcome in grading.grade(course, NAME) if not outcome.unchanged}
    assert fresh == {"frank"}
    assert totals(course) == EXPECTED | {"frank": 20}


@pytest.mark.parametrize("seconds", [3, 8, 12])
def test_kill_9_of_the_run_at_any_moment_loses_nothing(course, seconds):
    run = command(course, "grade", NAME)
    time.sleep(seconds)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    rerun = command(course, "grade", NAME)
    _, errors = rerun.communicate(timeout=240)
    assert rerun.returncode == 1, errors  # the attackers need a look
    assert totals(course) == EXPECTED


def test_kill_9_of_a_judge_loses_nothing(course):
    run = command(course, "grade", NAME)
    deadline = time.monotonic() + 60
    killed = set()
    while time.monotonic() < deadline and run.poll() is None and not killed:
        for process in descendants(run.pid):
            line = Path(f"/proc/{process}/cmdline").read_bytes() if Path(f"/proc/{process}").exists() else b""
            for kind in (b"spawn_main",):
                if kind in line and kind not in killed and time.monotonic() > deadline - 55:
                    os.kill(process, signal.SIGKILL)
                    killed.add(kind)
        time.sleep(0.2)
    run.communicate(timeout=240)
    assert b"spawn_main" in killed
    rerun = command(course, "grade", NAME)
    _, errors = rerun.communicate(timeout=240)
    assert rerun.returncode == 1, errors  # the attackers need a look
    assert totals(course) == EXPECTED


def test_a_locked_gradebook_is_a_sentence_and_nothing_is_lost(course):
    list(grading.grade(course, NAME, ["alice"]))
    lock = sqlite3.connect(course.root / "gradebook.db", isolation_level=None)
    lock.execute("begin exclusive")
    try:
        run = command(course, "grade", NAME, "--student", "bob")
        _, errors = run.communicate(timeout=240)
    finally:
        lock.execute("rollback")
        lock.close()
    assert run.returncode == 2
    assert "database is locked" in errors
    assert "Traceback" not in errors
    assert totals(course) == {"alice": 20}
    list(grading.grade(course, NAME))
    assert totals(course) == EXPECTED


def test_a_full_disk_is_a_sentence_and_nothing_is_lost(course, monkeypatch):
    real = os.replace

    def full(source, target):
        if "bob" in str(target):
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match=r"No space left on device.*run the same command again"):
        list(grading.grade(course, NAME))
    assert not list(course.root.glob("autograded/**/.graded-*"))
    monkeypatch.undo()
    list(grading.grade(course, NAME))
    assert totals(course) == EXPECTED


def descendants(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found += [int(status.parent.name), *descendants(int(status.parent.name))]
    return found
