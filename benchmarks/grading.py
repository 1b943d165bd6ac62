"""Throughput of grading: stock `nbgrader autograde` with stock steps against `autograder grade`, in one run.

    python benchmarks/grading.py [--submissions 40] [--assignment 01_conv_arithmetic] [--jobs 2]

Both grade the same submissions, each in a course directory of its own: right answers, other right
answers and each misconception in turn. Stock also draws the figures of given cells, and where the disk is
slow it waits for it: compare CPU seconds too. Memory is the largest sum of proportional set sizes (PSS) of
all processes; CPU is user and system time of all of them. A second table says where the time of one
submission goes, on average over some that are graded one after the other.
"""

import contextlib
import functools
import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated
from unittest import mock

import nbformat
import typer
from rich.console import Console
from rich.table import Table

from autograder import grading, pool, preprocessors, provisioner, sandbox
from autograder.course_directory import CONFIG, CourseDirectory, read_notebook
from autograder.demo import make_class
from autograder.exercise import find_assignment
from autograder.release import release
from autograder.verify import hand_in, scratch_course

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SUBREAPER = 36  # of prctl
# Where a submission's time goes: part -> the functions whose time it is, less that of parts within.
PARTS = {
    "fork": [(preprocessors.Judge, "_start_kernel")],
    "given and solution cells": [(preprocessors.Judge, "run")],
    "probes": [(preprocessors.Judge, "_probe")],
    "judging": [(preprocessors, each) for each in ("full_sheet", "put_together", "judge")],
    "end of the kernel": [(contextlib.ExitStack, "close")],
    "gradebook": [(grading, "_record")],
}


def main(
    submissions: Annotated[int, typer.Option(min=1)] = 40,
    assignment: str = "01_conv_arithmetic",
    jobs: int = 2,
    stock: Annotated[bool, typer.Option(help="Also run stock nbgrader.")] = True,
    broken_down: Annotated[int, typer.Option(min=0, help="Submissions in the second table.")] = 12,
) -> None:
    """Grade the same class in both ways and print the comparison."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        ours = make_course(Path(folder) / "ours", assignment, submissions)
        theirs = Path(folder) / "theirs"
        shutil.copytree(ours.root, theirs)
        use_stock_steps(theirs)
        if stock:
            rows["nbgrader autograde, stock"] = measure(["nbgrader", "autograde", assignment], theirs)
        rows["autograder grade"] = measure(
            ["autograder", "grade", assignment, "--jobs", str(jobs)], ours.root, allowed=(0, 1)
        )
        graded = scores(ours.root, assignment)
        others = scores(theirs, assignment) if stock else graded
        parts = breakdown(ours, assignment, min(broken_down, submissions)) if broken_down else {}
    table = Table("", "wall s", "CPU s", "peak MB", "submissions/min", title=f"{submissions} of {assignment}")
    for name, (wall, cpu, memory) in rows.items():
        table.add_row(
            name, f"{wall:.1f}", f"{cpu:.1f}", f"{memory / 2**20:.0f}", f"{60 * submissions / wall:.0f}"
        )
    console = Console()
    console.print(table)
    console.print(f"{len(graded)} of {submissions} are in the gradebook.")
    if stock:
        (theirs_wall, *_), (ours_wall, *_) = rows.values()
        apart = max(abs(graded[student] - others[student]) for student in graded)
        console.print(f"Throughput: {theirs_wall / ours_wall:.1f} times stock.")
        console.print(f"Scores differ by {apart:.2f} at most: each side draws its own hidden cases.")
        if apart > find_assignment(assignment).points / 10:
            raise SystemExit("That is too much: the two did not grade the same.")
    if parts:
        table = Table("part", "ms", title="one submission")
        for part, seconds in parts.items():
            table.add_row(part, f"{1000 * seconds:.0f}")
        console.print(table)


def breakdown(course: CourseDirectory, name: str, submissions: int) -> dict[str, float]:
    """Seconds by part that a submission takes on average, in this process, one after the other."""
    students = sorted(course.submitted(name))
    digests = {student: grading.digest(course, name, student, due="") for student in students}
    clock = Stopwatch()
    provisioner.launch()

    def judge_and_record(student: str) -> None:
        judged = pool.judge_one(course.root, name, student, sandbox=True)
        grading._record(course, name, student, nbformat.from_dict(judged), digests[student])

    judge_and_record(students[0])  # imports, and results that are the same for everybody
    with contextlib.ExitStack() as stack:
        for part, functions in PARTS.items():
            for owner, function in functions:
                timed = clock.timed(part, getattr(owner, function))
                stack.enter_context(mock.patch.object(owner, function, timed))
        for student in students[:submissions]:
            clock.timed("the rest", judge_and_record)(student)
    parts = {part: clock.seconds[part] / submissions for part in (*PARTS, "the rest")}
    return parts | {"in all": sum(parts.values())}


class Stopwatch:
    """Seconds by part, each without those of the parts that are called within it."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys((*PARTS, "the rest"), 0.0)
        self._running: list[str] = []
        self._since = 0.0

    def timed(self, part: str, function):
        """The function, with its time booked on a part; cells that run within a probe are the probe's."""

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            within = self._running[-1] if self._running else ""
            self._enter(within if (part, within) == ("given and solution cells", "probes") else part)
            try:
                return function(*args, **kwargs)
            finally:
                self._leave()

        return wrapper

    def _enter(self, part: str) -> None:
        self._book()
        self._running.append(part)

    def _leave(self) -> None:
        self._book()
        self._running.pop()

    def _book(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now


def make_course(folder: Path, name: str, submissions: int) -> CourseDirectory:
    """A released assignment with a class that answers rightly, in another way, and with three mistakes."""
    folder.mkdir()
    course = scratch_course(CourseDirectory(ROOT), name, folder)
    released, assignment = read_notebook(release(course, name)), find_assignment(name)
    kinds = itertools.cycle(make_class(released, assignment)[:5])
    for number, kind in zip(range(submissions), kinds, strict=False):
        hand_in(course, name, f"student{number:04d}", kind.notebook)
    return course


def use_stock_steps(folder: Path) -> None:
    """Take our steps out of the configuration, which leaves nbgrader's: `check` then runs in the kernel."""
    with (folder / CONFIG).open("a") as config:
        config.write("\ndel c.Autograde\nc.Execute.timeout = 120\n")
        config.write(f"c.CourseDirectory.db_url = 'sqlite:///{folder / 'gradebook.db'}'\n")


def measure(words: list[str], folder: Path, allowed: tuple[int, ...] = (0,)) -> tuple[float, float, float]:
    """Wall and CPU seconds and the peak of PSS in bytes of a command and all below it."""
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    # what outlives the command, such as the warm process, is then waited for, and counted, here
    sandbox.LIBC.prctl(SUBREAPER, 1, 0, 0, 0)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen([BIN / words[0], *words[1:]], cwd=folder, env=environment, **pipes)
    peak = [0]
    watcher = threading.Thread(target=watch, args=(process, peak))
    watcher.start()
    output, _ = process.communicate()
    wall = time.perf_counter() - start
    watcher.join()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    if process.returncode not in allowed or "Traceback" in output:
        sys.exit(f"{' '.join(words)} failed:\n{output[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, peak[0]


def watch(process: subprocess.Popen, peak: list[int]) -> None:
    """Sample the memory of a process and its descendants until it ends, in at most a twentieth of the time.

    To sum up a process's pages takes the kernel 20 ms, and a class has many processes.
    """
    while process.poll() is None:
        start = time.perf_counter()
        peak[0] = max(peak[0], sum(map(pss, family(process.pid))))
        time.sleep(max(0.25, 19 * (time.perf_counter() - start)))


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def pss(pid: int) -> int:
    """The proportional set size of a process in bytes; 0 once it has gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def scores(folder: Path, name: str) -> dict[str, float]:
    """student -> score, as the gradebook has them."""
    with CourseDirectory(folder).api.gradebook as gradebook:
        return {each.student_id: each.score for each in gradebook.assignment_submissions(name)}


if __name__ == "__main__":
    typer.run(main)
