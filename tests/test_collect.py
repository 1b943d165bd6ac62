"""Zips as Canvas, Moodle and Gradescope make them: who, when, which one counts, and what is refused."""

import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest

from autograder import platforms
from autograder.collect import collect
from autograder.course_directory import CourseDirectory
from autograder.reading import LARGEST, UnreadableError, load
from autograder.release import release
from autograder.verify import scratch_course

NAME = "01_conv_arithmetic"


@pytest.fixture(scope="module")
def released(root, tmp_path_factory):
    course = scratch_course(CourseDirectory(root), NAME, tmp_path_factory.mktemp("released"))
    release(course, NAME)
    return course


@pytest.fixture
def course(released, tmp_path):
    import shutil

    folder = tmp_path / "course"
    shutil.copytree(released.root, folder)
    return CourseDirectory(folder)


@pytest.fixture
def notebook(released):
    """A different submission for each mark."""
    original = nbformat.read(released.release(NAME), as_version=4)

    def make(mark):
        return json.dumps({**original, "metadata": {"mark": mark}})

    return make


def make_zip(path, files, when=(2026, 11, 1, 12, 0, 0)):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, when), content)
    return path


def marks(course):
    folder = course.root / "submitted"
    return {
        path.parent.parent.name: json.loads(path.read_text())["metadata"]["mark"]
        for path in folder.glob(f"*/{NAME}/{NAME}.ipynb")
    }


def marks_of(folder):
    return json.loads((folder / NAME / f"{NAME}.ipynb").read_text())["metadata"]["mark"]


def kept(course):
    paths = (course.root / "downloaded" / NAME / "kept").rglob("*.ipynb")
    return sorted(json.loads(path.read_text())["metadata"]["mark"] for path in paths)


def outcome(results):
    return {result.student: result.what for result in results}


def timestamp(course, student):
    return (course.root / "submitted" / student / NAME / "timestamp.txt").read_text().strip()


def test_canvas(course, notebook, tmp_path):
    files = {
        "doejane_1001_90001_01_conv_arithmetic.ipynb": notebook("jane, first"),
        "doejane_1001_90007_01_conv_arithmetic-1.ipynb": notebook("jane, second"),
        "obriensean_LATE_1002_90003_homework_12_34_.ipynb": notebook("sean"),
        "li2_1003_90004_my work.ipynb": notebook("li"),
        "anon_x7Yz1_90005_01.ipynb": notebook("anonymous"),
        "noteacher_1004_90006_essay.pdf": "no notebook",
    }
    results = collect(course, NAME, make_zip(tmp_path / "submissions.zip", files))
    expected = {
        "doejane_1001": "jane, second", "obriensean_1002": "sean",
        "li2_1003": "li", "anon_x7Yz1": "anonymous",
    }  # fmt: skip
    assert marks(course) == expected
    assert kept(course) == []  # the archive has it
    notes = {result.student: result.note for result in results if result.note}
    assert list(notes) == ["obriensean_1002"]
    assert "late" in notes["obriensean_1002"]
    with course.api.gradebook as gradebook:
        assert gradebook.find_student("doejane_1001").lms_user_id == "1001"


def test_canvas_with_its_gradebook_as_the_roster(course, notebook, tmp_path):
    roster = tmp_path / "gradebook.csv"
    roster.write_text(
        "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,timestamp\n    Points Possible,,,,,\n"
        '"Doe, Jane",1001,s1,jdoe,A,2026-11-02 23:30\n"O\'Brien, Seán",1002,s2,sob,A,\n'
        '"Two, Same",1,,same1,A,\n"Two, Same",2,,same2,A,\n'
    )
    files = {
        "doejane_1001_90001_01.ipynb": notebook("jane"),
        "obriensean_LATE_1002_90003_01.ipynb": notebook("sean"),
        "twosame_9_90003_01.ipynb": notebook("which?"),
    }
    archive = make_zip(tmp_path / "s.zip", files)
    results = collect(course, NAME, archive, roster, "Europe/Berlin")
    assert marks(course) == {"jdoe": "jane", "sob": "sean"}
    assert timestamp(course, "jdoe") == "2026-11-02 22:30:00 UTC"
    assert outcome(results) == {"twosame": "of an unknown student", "jdoe": "new", "sob": "new"}
    with course.api.gradebook as gradebook:
        jane = gradebook.find_student("jdoe")
        assert (jane.last_name, jane.first_name, jane.lms_user_id) == ("Doe", "Jane", "1001")


@pytest.mark.parametrize("suffix", ["", "_"], ids=["4.1 and later", "3.1 to 4.0"])
def test_moodle(course, notebook, tmp_path, suffix):
    files = {
        f"Jane Doe_501_assignsubmission_file{suffix}/01_conv_arithmetic.ipynb": notebook("jane"),
        f"Jane Doe_501_assignsubmission_file{suffix}/drafts/old.ipynb": "{}",
        f"Ana María Li_502_assignsubmission_file{suffix}/My Copy.ipynb": notebook("ana"),
        "Jane Doe_501_assignsubmission_onlinetext/onlinetext.html": "<p>see file</p>",
    }
    worksheet = tmp_path / "Grades.csv"
    worksheet.write_text(
        "Identifier,Full name,ID number,Email address,Status,Grade,Last modified (submission)\n"
        'Participant 501,Jane Doe,s501,jane@uni.edu,Submitted,,"Sunday, 1 November 2026, 10:05 PM"\n'
        "Participant 502,Ana María Li,s502,ana@uni.edu,Submitted,,-\n"
    )
    results = collect(course, NAME, make_zip(tmp_path / "m.zip", files), worksheet)
    assert marks(course) == {"s501": "jane", "s502": "ana"}
    assert timestamp(course, "s501") == "2026-11-01 22:05:00 UTC"
    assert not any(result.note for result in results)


def test_moodle_without_folders_and_a_name_that_pretends(course, notebook, tmp_path):
    name = "Eve_7_assignsubmission_file_Jane Doe_501_assignsubmission_file_x.ipynb"
    collect(course, NAME, make_zip(tmp_path / "m.zip", {name: notebook("eve")}))
    assert marks(course) == {"Eve_7": "eve"}


def test_a_file_in_a_students_folder_does_not_say_whose_it_is(course, notebook, tmp_path):
    files = {
        "Eve_7_assignsubmission_file/doejane_1001_90001_01.ipynb": notebook("eve"),
        "Jane Doe_501_assignsubmission_file/01.ipynb": notebook("jane"),
    }
    collect(course, NAME, make_zip(tmp_path / "m.zip", files))
    assert marks(course) == {"Eve_7": "eve", "Jane_Doe_501": "jane"}


def gradescope(notebook):
    metadata = """---
submission_301:
  :submitters:
  - :name: Jane Doe
    :email: jane@uni.edu
    :sid: '01'
  :created_at: 2026-10-31 21:11:27.391207000 Z
  :score: 3.0
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    tests: []
submission_302:
  :submitters:
  - :name: Ana Li
    :email: ana@uni.edu
  - :name: Bo Su
    :email: bo@uni.edu
    :sid: 'b/../o'
  :created_at: '2026-11-02T09:00:00+01:00'
"""
    return {
        "assignment_77_export/submission_metadata.yml": metadata,
        "assignment_77_export/submission_301/hw.ipynb": notebook("jane"),
        "assignment_77_export/submission_302/hw.ipynb": notebook("ana and bo"),
    }


def test_gradescope(course, notebook, tmp_path):
    collect(course, NAME, make_zip(tmp_path / "g.zip", gradescope(notebook)))
    assert marks(course) == {"01": "jane", "ana@uni.edu": "ana and bo", "b_.._o": "ana and bo"}
    assert timestamp(course, "01") == "2026-10-31 21:11:27 UTC"
    assert timestamp(course, "ana@uni.edu") == "2026-11-02 08:00:00 UTC"
    with course.api.gradebook as gradebook:
        assert gradebook.find_student("01").email == "jane@uni.edu"


@pytest.mark.parametrize("metadata", ["- 1\n", "a: [", "submission_1: {}\n", "submission_1: 3\n", ""])
def test_other_gradescope_metadata_is_a_sentence(course, notebook, tmp_path, metadata):
    files = gradescope(notebook) | {"assignment_77_export/submission_metadata.yml": metadata}
    with pytest.raises(ValueError, match="is not as Gradescope writes it"):
        collect(course, NAME, make_zip(tmp_path / "g.zip", files))
    assert marks(course) == {}


def test_plain_folders(course, notebook, tmp_path):
    folder = tmp_path / "class"
    for path, mark in {
        "jane.ipynb": "jane", "ana/work.ipynb": "ana", f"bo/{NAME}/{NAME}.ipynb": "bo",
        "bo/02_other/02_other.ipynb": "other", "ana/.ipynb_checkpoints/work.ipynb": "old",
    }.items():  # fmt: skip
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(notebook(mark))
    (folder / f"bo/{NAME}/timestamp.txt").write_text("2026-11-01 10:00:00 UTC")
    collect(course, NAME, folder)
    assert marks(course) == {"jane": "jane", "ana": "ana", "bo": "bo"}
    assert timestamp(course, "bo") == "2026-11-01 10:00:00 UTC"


def test_a_zip_of_a_folder_around_all_students(course, notebook, tmp_path):
    files = {f"submitted/{who}/{NAME}/{NAME}.ipynb": notebook(who) for who in ("jane", "ana")}
    files["__MACOSX/submitted/._jane"] = "x"
    collect(course, NAME, make_zip(tmp_path / "p.zip", files))
    assert marks(course) == {"jane": "jane", "ana": "ana"}


def test_the_latest_counts_and_nothing_is_lost(course, notebook, tmp_path):
    def download(name, mark, day):
        files = {"doejane_1_10_01.ipynb": notebook(mark)}
        return make_zip(tmp_path / name, files, when=(2026, 11, day, 0, 0, 0))

    monday, friday = download("monday.zip", "monday", 2), download("friday.zip", "friday", 6)
    assert outcome(collect(course, NAME, monday)) == {"doejane_1": "new"}
    assert outcome(collect(course, NAME, monday)) == {"doejane_1": "unchanged"}
    assert outcome(collect(course, NAME, friday)) == {"doejane_1": "replaced"}
    assert marks(course) == {"doejane_1": "friday"}
    (result,) = collect(course, NAME, monday)
    assert (result.what, result.note) == (
        "older than what is there",
        "Not collected; it stays where it came from.",
    )
    assert marks(course) == {"doejane_1": "friday"}
    assert set(kept(course)) == {"monday"}
    archives = (course.root / "downloaded" / NAME / "archive").iterdir()
    assert sorted(path.read_bytes() for path in archives) == sorted(
        [monday.read_bytes(), friday.read_bytes()]
    )


def test_timestamps_count_more_than_the_times_of_files(course, notebook, tmp_path):
    (old := tmp_path / "old" / "jane").mkdir(parents=True)
    (old / "a.ipynb").write_text(notebook("old"))
    (old / "timestamp.txt").write_text("2026-11-01 10:00:00 UTC")
    (new := tmp_path / "new" / "jane").mkdir(parents=True)
    (new / "a.ipynb").write_text(notebook("new"))
    (new / "timestamp.txt").write_text("2026-11-01 12:00:00 UTC")
    os.utime(new / "a.ipynb", (1, 1))
    collect(course, NAME, new.parent)
    collect(course, NAME, old.parent)
    assert marks(course) == {"jane": "new"}
    assert timestamp(course, "jane") == "2026-11-01 12:00:00 UTC"


def test_a_zip_that_a_student_handed_in(course, notebook, tmp_path):
    inner = io.BytesIO()
    make_zip(inner, {"homework/final.ipynb": notebook("jane")})
    broken = inner.getvalue()[:200]
    files = {"doejane_1_10_hw.zip": inner.getvalue(), "liana_2_11_hw.zip": broken}
    results = collect(course, NAME, make_zip(tmp_path / "s.zip", files))
    assert marks_of(course.root / "submitted" / "doejane_1") == "jane"
    assert_is_told(course, results, broken)


def assert_is_told(course, results, broken):
    """Liana's zip is kept as it is, an instructor sees a note, and she is told what it is."""
    assert {result.student: result.note for result in results}["liana_2"].startswith("None of the cells")
    handed_in = course.root / "submitted" / "liana_2" / NAME / f"{NAME}.ipynb"
    assert handed_in.read_bytes() == broken
    with pytest.raises(UnreadableError, match="it is a zip archive"):
        load(handed_in)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_of_a_student_is_theirs_alone(course, notebook, tmp_path, compression):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", compression) as archive:
        archive.writestr("x.ipynb", notebook("ana") * 100)
    damaged = bytearray(inner.getvalue())
    damaged[60:260] = b"\xff" * 200
    files = {"doejane_1_10_hw.ipynb": notebook("jane"), "liana_2_11_hw.zip": bytes(damaged)}
    results = collect(course, NAME, make_zip(tmp_path / "s.zip", files))
    assert marks_of(course.root / "submitted" / "doejane_1") == "jane"
    assert_is_told(course, results, damaged)


def test_a_zip_beside_a_folder_of_its_name_takes_nothing_from_it(course, notebook, tmp_path):
    inner = io.BytesIO()
    make_zip(inner, {"notes/old.ipynb": notebook("old")}, (2026, 10, 1, 0, 0, 0))
    moodle = "Jane Doe_7_assignsubmission_file"
    files = {f"{moodle}/hw.zip": inner.getvalue(), f"{moodle}/hw/{NAME}.ipynb": notebook("jane")}
    collect(course, NAME, make_zip(tmp_path / "s.zip", files))
    assert list(marks(course).values()) == ["jane"]


def test_names_that_no_file_system_takes_are_cut(course, notebook, tmp_path):
    files = {f"doejane_1_10_{'ä' * 200}.ipynb": notebook("jane"), "liana_2_11_hw.ipynb": notebook("ana")}
    collect(course, NAME, make_zip(tmp_path / "s.zip", files))
    assert marks(course) == {"doejane_1": "jane", "liana_2": "ana"}


def test_what_is_too_large_for_a_notebook_is_collected_with_a_note(course, tmp_path):
    (tmp_path / "jane").mkdir()
    with (tmp_path / "jane" / f"{NAME}.ipynb").open("wb") as file:
        file.truncate(LARGEST + 1)
    (result,) = collect(course, NAME, tmp_path / "jane")
    assert "None of the cells" in result.note


def test_one_student_alone_in_folders_around(course, notebook, tmp_path):
    files = {f"export/submitted/jane/{NAME}/{NAME}.ipynb": notebook("jane")}
    collect(course, NAME, make_zip(tmp_path / "p.zip", files))
    collect(course, NAME, make_zip(tmp_path / "c.zip", {"out/doejane_1_10_x.ipynb": notebook("doe")}))
    assert marks(course) == {"jane": "jane", "doejane_1": "doe"}


def test_another_notebook_is_collected_with_a_note(course, tmp_path):
    other = json.dumps({**nbformat.v4.new_notebook(), "metadata": {"mark": "other"}})
    (result,) = collect(course, NAME, make_zip(tmp_path / "s.zip", {"doejane_1_10_x.ipynb": other}))
    assert marks(course) == {"doejane_1": "other"}
    assert "None of the cells of 01_conv_arithmetic" in result.note


def link(name, target):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member, target


@pytest.mark.parametrize(
    "name", ["../../evil.ipynb", "/etc/evil.ipynb", "..\\evil.ipynb", "C:/evil.ipynb", "link"]
)
def test_paths_that_lead_out_of_an_archive_and_links_lead_nowhere(course, notebook, tmp_path, name):
    path = make_zip(tmp_path / "s.zip", {"doejane_1_10_01.ipynb": notebook("jane")})
    inner = io.BytesIO()
    with zipfile.ZipFile(path, "a") as archive, zipfile.ZipFile(inner, "w") as students:
        for each in (archive, students):
            member = link(name + ".ipynb", "/etc/passwd") if name == "link" else (name, notebook("evil"))
            each.writestr(*member)
        students.writestr("/doejane_1_99_01.ipynb", notebook("eve for jane"))
        students.writestr("../doejane_1_99_01.ipynb", notebook("eve for jane"))
        students.close()
        archive.writestr("eve_2_11_hw.zip", inner.getvalue())
    before = [each for each in sorted(tmp_path.rglob("*")) if course.root not in each.parents]
    collect(course, NAME, path)
    assert [each for each in sorted(tmp_path.rglob("*")) if course.root not in each.parents] == before
    assert not [each for each in course.root.rglob("*") if each.is_symlink()]
    handed_in = course.root / "submitted"
    assert all(each.parent.parent.parent == handed_in for each in handed_in.rglob("*.ipynb"))
    assert marks_of(handed_in / "doejane_1") == "jane"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(course, tmp_path, monkeypatch):
    monkeypatch.setattr(platforms, "LARGEST", 2**30)
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doejane_1_1_x.ipynb", bytes(2**20))
    data = path.read_bytes()  # the directory says 1 GiB more of the one file: what unpacking would meet
    path.write_bytes(data.replace((2**20).to_bytes(4, "little"), (2**30 + 1).to_bytes(4, "little")))
    with pytest.raises(ValueError, match="it holds more than 1 GiB"):
        collect(course, NAME, path)
    assert marks(course) == {}


def test_an_archive_of_too_many_files_is_refused(course, tmp_path, monkeypatch):
    monkeypatch.setattr(platforms, "MOST", 3)
    path = make_zip(tmp_path / "s.zip", {f"doejane_1_{number}_x.ipynb": "{}" for number in range(4)})
    with pytest.raises(ValueError, match="or 3 files"):
        collect(course, NAME, path)


@pytest.mark.parametrize("cut", [0, 10, 3000])
def test_a_damaged_archive_is_a_sentence_and_collects_nothing(course, notebook, tmp_path, cut):
    path = make_zip(tmp_path / "s.zip", {"doejane_1_10_01.ipynb": notebook("jane")})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"s\.zip cannot be unpacked"):
        collect(course, NAME, path)
    assert marks(course) == {}


def test_a_wrong_checksum_inside_collects_nothing(course, notebook, tmp_path):
    files = {"doejane_1_10_01.ipynb": notebook("jane"), "liana_2_11_01.ipynb": notebook("ana")}
    path = make_zip(tmp_path / "s.zip", files)
    data = bytearray(path.read_bytes())
    data[data.rindex(b'"mark": "ana"') + 10] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="cannot be unpacked"):
        collect(course, NAME, path)
    assert marks(course) == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((NAME, "nowhere.zip"), "nowhere.zip does not exist"),
        (("02_other", "."), "There is no notebook in assignments/"),
        ((NAME, "empty"), "There is no notebook in empty"),
        ((NAME, "empty", "--roster", "roster.csv"), "has no column that names students"),
        ((NAME, "empty", "--timezone", "Mars"), "There is no time zone 'Mars'"),
    ],
)
def test_bad_input_is_one_sentence(course, words, sentence):
    (course.root / "empty").mkdir()
    (course.root / "roster.csv").write_text("a,b\n1,2\n")
    program = Path(sys.executable).parent / "autograder"
    done = subprocess.run([program, "collect", *words], cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_names_that_look_like_markup_are_shown_as_they_are(course, tmp_path):
    files = {"doejane_1_10_[red] [b].ipynb": "{}", "liana_2_11_x.ipynb": "{}"}
    archive = make_zip(tmp_path / "s.zip", files)
    (tmp_path / "roster.csv").write_text("student_id,lms_id\nliana,2\n")
    program = Path(sys.executable).parent / "autograder"
    command = [program, "collect", NAME, archive, "--roster", tmp_path / "roster.csv"]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "[red] [b].ipynb" in " ".join(done.stdout.split())


def test_nbgraders_own_command_collects_the_same(course, notebook, tmp_path):
    downloads = course.root / "downloaded" / NAME / "archive"
    downloads.mkdir(parents=True)
    make_zip(downloads / "g.zip", gradescope(notebook))
    make_zip(downloads / "c.zip", {
        "doejane_1001_90001_01.ipynb": notebook("first"), "doejane_1001_90007_01.ipynb": notebook("second"),
    })  # fmt: skip
    program = Path(sys.executable).parent / "nbgrader"
    done = subprocess.run([program, "zip_collect", NAME], cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = {"01": "jane", "ana@uni.edu": "ana and bo", "b_.._o": "ana and bo", "doejane_1001": "second"}
    assert marks(course) == expected
    seen = course.api.coursedir.get_existing_timestamp(str(course.root / "submitted" / "01" / NAME))
    assert seen == datetime(2026, 10, 31, 21, 11, 27, 391207, tzinfo=UTC).replace(tzinfo=None)
