"""The runner: grades are right, and no work is done twice."""

import errno
import os
import secrets
import sqlite3
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import is_solution

from autograder import demo, grading, pool, preprocessors, provisioner, sandbox
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import course_secret

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


def test_grades_are_right_and_a_rerun_changes_nothing_and_runs_nothing(course, monkeypatch):
    outcomes = {outcome.student: outcome for outcome in grading.grade(course, NAME)}
    assert totals(course) == EXPECTED
    assert {student: outcome.score for student, outcome in outcomes.items()} == EXPECTED
    assert outcomes["carol"].misconceptions == ("FORGOT_BIAS",)
    monkeypatch.setattr(
        grading, "judge_all", lambda *arguments: iter(()) if not arguments[2] else pytest.fail("judged again")
    )
    again = list(grading.grade(course, NAME))
    assert all(outcome.unchanged for outcome in again)
    assert {outcome.student: outcome.score for outcome in again} == EXPECTED


def test_judges_that_have_grown_are_replaced_and_nobody_is_lost(course, monkeypatch):
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write("\nc.Judge.judge_growth = 1\n")
    judges, fork = [], provisioner.fork
    monkeypatch.setattr(provisioner, "fork", lambda request: judges.append(fork(request)) or judges[-1])
    outcomes = [outcome.student for outcome in grading.grade(course, NAME)]
    assert sorted(outcomes) == sorted(EXPECTED)
    assert len(judges) == len(EXPECTED)
    assert totals(course) == EXPECTED


@pytest.mark.skipif(bool(sandbox.unavailable()), reason=sandbox.unavailable())
def test_nothing_is_compared_before_the_kernel_has_ended(course, monkeypatch):
    kernels, living = [], []
    launch, judge = provisioner.SandboxProvisioner.launch_kernel, preprocessors.judge

    def launch_kernel(self, *arguments, **options):
        kernels.append(self)
        return launch(self, *arguments, **options)

    def judge_and_look(*arguments):
        living.extend(kernel.has_process for kernel in kernels)
        return judge(*arguments)

    monkeypatch.setattr(provisioner.SandboxProvisioner, "launch_kernel", launch_kernel)
    monkeypatch.setattr(preprocessors, "judge", judge_and_look)
    pool.judge_one(course.root, NAME, "alice", sandbox=True)
    assert len(kernels) == 1
    assert living
    assert not any(living)


SEARCH = """
import re
def search(pattern):
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            place, rights, *_ = line.split()
            start, end = (int(number, 16) for number in place.split("-"))
            if rights.startswith("rw"):
                memory.seek(start)
                if re.search(pattern, memory.read(end - start)):
                    return True
    return False
print([search(p) for p in (rb"left by the warm[ ]process", rb"secret of the teache[r]", rb"FORGOT_BIA[S]")])
"""


@pytest.mark.skipif(bool(sandbox.unavailable()), reason=sandbox.unavailable())
def test_nothing_of_the_run_or_of_the_answers_is_in_the_memory_of_a_kernel(course, monkeypatch):
    """Not even freed: neither what the run's environment says nor what the exercises' file says."""
    for number in range(2000):  # some would outlast what is allocated after them
        monkeypatch.setenv(f"TOKEN_{number}", f"secret of the teacher {number}")
    monkeypatch.setenv("LANG", "left by the warm process")  # is passed on: the search finds what there is
    for process in provisioner.started:  # a new one has these
        process.kill()
        process.wait()
    path = course.submitted(NAME)["alice"]
    notebook = read_notebook(path)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and is_solution(cell))
    cell.source += SEARCH
    nbformat.write(notebook, path)
    list(grading.grade(course, NAME, ["bob", "alice"], jobs=1))
    outputs = [
        cell.outputs for cell in read_notebook(course.autograded(NAME, "alice")).cells if "outputs" in cell
    ]
    assert "[True, False, False]" in str(outputs)


def test_what_breaks_the_recording_of_one_does_not_stop_the_others(course, monkeypatch):
    record = grading._record

    def breaking(course, name, student, *rest):
        return record(course, name, student, *rest) if student != "alice" else 1 / 0

    monkeypatch.setattr(grading, "_record", breaking)
    alice, bob = grading.grade(course, NAME, ["alice", "bob"], jobs=1)
    assert alice.problem == "It cannot be recorded (ZeroDivisionError: division by zero)."
    assert bob.score == EXPECTED["bob"]
    monkeypatch.undo()
    assert [outcome.score for outcome in grading.grade(course, NAME, ["alice"], jobs=1)] == [
        EXPECTED["alice"]
    ]


def test_a_file_that_cannot_be_read_or_has_an_odd_name_stops_nobody(course, monkeypatch):
    notebook, opened = course.submitted(NAME)["alice"], Path.open
    odd = os.fsencode(course.submitted(NAME)["bob"].parent) + b"/\xff\n.txt"
    Path(os.fsdecode(odd)).write_text("a note")

    def refusing(path, *arguments, **options):
        if path == notebook:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)  # root, who may run this, can read everything
    monkeypatch.setattr(grading, "judge_all", judged_here)
    alice, bob = grading.grade(course, NAME, ["alice", "bob"], jobs=1)
    assert alice.problem == f"{NAME}.ipynb cannot be read: Permission denied."
    assert bob.score == EXPECTED["bob"]


def judged_here(root, name, students, jobs, sandbox):
    """In this process, in which the test has changed something."""
    for student in students:
        answer = pool._judged_or_why(root, name, student, sandbox)
        yield student, answer.get("notebook") or answer["problem"]


def test_exercises_that_cannot_be_imported_stop_the_run_with_a_sentence(course, monkeypatch):
    monkeypatch.setattr(pool, "find_assignment", lambda name: exec("import no_such_module"))
    assert pool._judged_or_why(course.root, NAME, "alice", sandbox=False) == {
        "refused": f"The exercises of {NAME} cannot be imported "
        "(ModuleNotFoundError: No module named 'no_such_module')."
    }


def test_who_comes_while_the_secret_is_made_gets_the_same(tmp_path, monkeypatch):
    path, token_hex, others = tmp_path / "course_secret", secrets.token_hex, []

    def interrupted(size):
        monkeypatch.setattr(secrets, "token_hex", token_hex)
        others.append(course_secret(path))
        return token_hex(size)

    monkeypatch.setattr(secrets, "token_hex", interrupted)
    assert [course_secret(path)] == others
    assert len(others[0]) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
