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
import stat
import tempfile
import zipfile
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import dateutil.parser
import yaml
from nbgrader.utils import parse_utc

CANVAS = re.compile(r"(?:(?P<name>.*?)_)?(?P<late>LATE_)?(?P<id>\d+|anon_\w+?)_(?P<file>\d+)_.+", re.S)
MOODLE = re.compile(r"(?P<name>.*?)_(?P<id>\d+)_assignsubmission_file(?:_.*)?", re.S)
METADATA = "submission_metadata.yml"  # Gradescope's
LARGEST = 4 * 2**30  # bytes of all files of an archive
MOST = 100_000  # files in an archive
LONGEST = 200  # bytes of a file's name


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


def unpack(archive: Path, folder: Path, inner: bool = True) -> list[str]:
    """Unpack a zip into a folder, with the zips that students put in; give a sentence for each refused.

    Raises:
        ValueError: for an archive that is damaged, encrypted, too large, or has paths that lead out of the
            folder or links. Nothing has been written then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder.parent) as scratch:
        try:
            with zipfile.ZipFile(archive) as opened:
                _extract(opened, Path(scratch) / "all")
            (Path(scratch) / "all").rename(folder)
        except Exception as error:  # zipfile, and what decompresses for it, raise many kinds
            raise ValueError(f"{archive.name} cannot be unpacked: {error}.") from None
    refused = []
    for path in sorted(folder.rglob("*.zip")) if inner else ():
        beside = path.with_suffix("")
        try:
            unpack(path, beside / path.stem if beside.exists() else beside, inner=False)
        except ValueError as error:
            refused.append(str(error))
    return refused


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    """Write an archive's files to a new folder, at the times that it gives them."""
    members = [each for each in archive.infolist() if not each.is_dir()]
    _check(members)
    folder.mkdir()
    for number, member in enumerate(members):
        path = folder.joinpath(*map(_shortened, PurePosixPath(member.filename).parts))
        path = path if not path.exists() else path.with_stem(f"{path.stem} ({number})")
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as read, path.open("xb") as write:
            shutil.copyfileobj(read, write)
        year, month, day, *time = member.date_time
        seconds = timegm((year, max(month, 1), max(day, 1), *time))
        os.utime(path, (seconds, seconds))


def _shortened(name: str) -> str:
    """A file's name as file systems take it: platforms put theirs before a student's, which may be long."""
    while len(os.fsencode(name)) > LONGEST:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem[:-1]}{dot}{suffix}" if stem else name[:-1]
    return name


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
            match = pattern.fullmatch(top.name)
            found = match.groupdict() if match else {}
            number, late = int(found.get("file") or 0), bool(found.get("late"))
            for path in _notebooks(top):
                yield Sent(path, found.get("name") or "", found.get("id", ""), number=number, late=late)
    else:
        yield from _plain(base, name)


def _kind(base: Path) -> str:
    """Which platform made a folder; "" for none."""
    names = [path.name for path in base.iterdir()]
    if METADATA in names:
        return "Gradescope"
    for kind, pattern in {"Moodle": MOODLE, "Canvas": CANVAS}.items():
        if sum(bool(pattern.fullmatch(name)) for name in names) > len(names) / 2:
            return kind
    return ""


def _gradescope(base: Path) -> Iterator[Sent]:
    try:
        metadata = yaml.load((base / METADATA).read_text("utf-8"), yaml.BaseLoader)  # texts, whatever tags
        for folder, entry in metadata.items():
            when = entry.get(":created_at")
            when = dateutil.parser.parse(when) if when else None
            if when and not when.tzinfo:
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
    notebooks = [
        path for path in _notebooks(base) if path.stem == name or path.parent.name != path.stem
    ]  # nbgrader's folders have other assignments in them
    folders = [path.relative_to(base).parts[:-1] for path in notebooks]
    if len({parts[:1] for parts in folders}) == 1 and len({parts[1:2] for parts in folders} - {(name,)}) > 1:
        base /= folders[0][0] if folders[0] else ""  # a folder around all students
    for path in notebooks:
        top = base / path.relative_to(base).parts[0]
        student = top.name if top.is_dir() else path.stem
        yield Sent(path, student, student=student, when=read_timestamp(path.parent))


def _notebooks(top: Path) -> Iterator[Path]:
    for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
        inside = path.relative_to(top).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in inside)
        if path.suffix == ".ipynb" and not hidden and stat.S_ISREG(path.lstat().st_mode):
            yield path


def read_timestamp(folder: Path) -> datetime | None:
    """What nbgrader's timestamp.txt in a folder says."""
    try:
        return parse_utc((folder / "timestamp.txt").read_text().strip()).replace(tzinfo=UTC)
    except (OSError, ValueError):
        return None


def _check(members: list[zipfile.ZipInfo]) -> None:
    """Raise ValueError for an archive that is not to be unpacked."""
    if sum(member.file_size for member in members) > LARGEST or len(members) > MOST:
        raise ValueError(f"it holds more than {LARGEST // 2**30} GiB or {MOST} files")
    for member in members:
        path = PurePosixPath(member.filename)
        outside = path.is_absolute() or not path.parts or ".." in path.parts
        if outside or "\\" in member.filename or ":" in path.parts[0]:
            raise ValueError(f"it has a path that leads out of it: {member.filename!r}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"it has a link in it: {member.filename!r}")
        if member.flag_bits & 1:
            raise ValueError("it is encrypted")
