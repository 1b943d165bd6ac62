"""What learning platforms hand out: a zip of a whole class. And plain folders.

What they look like, and where that is written down:

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
"""

import os
import re
import shutil
import uuid
import zipfile
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path, PurePosixPath

import dateutil.parser
import yaml
from nbgrader.utils import parse_utc

from autograder.reading import is_plain_file

WHO = re.compile(  # how Canvas and Moodle begin the names of files and folders
    r"(?:(?P<name>.*?)_)??(?P<late>LATE_)?(?P<lms_id>\d+|anon_\w+?)_"
    r"(?:(?P<number>\d+)_.+|assignsubmission_file(?:_.*)?)",
    re.DOTALL,
)
METADATA = "submission_metadata.yml"  # Gradescope's
TIMESTAMP = "timestamp.txt"  # nbgrader's
READ = re.compile(rf"(?:.*/)?(?:{METADATA}|{TIMESTAMP}|[^/]*\.(?:ipynb|zip))", re.DOTALL)  # of an archive
LARGEST = 4 * 2**30  # bytes of the files that are read of an archive
MOST = 100_000  # files that are read of an archive

File = tuple[PurePosixPath, Path]  # what it is called in the archive, and where it lies on the disk


@dataclass(frozen=True)
class Sent:
    """A notebook that somebody handed in, and what the platform says of it."""

    path: Path
    called: str  # its path in the archive
    name: str = ""
    lms_id: str = ""
    sid: str = ""  # what the platform gives as the student's own number
    email: str = ""
    when: datetime | None = None
    number: str = ""  # counts up
    late: str = ""
    is_ours: bool = False  # whether there is a cell of the assignment in it


def survey(source: Path, name: str, scratch: Path) -> Iterator[Sent]:
    """Every notebook that was handed in, and by whom.

    Only the names that the platform gives count, at the place where it gives them: what is deeper inside
    is a student's choice. A zip of a student's that cannot be unpacked is what they handed in, as it is.
    Nothing is written but to `scratch`, under names of our own.

    Args:
        source: a zip, or a folder.
        name: the assignment.
        scratch: a folder for what is in zips.

    Raises:
        ValueError: for an archive that is damaged, encrypted or too large.
    """
    found = _from_students_on(_files(source, scratch), name)
    timestamps = {inside.parent: path for inside, path in found if inside.name == TIMESTAMP}
    groups = [_groups(path) for inside, path in found if str(inside) == METADATA]
    for inside, path in found:
        other = inside.stem != name and inside.parent.name == inside.stem  # assignment, in nbgrader's folders
        if inside.suffix != ".ipynb" or other:
            continue
        top = inside.parts[0]
        if groups:
            people = groups[0].get(top, [{}])
        elif match := WHO.fullmatch(top):
            people = [match.groupdict("")]
        else:
            student, when = re.sub(r"\.(ipynb|zip)$", "", top), read_timestamp(timestamps.get(inside.parent))
            people = [{"name": student, "sid": student, "when": when}]
        for person in people:
            yield Sent(path, str(inside), **person)


def _files(source: Path, scratch: Path) -> list[File]:
    """The files of a folder or zip, and of the zips in it."""
    if source.is_dir():
        outer = [(PurePosixPath(path.relative_to(source)), path) for path in sorted(source.rglob("*"))]
        outer = [(inside, path) for inside, path in outer if is_plain_file(path)]
    else:
        outer = _unzipped(source, source.name, scratch)
    found = []
    for inside, path in outer:
        try:
            inner = _unzipped(path, inside.name, scratch) if inside.suffix == ".zip" else []
            found += [(inside / each, copy) for each, copy in inner] or [(inside, path)]
        except ValueError:
            found.append((inside.with_suffix(".ipynb"), path))
    hidden = ".", "__MACOSX"
    return [each for each in found if not any(part.startswith(hidden) for part in each[0].parts)]


def _unzipped(archive: Path, called: str, scratch: Path) -> list[File]:
    """Copy what matters in a zip to `scratch`, with the times that the zip gives; whole or not at all."""
    found = []
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [each for each in opened.infolist() if READ.fullmatch(each.filename)]
            if sum(member.file_size for member in members) > LARGEST or len(members) > MOST:
                raise ValueError(f"it holds more than {LARGEST // 2**30} GiB or {MOST} files")
            for member in members:
                copy = scratch / uuid.uuid4().hex
                with opened.open(member) as read, copy.open("xb") as write:
                    shutil.copyfileobj(read, write)
                year, month, day, *time = member.date_time
                seconds = timegm((year, max(month, 1), max(day, 1), *time))
                os.utime(copy, (seconds, seconds))
                found.append((PurePosixPath(member.filename.lstrip("/")), copy))
    except Exception as error:  # zipfile, and what decompresses for it, raise many kinds
        raise ValueError(f"{called} cannot be unpacked: {error}.") from None
    return found


def _from_students_on(found: list[File], name: str) -> list[File]:
    """What files are called from the folder on that holds the students: archives have others around it."""
    while len(tops := {inside.parts[0] for inside, _ in found}) == 1 and not WHO.fullmatch(*tops):
        inner = [inside.parts[1:] for inside, _ in found]
        below = {parts[0] for parts in inner if len(parts) > 1 or (parts and WHO.fullmatch(parts[0]))}
        if not below - {name}:
            break
        found = [(inside.relative_to(*tops), path) for inside, path in found if len(inside.parts) > 1]
    return found


def _groups(path: Path) -> dict[str, list[dict]]:
    """Who handed in each folder and when, by Gradescope's metadata."""
    groups = {}
    try:
        metadata = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)  # texts, whatever tags
        for folder, entry in metadata.items():
            when = read_time(entry.get(":created_at", ""))
            groups[folder] = [
                {key: str(person.get(f":{key}", "")) for key in ("name", "email", "sid")} | {"when": when}
                for person in entry[":submitters"]
            ]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise ValueError(f"{METADATA} is not as Gradescope writes it: {why}.") from None
    return groups


def read_time(text: str, zone: tzinfo = UTC) -> datetime | None:
    """A time as people and platforms write it, in `zone` where it names none; None where it is none."""
    try:
        when = dateutil.parser.parse(text) if any(map(str.isdigit, text)) else None
    except (ValueError, OverflowError):
        return None
    return when and when.replace(tzinfo=when.tzinfo or zone).astimezone(UTC)


def read_timestamp(path: Path | None) -> datetime | None:
    """What nbgrader's timestamp.txt says, if there is one."""
    try:
        return parse_utc(path.read_text().strip()).replace(tzinfo=UTC) if path else None
    except (OSError, ValueError):
        return None
