"""What an exercise is, and how it becomes a sheet: cases with expected values, as plain data."""

import contextlib
import functools
import hashlib
import importlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autograder import plain
from autograder.judge import look
from autograder.probe import PROBES, quiet
from course.errors import unknown

EXERCISES = Path(__file__).with_name("exercises")


@dataclass(frozen=True)
class Case:
    """One use of one answer: a probe (see autograder.probe), its arguments, and those of the judge's look.

    All of it is plain data. Most answers are functions, which the probe "call" calls.
    """

    of: str
    arguments: tuple
    probe: str = "call"
    look: tuple = ()


@dataclass(frozen=True)
class Misconception:
    """A wrong answer with a name: functions that make the mistake (variants of it), and what to say."""

    name: str
    of: str
    hint: str
    wrong: Sequence[Callable]


@dataclass(frozen=True)
class Answer:
    """What the student writes, most often a function: the right one, and others that are right as well."""

    right: Callable
    also_right: Sequence[Callable] = ()
    hint: str = ""


@dataclass(frozen=True, eq=False)  # each is itself alone, so that its sheet can be kept
class Exercise:
    """One exercise: what is asked for, and everything needed to judge it.

    Attributes:
        id: what the notebook passes to `check`; unique in the course.
        points: points for all of it; each answer has an equal share, each of its cases an equal part.
        answers: the functions asked for, by name, in the order in which `check` is given them.
        public: cases that students see. hidden: more of them, drawn from a generator.
        forbidden: dotted names whose use would be copying ("course.cost").
        tolerance: relative error allowed in floating-point results; integers must be equal.
    """

    id: str
    title: str
    points: int
    answers: dict[str, Answer]
    public: Sequence[Case]
    hidden: Callable[[np.random.Generator], Sequence[Case]]
    misconceptions: Sequence[Misconception] = ()
    forbidden: Sequence[str] = ()
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Assignment:
    """The exercises of one notebook, in its order. `budget` is in seconds on two cores."""

    name: str
    title: str
    budget: float
    exercises: Sequence[Exercise] = ()

    @property
    def points(self) -> int:
        """Points for what is graded by machine."""
        return sum(exercise.points for exercise in self.exercises)


def assignments() -> dict[str, Assignment]:
    """Every assignment that has a file in autograder/exercises, by name, in order.

    Raises:
        ValueError: where that package is absent, as it is in what students install.
    """
    return {name: find_assignment(name) for name in _sources()}


def find_assignment(name: str) -> Assignment:
    """The assignment with this name. Raises ValueError with the nearest names."""
    with quiet():  # TensorFlow logs when it starts
        return importlib.import_module(f"autograder.exercises.{source_of(name).stem}").ASSIGNMENT


def source_of(name: str) -> Path:
    """The file that holds an assignment's exercises. Raises ValueError with the nearest names."""
    if name not in _sources():
        raise unknown("assignment", name, _sources())
    return _sources()[name]


def find_exercise(identifier: str, assignment: str = "") -> Exercise:
    """The exercise with this id: of this assignment if there is such a one, else of any.

    Raises ValueError with the nearest ids.
    """
    where = [find_assignment(assignment)] if assignment in _sources() else assignments().values()
    known = {exercise.id: exercise for each in where for exercise in each.exercises}
    if identifier not in known:
        raise unknown("exercise", identifier, known)
    return known[identifier]


@functools.cache
def _sources() -> dict[str, Path]:
    """The files of autograder/exercises by the assignment's name, in order.

    The name is read from the text: to import a file may take seconds, where it needs TensorFlow.
    """
    files = [path for path in EXERCISES.glob("*.py") if path.name != "__init__.py"]
    if not files:
        raise ValueError(
            "The exercises with their answers are not installed: run this in the clone of the course."
        )
    names = (re.search(r'\bname="(\d+_\w+)"', path.read_text("utf-8")).group(1) for path in files)
    return dict(sorted(zip(names, files, strict=True)))


def course_secret(path: Path) -> bytes:
    """The course's secret; made on first use, readable by its owner alone, never overwritten."""
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=path.parent, buffering=0) as fresh:
            fresh.write(secrets.token_hex(32).encode())
            with contextlib.suppress(FileExistsError):  # another judge's came first
                os.link(fresh.name, path)
    return path.read_bytes()


def generator(secret: bytes, *who: str) -> np.random.Generator:
    """The source of hidden cases: different for each secret, assignment, student and exercise."""
    digest = hashlib.sha256(b"\0".join([secret, *(each.encode() for each in who)])).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))


def all_cases(exercise: Exercise, rng: np.random.Generator) -> list[Case]:
    """The public cases, and hidden ones drawn from `rng`: no expected value, so a kernel may have them."""
    return [*exercise.public, *exercise.hidden(rng)]


def full_sheet(exercise: Exercise, rng: np.random.Generator) -> dict:
    """The exercise with `all_cases` and their expected values, as data: what `judge` reads."""
    hidden = [_compiled(exercise, case, hidden=True) for case in exercise.hidden(rng)]
    return _sheet(exercise, [*_public(exercise), *hidden])


@functools.cache
def public_sheet(exercise: Exercise) -> dict:
    """The exercise with its public cases alone, as plain data: what a student's `check` reads."""
    cases = [
        {**case, "wrong": {name: [each() for each in wrong] for name, wrong in case["wrong"].items()}}
        for case in _public(exercise)
    ]
    return _sheet(exercise, cases)


def _sheet(exercise: Exercise, cases: list[dict]) -> dict:
    return {
        "id": exercise.id,
        "title": exercise.title,
        "points": exercise.points,
        "tolerance": exercise.tolerance,
        "forbidden": list(exercise.forbidden),
        "answers": {name: {"hint": answer.hint} for name, answer in exercise.answers.items()},
        "misconceptions": {each.name: {"of": each.of, "hint": each.hint} for each in exercise.misconceptions},
        "cases": cases,
    }


@functools.cache
def _public(exercise: Exercise) -> list[dict]:
    return [_compiled(exercise, case, hidden=False) for case in exercise.public]


def _compiled(exercise: Exercise, case: Case, hidden: bool) -> dict:
    """A case as data, but for what the mistakes give: functions that compute it, as few of them are asked."""

    @functools.cache
    def result(answer):
        return plain.as_plain(look(case.probe, PROBES[case.probe](answer, *case.arguments), case.look))

    return {
        "of": case.of,
        "probe": case.probe,
        "arguments": list(case.arguments),
        "look": list(case.look),
        "hidden": hidden,
        "expected": result(exercise.answers[case.of].right),
        "wrong": {
            each.name: [functools.partial(result, answer) for answer in each.wrong]
            for each in exercise.misconceptions
            if each.of == case.of
        },
    }
