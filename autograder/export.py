"""Grades as CSV files that platforms import.

- Canvas (canvas-lms, lib/gradebook_importer.rb): Student, ID, SIS User ID, SIS Login ID, Section, then a
  column for each assignment, called by its title or `Title (id)`; the second row has the points possible.
  Students are found by ID, else by SIS Login ID, else by name.
- Moodle (docs.moodle.org, "Grade import"): any columns, one of which identifies users; the importer asks
  which: map "ID number" to useridnumber or "Email address" to useremail, and each assignment to its item.

Where nothing was handed in or graded the cell is empty, which platforms take for no grade, not for 0.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from nbgrader.api import Assignment, Gradebook, MissingEntry, Student
from nbgrader.plugins import CsvExportPlugin, ExportPlugin
from traitlets import Dict

from autograder.course_directory import CourseDirectory
from course.files import replacing


class PlatformExport(ExportPlugin):
    """A row for each student, a column for each assignment."""

    columns = Dict(help="assignment -> its column on the platform; the assignment's name by default").tag(
        config=True
    )

    def export(self, gradebook: Gradebook) -> None:
        """Write the file, whole or not at all."""
        wanted = [
            each for each in gradebook.assignments if not self.assignment or each.name in self.assignment
        ]
        people = [each for each in gradebook.students if not self.student or each.id in self.student]
        with (
            replacing(Path(self.to or "grades.csv")) as partial,
            partial.open("w", encoding="utf-8", newline="") as file,
        ):
            rows = csv.writer(file)
            rows.writerow([*self.head, *(self.columns.get(each.name, each.name) for each in wanted)])
            rows.writerows(self.before(wanted))
            for student in people:
                rows.writerow([*self.person(student), *(_score(gradebook, each, student) for each in wanted)])

    def before(self, assignments: list[Assignment]) -> Iterator[list]:
        """Rows between the head and the students."""
        return iter(())


class CanvasExport(PlatformExport):
    """What Canvas's gradebook imports."""

    head = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")

    def person(self, student: Student) -> list[str]:
        """The student as Canvas knows them: the ID was in the name of the downloaded file."""
        names = [each for each in (student.last_name, student.first_name) if each]
        return [", ".join(names) or student.id, student.lms_user_id or "", "", student.id, ""]

    def before(self, assignments: list[Assignment]) -> Iterator[list]:
        """The row of points possible, which Canvas asks for."""
        yield ["    Points Possible", "", "", "", "", *(f"{each.max_score:g}" for each in assignments)]


class MoodleExport(PlatformExport):
    """What Moodle's grade import takes."""

    head = ("ID number", "Email address", "First name", "Last name")

    def person(self, student: Student) -> list[str]:
        """The student by what Moodle may find them by."""
        return [student.id, student.email or "", student.first_name or "", student.last_name or ""]


FORMATS = {"nbgrader": CsvExportPlugin, "canvas": CanvasExport, "moodle": MoodleExport}


def export(course: CourseDirectory, to: Path, kind: str = "nbgrader") -> Path:
    """Write the gradebook to a CSV file of one of the FORMATS."""
    with course.api.gradebook as gradebook:
        FORMATS[kind](parent=course.api, to=str(to)).export(gradebook)
    return to


def _score(gradebook: Gradebook, assignment: Assignment, student: Student) -> str:
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return ""
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    graded = any(grade.auto_score is not None or grade.manual_score is not None for grade in grades)
    score = max(0.0, submission.score - (submission.late_submission_penalty or 0))
    return f"{round(score, 2):g}" if graded else ""
