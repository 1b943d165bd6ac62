"""The demonstration's class: for every assignment, and graded over more than one."""

import pandas as pd
import pytest
from nbgrader.apps.api import NbGraderAPI
from typer.testing import CliRunner

from autograder import demo
from autograder.cli import app
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import assignments, find_assignment

NAMES = list(assignments())


def sources(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", NAMES)
def test_every_assignment_has_a_class(root, name):
    released = read_notebook(CourseDirectory(root).release(name))
    students = {student.name: student for student in demo.make_class(released, find_assignment(name))}
    handed_in = {name: sources(student.notebook) for name, student in students.items()}
    assert len(handed_in) == 11
    same = {name for name, cells in handed_in.items() if cells == handed_in["alice"]}
    assert same == {"alice", "heidi"}
    mistakes = {students[name].handed_in for name in ("carol", "dave", "erin")}
    assert len(mistakes) == 3
    for name in ("carol", "dave", "erin", "grace", "mallory", "trudy", "victor"):
        changed = [a for a, b in zip(handed_in[name], handed_in["alice"], strict=True) if a != b]
        assert len(changed) == 1, name
    assert not any("raise NotImplementedError" in cell for cell in handed_in["bob"])
    assert any("raise NotImplementedError" in cell for cell in handed_in["frank"])


@pytest.mark.slow
def test_all_assignments_in_one_table(tmp_path, monkeypatch):
    """Two of them, and four of the class."""
    names = ["01_conv_arithmetic", "09_bottleneck_cost"]
    whole = demo.make_class
    few = ("alice", "carol", "grace", "mallory")
    monkeypatch.setattr(NbGraderAPI, "get_source_assignments", lambda self: set(names))
    monkeypatch.setattr(demo, "make_class", lambda *a: [each for each in whole(*a) if each.name in few])
    result = CliRunner().invoke(app, ["demo", "--all", "--keep", str(tmp_path / "kept")])
    assert result.exit_code == 0, result.output
    grades = pd.read_csv(tmp_path / "kept" / "grades.csv").set_index(["assignment", "student_id"])
    for name in names:
        third, fourth = find_assignment(name).exercises[2:4]
        scores = grades.loc[name]["score"]
        assert scores["alice"] == 20
        assert 20 - third.points <= scores["carol"] < 20
        assert 20 - third.points <= scores["mallory"] < 20
        assert 20 - fourth.points <= scores["grace"] < 20
        assert third.misconceptions[0].name in result.output
        for page in (f"feedback/carol/{name}/{name}.html", f"overview/{name}.html"):
            assert (tmp_path / "kept" / page).is_file()
            assert page in result.output
    assert result.output.count("everything right") == len(names)
