"""Compares what a student's answers gave with what was expected. Trusted, and pure: data in, report out."""

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from statistics import fmean

import numpy as np

from autograder.probe import quiet
from autograder.rebuild import describe
from autograder.trial import race, rehearse

LOOKS = {"model": describe, "models": race, "plan": rehearse}  # by probe
NUMBERS = {"number", "truth value", "list or array"}


@dataclass(frozen=True)
class Line:
    """One aspect of one case: its type, its shape or its value; none where there is no result, but `got`."""

    aspect: str
    right: bool
    expected: str = ""
    got: str = ""


NOT_WRITTEN = Line("", False, got="Not written yet.")
NO_VALUE = object()


@dataclass(frozen=True)
class Verdict:
    """One case: the call, what came of it, and what is right of that. Nothing is shown of a hidden case."""

    of: str
    call: str
    hidden: bool
    value: object
    lines: tuple[Line, ...]

    @property
    def right(self) -> bool:
        """Whether the case is passed: nothing raised, and type, shape and value as expected."""
        return all(line.right for line in self.lines)


@dataclass(frozen=True)
class Report:
    """The verdicts on one exercise, its points, and what to tell the student."""

    exercise: str
    title: str
    points: float
    score: float
    verdicts: tuple[Verdict, ...]
    misconceptions: dict[str, str] = field(default_factory=dict)  # name -> hint
    notes: tuple[str, ...] = ()


def judge(sheet: dict, observed: dict) -> Report:
    """The report on what was observed (`probe.observe`) for the calls of a sheet.

    Anything malformed in `observed` counts as no answer: it comes from the student's process.
    """
    observed = observed if isinstance(observed, dict) else {}
    results, used = observed.get("results"), observed.get("forbidden")
    if not isinstance(results, list) or len(results) != len(sheet["cases"]):
        results = [{}] * len(sheet["cases"])
    verdicts = tuple(map(functools.partial(_verdict, sheet["tolerance"]), sheet["cases"], results))
    used = {name for name in used if isinstance(name, str)} if isinstance(used, list) else set()
    used = sorted(used.intersection(sheet["forbidden"]))
    return Report(
        exercise=sheet["id"],
        title=sheet["title"],
        points=sheet["points"],
        score=0.0 if used else _score(sheet, verdicts),
        verdicts=verdicts,
        misconceptions={
            name: mistake["hint"]
            for name, mistake in sheet["misconceptions"].items()
            if _holds(sheet, name, mistake["of"], verdicts)
        },
        notes=_notes(sheet, verdicts, used),
    )


def look(probe: str, observed, arguments: Sequence):
    """What is compared: a model is rebuilt and described, models and plans are tried, all else is itself."""
    return _looked_at(json.dumps([probe, observed, arguments])) if probe in LOOKS else observed


@functools.lru_cache(maxsize=64)  # what is expected is the same for many students
@quiet()  # Keras warns of much that is allowed
def _looked_at(text: str):
    import keras

    probe, observed, arguments = json.loads(text)
    with keras.device("cpu"):  # some GPUs round to 10 bits
        return LOOKS[probe](observed, *arguments)


def same(expected, got, tolerance: float) -> bool:
    """Whether `got` passes for `expected`: same type, shape and value."""
    return all(line.right for line in compare(expected, got, tolerance))


def compare(expected, got, tolerance: float) -> tuple[Line, ...]:
    """Type, shape and value of a result, each its own line; the first that is wrong ends the comparison."""
    wanted, found = _kind(expected), _kind(got)
    if found != wanted:
        return (Line("type", False, wanted, found),)
    if wanted == "table":
        return tuple(line for key in expected for line in _entry(key, expected, got, tolerance))
    right_type = Line("type", True, wanted, found)
    if wanted == "lines of text":
        return right_type, _texts(expected, got)
    if wanted not in NUMBERS:
        return right_type, Line("value", expected == got, show(expected), show(got))
    expected, got = np.asarray(expected), np.asarray(got)
    if not expected.ndim:
        return right_type, _values(expected, got, tolerance)
    shape = Line("shape", expected.shape == got.shape, str(expected.shape), str(got.shape))
    return (right_type, shape, *([_values(expected, got, tolerance)] if shape.right else []))


def show(value) -> str:
    """A value in a table: short, and arrays on one line."""
    if isinstance(value, float):
        return f"{value:.7g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, np.ndarray):
        text = " ".join(np.array2string(value, separator=", ", threshold=40, precision=5).split())
        return text if len(text) <= 60 else f"array of {'x'.join(map(str, value.shape))}"
    if isinstance(value, list):
        text = "[" + ", ".join(map(show, value)) + "]"
        return text if len(text) <= 60 else f"{text[:56]} …]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {show(each)}" for key, each in value.items()) + "}"
    return repr(value)[:60]


def _verdict(tolerance: float, case: dict, result) -> Verdict:
    result = result if isinstance(result, dict) else {}
    value = NO_VALUE
    try:
        if "value" in result:
            value = look(case["probe"], result["value"], case["look"])
            lines = compare(case["expected"], value, tolerance)
        elif result.get("missing") is True:
            lines = (NOT_WRITTEN,)
        else:
            raise ValueError(result.get("error", "No result came back."))
    except Exception as error:  # a student's model can be wrong in any way
        lines = (Line("", False, got=str(error)[:500]),)
    call = _call(case["of"], case["probe"], case["arguments"])
    return Verdict(case["of"], call, case["hidden"], value, lines)


def _call(of: str, probe: str, arguments: list) -> str:
    """What a case does with an answer, as one would write it."""

    def made(options: dict) -> str:
        return f"{of}({', '.join(f'{name}={show(value)}' for name, value in options.items())})"

    match probe:
        case "value":
            return of
        case "model" | "plan":
            return made(arguments[0])
        case "models":
            return ", ".join(map(made, arguments[0]))
        case "layer":
            return f"{made(arguments[0])}, {'training' if arguments[-1] else 'inference'}"
    return f"{of}({', '.join(map(show, arguments))})"


def _score(sheet: dict, verdicts: tuple[Verdict, ...]) -> float:
    """Every answer has an equal share of the points, and each of its cases an equal part of that."""
    right = ([verdict.right for verdict in verdicts if verdict.of == name] for name in sheet["answers"])
    return round(sheet["points"] * fmean(map(fmean, right)), 2)


def _holds(sheet: dict, name: str, of: str, verdicts: tuple[Verdict, ...]) -> bool:
    """Whether some variant of the mistake gives every result, and differs from the truth at least twice."""
    pairs = [pair for pair in zip(sheet["cases"], verdicts, strict=True) if pair[0]["of"] == of]
    variants = range(len(pairs[0][0]["wrong"][name]))
    return any(_telling(pairs, name, variant, sheet["tolerance"]) >= 2 for variant in variants)


def _telling(pairs: list[tuple[dict, Verdict]], name: str, variant: int, tolerance: float) -> int:
    """In how many cases a variant of a mistake differs from the truth; 0 if it does not give all results."""
    count = 0
    for case, verdict in pairs:  # public ones first, the same for everybody: most often they settle it
        wrong = case["wrong"][name][variant]
        wrong = wrong() if callable(wrong) else wrong
        if not same(wrong, verdict.value, tolerance):
            return 0
        count += not same(case["expected"], wrong, tolerance)
    return count


def _notes(sheet: dict, verdicts: tuple[Verdict, ...], used: list[str]) -> tuple[str, ...]:
    notes = [f"{name} may not be used in this exercise: write it yourself. No points." for name in used]
    for name, answer in sheet["answers"].items():
        own = [verdict for verdict in verdicts if verdict.of == name]
        tried = any(verdict.lines != (NOT_WRITTEN,) for verdict in own)
        if answer["hint"] and tried and not all(verdict.right for verdict in own):
            notes.append(f"{name}: {answer['hint']}")
    return tuple(notes)


def _kind(value) -> str:
    """What a plain value is. A whole number may come as 27.0, an array as nested lists."""
    match value:
        case None:
            return "nothing"
        case str():
            return "text"
        case dict():
            return "table"
        case [str(), *rest] if all(isinstance(each, str) for each in rest):
            return "lines of text"
    try:
        array = np.asarray(value)
    except ValueError:
        return "rows of unequal length"
    if array.dtype.kind not in "biuf":
        return "not of numbers"
    if array.ndim:
        return "list or array"
    return "truth value" if array.dtype.kind == "b" else "number"


def _entry(key: str, expected: dict, got: dict, tolerance: float) -> Iterator[Line]:
    """One entry of a table: one line where it is right, else the lines that say what is wrong."""
    if key not in got:
        yield Line(key, False, show(expected[key]), "missing")
        return
    lines = compare(expected[key], got[key], tolerance)
    if all(line.right for line in lines):
        yield Line(key, True)
    else:
        yield from (replace(line, aspect=f"{key}, {line.aspect}") for line in lines)


def _texts(expected: list[str], got: list[str]) -> Line:
    """The first line in which two lists of lines differ."""
    for wanted, found in zip_longest(expected, got, fillvalue="nothing"):
        if wanted != found:
            return Line("value", False, wanted, found[:200])
    return Line("value", True)


def _values(expected: np.ndarray, got: np.ndarray, tolerance: float) -> Line:
    """The first place where two numbers or arrays differ."""
    exact = expected.dtype.kind in "biu"
    wrong = got != expected if exact else ~np.isclose(got, expected, rtol=tolerance, atol=tolerance)
    if not wrong.any():
        return Line("value", True)
    first = tuple(np.argwhere(wrong)[0].tolist())
    where, many = f" at {list(first)}", f" ({wrong.sum()} of {wrong.size} differ)"
    if not first:
        where = many = ""
    return Line(
        "value", False, f"{show(expected[first].item())}{where}", f"{show(got[first].item())}{where}{many}"
    )
