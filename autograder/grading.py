"""Grade what students handed in: judged in parallel, recorded by one writer, resumable at any moment.

A submission becomes a grade in three steps: `_judge` (in a worker process) reads it, rebuilds it from the
master, runs it sandboxed and judges it; `_record` (here) writes the gradebook; then the graded notebook is
put in its place in one move, with the digest of all it depends on. A run that is killed loses at most
what was between those steps, and a rerun does it again with the same result.
"""

import concurrent.futures
import contextlib
import copy
import hashlib
import importlib.metadata
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

import nbformat
from nbgrader.api import InvalidEntry, MissingEntry
from nbgrader.converters import Autograde
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from sqlalchemy.exc import SQLAlchemyError
from traitlets.utils.importstring import import_item

from autograder import provisioner
from autograder.course_directory import CONFIG, CourseDirectory, read_notebook
from autograder.exercise import source_of
from autograder.ingest import Ingest, read_submission
from autograder.preprocessors import Judge, verdicts
from autograder.probe import quiet
from autograder.release import release
from autograder.sandbox import LostError, SandboxError, unavailable
from course.files import replacing

RECORDING = (SaveAutoGrades, AssignLatePenalties)  # nbgrader's steps that write the gradebook
TRIES = 2  # for a submission on which the judging process, or the one that forks kernels, died


@dataclass(frozen=True)
class Outcome:
    """What grading one submission came to. `problem` says why there is no score."""

    student: str
    score: float = 0.0
    points: float = 0.0
    misconceptions: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    problem: str = ""
    unchanged: bool = False

    @property
    def needs_a_look(self) -> bool:
        """Whether a person should look at this submission."""
        return bool(self.problem or self.flags)


def grade(
    course: CourseDirectory, name: str, students: list[str] | None = None, jobs: int = 2, sandbox: bool = True
) -> Iterator[Outcome]:
    """Grade the submissions of an assignment, all or those of some students, yielding each as it is done.

    What has not changed since it was graded (submission, exercises, versions) is not graded again. What
    cannot be read is reported and leaves the gradebook as it was.

    Args:
        jobs: processes that judge at the same time.
        sandbox: False runs students' code unconfined.

    Raises:
        ValueError: for an assignment that is not released, a student who handed nothing in, a machine
            without the sandbox, and a gradebook or disk that cannot be written to; what was graded
            until then is kept.
    """
    course.release(name)
    submitted = course.submitted(name)
    if not submitted:
        raise ValueError(f"Nobody has handed in {name}: there is no folder submitted/STUDENT/{name}.")
    for student in students or submitted:
        if student not in submitted:
            raise ValueError(f"{student} has not handed in {name}.")
    if sandbox and (reason := unavailable()):
        raise ValueError(f"{reason} Grade elsewhere, or run students' code unconfined with --no-sandbox.")
    try:
        due = _due_date(course, name)
        digests = {student: digest(course, name, student, due) for student in students or submitted}
        changed = []
        for student, fresh in digests.items():
            outcome = _unchanged(course, name, student, fresh)
            if outcome:
                yield outcome
            else:
                changed.append(student)
        if sandbox and changed and not any(each.poll() is None for each in provisioner.started):
            provisioner.launch()  # one for all judges, which start at the same time
        for student, judged in _judged(course, name, changed, jobs, sandbox):
            if isinstance(judged, str):
                yield Outcome(student, problem=judged)
            else:
                yield _record(course, name, student, nbformat.from_dict(judged), digests[student])
    except SandboxError as error:
        raise ValueError(str(error)) from None
    except (InvalidEntry, SQLAlchemyError, OSError) as error:
        error = error.__context__ if isinstance(error, InvalidEntry) else error  # nbgrader's for the latter
        reason = str(getattr(error, "orig", error))
        raise ValueError(
            f"The grades cannot be written: {reason}. What was graded is kept: run the same command again."
        ) from None


def digest(course: CourseDirectory, name: str, student: str, due: str) -> str:
    """A fingerprint of all that a grade depends on, settings, due date and versions included."""
    sha = hashlib.sha256()
    folder = course.submitted(name)[student].parent
    handed_in = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    ours = (course.source(name), course.release(name), source_of(name), course.root / CONFIG)
    for path in (*handed_in, *ours):
        sha.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    sha.update(repr((due, _versions())).encode())
    return sha.hexdigest()


@cache
def _versions() -> list[str]:
    packages = ("cnn-course", "nbgrader", "keras", "tensorflow", "tensorflow-cpu", "numpy")
    known = {each.name.lower().replace("_", "-"): each.version for each in importlib.metadata.distributions()}
    return [f"{package} {known[package]}" for package in packages if package in known]


def _due_date(course: CourseDirectory, name: str) -> str:
    """The assignment's due date in the gradebook, which it is added to where it is missing.

    A clone has the released notebooks but no gradebook: to release again changes nothing else.
    """
    with course.api.gradebook as gradebook:
        try:
            assignment = gradebook.find_assignment(name)
            known, due = bool(assignment.notebooks), str(assignment.duedate)
        except MissingEntry:
            known, due = False, str(None)
    if not known:
        release(course, name)
    return due


def _unchanged(course: CourseDirectory, name: str, student: str, fresh: str) -> Outcome | None:
    """The outcome that stands, if the graded notebook was made from just what is there now."""
    path = course.autograded(name, student)
    try:
        notebook = read_notebook(path)
    except ValueError:
        return None
    if notebook.metadata.get("autograder", {}).get("digest") != fresh:
        return None
    return _outcome(course, name, student, notebook, unchanged=True)


def _judged(
    course: CourseDirectory, name: str, students: list[str], jobs: int, sandbox: bool
) -> Iterator[tuple[str, dict | str]]:
    """Each student with the judged notebook, or with the sentence that says why there is none."""
    tries = dict.fromkeys(students, 0)
    while tries:
        try:
            for student, result in _judged_together(course.root, name, list(tries), jobs, sandbox):
                del tries[student]
                yield student, result
        except BrokenProcessPool:
            # a process of the pool was killed; which submission it had is not known: all get another try,
            # one by one, so that the next death has a name
            jobs = 1
            student = next(iter(tries))
            tries[student] += 1
            if tries[student] >= TRIES:
                del tries[student]
                yield student, "The judging process died on it twice."


def _judged_together(
    root: Path, name: str, students: list[str], jobs: int, sandbox: bool
) -> Iterator[tuple[str, dict | str]]:
    """The same, from one pool of processes. Raises BrokenProcessPool where one of them is killed."""
    exercises = f"autograder.exercises.{source_of(name).stem}"
    context = multiprocessing.get_context("forkserver")  # imports once, in a process that all are forked from
    context.set_forkserver_preload([__name__, exercises])
    with _interrupts_held_back(), quiet():  # TensorFlow logs when it starts
        forkserver.ensure_running()
    listening, alive = context.Pipe(duplex=False)
    begin = _begin, (listening, dict(os.environ))
    with concurrent.futures.ProcessPoolExecutor(min(jobs, len(students)), context, *begin) as pool:
        try:
            with _interrupts_held_back():  # also in the processes that start here
                started = {pool.submit(_judge, root, name, each, sandbox): each for each in students}
            if sandbox:
                provisioner.wait_until_ready()
            for future in concurrent.futures.as_completed(started):
                try:
                    result = future.result()
                except (BrokenProcessPool, SandboxError):
                    raise
                except Exception as error:  # one that breaks the steps must not stop the others
                    result = f"It cannot be judged ({type(error).__name__}: {error})."
                yield started[future], result
        except EOFError:
            raise ValueError(
                f"The judging processes did not start: see whether {exercises} can be imported."
            ) from None
        finally:
            alive.close()
            listening.close()


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(run: Connection, environment: dict[str, str]) -> None:
    """In a process of the pool: have the run's environment; end at once when the run stops or was killed.

    An interrupt at the keyboard is for the run, which stops then.
    """
    os.environ.update(environment)
    threading.Thread(target=lambda: (run.poll(None), os._exit(1)), daemon=True).start()


def _judge(root: Path, name: str, student: str, sandbox: bool) -> dict | str:
    """In a process of the pool: read, rebuild, run and judge one submission. Writes nothing of the course."""
    course = _course(root)
    try:
        folder = course.submitted(name)[student].parent
        notebook, _ = read_submission(folder, read_notebook(course.release(name)))
    except ValueError as error:
        return str(error)
    for _ in range(TRIES):
        with contextlib.suppress(LostError):
            return _run(course, name, student, copy.deepcopy(notebook), sandbox)
    return f"{provisioner.LOST} It did so twice: run the same command again."


def _run(course: CourseDirectory, name: str, student: str, notebook, sandbox: bool) -> dict:
    resources = _resources(course, name, student)
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        resources["metadata"] = {"path": folder}
        for step in _steps(course)[0]:
            if isinstance(step, Judge):
                step.sandbox = sandbox
            notebook, resources = step.preprocess(notebook, resources)
    return notebook


@cache
def _course(root: Path) -> CourseDirectory:
    return CourseDirectory(root)


def _resources(course: CourseDirectory, name: str, student: str) -> dict:
    who = {"notebook": name, "assignment": name, "student": student, "db_url": course.api.coursedir.db_url}
    return {"nbgrader": who, "unique_key": name}


def _steps(course: CourseDirectory) -> tuple[list, list]:
    """nbgrader's steps as configured: those that judge a rebuilt submission, and those that record grades."""
    autograde = Autograde(coursedir=course.api.coursedir, parent=course.api)
    steps = [*autograde.sanitize_preprocessors, *autograde.autograde_preprocessors]
    kinds = [import_item(step) if isinstance(step, str) else step for step in steps]
    judging = [kind(parent=course.api) for kind in kinds if kind not in RECORDING and kind is not Ingest]
    return judging, [kind(parent=course.api) for kind in kinds if kind in RECORDING]


def _record(course: CourseDirectory, name: str, student: str, notebook, fresh: str) -> Outcome:
    """Write the gradebook through nbgrader's own steps, then put the graded notebook in its place."""
    resources = _resources(course, name, student)
    timestamp = course.api.coursedir.get_existing_timestamp(str(course.submitted(name)[student].parent))
    with course.api.gradebook as gradebook:
        gradebook.update_or_create_student(student)
        known = {"timestamp": timestamp} if timestamp else {}
        gradebook.update_or_create_submission(name, student, **known)
    for step in _steps(course)[1]:
        notebook, resources = step.preprocess(notebook, resources)
    notebook.metadata["autograder"]["digest"] = fresh
    path = course.autograded(name, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        nbformat.write(notebook, partial)
    return _outcome(course, name, student, notebook, unchanged=False)


def _outcome(course: CourseDirectory, name: str, student: str, notebook, unchanged: bool) -> Outcome | None:
    """The outcome as the gradebook has it; None where it has no such submission."""
    with course.api.gradebook as gradebook:
        try:
            submission = gradebook.find_submission(name, student)
        except MissingEntry:
            return None
        score, points = submission.score, submission.max_score
    notes = notebook.metadata.get("autograder", {})
    return Outcome(
        student,
        score,
        points,
        tuple(each for verdict in verdicts(notebook) for each in verdict["misconceptions"]),
        tuple(notes.get("repairs", ())),
        tuple(notes.get("flags", ())),
        unchanged=unchanged,
    )
