"""What dies, fills up or locks while grading: after a rerun the gradebook is that of an undisturbed run."""

import contextlib
import functools
import json
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder import grading, sandbox
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.demo import make_class
from autograder.exercise import find_assignment
from autograder.release import release
from autograder.verify import hand_in, scratch_course

NAME = "01_conv_arithmetic"
BIN = Path(sys.executable).parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(sandbox.unavailable()), reason=sandbox.unavailable()),
]


@pytest.fixture(scope="module")
def handed_in(root, tmp_path_factory) -> Path:
    """A course directory with six submissions, none graded."""
    course = scratch_course(CourseDirectory(root), NAME, tmp_path_factory.mktemp("handed_in"))
    released, assignment = read_notebook(release(course, NAME)), find_assignment(NAME)
    for student, kind in zip(
        ("ada", "ben", "cem", "dora", "eli", "finn"), make_class(released, assignment), strict=False
    ):
        hand_in(course, NAME, student, kind.notebook)
    (course.root / "course_secret").write_text("the same hidden cases in every copy")
    return course.root


@pytest.fixture(scope="module")
def undisturbed(handed_in, tmp_path_factory) -> list[tuple]:
    """The gradebook of a run in which nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed") / "course"
    shutil.copytree(handed_in, folder)
    run = command(folder, "grade", NAME)
    output, errors = run.communicate(timeout=240)
    assert run.returncode == 0, output + errors
    grades = gradebook(folder)
    assert len({student for student, *_ in grades}) == 6
    assert len({score for *_, score in grades}) > 2
    return grades


@pytest.fixture
def folder(handed_in, tmp_path) -> Path:
    """A copy of the course directory to disturb."""
    return Path(shutil.copytree(handed_in, tmp_path / "course"))


def gradebook(folder: Path) -> list[tuple]:
    """Student, test cell and score of every grade there is, read with SQL alone."""
    query = """
        select submitted_assignment.student_id, base_cell.name, grade.auto_score
        from grade join base_cell on grade.cell_id = base_cell.id
        join submitted_notebook on grade.notebook_id = submitted_notebook.id
        join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id
        order by 1, 2
    """
    with sqlite3.connect(folder / "gradebook.db") as database:
        return database.execute(query).fetchall()


def command(folder: Path, *words: str) -> subprocess.Popen:
    """An `autograder` command in a process group of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heeding = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # in background jobs too
    return subprocess.Popen(
        [BIN / "autograder", *words], cwd=folder, start_new_session=True, preexec_fn=heeding, **pipes
    )


def rerun(folder: Path) -> None:
    run = command(folder, "grade", NAME)
    output, errors = run.communicate(timeout=240)
    assert run.returncode == 0, output + errors


def below(pid: int, words: str) -> list[int]:
    """The descendants of a process whose name in parentheses, or command line, has these words."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            line, _, rest = status.read_text().rpartition(")")
            parent = int(rest.split()[1])
            line += ")" + (status.parent / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if parent == pid:
            own = int(status.parent.name)
            found += [own] * (words in line) + below(own, words)
    return found


def graded(folder: Path) -> int:
    return len(list(folder.glob(f"autograded/*/{NAME}/*.ipynb")))


def wait_for(condition, seconds: float = 120):
    """What a condition gives, once that is anything."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def kill_at(folder: Path, words: str, done: int, which: int = 0) -> subprocess.Popen:
    """Start a run, and when some are graded, kill -9 a process below it. Returns the run."""
    run = command(folder, "grade", NAME)
    victims = wait_for(lambda: graded(folder) >= done and below(run.pid, words)[which:])
    os.kill(victims[0], signal.SIGKILL)
    return run


@pytest.mark.parametrize(
    ("done", "words"),
    [(0, "autograder.warm"), (0, "(judge)"), (3, "")],
    ids=["as it starts", "at its first submission", "after three"],
)
def test_fault_kill_9_of_the_run(folder, undisturbed, done, words):
    run = command(folder, "grade", NAME)
    started = wait_for(lambda: graded(folder) >= done and below(run.pid, words) and below(run.pid, ""))
    run.kill()
    run.communicate(timeout=60)  # which waits for all that hold its outputs
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), 30)  # nothing outlives it
    rerun(folder)
    assert gradebook(folder) == undisturbed


def test_fault_an_interrupt_at_the_keyboard_ends_the_run_at_once(folder, undisturbed):
    run = command(folder, "grade", NAME)
    wait_for(lambda: below(run.pid, "autograder.warm"))
    time.sleep(2)  # it waits; while it works, Python loses an interrupt in a weak reference's callback
    os.killpg(run.pid, signal.SIGINT)
    output, errors = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "Traceback" not in output + errors
    rerun(folder)
    assert gradebook(folder) == undisturbed


@pytest.mark.parametrize(("done", "which"), [(0, 1), (2, 0)])
def test_fault_kill_9_of_a_judge_needs_no_rerun(folder, undisturbed, done, which):
    run = kill_at(folder, "(judge)", done, which)
    output, errors = run.communicate(timeout=240)
    assert run.returncode == 0, output + errors
    assert gradebook(folder) == undisturbed


def test_fault_judges_that_die_again_and_again_are_given_up(folder, undisturbed):
    run = command(folder, "grade", NAME)
    while run.poll() is None:
        for judge in below(run.pid, "(judge)"):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(judge, signal.SIGKILL)
        time.sleep(0.1)
    output, errors = run.communicate()
    assert run.returncode == 1, output + errors
    assert "died twice" in " ".join(output.split())
    assert set(gradebook(folder)) < set(undisturbed)
    rerun(folder)
    assert gradebook(folder) == undisturbed


HERE = {"environment": dict(os.environ), "path": sys.path, "directory": os.getcwd()}
JUDGE = """
import json, socket, sys, time
from multiprocessing.connection import Connection
from autograder import pool

def answer(root, name, student, sandbox):
    if not student:
        sys.exit()
    try:
        {does}
    except MemoryError as error:
        return {{"notebook": repr(error)}}
    return {{"notebook": "None"}}

pool._judged_or_why = answer
run = Connection(int(sys.argv[1]))
pool.serve(run, socket.socket(), json.loads(run.recv_bytes()))
"""


@pytest.mark.parametrize(
    ("does", "timeout", "answer", "end"),
    [
        ("time.sleep(60)", 1, None, -signal.SIGALRM),
        ("time.sleep(1)", 100, "None", 0),
        ("bytearray(2**28)", 100, "None", 0),
        ("bytearray(5 * 2**30)", 100, "MemoryError()", 0),
    ],
)
def test_fault_a_judge_that_a_model_keeps_busy_or_fills(folder, does, timeout, answer, end):
    with (folder / "nbgrader_config.py").open("a") as settings:
        settings.write(f"\nc.Judge.notebook_timeout = {timeout}\n")
    run, judges = multiprocessing.Pipe()
    judge = subprocess.Popen(
        [sys.executable, "-c", JUDGE.format(does=does), str(judges.fileno())], pass_fds=[judges.fileno()]
    )
    judges.close()
    for message in ({"root": str(folder), "name": NAME, "sandbox": True, **HERE}, "ada"):
        run.send_bytes(json.dumps(message).encode())
    if answer:
        assert json.loads(run.recv_bytes()) == {"notebook": answer, "grown": False}
        run.send_bytes(b'""')  # nobody's name: it ends
    assert judge.wait(timeout=50) == end


def test_fault_kill_9_of_the_warm_process_costs_nobody_a_point(folder, undisturbed):
    run = kill_at(folder, "autograder.warm", 2)
    output, errors = run.communicate(timeout=240)
    assert run.returncode == 0, output + errors
    assert gradebook(folder) == undisturbed


def test_fault_kill_9_of_a_kernel_costs_nobody_a_point(folder, undisturbed):
    """The machine ends them before all else when it is short of memory, whoever took that."""
    run = command(folder, "grade", NAME)
    kernel, *_ = wait_for(lambda: graded(folder) and kernels(run.pid))
    os.kill(kernel, signal.SIGKILL)
    output, errors = run.communicate(timeout=240)
    assert run.returncode == 0, output + errors
    assert gradebook(folder) == undisturbed


def kernels(pid: int) -> list[int]:
    """The descendants of a process that are process 1 where they are."""
    found = []
    for each in below(pid, ""):
        with contextlib.suppress(OSError):  # it has just ended
            status = Path(f"/proc/{each}/status").read_text()
            found += [each] * bool(re.search(r"^NSpid:\s+\d+\s+1$", status, re.MULTILINE))
    return found


@pytest.mark.parametrize("loaded", ["", "h5py"])  # once it has that, TensorFlow has logged something
def test_fault_kill_9_of_the_warm_process_as_it_starts(folder, undisturbed, loaded):
    run = command(folder, "grade", NAME)
    (warm,) = wait_for(lambda: below(run.pid, "autograder.warm"))
    wait_for(lambda: loaded in Path(f"/proc/{warm}/maps").read_text())
    os.kill(warm, signal.SIGKILL)
    _, errors = run.communicate(timeout=240)
    assert run.returncode == 2
    assert "did not start: it was killed." in errors
    assert "Traceback" not in errors
    rerun(folder)
    assert gradebook(folder) == undisturbed


def test_fault_locked_and_unwritable_gradebook(folder, undisturbed):
    list(grading.grade(CourseDirectory(folder), NAME, ["ada"]))
    kept = gradebook(folder)
    lock = sqlite3.connect(folder / "gradebook.db", isolation_level=None)
    lock.execute("begin exclusive")
    try:
        run = command(folder, "grade", NAME)
        _, errors = run.communicate(timeout=240)
    finally:
        lock.execute("rollback")
        lock.close()
    assert run.returncode == 2
    assert "database is locked" in errors
    assert "Traceback" not in errors
    assert gradebook(folder) == kept

    run = confined("mount --bind -o ro gradebook.db gradebook.db && exec autograder grade " + NAME, folder)
    assert run.returncode == 2, run.stderr
    assert "readonly database" in run.stderr
    assert "Traceback" not in run.stderr
    assert gradebook(folder) == kept

    rerun(folder)
    assert gradebook(folder) == undisturbed


def test_fault_full_disk(folder, undisturbed):
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 2**20 + 8
    run = confined(
        f"""
        mount -t tmpfs -o size={size}M tmpfs mount && cp -a course/. mount
        dd if=/dev/zero of=mount/filler bs=4K 2> dd.log
        truncate -s -192K mount/filler
        (cd mount && autograder grade {NAME}); echo $? > code
        rm mount/filler && cp -a mount/. after
        """,
        folder.parent,
    )
    assert (folder.parent / "code").read_text().strip() == "2", run.stderr
    assert "run the same command again" in run.stderr
    assert "Traceback" not in run.stderr
    after = folder.parent / "after"
    assert 0 < graded(after) < 6
    assert not list(after.glob("autograded/**/.graded-*"))
    rerun(after)
    assert gradebook(after) == undisturbed


def confined(script: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a shell script in a mount namespace of its own."""
    for name in ("mount", "after"):
        (folder / name).mkdir(exist_ok=True)
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    return subprocess.run(
        words, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=300
    )


def test_fault_only_what_changed_is_graded_again(folder, undisturbed):
    course = CourseDirectory(folder)
    list(grading.grade(course, NAME))
    hand_in(course, NAME, "finn", read_notebook(course.submitted(NAME)["cem"]))
    fresh = {outcome.student for outcome in grading.grade(course, NAME) if not outcome.unchanged}
    assert fresh == {"finn"}
    scores = {(student, cell): score for student, cell, score in gradebook(folder)}
    expected = {(student, cell): score for student, cell, score in undisturbed}
    finn = {("finn", cell): score for (student, cell), score in expected.items() if student == "cem"}
    assert scores == expected | finn
    with course.api.gradebook as book:
        book.update_or_create_assignment(NAME, duedate="2026-01-01")  # late is worth less
    assert not any(outcome.unchanged for outcome in grading.grade(course, NAME))
