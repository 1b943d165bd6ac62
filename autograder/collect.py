"""Collects the submissions of a class: the latest of each student counts, and nothing is ever lost.

What archives look like is in autograder.platforms. `nbgrader zip_collect` reads the same archives through
the plugin here.
"""

import hashlib
import re
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.plugins import ExtractorPlugin
from traitlets import Unicode

from autograder.course_directory import CourseDirectory
from autograder.platforms import TIMESTAMP, Sent, read_timestamp, survey
from autograder.reading import LARGEST
from autograder.roster import Roster

OLDER, KEPT = "older than what is there", "Not collected; it stays where it came from."
LATE = "Canvas says late, but not when: give a roster with a timestamp column."


@dataclass(frozen=True)
class Collected:
    """What became of a student's submission. `note` is what an instructor has to look at."""

    student: str
    what: str
    note: str = ""


def collect(
    course: CourseDirectory, name: str, source: Path, roster: Path | None = None, zone: str = "UTC"
) -> list[Collected]:
    """Put the submissions of an archive or folder into submitted/STUDENT/NAME.

    The latest of each student counts. An archive is kept whole in downloaded/NAME/archive, a folder is left
    as it is; what a submission takes the place of is kept in downloaded/NAME/kept/STUDENT. Times in the
    roster without a zone are in `zone`.

    Raises:
        ValueError: for an assignment that is not released, and an archive or roster that cannot be taken
            in, in a sentence. Nothing has been collected then.
    """
    released = course.release(name)
    if not source.exists():
        raise ValueError(f"{source} does not exist.")
    people = Roster(roster, zone)
    downloads = course.root / "downloaded" / name
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".collecting-", dir=downloads) as scratch:
        handed_in = _handed_in([source], released, people, Path(scratch))
        if not handed_in:
            raise ValueError(f"There is no notebook in {source.name}.")
        if not source.is_dir():
            _keep(source, downloads / "archive" / f"{_digest(source)}-{source.name}")
        unknown = handed_in.pop("", [])
        results = [Collected(each.name, "of an unknown student", _described(each)) for each in unknown]
        people.remember(course, {student: found[-1] for student, found in handed_in.items()})
        for student, (*_, latest) in sorted(handed_in.items()):
            what = _put(course, name, student, latest, Path(scratch))
            notes = [KEPT] if what == OLDER else []
            notes += [LATE] if latest.late and not latest.when else []
            notes += [] if latest.is_ours else [f"None of the cells of {name} are in it."]
            results.append(Collected(student, what, " ".join(notes)))
    return results


class PlatformExtractor(ExtractorPlugin):
    """For `nbgrader zip_collect`: the latest notebook of each student, as STUDENT/TIME/NAME.ipynb.

    From there nbgrader's own collector takes them, by its `named_regexp`.
    """

    roster = Unicode(
        "", help="CSV that says which student is who on the platform; see autograder.roster"
    ).tag(config=True)
    zone = Unicode("UTC", help="time zone of times in the roster").tag(config=True)

    def extract(self, archive_path, extracted_path):
        """Put the notebooks that count from the archives in a folder into another."""
        course, to = self.parent.coursedir, Path(extracted_path)
        folder = course.format_path(course.release_directory, ".", course.assignment_id)
        released = Path(folder) / f"{course.assignment_id}.ipynb"
        people = Roster(Path(self.roster) if self.roster else None, self.zone)
        with tempfile.TemporaryDirectory(dir=to) as scratch:
            archives = sorted(Path(archive_path).iterdir())
            handed_in = _handed_in(archives, released, people, Path(scratch))
            for each in handed_in.pop("", []):
                self.log.warning("It is not known who handed in %s.", _described(each))
            for student, found in handed_in.items():
                _keep(found[-1].path, to / student / str(found[-1].when or "untimed") / released.name)


def _handed_in(sources: list[Path], released: Path, people: Roster, scratch: Path) -> dict[str, list[Sent]]:
    """What each student handed in, the one that counts last; under "" what came from unknown ones."""
    marks = _marks(released)
    sent = [each for source in sources for each in survey(source, released.stem, scratch)]
    sent = [replace(each, is_ours=_is_ours(each.path, marks)) for each in sent]

    def order(each: Sent) -> tuple:
        when = each.when.timestamp() if each.when else 0
        return each.is_ours, when, int(each.number or 0), each.path.stat().st_mtime

    handed_in = defaultdict(list)
    for each in sorted(sent, key=order):
        student = people.find(each)
        handed_in[student].append(replace(each, when=people.when(student) or each.when))
    return handed_in


def _put(course: CourseDirectory, name: str, student: str, sent: Sent, scratch: Path) -> str:
    """Put a notebook in its place, unless there is a newer one; what was there is kept aside."""
    place = course.root / course.api.coursedir.submitted_directory / student / name
    notebook = place / f"{name}.ipynb"
    fresh = scratch / student
    fresh.mkdir()
    shutil.copy2(sent.path, fresh / notebook.name)
    if sent.when:
        (fresh / TIMESTAMP).write_text(f"{sent.when:%Y-%m-%d %H:%M:%S} UTC\n")
    what = "replaced" if place.exists() else "new"
    if what == "replaced":
        if notebook.is_file() and _digest(notebook) == _digest(sent.path):
            if sent.when:
                (fresh / TIMESTAMP).replace(place / TIMESTAMP)
            return "unchanged"
        before, after = read_timestamp(place / TIMESTAMP), sent.when
        if not (before and after):
            before, after = _modified(notebook), _modified(sent.path)
        if before > after:
            return OLDER
        kept = course.root / "downloaded" / name / "kept" / student
        kept.mkdir(parents=True, exist_ok=True)
        place.rename(Path(tempfile.mkdtemp(prefix="replaced-", dir=kept)) / name)
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh.rename(place)
    return what


def _described(sent: Sent) -> str:
    return " ".join(filter(None, (sent.called, sent.name, sent.sid or sent.lms_id, sent.email)))


def _marks(released: Path) -> list[bytes]:
    """What only notebooks of this assignment have in them: nbgrader's ids, and what it defines."""
    data = released.read_bytes()
    return re.findall(rb'"grade_id": ("[^"]+")', data) + re.findall(rb'"((?:def|class) \w+)', data)


def _is_ours(path: Path, marks: list[bytes]) -> bool:
    data = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    data = data.replace(b"\0", b"")  # it may be UTF-16
    return any(mark in data for mark in marks)


def _modified(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _keep(path: Path, to: Path) -> None:
    """Copy a file to a place where nothing else ever comes."""
    if not to.exists():
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)
