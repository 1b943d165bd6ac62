"""Collects the submissions of a class: the latest of each student counts, and nothing is ever lost.

What archives look like is in autograder.platforms. `nbgrader zip_collect` reads the same archives through
the two plugins here; what a group handed in it gives to one of the group.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from nbgrader.utils import is_solution
from traitlets import Unicode

from autograder.course_directory import CourseDirectory, read_notebook
from autograder.platforms import Sent, read_timestamp, survey, unpack
from autograder.reading import LARGEST
from autograder.roster import Roster

OLDER, KEPT = "older than what is there", "Kept aside, not collected."
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

    The latest of each student counts. All others, and what they replace, are kept in
    downloaded/NAME/kept/STUDENT, the archive itself in downloaded/NAME/archive. Times in the roster
    without a zone are in `zone`.

    Raises:
        ValueError: for an assignment that is not released, and an archive or roster that cannot be taken
            in, in a sentence. Nothing has been collected then.
    """
    marks = _marks(course.release(name))
    if not source.exists():
        raise ValueError(f"{source} does not exist.")
    people = Roster(roster, zone)
    downloads = course.root / "downloaded" / name
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".collecting-", dir=downloads) as scratch:
        folder = source if source.is_dir() else Path(scratch) / source.stem
        refused = [] if source.is_dir() else unpack(source, folder)
        chosen, others, unknown = _sorted(survey(folder, name), people, marks)
        if not chosen and not unknown:
            raise ValueError(f"There is no notebook in {source.name}.")
        results = [Collected("", "refused", sentence) for sentence in refused]
        results += [Collected(each.name, "of an unknown student", _described(each)) for each in unknown]
        if not source.is_dir():
            _keep(source, downloads / "archive" / f"{_digest(source)}-{source.name}")
        people.remember(course, chosen)
        for student, sent in others:
            _keep(sent.path, downloads / "kept" / student / f"{_digest(sent.path)}.ipynb")
        for student, sent in sorted(chosen.items()):
            when = people.when(student) or sent.when
            what = _put(course, name, student, sent.path, when, Path(scratch))
            notes = [KEPT] if what == OLDER else []
            notes += [LATE] if sent.late and not when else []
            notes += [] if _is_ours(sent.path, marks) else [f"None of the cells of {name} are in it."]
            results.append(Collected(student, what, " ".join(notes)))
    return results


class SafeExtractor(ExtractorPlugin):
    """For `nbgrader zip_collect`: unpacks archives, and refuses those that are not what they should be."""

    def extract(self, archive_path, extracted_path):
        """Unpack each archive in a folder into a folder of its own; copy what is none."""
        for path in sorted(Path(archive_path).iterdir()):
            if path.suffix == ".zip":
                for sentence in unpack(path, Path(extracted_path) / path.stem):
                    self.log.warning(sentence)
            else:
                _keep(path, Path(extracted_path) / "files" / path.name)


class PlatformCollector(FileNameCollectorPlugin):
    """For `nbgrader zip_collect`: who handed a file in, by the names that platforms give."""

    roster = Unicode(
        "", help="CSV that says which student is who on the platform; see autograder.roster"
    ).tag(config=True)
    zone = Unicode("UTC", help="time zone of times in the roster").tag(config=True)

    def collect(self, submitted_file):
        """What nbgrader wants to know of a file; None for one that does not count."""
        return self._found().get(Path(submitted_file))

    def _found(self) -> dict[Path, dict]:
        if not hasattr(self, "_files"):
            app, name, self._files = self.parent, self.parent.coursedir.assignment_id, {}
            people = Roster(Path(self.roster) if self.roster else None, self.zone)
            folder = Path(app._format_collect_path(app.extracted_directory))
            released = Path(app.coursedir.format_path(app.coursedir.release_directory, ".", name))
            sent = [each for base in folder.iterdir() for each in survey(base, name)]
            chosen, _, unknown = _sorted(sent, people, _marks(released / f"{name}.ipynb"))
            for each in unknown:
                self.log.warning("It is not known who handed in %s.", _described(each))
            for student, each in chosen.items():
                found = {"student_id": student, "file_id": name}
                when = people.when(student) or each.when
                self._files[each.path] = found | ({"timestamp": when} if when else {})
        return self._files


def _sorted(
    sent: Iterable[Sent], people: Roster, marks: list[bytes]
) -> tuple[dict[str, Sent], list[tuple[str, Sent]], list[Sent]]:
    """The notebook that counts of each student, the other ones, and those of unknown senders."""
    by_student: dict[str, list[Sent]] = {}
    unknown = []
    for each in sent:
        student = people.find(each)
        by_student.setdefault(student, []).append(each) if student else unknown.append(each)

    def order(each: Sent) -> tuple:
        when = each.when.timestamp() if each.when else 0
        return _is_ours(each.path, marks), when, each.number, each.path.stat().st_mtime

    ordered = {student: sorted(found, key=order) for student, found in by_student.items()}
    others = [(student, each) for student, found in ordered.items() for each in found[:-1]]
    return {student: found[-1] for student, found in ordered.items()}, others, unknown


def _put(
    course: CourseDirectory, name: str, student: str, path: Path, when: datetime | None, scratch: Path
) -> str:
    """Put a notebook in its place, unless there is a newer one; what was there is kept aside."""
    place = course.root / course.api.coursedir.submitted_directory / student / name
    kept = course.root / "downloaded" / name / "kept" / student
    there, notebook = read_timestamp(place), place / f"{name}.ipynb"
    fresh = Path(tempfile.mkdtemp(dir=scratch))
    fresh.chmod(0o755)
    shutil.copy2(path, fresh / notebook.name)
    if when:
        (fresh / "timestamp.txt").write_text(f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(place)
        return "new"
    if notebook.is_file() and _digest(notebook) == _digest(path):
        if when:
            (fresh / "timestamp.txt").replace(place / "timestamp.txt")
        return "unchanged"
    before, after = (there, when) if there and when else (_modified(notebook), _modified(path))
    if before > after:
        _keep(path, kept / f"{_digest(path)}.ipynb")
        return OLDER
    kept.mkdir(parents=True, exist_ok=True)
    place.rename(Path(tempfile.mkdtemp(prefix="replaced-", dir=kept)) / name)
    fresh.rename(place)
    return "replaced"


def _described(sent: Sent) -> str:
    return " ".join(filter(None, (sent.path.name, sent.name, sent.student or sent.lms_id, sent.email)))


def _marks(released: Path) -> list[bytes]:
    """What only notebooks of this assignment have in them: nbgrader's ids, and what answers are called."""
    cells = [cell for cell in read_notebook(released).cells if "nbgrader" in cell.metadata]
    ids = [f'"{cell.metadata["nbgrader"]["grade_id"]}"' for cell in cells]
    names = [
        name for cell in cells if is_solution(cell) for name in re.findall(r"^(?:def|class) \w+", cell.source)
    ]
    return [mark.encode() for mark in ids + names]


def _is_ours(path: Path, marks: list[bytes]) -> bool:
    data = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    data = data.replace(b"\0", b"")  # it may be UTF-16
    return any(mark in data for mark in marks)


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime if path.exists() else 0, UTC)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _keep(path: Path, to: Path) -> None:
    """Copy a file to a place where nothing else ever comes."""
    if not to.exists():
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)
