"""A roster: which student is who on the platform, and when they handed in, from a CSV."""

import csv
import re
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from autograder.course_directory import CourseDirectory
from autograder.platforms import Sent, read_time

ADDRESS = "Email address", "Email"
# what is known of a student -> columns that may say it, the first that does: ours, and those of Canvas's
# gradebook, Moodle's grading worksheet and Gradescope's roster
COLUMNS = {
    "student": ("student_id", "SIS Login ID", "SIS User ID", "ID number", "SID", "Username", *ADDRESS),
    "email": ("email", *ADDRESS),
    "lms_id": ("lms_id", "ID", "Identifier"),
    "name": ("name", "Student", "Full name", "Name"),
    "first_name": ("first_name", "First name"),
    "last_name": ("last_name", "Last name"),
    "when": ("timestamp", "Last modified (submission)"),
}


class Roster:
    """Which student is who on the platform, from a CSV. Without one, students get the platform's names.

    Raises:
        ValueError: for a file that is no such CSV.
    """

    def __init__(self, path: Path | None, zone: str = "UTC"):
        try:
            self._zone = ZoneInfo(zone)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"There is no time zone {zone!r}: one such as Europe/Berlin.") from None
        rows = _rows(path) if path else []  # Canvas has one of maximal points
        self._rows = {_safe(row["student"]): row for row in rows if _safe(row["student"])}
        if path and not self._rows:
            columns = ", ".join(COLUMNS["student"])
            raise ValueError(f"{path.name} has no column that names students: one of {columns}.")
        self._by = defaultdict(set)
        for student, row in self._rows.items():
            lms_id = re.sub(r"\D", "", row["lms_id"]) or row["lms_id"]  # Moodle: Participant 12345
            for name in (row["name"], row["first_name"] + row["last_name"]):
                for key in _keys(lms_id, student, row["email"], name):
                    self._by[key].add(student)

    def find(self, sent: Sent) -> str:
        """The student who sent a notebook; "" where the roster does not say, or names two."""
        if not self._rows:
            return _safe(sent.sid or sent.email or "_".join(filter(None, (sent.name, sent.lms_id))))
        for key in (*_keys(sent.lms_id, sent.sid, sent.email, sent.name), ("student", _safe(sent.name))):
            if key[1] and len(self._by[key]) == 1:
                return next(iter(self._by[key]))
        return ""

    def when(self, student: str) -> datetime | None:
        """When the student handed in, where the roster says so and it can be read."""
        return read_time(self._rows[student]["when"], self._zone) if student in self._rows else None

    def remember(self, course: CourseDirectory, chosen: dict[str, Sent]) -> None:
        """Write to the gradebook what the platform and the roster know of students."""
        try:
            with course.api.gradebook as gradebook:
                for student, sent in chosen.items():
                    row = self._rows.get(student, dict.fromkeys(COLUMNS, ""))
                    last, _, first = row["name"].partition(", ")
                    known = {
                        "lms_user_id": sent.lms_id,
                        "email": sent.email or row["email"],
                        "first_name": row["first_name"] or first,
                        "last_name": row["last_name"] or (last if first else ""),
                    }
                    known = {key: value for key, value in known.items() if value}
                    gradebook.update_or_create_student(student, **known)
        except SQLAlchemyError as error:
            raise ValueError(f"The gradebook cannot be written: {error.args[0]}.") from None


def _rows(path: Path) -> list[dict[str, str]]:
    """What each row of a CSV says of a student: the keys of COLUMNS."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} cannot be read as CSV: {error}.") from None
    rows = csv.DictReader(text.splitlines(), delimiter=";" if text.split("\n")[0].count(";") > 1 else ",")
    rows = [{key.strip(): (value or "").strip() for key, value in row.items() if key} for row in rows]
    return [
        {
            what: next((row[each] for each in columns if row.get(each)), "")
            for what, columns in COLUMNS.items()
        }
        for row in rows
    ]


def _keys(lms_id: str, student: str, email: str, name: str) -> list[tuple[str, str]]:
    """What a student may be recognised by, the surest first. Of a name, as in Canvas's files, the letters."""
    letters = re.sub(r"[\W_]", "", name).casefold()
    return [("id", lms_id), ("student", _safe(student)), ("email", email.casefold()), ("name", letters)]


def _safe(student: str) -> str:
    """A student's id as the name of a folder."""
    return re.sub(r"[^\w.@+-]+", "_", student).strip("._")
