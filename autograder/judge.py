"""Compares what a student's answers gave with what was expected. Trusted, and pure: data in, report out."""

import functools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field

import numpy as np

from autograder.probe import quiet
from autograder.rebuild import describe
from autograder.trial import race, rehearse

LOOKS = {"model": describe, "models": race, "plan": rehearse}  # by probe
NOT_WRITTEN = "Not written yet."


@dataclass(frozen=True)
class Line:
    """One aspect of one case: its type, its shape or its value."""

    aspect: str
    right: bool
    expected: str = ""
    got: str = ""


@dataclass(frozen=True)
class Verdict:
    """One case: the call, and what was found. A hidden case has no call and no details to show."""

    of: str
    call: str
    hidden: bool
    lines: tuple[Line, ...]
    problem: str = ""

    @property
    def right(self) -> bool:
        """Whether the case is passed: nothing raised, and type, shape and value as expected."""
        return not self.problem and all(line.right for line in self.lines)


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
    results = observed.get("results") if isinstance(observed, dict) else None
    if not isinstance(results, list) or len(results) != len(sheet["cases"]):
        results = [{}] * len(sheet["cases"])
    pairs = list(zip(sheet["cases"], results, strict=True))
    results = [_looked(case, result) for case, result in pairs]
    verdicts = tuple(_verdict(sheet, case, result) for (case, _), result in zip(pairs, results, strict=True))
    used = observed.get("forbidden") if isinstance(observed, dict) else None
    used = [name for name in used if name in sheet["forbidden"]] if isinstance(used, list) else []
    score = 0.0 if used else _score(sheet, verdicts)
    return Report(
        exercise=sheet["id"],
        title=sheet["title"],
        points=sheet["points"],
        score=score,
        verdicts=verdicts,
        misconceptions=_misconceptions(sheet, results),
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
    return all(line.right for line in compare(expected, got, type(got).__name__, tolerance))


def compare(expected, got, kind: str, tolerance: float) -> tuple[Line, ...]:
    """Type, shape and value of a result, each its own line; the first that is wrong ends the comparison."""
    wanted = _kind(expected)
    if not _accepts(wanted, got):
        return (Line("type", False, wanted, kind),)
    if wanted == "table":
        return tuple(line for key in expected for line in _entry(key, expected, got, tolerance))
    right_type = Line("type", True, wanted, kind)
    if wanted == "texts":
        return right_type, _texts(expected, got)
    if wanted in ("array", "list"):
        try:
            expected, got = np.asarray(expected), np.asarray(got)
        except ValueError:
            return right_type, Line("shape", False, str(np.shape(expected)), "rows of unequal length")
        if got.dtype.kind not in "biuf":
            return (Line("type", False, "numbers", str(got.dtype)),)
        if expected.shape != got.shape:
            return right_type, Line("shape", False, str(expected.shape), str(got.shape))
        return right_type, Line("shape", True, str(expected.shape)), _array_value(expected, got, tolerance)
    right = _close(expected, got, tolerance) if wanted == "number" else expected == got
    return right_type, Line("value", right, show(expected), show(got))


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


def _verdict(sheet: dict, case: dict, result: dict) -> Verdict:
    call = _call(case["of"], case["probe"], case["arguments"])
    problem, lines = "", ()
    if result.get("missing") is True:
        problem = NOT_WRITTEN
    elif "value" in result:
        kind = str(result.get("type", ""))[:40]
        lines = compare(case["expected"], result["value"], kind, sheet["tolerance"])
    else:
        problem = str(result.get("error", "No result came back."))[:500]
    return Verdict(case["of"], call, case["hidden"], lines, problem)


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


def _looked(case: dict, result) -> dict:
    """A result as a dictionary, its value looked at; what cannot be looked at is an error."""
    if not isinstance(result, dict):
        return {}
    if "value" not in result:
        return result
    try:
        return {**result, "value": look(case["probe"], result["value"], case["look"])}
    except Exception as error:  # a student's model can be wrong in any way
        return {"error": str(error)[:500]}


def _score(sheet: dict, verdicts: tuple[Verdict, ...]) -> float:
    """Every answer has an equal share of the points, and each of its cases an equal part of that."""
    shares = []
    for name in sheet["answers"]:
        right = [verdict.right for verdict in verdicts if verdict.of == name]
        shares.append(sum(right) / len(right))
    return round(sheet["points"] * sum(shares) / len(shares), 2)


def _misconceptions(sheet: dict, results: list[dict]) -> dict[str, str]:
    return {
        name: misconception["hint"]
        for name, misconception in sheet["misconceptions"].items()
        if _holds(sheet, name, misconception["of"], results)
    }


def _holds(sheet: dict, name: str, of: str, results: list) -> bool:
    """Whether some variant of the mistake gives every result, and differs from the truth at least twice."""
    pairs = [(case, result) for case, result in zip(sheet["cases"], results, strict=True) if case["of"] == of]
    if not all(isinstance(result, dict) and "value" in result for _, result in pairs):
        return False
    variants = range(len(pairs[0][0]["wrong"][name]))
    return any(_telling(pairs, name, variant, sheet["tolerance"]) >= 2 for variant in variants)


def _telling(pairs: list[tuple[dict, dict]], name: str, variant: int, tolerance: float) -> int:
    """In how many cases a variant of a mistake differs from the truth; 0 if it does not give all results."""
    count = 0
    for case, result in pairs:  # public ones first, the same for everybody: most often they settle it
        wrong = case["wrong"][name][variant]
        if not same(wrong, result["value"], tolerance):
            return 0
        count += not same(case["expected"], wrong, tolerance)
    return count


def _notes(sheet: dict, verdicts: tuple[Verdict, ...], used: list[str]) -> tuple[str, ...]:
    notes = [f"{name} may not be used in this exercise: write it yourself. No points." for name in used]
    for name, answer in sheet["answers"].items():
        own = [verdict for verdict in verdicts if verdict.of == name]
        tried = any(verdict.problem != NOT_WRITTEN for verdict in own)
        if answer["hint"] and tried and not all(verdict.right for verdict in own):
            notes.append(f"{name}: {answer['hint']}")
    return tuple(notes)


def _kind(value) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "texts"
    return {str: "text", list: "list", dict: "table", np.ndarray: "array", type(None): "nothing"}[type(value)]


def _accepts(wanted: str, got) -> bool:
    """A whole number may come as 27.0, an array as nested lists, a list as an array."""
    if isinstance(got, np.ndarray) and got.ndim == 0:
        got = got.item()
    if wanted == "number":
        return isinstance(got, (int, float)) and not isinstance(got, bool)
    if wanted in ("array", "list"):
        return isinstance(got, (list, np.ndarray))
    if wanted == "texts":
        return isinstance(got, list) and all(isinstance(item, str) for item in got)
    return isinstance(got, {"bool": bool, "text": str, "table": dict, "nothing": type(None)}[wanted])


def _close(expected: float, got: float, tolerance: float) -> bool:
    got = got.item() if isinstance(got, np.ndarray) else got
    if isinstance(expected, int):
        return got == expected
    try:
        return math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # a whole number that is larger than any fraction
        return False


def _entry(key: str, expected: dict, got: dict, tolerance: float) -> Iterator[Line]:
    """One entry of a table: one line where it is right, else the lines that say what is wrong."""
    if key not in got:
        yield Line(key, False, show(expected[key]), "missing")
        return
    lines = compare(expected[key], got[key], type(got[key]).__name__, tolerance)
    if all(line.right for line in lines):
        yield Line(key, True)
    else:
        yield from (Line(f"{key}, {line.aspect}", *astuple(line)[1:]) for line in lines)


def _texts(expected: list[str], got: list[str]) -> Line:
    """The first line in which two lists of lines differ."""
    for i in range(max(len(expected), len(got))):
        wanted, found = (lines[i] if i < len(lines) else "nothing" for lines in (expected, got))
        if wanted != found:
            return Line("value", False, wanted, found[:200])
    return Line("value", True)


def _array_value(expected: np.ndarray, got: np.ndarray, tolerance: float) -> Line:
    exact = expected.dtype.kind in "biu"
    wrong = ~(got == expected if exact else np.isclose(got, expected, rtol=tolerance, atol=tolerance))
    if not wrong.any():
        return Line("value", True)
    first = tuple(int(index) for index in np.argwhere(wrong)[0])
    where = f"at {list(first)}" if first else ""
    return Line(
        "value",
        False,
        f"{show(expected[first].item())} {where}",
        f"{show(got[first].item())} {where} ({int(wrong.sum())} of {wrong.size} differ)",
    )
