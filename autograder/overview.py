"""The instructor's page on an assignment: scores, what cost most, who needs a look and why."""

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.utils import compute_checksum, is_grade, is_solution

from autograder.course_directory import CourseDirectory, read_notebook
from autograder.feedback import PAGES, Section, sections, why_unreadable
from autograder.reading import NOTES
from course.files import replacing

BARS = 10
KINDS = ("unreadable", "not graded", "flag", "zero", "mended", "late")  # why to look, the worst first


@dataclass(frozen=True)
class Row:
    """A student: the score, or none; each exercise; why to look, by KINDS; what is to be graded by hand."""

    student: str
    score: float | None
    exercises: tuple[Section, ...]
    why: dict[str, str]
    page: str = ""
    waits: tuple[str, ...] = ()


def write_overview(course: CourseDirectory, name: str) -> Path:
    """Write overview/NAME.html. Raises ValueError where nothing of the assignment is graded yet."""
    course.release(name)
    rows = [_row(course, name, student) for student in course.submitted(name)]
    graded = [row for row in rows if row.score is not None]
    if not graded:
        raise ValueError(f"No submission of {name} is graded yet: run autograder grade {name}.")
    points = sum(section.points for section in graded[0].exercises)
    scores = [row.score for row in graded]
    page = PAGES.get_template("overview.html.j2").render(
        name=name,
        rows=rows,
        worst_first=sorted(
            (row for row in rows if row.why), key=lambda r: (KINDS.index(next(iter(r.why))), r.student)
        ),
        graded=sorted(graded, key=lambda row: (-row.score, row.student)),
        waits=Counter(title for row in rows for title in row.waits),
        points=points,
        mean=statistics.mean(scores),
        median=statistics.median(scores),
        bars=_bars(scores, points),
        exercises=_exercises(graded),
        misconceptions=_misconceptions(graded),
    )
    path = course.root / "overview" / f"{name}.html"
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return path


def _row(course: CourseDirectory, name: str, student: str) -> Row:
    page = course.feedback(name, student)
    link = f"../{page.relative_to(course.root).as_posix()}" if page.is_file() else ""
    if not course.autograded(name, student).is_file():
        problem = why_unreadable(course, name, student)
        return Row(student, None, (), {"unreadable": problem} if problem else {"not graded": ""}, link)
    notebook = read_notebook(course.autograded(name, student))
    why, notes = {}, notebook.metadata.get(NOTES, {})
    with course.api.gradebook as gradebook:
        try:
            submission = gradebook.find_submission(name, student)
        except MissingEntry:
            return Row(student, None, (), {"not graded": "The gradebook does not have it."})
        late, penalty = submission.total_seconds_late / 86_400, submission.late_submission_penalty or 0
        grades = {grade.name: grade for each in submission.notebooks for grade in each.grades}
        for cell in notebook.cells:
            if is_grade(cell) and (grade := grades.get(cell.metadata["nbgrader"]["grade_id"])):
                cell.metadata["nbgrader"] |= {"score": grade.score, "pending": grade.needs_manual_grade}
        score = submission.score - penalty
    exercises = tuple(each for each in sections(notebook.cells) if each.points)
    if notes.get("flags"):
        why["flag"] = " ".join(notes["flags"])
    if score <= 0:
        empty = all(_as_released(cell) for cell in notebook.cells if is_solution(cell))
        why["zero"] = "Nothing is written." if empty else ""
    if notes.get("repairs"):
        why["mended"] = " ".join(notes["repairs"])
    if late > 0:
        why["late"] = f"{late:.1f} days" + (f", {penalty:g} points off" if penalty else "")
    waits = tuple(each.title for each in sections(notebook.cells) if each.pending)
    return Row(student, score, exercises, why, link, waits)


def _as_released(cell) -> bool:
    return cell.metadata["nbgrader"].get("checksum") == compute_checksum(cell)


def _bars(scores: list[float], points: float) -> list[tuple[str, int]]:
    """How many scores are in each tenth of the points; the full score is in the last."""
    counts = Counter(min(int(BARS * max(score, 0) / points), BARS - 1) for score in scores)
    return [(f"{i * points / BARS:g}–{(i + 1) * points / BARS:g}", counts[i]) for i in range(BARS)]


def _exercises(graded: list[Row]) -> list[dict]:
    """For each exercise: how many got all, some and none of the points, and the share that was lost."""
    by_exercise = defaultdict(list)  # some may be graded on an earlier release
    for row in graded:
        for place, section in enumerate(row.exercises):
            by_exercise[place, section.title].append(section)
    found = []
    for (_, title), each in sorted(by_exercise.items()):
        counts, points = Counter(section.state for section in each), each[0].points
        states = [(state, counts[state]) for state in ("right", "part", "none", "open")]
        total = sum(section.points for section in each)
        lost = total - sum(section.score for section in each)
        found.append(dict(title=title, points=points, states=states, lost=lost, share=lost / total))
    return found


def _misconceptions(graded: list[Row]) -> list[tuple]:
    """((name, exercise), [(student, points lost)]) of those that were named, those that cost most first."""
    had = defaultdict(list)
    for row in graded:
        for section in row.exercises:
            for name in section.misconceptions:
                had[name, section.title].append((row.student, section.points - section.score))
    return sorted(had.items(), key=lambda each: (-sum(lost for _, lost in each[1]), each[0]))
