"""A test cell that an instructor wrote with asserts: run in the student's process, between canaries.

A canary is a statement that must fail, or must show a text. Where one of those passes, the submission has
tampered with the tests.
"""

import secrets

import nbformat

from autograder.source import ends_in_expression
from autograder.worker import Worker, error_output, name_of


def run_asserts(worker: Worker, cell: nbformat.NotebookNode, index: int) -> None:
    """Run such a cell; where a canary passes, it scores 0 and the submission is flagged."""
    canaries = _canaries()
    passed = [_sings(worker, *canary, index) for canary in canaries[::2]]
    worker.run(cell, index)
    passed += [_sings(worker, *canary, index) for canary in canaries[1::2]]
    # nbgrader takes any line on stderr for a failure, and TensorFlow logs there
    outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    # a number is partial credit where the cell ends in an expression, and not where a student's
    # function showed it
    shown = [output for output in outputs if output.output_type == "execute_result"]
    counted = shown[-1:] if ends_in_expression(cell.source) else []
    cell.outputs = [output for output in outputs if output not in shown] + counted
    sentence = ""
    if any(passed):
        sentence = "A test that must fail was passed: the submission has tampered with the tests."
    elif not all(_is_credit(output, cell.metadata["nbgrader"]["points"]) for output in counted):
        sentence = "The test cell ends in a value that is no number of points which it can give."
    if sentence:
        worker.flags.append(f"{name_of(cell, index)}: {sentence}")
        cell.outputs = [error_output("TamperingError", sentence)]


def _sings(worker: Worker, source: str, expected: str | None, index: int) -> bool:
    """Whether a canary passes that must fail, or shows another text than expected."""
    canary = nbformat.v4.new_code_cell(source)
    if worker.run(canary, index, store_history=False):
        return False
    failed = any(output.output_type == "error" for output in canary.outputs)
    if expected is None:
        return not failed
    texts = [output.data.get("text/plain") for output in canary.outputs if "data" in output]
    return texts != [expected]


def _is_credit(output: nbformat.NotebookNode, points: float) -> bool:
    """Whether nbgrader can take a result for credit: a number up to `points`, or a text that is none.

    Of what is no number from 0 on, such as NaN, it would take any for full credit.
    """
    text = output.data.get("text/plain")
    try:
        return 0 <= float(text) <= points
    except (TypeError, ValueError):
        return isinstance(text, str) and bool(text)


def _canaries() -> list[tuple[str, str | None]]:
    """Statements, in random order, that must fail (None), or must show a text: a source and that text."""
    a, b = (secrets.randbelow(900) + 100 for _ in range(2))
    b += a == b
    canaries = [
        (f"assert {a} == {b}", None),
        (f"assert abs({a} - {b}) < 1e-6", None),
        (f"import numpy as np\nassert np.allclose([{a}, 1], [{b}, 1])", None),
        (f"import numpy as np\nnp.testing.assert_allclose([{a}, 1], [{b}, 1])", None),
        (f"{a} * {b}", str(a * b)),
        (f"{a} / 128", repr(a / 128)),
    ]
    secrets.SystemRandom().shuffle(canaries)
    return canaries
