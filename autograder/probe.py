"""Runs in the student's process: calls the answers on given inputs and sends back plain data.

It knows no expected value, so nothing here is worth stealing, and whatever it sends is only data.
"""

import contextlib
import copy
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence

from autograder import plain
from autograder.forbidden import uses

MIME = "application/vnd.autograder.observations"


class Message:
    """Shown by a kernel as one line of our own MIME type, which the judge reads."""

    def __init__(self, observations: dict):
        self.line = plain.to_text(observations)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {MIME: self.line}


def respond(request: str, answers: Callable[[], Sequence]) -> Message:
    """Answer one request of the judge, a line of `plain.to_text`, with a message for it."""
    request = plain.from_text(request)
    return Message(observe(request["names"], answers, request["calls"], request["forbidden"]))


def observe(
    names: Sequence[str], answers: Callable[[], Sequence], calls: Sequence[dict], forbidden: Sequence[str]
) -> dict:
    """Call the answers; never raises because of them.

    Args:
        names: what the answers are called, in order.
        answers: gives the student's answers, in that order; called here so that a name that was
            never defined is an observation, not an exception.
        calls: {"of": name, "arguments": [...]} each.
        forbidden: dotted names that the answers must not use.

    Returns:
        {"results": [one a call], "forbidden": [dotted names used]}. A result is {"value", "type"} or
        {"error"}, or {"missing": true} where nothing has been written yet.
    """
    with quiet():
        try:
            given = dict(zip(names, answers(), strict=True))
        except Exception as error:
            return {"results": [_failure(error)] * len(calls), "forbidden": []}
        results = [_result(given[call["of"]], call["arguments"]) for call in calls]
        return {"results": results, "forbidden": sorted(uses(given.values(), forbidden))}


def _result(answer, arguments: list) -> dict:
    if not callable(answer):
        return {"error": f"It is a {type(answer).__name__}, not a function."}
    try:
        value = answer(*copy.deepcopy(arguments))  # a copy: an answer may change its inputs
        observation = {"value": value, "type": type(value).__name__}
        plain.pack(observation)
        return observation
    except Exception as error:
        return _failure(error)


def _failure(error: Exception) -> dict:
    if isinstance(error, NotImplementedError):
        return {"missing": True}
    return {"error": f"{type(error).__name__}: {error}"[:500]}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what is printed, by Python and (TensorFlow's log lines) by C++, nowhere."""
    sys.stderr.flush()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        nowhere, kept = os.open(os.devnull, os.O_WRONLY), os.dup(2)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
