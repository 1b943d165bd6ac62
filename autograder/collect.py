"""Takes in what a learning platform hands out: a zip of a whole class, or a folder.

What it looks like, and where that is written down:

- Canvas (canvas-lms, lib/content_zipper.rb): files `lastfirst_12345_67890_name.ipynb`: the sortable name
  without what is no letter or digit, perhaps `LATE`, the user's and the file's number, the student's name
  for the file. Anonymous: `anon_x7Yz1_67890_name.ipynb`. The zip does not say when anything was handed in.
- Moodle (mod/assign/classes/downloader.php): folders `First Last_12345_assignsubmission_file` with the
  files, up to 4.0 with a trailing `_`; or flat, `First Last_12345_assignsubmission_file_name.ipynb`. The
  number is the "Participant 12345" of the grading worksheet, which also says when: give it as the roster.
- Gradescope: folders `submission_12345` and beside them `submission_metadata.yml`, which has for each
  `:submitters` (`:name`, `:email`, `:sid`) and `:created_at`, in UTC.
- A plain folder, or a zip of one: STUDENT.ipynb, STUDENT/….ipynb or STUDENT/NAME/….ipynb, and beside the
  notebook perhaps nbgrader's timestamp.txt.

`nbgrader zip_collect` reads the same through the two plugins here.
"""

import csv
import hashlib
import os
import re
import shutil
import stat
import tempfile
import zipfile
from calendar import timegm
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

import dateutil.parser
import yaml
from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from nbgrader.utils import parse_utc
from traitlets import Unicode

from autograder.course_directory import CourseDirectory, read_notebook

CANVAS = re.compile(r"(?P<name>.*?)_?(?P<late>LATE_)?(?P<id>\d+|anon_\w+?)_(?P<file>\d+)_.+", re.DOTALL)
MOODLE = re.compile(r"(?P<name>.*)_(?P<id>\d+)_assignsubmission_file(?:_.*)?", re.DOTALL)
METADATA = "submission_metadata.yml"  # Gradescope's
LARGEST = 4 * 2**30  # bytes of all files of an archive
MOST = 100_000  # files in an archive

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
LMS = ("lms_id", "ID", "Identifier")
NAMES = ("name", "Student", "Full name", "Name")
WHEN = ("timestamp", "Last modified (submission)")


@dataclass(frozen=True)
class Sent:
    """A notebook that somebody handed in, and what the platform says of it."""

    path: Path
    name: str
    lms_id: str = ""
    student: str = ""  # what the platform gives as the student's own number
    email: str = ""
    when: datetime | None = None
    number: int = 0  # counts up
    late: bool = False


@dataclass(frozen=True)
class Collected:
    """What became of a student's submission. `note` is what an instructor has to look at."""

    student: str
    what: str
    note: str = ""


def collect(course: CourseDirectory, name: str, source: Path, roster: Path | None = None) -> list[Collected]:
    """Put the submissions of an archive or folder into submitted/STUDENT/NAME.

    The latest of each student counts. All others, and what they replace, are kept in
    downloaded/NAME/kept/STUDENT, the archive itself in downloaded/NAME/archive.

    Raises:
        ValueError: for an assignment that is not released, and an archive or roster that cannot be taken
            in, in a sentence. Nothing has been collected then.
    """
    grade_ids = _grade_ids(course.release(name))
    people = Roster(roster)
    downloads = course.root / "downloaded" / name
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".collecting-", dir=downloads) as scratch:
        refused: list[str] = []
        folder = Path(scratch) / source.stem
        if source.is_dir():
            folder = source
        else:
            refused = unpack(source, folder)
        chosen, others, unknown = _sorted(survey(folder, name), people, grade_ids)
        if not chosen and not unknown:
            raise ValueError(f"There is no notebook in {source.name}.")
        results = [Collected("", "refused", sentence) for sentence in refused]
        results += [Collected(each.name, "not in the roster", _described(each)) for each in unknown]
        if not source.is_dir():
            _keep(source, downloads / "archive" / f"{_digest(source)}-{source.name}")
        for student, sent in others:
            _keep(sent.path, downloads / "kept" / student / f"{_digest(sent.path)}.ipynb")
        for student, sent in sorted(chosen.items()):
            when = people.when(student) or sent.when
            kept = downloads / "kept" / student
            results.append(_put(course, name, student, sent, when, kept, Path(scratch)))
        people.remember(course, chosen)
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
                _keep(path, Path(extracted_path) / path.name)


class PlatformCollector(FileNameCollectorPlugin):
    """For `nbgrader zip_collect`: who handed a file in, by the names that platforms give."""

    roster = Unicode(
        "", help="CSV that says which student is who on the platform; see autograder.collect"
    ).tag(config=True)

    def collect(self, submitted_file):
        """What nbgrader wants to know of a file; None for one that does not count."""
        return self._found().get(Path(submitted_file))

    def _found(self) -> dict[Path, dict]:
        if not hasattr(self, "_files"):
            app, people, self._files = self.parent, Roster(Path(self.roster) if self.roster else None), {}
            name, folder = (
                app.coursedir.assignment_id,
                Path(app._format_collect_path(app.extracted_directory)),
            )
            released = Path(app.coursedir.format_path(app.coursedir.release_directory, ".", name))
            sent = [
                each for base in (folder, *folder.iterdir()) if base.is_dir() for each in survey(base, name)
            ]
            chosen, _, unknown = _sorted(sent, people, _grade_ids(released / f"{name}.ipynb"))
            for each in unknown:
                self.log.warning("%s is not in the roster.", _described(each))
            for student, each in chosen.items():
                found = {"student_id": student, "file_id": name}
                when = people.when(student) or each.when
                self._files[each.path] = found | ({"timestamp": when} if when else {})
        return self._files


class Roster:
    """Which student is who on the platform, from a CSV. Without one, students get the platform's names.

    Raises:
        ValueError: for a file that is no such CSV.
    """

    def __init__(self, path: Path | None, zone: str = "UTC"):
        self._by: dict[tuple[str, str], set[str]] = {}
        self._rows: dict[str, dict[str, str]] = {}
        self._zone = ZoneInfo(zone)
        self.given = path is not None
        for row in _rows(path) if path else ():
            student = _safe(_first(row, STUDENT))
            if not student:
                continue  # Canvas has a row of maximal points
            self._rows[student] = row
            names = [_first(row, NAMES), row.get("first_name", "") + row.get("last_name", "")]
            numbers = [re.sub(r"\D", "", _first(row, LMS)) or _first(row, LMS)]
            emails = [row.get(key, "").casefold() for key in ("email", "Email", "Email address")]
            for kind, keys in {
                "id": numbers, "student": [student], "email": emails, "name": map(_letters, names),
            }.items():  # fmt: skip
                for key in filter(None, keys):
                    self._by.setdefault((kind, key), set()).add(student)
        if self.given and not self._rows:
            raise ValueError(f"{path.name} has no column that names students: one of {', '.join(STUDENT)}.")

    def find(self, sent: Sent) -> str | None:
        """The student who sent a notebook; None where the roster does not say, or names two."""
        if not self.given:
            return _safe(sent.student or sent.email or "_".join(filter(None, (sent.name, sent.lms_id))))
        keys = ("id", sent.lms_id), ("student", _safe(sent.student)), ("email", sent.email.casefold())
        for key in (*keys, ("name", _letters(sent.name)), ("student", _safe(sent.name))):
            if len(found := self._by.get(key, set())) == 1:
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
        with course.api.gradebook as gradebook:
            for student, sent in chosen.items():
                row = self._rows.get(student, {})
                last, _, first = _first(row, NAMES).partition(", ")
                known = {
                    "lms_user_id": sent.lms_id,
                    "email": sent.email or _first(row, ("email", "Email", "Email address")),
                    "first_name": row.get("first_name") or row.get("First name") or first,
                    "last_name": row.get("last_name") or row.get("Last name") or (last if first else ""),
                }
                gradebook.update_or_create_student(student, **{k: v for k, v in known.items() if v})


def unpack(archive: Path, folder: Path, inner: bool = True) -> list[str]:
    """Unpack a zip into a folder, with the zips that students put in; give a sentence for each refused.

    Raises:
        ValueError: for an archive that is damaged, encrypted, too large, or has paths that lead out of the
            folder or links. Nothing has been written then.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [each for each in opened.infolist() if not each.is_dir()]
            _check(archive.name, members)
            folder.mkdir(parents=True)
            for number, member in enumerate(members):
                path = folder / PurePosixPath(member.filename)
                path = path if not path.exists() else path.with_stem(f"{path.stem} ({number})")
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as read, path.open("xb") as write:
                    shutil.copyfileobj(read, write)
                seconds = timegm((*member.date_time, 0, 0, 0))
                os.utime(path, (seconds, seconds))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zipfile.zlib.error, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ValueError(f"{archive.name} cannot be unpacked: {error}.") from None
    refused = []
    for path in sorted(folder.rglob("*.zip")) if inner else ():
        try:
            unpack(path, path.with_suffix(""), inner=False)
        except ValueError as error:
            refused.append(str(error))
    return refused


def survey(folder: Path, name: str) -> Iterator[Sent]:
    """Every notebook that was handed in, and by whom, in an unpacked archive or a plain folder.

    Only the names that the platform gives count, at the place where it gives them: what is deeper inside
    is a student's choice.
    """
    base = folder
    while (inner := [path for path in base.iterdir() if not path.name.startswith((".", "__MACOSX"))]) and (
        len(inner) == 1 and inner[0].is_dir() and not _kind(base) and _kind(inner[0])
    ):
        base = inner[0]
    kind = _kind(base)
    if kind == "Gradescope":
        yield from _gradescope(base)
    elif kind:
        pattern = CANVAS if kind == "Canvas" else MOODLE
        for top in sorted(base.iterdir()):
            if match := pattern.fullmatch(top.name):
                found = match.groupdict()
                number, late = int(found.get("file") or 0), bool(found.get("late"))
                for path in _notebooks(top):
                    yield Sent(path, found["name"], found["id"], number=number, late=late)
    else:
        yield from _plain(base, name)


def _kind(base: Path) -> str:
    """Which platform made a folder; "" for none."""
    names = [path.name for path in base.iterdir()]
    if METADATA in names:
        return "Gradescope"
    if any(MOODLE.fullmatch(name) for name in names):
        return "Moodle"
    return "Canvas" if any(CANVAS.fullmatch(name) for name in names) else ""


def _gradescope(base: Path) -> Iterator[Sent]:
    try:
        metadata = yaml.safe_load((base / METADATA).read_text("utf-8"))
        for folder, entry in metadata.items():
            when = entry.get(":created_at")
            when = dateutil.parser.parse(when) if isinstance(when, str) else when
            if when is not None and when.tzinfo is None:
                when = when.replace(tzinfo=UTC)
            for person in entry[":submitters"]:
                name, email, student = (str(person.get(key) or "") for key in (":name", ":email", ":sid"))
                for path in _notebooks(base / PurePosixPath(folder).name):
                    yield Sent(path, name, "", student, email, when)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{METADATA} is not as Gradescope writes it: {str(error).splitlines()[0]}."
        ) from None


def _plain(base: Path, name: str) -> Iterator[Sent]:
    notebooks = list(_notebooks(base))
    folders = [path.relative_to(base).parts[:-1] for path in notebooks]
    if len({parts[:1] for parts in folders}) == 1 and len({parts[1:2] for parts in folders} - {(name,)}) > 1:
        base /= folders[0][0] if folders[0] else ""  # a folder around all students
    for path in notebooks:
        top = base / path.relative_to(base).parts[0]
        student = top.name if top.is_dir() else path.stem
        yield Sent(path, student, student=student, when=_timestamp(path.parent))


def _notebooks(top: Path) -> Iterator[Path]:
    for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
        inside = path.relative_to(top).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in inside)
        if path.suffix == ".ipynb" and not hidden and stat.S_ISREG(path.lstat().st_mode):
            yield path


def _sorted(
    sent: Iterable[Sent], people: Roster, grade_ids: list[bytes]
) -> tuple[dict[str, Sent], list[tuple[str, Sent]], list[Sent]]:
    """The notebook that counts of each student, the other ones, and those of unknown senders."""
    by_student: dict[str, list[Sent]] = {}
    unknown = []
    for each in sent:
        student = people.find(each)
        by_student.setdefault(student, []).append(each) if student else unknown.append(each)

    def order(each: Sent) -> tuple:
        data = each.path.read_bytes()
        ours = any(grade_id in data for grade_id in grade_ids)
        when = each.when.timestamp() if each.when else 0
        return ours, when, each.number, each.path.stat().st_mtime

    ordered = {student: sorted(found, key=order) for student, found in by_student.items()}
    others = [(student, each) for student, found in ordered.items() for each in found[:-1]]
    return {student: found[-1] for student, found in ordered.items()}, others, unknown


def _put(
    course: CourseDirectory,
    name: str,
    student: str,
    sent: Sent,
    when: datetime | None,
    kept: Path,
    scratch: Path,
) -> Collected:
    """Put a notebook in its place, unless there is a newer one; what was there is kept aside."""
    late = (
        "Canvas says late, but not when: give a roster with a timestamp column."
        if sent.late and not when
        else ""
    )
    place = course.root / course.api.coursedir.submitted_directory / student / name
    notebook = place / f"{name}.ipynb"
    fresh = Path(tempfile.mkdtemp(dir=scratch))
    shutil.copy2(sent.path, fresh / f"{name}.ipynb")
    fresh.chmod(0o755)
    if when:
        (fresh / "timestamp.txt").write_text(f"{when:%Y-%m-%d %H:%M:%S} UTC\n")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(place)
        return Collected(student, "new", late)
    there = _timestamp(place)
    if notebook.is_file() and _digest(notebook) == _digest(sent.path):
        if when and when != there:
            (fresh / "timestamp.txt").replace(place / "timestamp.txt")
        return Collected(student, "unchanged", late)
    before, after = (there, when) if there and when else (_modified(notebook), _modified(sent.path))
    if before > after:
        _keep(sent.path, kept / f"{_digest(sent.path)}.ipynb")
        return Collected(student, "older than what is there", "kept aside, not collected")
    kept.mkdir(parents=True, exist_ok=True)
    place.rename(Path(tempfile.mkdtemp(prefix="replaced-", dir=kept)) / name)
    fresh.rename(place)
    return Collected(student, "replaced", late)


def _check(name: str, members: list[zipfile.ZipInfo]) -> None:
    """Raise ValueError, in a sentence, for an archive that is not to be unpacked."""
    if sum(member.file_size for member in members) > LARGEST or len(members) > MOST:
        raise ValueError(f"{name} would unpack to more than {LARGEST // 2**30} GiB or {MOST} files.")
    for member in members:
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in path.parts[0]:
            raise ValueError(f"{name} has a path that leads out of it: {member.filename!r}.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"{name} has a link in it: {member.filename!r}.")
        if member.flag_bits & 1:
            raise ValueError(f"{name} is encrypted.")


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


def _described(sent: Sent) -> str:
    return f"{sent.path.name} of {sent.name or sent.student or sent.lms_id}"


def _grade_ids(released: Path) -> list[bytes]:
    cells = read_notebook(released).cells
    names = [cell.metadata["nbgrader"]["grade_id"] for cell in cells if "nbgrader" in cell.metadata]
    return [f'"{name}"'.encode() for name in names]


def _timestamp(folder: Path) -> datetime | None:
    """What nbgrader's timestamp.txt in a folder says."""
    try:
        return parse_utc((folder / "timestamp.txt").read_text().strip()).replace(tzinfo=UTC)
    except (OSError, ValueError):
        return None


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime if path.exists() else 0, UTC)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _keep(path: Path, to: Path) -> None:
    """Copy a file to a place where nothing else ever comes."""
    if not to.exists():
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)
