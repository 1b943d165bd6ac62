"""What became of a submission: graded notebook and gradebook, read for the run, pages and overview."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.utils import is_grade, is_solution

from autograder.course_directory import CourseDirectory, read_notebook
from autograder.reading import NOTES, UnreadableError, find_notebook, load
from autograder.source import find_check


@dataclass(frozen=True)
class Section:
    """An exercise: its answers and what they earned. Without points it is not graded.

    `pending` waits for a person; `table` is the verdict as HTML; `comments` are the instructor's.
    """

    title: str
    answers: tuple[NotebookNode, ...] = ()
    points: float = 0.0
    score: float = 0.0
    pending: bool = False
    misconceptions: tuple[str, ...] = ()
    table: str = ""
    comments: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """How it went, in a word that the style knows."""
        if not self.points or self.pending:
            return "open"
        return "right" if self.score >= self.points else "part" if self.score > 0 else "none"


@dataclass(frozen=True)
class Outcome:
    """What a submission came to, late penalty taken off. `problem` says why there is no score."""

    student: str
    problem: str = ""
    score: float = 0.0
    points: float = 0.0
    penalty: float = 0.0
    days_late: float = 0.0
    sections: tuple[Section, ...] = ()
    flags: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    unchanged: bool = False

    @property
    def misconceptions(self) -> tuple[str, ...]:
        """The names of all mistakes that were recognised."""
        return tuple(name for section in self.sections for name in section.misconceptions)

    @property
    def needs_a_look(self) -> bool:
        """Whether a person should look at this submission."""
        return bool(self.problem or self.flags)


def find(course: CourseDirectory, name: str, student: str) -> Outcome | None:
    """What became of what a student handed in; None where that is not graded yet, though it could be."""
    try:
        if course.autograded(name, student).is_file():
            return read(read_notebook(course.autograded(name, student)), course.api.gradebook, name, student)
        if student in course.submitted(name):
            load(find_notebook(course.submitted(name)[student].parent))
    except UnreadableError as error:
        return Outcome(student, problem=str(error))
    except MissingEntry:  # the gradebook is another one
        pass
    return None


def read(notebook: NotebookNode, gradebook: Gradebook, name: str, student: str, unchanged=False) -> Outcome:
    """The outcome that a graded notebook and the gradebook tell of.

    Raises:
        MissingEntry: where the gradebook has no such submission.
    """
    notes = notebook.metadata.get(NOTES, {})
    with gradebook:
        submission = gradebook.find_submission(name, student)
        penalty = submission.late_submission_penalty or 0.0
        return Outcome(
            student=student,
            score=submission.score - penalty,
            points=submission.max_score,
            penalty=penalty,
            days_late=submission.total_seconds_late / 86_400,
            sections=tuple(_sections(notebook.cells, submission)),
            flags=tuple(notes.get("flags", ())),
            repairs=tuple(notes.get("repairs", ())),
            unchanged=unchanged,
        )


def heading(source: str) -> str:
    """The first heading in Markdown, without the points that stand behind it."""
    found = re.search(r"^#+ +(.+?)(?: \([\d.]+ points?\))?$", source, re.MULTILINE)
    return found.group(1) if found else ""


def _sections(cells: list[NotebookNode], submission: SubmittedAssignment) -> Iterator[Section]:
    """The exercises: each test cell with the answers before it, each essay."""
    grades = {grade.name: grade for each in submission.notebooks for grade in each.grades}
    comments = {each.name: each.manual_comment for one in submission.notebooks for each in one.comments}
    title, answers = "", ()
    for cell in cells:
        identifier = cell.metadata.get("nbgrader", {}).get("grade_id")
        if is_solution(cell):
            answers += (cell,)
        elif cell.cell_type == "markdown":
            title = heading(cell.source) or title
        if is_grade(cell) and (grade := grades.get(identifier)):
            said = [comments.get(each.metadata.nbgrader.grade_id) for each in answers]
            summary, table = verdict_of(cell)
            yield Section(
                title=title or identifier,
                answers=answers,
                points=grade.max_score,
                score=grade.score,
                pending=bool(grade.needs_manual_grade),
                misconceptions=tuple(summary.get("misconceptions", ())),
                table=table,
                comments=tuple(filter(None, said)),
            )
            answers = ()
    if answers:
        yield Section(title, answers)


def verdict_of(cell: NotebookNode) -> tuple[dict, str]:
    """What the judge put under a test cell. Any other output is the student's process's: not used."""
    if cell.cell_type == "code" and find_check(cell.source):
        for output in cell.outputs:
            if NOTES in output.get("metadata", {}):
                return output.metadata[NOTES], output.data["text/html"]
    return {}, ""
