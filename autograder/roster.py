"""A roster: which student is who on the platform, and when they handed in, from a CSV."""

import csv
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dateutil.parser
from sqlalchemy.exc import SQLAlchemyError

from autograder.course_directory import CourseDirectory
from autograder.platforms import Sent

# columns of a roster, any of these: ours, Canvas's gradebook, Moodle's grading worksheet, Gradescope's roster
STUDENT = (
    "student_id",
    "SIS Login ID",
    "SIS User ID",
    "ID number",
    "SID",
    "Username",
    "Email address",
    "Email",
)
EMAIL = "email", "Email address", "Email"
LMS = "lms_id", "ID", "Identifier"
NAMES = "name", "Student", "Full name", "Name"
WHEN = "timestamp", "Last modified (submission)"


class Roster:
    """Which student is who on the platform, from a CSV. Without one, students get the platform's names.

    Raises:
        ValueError: for a file that is no such CSV.
    """

    def __init__(self, path: Path | None, zone: str = "UTC"):
        self._by: dict[tuple[str, str], set[str]] = {}
        self._rows: dict[str, dict[str, str]] = {}
        try:
            self._zone = ZoneInfo(zone)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"There is no time zone {zone!r}: one such as Europe/Berlin.") from None
        self.given = path is not None
        for row in _rows(path) if path else ():
            student = _safe(_first(row, STUDENT))
            if not student:
                continue  # Canvas has a row of maximal points
            self._rows[student] = row
            names = [_first(row, NAMES), row.get("first_name", "") + row.get("last_name", "")]
            numbers = [re.sub(r"\D", "", _first(row, LMS)) or _first(row, LMS)]
            keys = [("name", _letters(each)) for each in names] + [("id", each) for each in numbers]
            for key in [*keys, ("student", student), ("email", _first(row, EMAIL).casefold())]:
                self._by.setdefault(key, set()).add(student)
        if self.given and not self._rows:
            raise ValueError(f"{path.name} has no column that names students: one of {', '.join(STUDENT)}.")

    def find(self, sent: Sent) -> str | None:
        """The student who sent a notebook; None where the roster does not say, or names two."""
        if not self.given:
            return _safe(sent.student or sent.email or "_".join(filter(None, (sent.name, sent.lms_id))))
        keys = ("id", sent.lms_id), ("student", _safe(sent.student)), ("email", sent.email.casefold())
        for key in (*keys, ("name", _letters(sent.name)), ("student", _safe(sent.name))):
            if key[1] and len(found := self._by.get(key, set())) == 1:
                return next(iter(found))
        return None

    def when(self, student: str) -> datetime | None:
        """When the student handed in, where the roster says so and it can be read."""
        text = _first(self._rows.get(student, {}), WHEN)
        try:
            when = dateutil.parser.parse(text) if any(map(str.isdigit, text)) else None
        except (ValueError, OverflowError):
            return None
        if when is None:
            return None
        return (when if when.tzinfo else when.replace(tzinfo=self._zone)).astimezone(UTC)

    def remember(self, course: CourseDirectory, chosen: dict[str, Sent]) -> None:
        """Write to the gradebook what the platform and the roster know of students."""
        try:
            with course.api.gradebook as gradebook:
                for student, sent in chosen.items():
                    gradebook.update_or_create_student(student, **self._known(student, sent))
        except SQLAlchemyError as error:
            raise ValueError(f"The gradebook cannot be written: {error.args[0]}.") from None

    def _known(self, student: str, sent: Sent) -> dict[str, str]:
        row = self._rows.get(student, {})
        last, _, first = _first(row, NAMES).partition(", ")
        known = {
            "lms_user_id": sent.lms_id,
            "email": sent.email or _first(row, EMAIL),
            "first_name": _first(row, ("first_name", "First name")) or first,
            "last_name": _first(row, ("last_name", "Last name")) or (last if first else ""),
        }
        return {key: value for key, value in known.items() if value}


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} cannot be read as CSV: {error}.") from None
    rows = csv.DictReader(text.splitlines(), delimiter=";" if text.split("\n")[0].count(";") > 1 else ",")
    return [{key.strip(): (value or "").strip() for key, value in row.items() if key} for row in rows]


def _first(row: dict[str, str], columns: Iterable[str]) -> str:
    return next((row[column] for column in columns if row.get(column)), "")


def _letters(name: str) -> str:
    """A name as Canvas has it in file names, and a little further: letters and digits alone."""
    return re.sub(r"[\W_]", "", name).casefold()


def _safe(student: str) -> str:
    """A student's id as the name of a folder."""
    return re.sub(r"[^\w.@+-]+", "_", student).strip("._")
