"""The instructor's page on an assignment: scores, what cost most, who needs a look and why."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from nbgrader.utils import compute_checksum

from autograder.course_directory import CourseDirectory
from autograder.feedback import write_page
from autograder.outcome import Outcome, find

BARS = 10
KINDS = ("not graded", "flag", "zero", "mended", "late")  # why to look, the worst first


def write_overview(course: CourseDirectory, name: str) -> Path:
    """Write overview/NAME.html. Raises ValueError where nothing of the assignment is graded yet."""
    course.release(name)
    students = course.submitted(name)
    found = [find(course, name, each) or Outcome(each, problem="It is not graded yet.") for each in students]
    graded = [outcome for outcome in found if not outcome.problem]
    if not graded:
        raise ValueError(f"No submission of {name} is graded yet: run autograder grade {name}.")
    scores, points = pd.Series([outcome.score for outcome in graded]), graded[0].points
    counts, edges = np.histogram(scores.clip(0, points), BARS, (0, points))
    looks = [(outcome, why) for outcome in found if (why := _why(outcome))]
    links = {student: course.feedback(name, student) for student in students}
    table = sections(graded)
    return write_page(
        course.root / "overview" / f"{name}.html",
        "overview.html.j2",
        name=name,
        found=found,
        graded=sorted(graded, key=lambda outcome: (-outcome.score, outcome.student)),
        points=points,
        scores=scores,
        bars=[(f"{low:g}–{low + points / BARS:g}", count) for low, count in zip(edges, counts, strict=False)],
        looks=sorted(looks, key=lambda look: (KINDS.index(next(iter(look[1]))), look[0].student)),
        links={who: f"../{page.relative_to(course.root)}" for who, page in links.items() if page.is_file()},
        waits=Counter(table.title[table.pending]),
        exercises=cost(table[table.points > 0], "place"),
        misconceptions=cost(table.explode("misconceptions"), "misconceptions").sort_values(
            "lost", ascending=False, kind="stable"
        ),
    )


def sections(graded: list[Outcome]) -> pd.DataFrame:
    """The exercises of all students, a row each; `place` is that in the notebook."""
    rows = [
        {**vars(section), "student": outcome.student, "place": place, "state": section.state}
        for outcome in graded
        for place, section in enumerate(outcome.sections)
    ]
    return pd.DataFrame(rows)


def cost(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """What each exercise cost the class, or each misconception in one: `lost` of the `points`, and whom.

    Exercises are told apart by their title too: some may be graded on an earlier release.
    """
    table = table.assign(lost=table.points - table.score)
    columns = {"students": ("student", list), "states": ("state", list), "each": ("points", "first")}
    columns |= {"points": ("points", "sum"), "lost": ("lost", "sum")}
    return table.groupby([by, "title"]).agg(**columns).reset_index()


def _why(outcome: Outcome) -> dict[str, str]:
    """Why to look at a submission: a sentence, or none, for each of the KINDS that hold."""
    answers = [cell for section in outcome.sections for cell in section.answers]
    why = {}
    if outcome.problem:
        why["not graded"] = outcome.problem
    if outcome.flags:
        why["flag"] = " ".join(outcome.flags)
    if outcome.score <= 0 and not outcome.problem:
        empty = all(cell.metadata.nbgrader.checksum == compute_checksum(cell) for cell in answers)
        why["zero"] = "Nothing is written." if empty else ""
    if outcome.repairs:
        why["mended"] = " ".join(outcome.repairs)
    if outcome.days_late > 0:
        penalty = f", {outcome.penalty:g} points off" if outcome.penalty else ""
        why["late"] = f"{outcome.days_late:.1f} days{penalty}"
    return why
