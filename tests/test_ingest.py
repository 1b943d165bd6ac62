"""What is done to submissions between a student and us, and what is left of them after ingest."""

import copy
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from autograder.course_directory import CourseDirectory
from autograder.exercise import find_assignment
from autograder.ingest import read_submission
from autograder.magics import neutralise
from autograder.reading import SubmissionExporter, UnreadableError, load
from autograder.release import release
from autograder.submissions import answered, saved_by_colab
from autograder.verify import scratch_course

NAME = "01_conv_arithmetic"
ANSWERS = {name: a.right for e in find_assignment(NAME).exercises for name, a in e.answers.items()}
STUBS = {
    "convolve": """def convolve(image, kernel):
    \"\"\"Slide the kernel over the image. Arrays (H, W) and (K, L); returns (H - K + 1, W - L + 1).\"\"\"
    raise NotImplementedError("Write your answer here.")""",
    "conv-params": """def conv_params(kernel, in_channels, filters):
    \"\"\"Weights and biases of a convolution with square kernels.\"\"\"
    raise NotImplementedError("Write your answer here.")""",
}
ESSAY = "More non-linearities, at the price of memory."


def solutions(notebook):
    found = {}
    for cell in notebook.cells:
        nbgrader = cell.metadata.get("nbgrader", {})
        if nbgrader.get("solution"):
            found[nbgrader["grade_id"]] = (cell.cell_type, cell.source)
    return found


def given(notebook):
    return [
        (cell.cell_type, cell.source, cell.metadata)
        for cell in notebook.cells
        if not cell.metadata.get("nbgrader", {}).get("solution")
    ]


@pytest.fixture(scope="module")
def master(root):
    return nbformat.read(root / "assignments" / NAME / f"{NAME}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def right(master):
    notebook = answered(master, ANSWERS)
    by_id(notebook, "stack-essay").source = ESSAY
    return notebook


def by_id(notebook, grade_id):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def at(notebook, grade_id):
    return notebook.cells.index(by_id(notebook, grade_id))


def handed_in(notebook, tmp_path, master):
    path = tmp_path / f"{NAME}.ipynb"
    data = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    path.write_bytes(data)
    return read_submission(path, master)


# what may happen to a notebook; each gives what was handed in and a part of the sentence to be said


def untouched(notebook):
    return notebook, None


def stripped_metadata(notebook):
    for cell in notebook.cells:
        cell.metadata = {}
    notebook.metadata = {}
    return notebook, "recognised by the cell's id"


def stripped_metadata_and_ids(notebook):
    for cell in notebook.cells:
        cell.metadata = {}
        del cell["id"]
    return notebook, "recognised by what the cell defines"


def stripped_and_the_essay_is_found_by_place(notebook):
    stripped_metadata_and_ids(notebook)
    return notebook, "The metadata of stack-essay was lost; recognised by the place"


def duplicated_answer(notebook):
    place = at(notebook, "convolve")
    notebook.cells.insert(place, copy.deepcopy(notebook.cells[place]))
    return notebook, "There were several cells for convolve"


def duplicated_test(notebook):
    place = at(notebook, "check-parameters")
    notebook.cells.insert(place, copy.deepcopy(notebook.cells[place]))
    return notebook, None


def duplicated_stub(notebook):
    copied = copy.deepcopy(by_id(notebook, "convolve"))
    copied.source = STUBS["convolve"]
    notebook.cells.append(copied)
    return notebook, "There were several cells for convolve"


def answer_in_a_cell_of_their_own(notebook):
    cell = by_id(notebook, "conv-params")
    own = nbformat.v4.new_code_cell(cell.source)
    cell.source = STUBS["conv-params"]
    notebook.cells.insert(notebook.cells.index(cell) + 1, own)
    return notebook, "There were several cells for conv-params"


def split_answer(notebook):
    cell = by_id(notebook, "convolve")
    lines = cell.source.split("\n")
    first, second = copy.deepcopy(cell), copy.deepcopy(cell)
    first.source, second.source = "\n".join(lines[:3]), "\n".join(lines[3:])
    place = notebook.cells.index(cell)
    notebook.cells[place : place + 1] = [first, second]
    return notebook, "There were several cells for convolve"


def deleted_tests(notebook):
    notebook.cells = [c for c in notebook.cells if not c.metadata.get("nbgrader", {}).get("locked")]
    return notebook, "Deleted test cells were put back: check-feature-map"


def deleted_text(notebook):
    notebook.cells = [c for c in notebook.cells if "nbgrader" in c.metadata]
    return notebook, None


def reordered(notebook):
    notebook.cells.reverse()
    return notebook, "The cells were in another order"


def retyped_answer(notebook):
    cell = by_id(notebook, "same-output")
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]
    return notebook, "The cell of same-output had been turned into another type"


def retyped_and_stripped(notebook):
    cell = by_id(notebook, "same-output")
    cell.cell_type, cell.metadata, cell["id"] = "raw", {}, "other"
    return notebook, "The cell of same-output had been turned into another type"


def retyped_essay(notebook):
    by_id(notebook, "stack-essay").cell_type = "code"
    return notebook, "The cell of stack-essay had been turned into another type"


def retyped_test(notebook):
    by_id(notebook, "check-parameters").cell_type = "markdown"
    return notebook, None


def edited_test(notebook):
    by_id(notebook, "check-parameters").source = "3.0"
    return notebook, "Changed test cells were replaced by the original ones: check-parameters"


def edited_points(notebook):
    by_id(notebook, "check-parameters").metadata["nbgrader"]["points"] = 300
    return notebook, None


def solution_flag_on_a_test(notebook):
    by_id(notebook, "check-parameters").metadata["nbgrader"] |= {"solution": True, "locked": False}
    by_id(notebook, "check-parameters").source = "3.0"
    return notebook, "Changed test cells"


def edited_given_cell(notebook):
    by_id(notebook, "imports-given").source += "\nfrom math import floor"
    return notebook, "Changed given cells were replaced by the original ones: imports-given"


def scratch_cells(notebook):
    for place in range(len(notebook.cells), 0, -2):
        notebook.cells.insert(place, nbformat.v4.new_code_cell("x = 3\nprint(x)\n!ls"))
        notebook.cells.insert(place, nbformat.v4.new_markdown_cell("my notes"))
    return notebook, None


def from_colab(notebook):
    return saved_by_colab(notebook), None


def from_colab_without_nbgrader(notebook):
    notebook = saved_by_colab(notebook)
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
    return notebook, "recognised by the cell's id"


def from_another_kernel(notebook):
    notebook.metadata["kernelspec"] = {"name": "ir", "display_name": "R"}
    return notebook, None


def from_vs_code(notebook):
    for cell in notebook.cells:
        cell.metadata["vscode"] = {"languageId": "python"}
    notebook.metadata["vscode"] = {"interpreter": {"hash": "31f2"}}
    return notebook, None


def byte_order_mark(notebook):
    return b"\xef\xbb\xbf" + json.dumps(notebook).encode(), None


def carriage_returns(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    return json.dumps(notebook, indent=1).replace("\n", "\r\n").encode(), None


def utf16(notebook):
    return json.dumps(notebook, ensure_ascii=False).encode("utf-16"), None


def utf16_without_mark(notebook):
    return json.dumps(notebook).encode("utf-16-le"), None


def hostile_metadata(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "nbgrader" not in cell.metadata:
            cell.metadata = [1, 2]
    notebook.cells.append(3)
    notebook.cells.append({"cell_type": ["code"], "source": {"a": 1}, "metadata": {"nbgrader": 7}, "id": 3})
    notebook.cells.append({"metadata": {"nbgrader": {"grade_id": ["convolve"]}}})
    notebook.metadata = None
    return notebook, None


CORRUPTIONS = [
    untouched, stripped_metadata, stripped_metadata_and_ids, stripped_and_the_essay_is_found_by_place,
    duplicated_answer, duplicated_test, duplicated_stub, answer_in_a_cell_of_their_own, split_answer,
    deleted_tests, deleted_text, reordered, retyped_answer, retyped_and_stripped, retyped_essay, retyped_test,
    edited_test, edited_points, solution_flag_on_a_test, edited_given_cell, scratch_cells, from_colab,
    from_colab_without_nbgrader, from_another_kernel, from_vs_code, byte_order_mark, carriage_returns, utf16,
    utf16_without_mark, hostile_metadata,
]  # fmt: skip


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.__name__)
def test_answers_survive_and_all_else_is_the_release(corruption, right, master, tmp_path):
    notebook, sentence = corruption(copy.deepcopy(right))
    rebuilt, repairs = handed_in(notebook, tmp_path, master)
    assert solutions(rebuilt) == solutions(right)
    assert given(rebuilt) == given(master)
    assert [cell.get("id") for cell in rebuilt.cells] == [cell.get("id") for cell in master.cells]
    assert rebuilt.metadata["kernelspec"] == master.metadata["kernelspec"]
    assert rebuilt.metadata["autograder"] == {"repairs": repairs}
    assert sentence is None or any(sentence in repair for repair in repairs)
    nbformat.validate(rebuilt)


SILENT = (
    untouched,
    from_colab,
    from_another_kernel,
    from_vs_code,
    byte_order_mark,
    carriage_returns,
    scratch_cells,
)


@pytest.mark.parametrize("corruption", SILENT, ids=lambda corruption: corruption.__name__)
def test_nothing_is_said_where_nothing_had_to_be_mended(corruption, right, master, tmp_path):
    assert handed_in(corruption(copy.deepcopy(right))[0], tmp_path, master)[1] == []


def test_two_corruptions_at_once(right, master, tmp_path):
    notebook = copy.deepcopy(right)
    for corruption in (edited_test, duplicated_answer, from_colab, scratch_cells, reordered):
        notebook, _ = corruption(notebook)
    rebuilt, repairs = handed_in(notebook, tmp_path, master)
    assert solutions(rebuilt) == solutions(right)
    assert len(repairs) == 3


def test_a_deleted_answer_is_the_stub_and_said(right, master, tmp_path):
    notebook = copy.deepcopy(right)
    del notebook.cells[at(notebook, "conv-macs")]
    rebuilt, repairs = handed_in(notebook, tmp_path, master)
    assert by_id(rebuilt, "conv-macs") == by_id(master, "conv-macs")
    assert repairs == ["There is no cell for conv-macs: counted as not written."]


def test_a_renamed_function_is_found_by_its_place(right, master, tmp_path):
    notebook = copy.deepcopy(right)
    cell = by_id(notebook, "conv-macs")
    cell.metadata, cell["id"], cell.source = {}, "x", "def macs(size):\n    return size"
    rebuilt, repairs = handed_in(notebook, tmp_path, master)
    assert by_id(rebuilt, "conv-macs").source == cell.source
    assert any("recognised by the place" in repair for repair in repairs)


def test_the_students_name_in_colabs_metadata_goes_no_further(right, master, tmp_path):
    notebook = saved_by_colab(right)
    assert "A. Student" in json.dumps(notebook)
    rebuilt, _ = handed_in(notebook, tmp_path, master)
    assert "A. Student" not in json.dumps(rebuilt)


def test_an_answer_gets_the_helpers_that_it_uses_and_no_other(right, master, tmp_path):
    notebook = copy.deepcopy(right)
    by_id(
        notebook, "conv-params"
    ).source = "def conv_params(k, c, f):\n    return weights(k, c) * f + BIAS * f"
    place = at(notebook, "conv-params")
    helper = "import time\n\n\ndef square(x):\n    return x * x\n\n\nBIAS = 1\n"
    helper += "SCRATCH = weights(3, 4)\nprint(SCRATCH)"
    notebook.cells.insert(place, nbformat.v4.new_code_cell("def weights(k, c):\n    return square(k) * c"))
    notebook.cells.insert(place, nbformat.v4.new_code_cell(helper))
    rebuilt, repairs = handed_in(notebook, tmp_path, master)
    assert by_id(rebuilt, "conv-params").source == (
        "def square(x):\n    return x * x\nBIAS = 1\ndef weights(k, c):\n    return square(k) * c\n"
        "def conv_params(k, c, f):\n    return weights(k, c) * f + BIAS * f"
    )
    expected = (
        "Definitions from cells of your own were added to an answer that uses them: BIAS, square, weights."
    )
    assert repairs == [expected]
    assert len(rebuilt.cells) == len(master.cells)


def test_a_long_chain_of_helpers_is_followed_to_its_end(right, master, tmp_path):
    notebook, links = copy.deepcopy(right), 5_000
    chain = "".join(f"v{i} = v{i + 1}\n" for i in range(links)) + f"v{links} = 1"
    by_id(notebook, "conv-params").source = "def conv_params(k, c, f):\n    return v0"
    notebook.cells.insert(at(notebook, "conv-params"), nbformat.v4.new_code_cell(f"{chain}\nother = 2"))
    rebuilt, _ = handed_in(notebook, tmp_path, master)
    assert by_id(rebuilt, "conv-params").source == f"{chain}\ndef conv_params(k, c, f):\n    return v0"


def test_an_import_added_to_a_given_cell_reaches_the_answer(right, master, tmp_path):
    notebook = copy.deepcopy(right)
    by_id(notebook, "imports-given").source += "\nfrom math import ceil as up\ncheck = None"
    by_id(notebook, "same-output").source = "def same_output(size, stride):\n    return up(size / stride)"
    rebuilt, _ = handed_in(notebook, tmp_path, master)
    assert by_id(rebuilt, "same-output").source.startswith("from math import ceil as up\ndef same_output")
    assert "check = None" not in json.dumps(rebuilt)


def test_a_picture_pasted_into_an_essay_stays(right, master, tmp_path):
    notebook = copy.deepcopy(right)
    picture = {"a.png": {"image/png": "iVBORw0KGgo="}}
    by_id(notebook, "stack-essay")["attachments"] = picture
    rebuilt, _ = handed_in(notebook, tmp_path, master)
    assert by_id(rebuilt, "stack-essay").attachments == picture


def test_halves_of_characters_which_no_file_can_hold_are_question_marks(right, master, tmp_path):
    notebook = copy.deepcopy(right)
    essay = by_id(notebook, "stack-essay")
    essay["attachments"] = {"HALF.png": {"image/png": "HALF"}}
    essay.source = "It is HALF."
    rebuilt, _ = handed_in(json.dumps(notebook).replace("HALF", r"\ud800").encode(), tmp_path, master)
    assert by_id(rebuilt, "stack-essay").source == "It is ?."
    assert by_id(rebuilt, "stack-essay").attachments == {"?.png": {"image/png": "?"}}
    nbformat.writes(rebuilt).encode()


def test_cells_below_a_task_are_kept(right, master, tmp_path):
    task = nbformat.v4.new_markdown_cell("Draw a network.")
    task.metadata["nbgrader"] = {
        "grade_id": "draw", "task": True, "grade": False, "solution": False, "locked": True, "points": 2,
    }  # fmt: skip
    master, notebook = copy.deepcopy(master), copy.deepcopy(right)
    master.cells.append(task)
    notebook.cells += [task, nbformat.v4.new_markdown_cell("Here."), nbformat.v4.new_code_cell("draw()")]
    rebuilt, _ = handed_in(notebook, tmp_path, master)
    assert [cell.source for cell in rebuilt.cells[-3:]] == ["Draw a network.", "Here.", "draw()"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("!pip install x\nimport numpy as np", "pass  # !pip install x\nimport numpy as np"),
        ("%matplotlib inline\nx = 5 % 3", "pass  # %matplotlib inline\nx = 5 % 3"),
        ("try:\n    !pip install \\\n  x\nexcept E:\n    0",
         "try:\n    pass  # !pip install \\\n    # x\nexcept E:\n    0"),
        ("%%time\nx = 1", "pass  # %%time\nx = 1"),
        ("%%bash\nrm -rf ~", "pass  # %%bash\n# rm -rf ~"),
        ("%time x = f(3)", "x = f(3)"),
        ("files = !ls\nnp.sum?\n?np", "pass  # files = !ls\npass  # np.sum?\npass  # ?np"),
        ("from google.colab import drive\ndrive.mount('/d')",
         "pass  # from google.colab import drive\npass  # drive.mount('/d')"),
        ("def f():\n    import google.colab\n    return 1",
         "def f():\n    pass  # import google.colab\n    return 1"),
        ("get_ipython().system('ls')", "pass  # get_ipython().system('ls')"),
        ("x = (3\n     % 2)", None),
        ("s = '''\n!ls\n%time\n'''", None),
        ("def f(\n    return 1", None),
        ("  np.sum?\n x", "  pass  # np.sum?\n x"),
        ("x = 1\0", None),
        ("(" * 5000, None),
        ("", None),
    ],
)  # fmt: skip
def test_what_is_no_python_is_left_out(source, expected):
    assert neutralise(source)[0] == (source if expected is None else expected)


def test_left_out_lines_are_reported(right, master, tmp_path):
    notebook = copy.deepcopy(right)
    cell = by_id(notebook, "convolve")
    answer, cell.source = cell.source, f"!pip install scipy\n{cell.source}"
    rebuilt, repairs = handed_in(notebook, tmp_path, master)
    assert by_id(rebuilt, "convolve").source == f"pass  # !pip install scipy\n{answer}"
    assert repairs == ["Lines that only a live notebook understands were left out: !pip install scipy."]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (lambda text: text[: len(text) // 2].encode(), "it ends in the middle"),
        (lambda text: b"", "is empty"),
        (lambda text: b"\0" * 100, "is empty"),
        (lambda text: b"\xef\xbb\xbf", "is empty"),
        (lambda text: b"\xff\xfe", "is empty"),
        (lambda text: "\u00a0".encode(), "is empty"),
        (lambda text: b"PK\x03\x04", "it is a zip archive"),
        (lambda text: b"<!DOCTYPE html>", "it is a web page"),
        (lambda text: b"import numpy as np\n", "it is no JSON"),
        (lambda text: b'{"cells": 3}', "there are no cells"),
        (lambda text: b'{"nbformat": 4}', "there are no cells"),
        (lambda text: b"[1]", "there are no cells"),
        (lambda text: b"[" * 100_000, "cannot be read"),
        (lambda text: b'{"a":' * 100_000, "cannot be read"),
        (lambda text: os.urandom(1000), "cannot be read"),
        (lambda text: json.dumps({"cells": [{}] * 5001}).encode(), "more than 5000 cells"),
    ],
)
def test_what_is_no_notebook_is_said_in_a_sentence(right, master, tmp_path, data, sentence):
    with pytest.raises(UnreadableError, match=sentence) as caught:
        handed_in(data(json.dumps(right)), tmp_path, master)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_links_and_pipes_are_not_followed(right, tmp_path):
    (tmp_path / "secret.ipynb").write_text(json.dumps(right))
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "secret.ipynb")
    os.mkfifo(tmp_path / "pipe.ipynb")
    for name in ("link.ipynb", "pipe.ipynb"):
        with pytest.raises(UnreadableError, match="is a link or a device"):
            load(tmp_path / name)


def test_nbgrader_is_given_what_nbformat_reads_and_nothing_of_the_rest(right, tmp_path):
    path = tmp_path / "x.ipynb"
    nbformat.write(right, path)
    read, _ = SubmissionExporter().from_filename(str(path))
    assert solutions(nbformat.reads(read, 4)) == solutions(right)
    path.write_bytes(path.read_bytes()[:-100])
    assert nbformat.reads(SubmissionExporter().from_filename(str(path))[0], 4).cells == []
    path.unlink()
    os.mkfifo(path)
    assert nbformat.reads(SubmissionExporter().from_filename(str(path))[0], 4).cells == []


def test_a_renamed_notebook_is_found_in_its_folder(right, master, tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "Copy of 01 (1).ipynb").write_text(json.dumps(right))
    rebuilt, repairs = read_submission(folder, master)
    assert solutions(rebuilt) == solutions(right)
    assert repairs == [f"The notebook was called Copy of 01 (1).ipynb; it was taken for {NAME}.ipynb."]
    (folder / f"{NAME}.ipynb").write_text(json.dumps(master))
    assert solutions(read_submission(folder, master)[0]) == solutions(master)


def test_random_damage_never_raises_anything_else(right, master, tmp_path):
    import random

    text = json.dumps(right, indent=1)
    draw = random.Random(0)
    for _ in range(100):
        lines = text.split("\n")
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(lines))
            lines[place : place + draw.randint(0, 3)] = draw.sample(lines, draw.randint(0, 2))
        try:
            rebuilt, _ = handed_in("\n".join(lines).encode(), tmp_path, master)
        except UnreadableError:
            continue
        assert given(rebuilt) == given(master)
        nbformat.validate(rebuilt)


@pytest.fixture(scope="module")
def graded(root, right, tmp_path_factory):
    """Stock `nbgrader autograde` of a class whose files are damaged in one way each."""
    folder = tmp_path_factory.mktemp("course")
    course = scratch_course(CourseDirectory(root), NAME, folder)
    release(course, NAME)
    damaged = {each.__name__: each(copy.deepcopy(right))[0] for each in DAMAGES}
    damaged["truncated"] = json.dumps(right).encode()[:9000]
    for student, notebook in damaged.items():
        path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode())
    path.parent.joinpath("kept.txt").write_text("mine")
    renamed = folder / "submitted" / "renamed" / NAME / "Homework (2).ipynb"
    renamed.parent.mkdir(parents=True)
    renamed.write_text(json.dumps(right))
    done = subprocess.run(
        [Path(sys.executable).parent / "nbgrader", "autograde", NAME],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return course, done


DAMAGES = (
    stripped_metadata_and_ids,
    duplicated_answer,
    deleted_tests,
    edited_points,
    from_colab_without_nbgrader,
    byte_order_mark,
    utf16,
)


@pytest.mark.slow
@pytest.mark.parametrize("student", [*(each.__name__ for each in DAMAGES), "renamed"])
def test_stock_nbgrader_gives_full_marks_and_keeps_the_repairs(graded, right, student):
    course, done = graded
    with course.api.gradebook as gradebook:
        assert gradebook.find_submission(NAME, student).score == 20, done.stderr
    notebook = nbformat.read(course.autograded(NAME, student), as_version=4)
    assert solutions(notebook) == solutions(right)
    says = notebook.metadata["autograder"]["repairs"]
    assert bool(says) == (student not in ("edited_points", "byte_order_mark", "utf16", "format_3"))
    assert student != "renamed" or "was called Homework (2).ipynb" in says[0]


@pytest.mark.slow
def test_stock_nbgrader_goes_on_after_an_unreadable_file_and_loses_nothing(graded):
    course, done = graded
    assert done.returncode == 1
    assert "it ends in the middle" in done.stderr
    assert not course.autograded(NAME, "truncated").exists()
    kept = course.root / "submitted" / "truncated" / NAME
    assert (kept / f"{NAME}.ipynb").stat().st_size == 9000
    assert (kept / "kept.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * 2_000_000,
        "!ls\n" * 50_000,
        "(" * 1_000_000,
        "x = " + "1 + " * 200_000 + "1",
        "?" * 2_000_000,
    ],
    ids=["statements", "magics", "nesting", "sum", "questions"],
)
def test_a_cell_made_to_keep_us_busy_does_not(right, master, tmp_path, source):
    notebook = copy.deepcopy(right)
    by_id(notebook, "convolve").source = source
    notebook.cells.insert(0, nbformat.v4.new_code_cell(source))
    start = time.process_time()
    rebuilt, _ = handed_in(notebook, tmp_path, master)
    assert time.process_time() - start < 20
    assert given(rebuilt) == given(master)
