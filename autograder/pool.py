"""Judges submissions in parallel: `judge_all` hands them out to judges, processes in which `serve` runs.

Judges are forked from the warm process. What passes between a run and its judges is JSON.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import cache
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil
from nbformat import NotebookNode
from nbgrader.converters import Autograde
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from traitlets.utils.importstring import import_item

from autograder import provisioner
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import find_assignment
from autograder.ingest import Ingest, read_submission
from autograder.preprocessors import Judge
from autograder.reading import UnreadableError
from autograder.sandbox import LostError, SandboxError, limit_memory

RECORDING = (SaveAutoGrades, AssignLatePenalties)  # nbgrader's steps that write the gradebook
MEMORY = 4 * 2**30  # bytes that a judge may allocate: a student's model may ask for any number
PATIENCE = 4  # times the limit on running a notebook that it may take to judge it
TRIES = 2  # for a submission on which its judge, or the process that forks kernels, died
DIED = "The process that judged it died twice, or took too long: run the same command again."
_course = cache(CourseDirectory)  # one a process


def judge_all(
    root: Path, name: str, students: Sequence[str], jobs: int, sandbox: bool
) -> Iterator[tuple[str, dict | str]]:
    """Each student with the judged notebook, or with the sentence that says why there is none.

    Raises:
        SandboxError: where the machine refuses a sandbox, or the exercises cannot be imported.
    """
    settings = {"root": str(root), "name": name, "sandbox": sandbox}
    settings |= {"environment": dict(os.environ), "path": sys.path, "directory": os.getcwd()}
    left, deaths = deque(students), Counter()
    judges: dict[Connection, str] = {}  # each with whom it judges
    try:
        while left or judges:
            while left and len(judges) < jobs:
                judge = provisioner.fork({"judge": settings})
                judges[judge] = left.popleft()
                _send(judge, judges[judge])
            for judge in wait(judges):
                student, answer = judges.pop(judge), _answer_of(judge)
                if answer and not answer["grown"] and left:  # before what it found is recorded
                    judges[judge] = left.popleft()
                    _send(judge, judges[judge])
                else:
                    judge.close()
                if not answer:
                    deaths[student] += 1
                    if deaths[student] < TRIES:
                        left.appendleft(student)
                        continue
                    answer = {"problem": DIED}
                if "refused" in answer:
                    raise SandboxError(answer["refused"])
                yield student, answer.get("notebook") or answer["problem"]
    finally:
        for judge in judges:
            judge.close()


def _send(judge: Connection, student: str) -> None:
    with contextlib.suppress(OSError):  # it has just died, which its answer will show
        judge.send_bytes(json.dumps(student).encode())


def _answer_of(judge: Connection) -> dict:
    """What a judge says; {} where it was killed."""
    try:
        return json.loads(judge.recv_bytes())
    except (EOFError, OSError):
        return {}


def serve(run: Connection, warm: socket.socket, settings: dict) -> None:
    """Be a judge: answer each student's name with what `judge_all` wants, until the run ends or is killed.

    What TensorFlow has allocated to train a network it keeps: who has grown too much says so, and ends.

    Args:
        run: the connection to it.
        warm: who to ask for kernels, see `provisioner`.
        settings: of the run, its environment among them.
    """
    threading.Thread(target=_end_with, args=(run,), daemon=True).start()
    provisioner.asking.append(warm)
    os.environ.clear()
    os.environ.update(settings["environment"])
    os.chdir(settings["directory"])
    sys.path[:] = settings["path"]
    if settings["sandbox"]:
        limit_memory(MEMORY)
    step, process = Judge(parent=_course(Path(settings["root"])).api), psutil.Process()
    most = process.memory_info().rss + step.judge_growth
    grown = False
    while not grown:
        student = json.loads(run.recv_bytes())
        signal.alarm(PATIENCE * step.notebook_timeout)  # ends this process: a model may take for ever
        answer = _judged_or_why(Path(settings["root"]), settings["name"], student, settings["sandbox"])
        signal.alarm(0)
        gc.collect()  # models refer to themselves
        answer["grown"] = grown = process.memory_info().rss > most
        run.send_bytes(json.dumps(answer).encode())


def _end_with(run: Connection) -> None:
    """End this process, whatever it does, as soon as the other side closes."""
    closed = select.poll()
    closed.register(run, 0)
    closed.poll()
    os._exit(1)


def _judged_or_why(root: Path, name: str, student: str, sandbox: bool) -> dict:
    try:
        find_assignment(name)
    except Exception as error:  # the file may hold any mistake
        return {"refused": f"The exercises of {name} cannot be imported ({type(error).__name__}: {error})."}
    try:
        return {"notebook": judge_one(root, name, student, sandbox)}
    except UnreadableError as error:
        return {"problem": str(error)}
    except LostError:  # with the warm process: another judge tries again
        raise
    except SandboxError as error:
        return {"refused": str(error)}
    except Exception as error:  # one that breaks the steps must not stop the others
        return {"problem": f"It cannot be judged ({type(error).__name__}: {error})."}


def judge_one(root: Path, name: str, student: str, sandbox: bool) -> NotebookNode:
    """Read, rebuild, run and judge one submission. Writes nothing of the course.

    Raises:
        UnreadableError: for what is no notebook.
        LostError: where the process that kernels are forked from died: it can be tried again.
        SandboxError: where the machine refuses a sandbox.
    """
    course = _course(root)
    submission = course.submitted(name)[student].parent
    notebook, _ = read_submission(submission, read_notebook(course.release(name)))
    resources = resources_of(course, name, student)
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        resources["metadata"] = {"path": folder}
        judging, _ = steps(course)
        for step in judging:
            if isinstance(step, Judge):
                step.sandbox = sandbox
            notebook, resources = step.preprocess(notebook, resources)
    return notebook


def resources_of(course: CourseDirectory, name: str, student: str) -> dict:
    """What nbgrader's steps are told of a submission."""
    who = {"notebook": name, "assignment": name, "student": student, "db_url": course.api.coursedir.db_url}
    return {"nbgrader": who, "unique_key": name}


def steps(course: CourseDirectory) -> tuple[list, list]:
    """nbgrader's steps as in nbgrader_config.py: those that judge a rebuilt submission, those that record."""
    autograde = Autograde(coursedir=course.api.coursedir, parent=course.api)
    configured = [*autograde.sanitize_preprocessors, *autograde.autograde_preprocessors]
    kinds = [import_item(step) if isinstance(step, str) else step for step in configured]
    judging = [kind(parent=course.api) for kind in kinds if kind not in RECORDING and kind is not Ingest]
    return judging, [kind(parent=course.api) for kind in kinds if kind in RECORDING]
