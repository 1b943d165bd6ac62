"""Grade what students handed in: judged in parallel, recorded by one writer, resumable at any moment.

A submission becomes a grade in three steps: `pool.judge_one` (in a process of its own) reads it, rebuilds it
from the master, runs it sandboxed and judges it; `_record` (here) writes the gradebook; then the graded
notebook is put in its place in one move, with the digest of all it depends on. A run that is killed loses
at most what was between those steps, and a rerun does it again with the same result.
"""

import hashlib
import importlib.metadata
import os
from collections.abc import Iterator
from functools import cache

import nbformat
from nbgrader.api import InvalidEntry
from sqlalchemy.exc import SQLAlchemyError

from autograder.course_directory import CONFIG, CourseDirectory, read_notebook
from autograder.exercise import source_of
from autograder.outcome import Outcome, read
from autograder.pool import judge_all, resources_of, steps
from autograder.reading import NOTES, is_plain_file
from autograder.release import release
from autograder.sandbox import SandboxError, unavailable
from course.files import replacing

UNWRITABLE = (InvalidEntry, SQLAlchemyError, OSError)  # what a gradebook or disk that refuses raises


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
        for student, result in judge_all(course.root, name, changed, jobs, sandbox):
            if isinstance(result, str):
                yield Outcome(student, problem=result)
            else:
                yield _recorded(course, name, student, result, digests[student])
    except SandboxError as error:
        raise ValueError(str(error)) from None
    except UNWRITABLE as error:
        error = error.__context__ if isinstance(error, InvalidEntry) else error  # nbgrader's for the latter
        reason = str(getattr(error, "orig", error))
        raise ValueError(
            f"The grades cannot be written: {reason}. What was graded is kept: run the same command again."
        ) from None


def digest(course: CourseDirectory, name: str, student: str, due: str) -> str:
    """A fingerprint of all that a grade depends on, settings, due date and versions included."""
    sha = hashlib.sha256()
    folder = course.submitted(name)[student].parent
    handed_in = sorted(path for path in folder.rglob("*") if is_plain_file(path))
    ours = (course.source(name), course.release(name), source_of(name), course.root / CONFIG)
    for path in (*handed_in, *ours):
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:  # whoever reads it to judge it says so
            content = str(error).encode()
        sha.update(os.fsencode(path.name) + b"\0" + content + b"\0")
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
        assignment = {each.name: each for each in gradebook.assignments}.get(name)
        known, due = bool(assignment and assignment.notebooks), str(assignment and assignment.duedate)
    if not known:
        release(course, name)
    return due


def _unchanged(course: CourseDirectory, name: str, student: str, fresh: str) -> Outcome | None:
    """The outcome that stands, if the graded notebook was made from just what is there now."""
    try:
        notebook = read_notebook(course.autograded(name, student))
        if notebook.metadata.get(NOTES, {}).get("digest") == fresh:
            return read(notebook, course.api.gradebook, name, student, unchanged=True)
    except ValueError:  # it was not graded, or the gradebook does not have it
        pass
    return None


def _recorded(course: CourseDirectory, name: str, student: str, notebook: dict, fresh: str) -> Outcome:
    """The outcome as it is recorded; a notebook that breaks nbgrader's steps must not stop the others."""
    try:
        return _record(course, name, student, nbformat.from_dict(notebook), fresh)
    except UNWRITABLE:
        raise
    except Exception as error:
        return Outcome(student, problem=f"It cannot be recorded ({type(error).__name__}: {error}).")


def _record(course: CourseDirectory, name: str, student: str, notebook, fresh: str) -> Outcome:
    """Write the gradebook through nbgrader's own steps, then put the graded notebook in its place."""
    resources = resources_of(course, name, student)
    timestamp = course.api.coursedir.get_existing_timestamp(str(course.submitted(name)[student].parent))
    with course.api.gradebook as gradebook:
        gradebook.update_or_create_student(student)
        known = {"timestamp": timestamp} if timestamp else {}
        gradebook.update_or_create_submission(name, student, **known)
    _, recording = steps(course)
    for step in recording:
        notebook, resources = step.preprocess(notebook, resources)
    notebook.metadata[NOTES]["digest"] = fresh
    path = course.autograded(name, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        nbformat.write(notebook, partial)
    return read(notebook, course.api.gradebook, name, student)
