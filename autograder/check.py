"""`check`: what a notebook calls under every exercise."""

import sys
from pathlib import Path

from autograder import plain
from autograder.judge import judge
from autograder.probe import observe
from autograder.report import Score, to_text
from course.errors import unknown

CASES = Path(__file__).with_name("cases")


def check(exercise: str, *answers, hidden: bool = False) -> Score:
    """Try answers on an exercise's cases; show a table; give the points earned on these cases.

    Args:
        exercise: the exercise's id, as the notebook has it.
        *answers: the functions that the exercise asks for, in its order.
        hidden: also draw hidden cases, which only an instructor's clone of the course can.

    Returns:
        The points, a float. A notebook shows the table in its place; elsewhere it is printed.

    Raises:
        ValueError: for an unknown exercise (with the nearest), or a wrong number of answers.
    """
    sheet = _sheet(exercise, hidden)
    names = list(sheet["answers"])
    if len(answers) != len(names):
        raise ValueError(f"check({exercise!r}, …) takes {len(names)} answers: {', '.join(names)}.")
    report = judge(sheet, observe(names, lambda: answers, sheet["cases"], sheet["forbidden"]))
    if not _in_notebook():
        print(to_text(report), end="")
    return Score(report)


def _sheet(exercise: str, hidden: bool) -> dict:
    if hidden:
        from autograder.exercise import find_exercise, full_sheet, generator

        return full_sheet(find_exercise(exercise), generator(b"", "instructor", exercise))
    known = [path.stem for path in CASES.glob("*.json")]
    if exercise not in known:
        raise unknown("exercise", exercise, known)
    return plain.read(CASES / exercise)


def _in_notebook() -> bool:
    """Whether a front end will show the returned score as HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
