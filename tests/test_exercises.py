"""Every exercise of every assignment: right answers pass, wrong ones are named, none of it leaks."""

import ast
import builtins
import subprocess
import sys

import pytest

from autograder import plain
from autograder.check import CASES
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import (
    assignments,
    find_assignment,
    find_exercise,
    full_sheet,
    generator,
    public_sheet,
)
from autograder.judge import judge
from autograder.probe import observe
from autograder.release import outdated
from autograder.submissions import source_as

ASSIGNMENTS = list(assignments().values())
EXERCISES = [exercise for assignment in ASSIGNMENTS for exercise in assignment.exercises]
MISCONCEPTIONS = [
    pytest.param(exercise, misconception, function, id=f"{misconception.name}-{function.__name__}")
    for exercise in EXERCISES
    for misconception in exercise.misconceptions
    for function in misconception.wrong
]
STUDENTS = ("alice", "bob")  # two draws of the hidden cases
exercises = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)


def report(exercise, answers, student="student"):
    sheet = full_sheet(exercise, generator(b"secret", student, exercise.id))
    return judge(sheet, observe(list(exercise.answers), lambda: answers, sheet["cases"], sheet["forbidden"]))


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda assignment: assignment.name)
def test_assignment_is_worth_twenty_points(assignment):
    assert assignment.points == 20
    assert 5 <= len(assignment.exercises) <= 7


def test_ids_are_unique():
    ids = [exercise.id for exercise in EXERCISES]
    assert len(set(ids)) == len(ids)


@exercises
def test_right_answers_score_full_marks(exercise):
    result = report(exercise, [answer.right for answer in exercise.answers.values()])
    assert result.score == exercise.points
    assert not result.misconceptions
    assert not result.notes


@exercises
@pytest.mark.parametrize("number", [0, 1])
def test_other_right_answers_score_full_marks(exercise, number):
    for student in STUDENTS:
        result = report(
            exercise, [answer.also_right[number] for answer in exercise.answers.values()], student
        )
        assert result.score == exercise.points, result


@pytest.mark.parametrize(("exercise", "misconception", "function"), MISCONCEPTIONS)
def test_misconception_loses_points_and_is_named(exercise, misconception, function):
    for student in STUDENTS:
        answers = {name: answer.right for name, answer in exercise.answers.items()} | {
            misconception.of: function
        }
        result = report(exercise, list(answers.values()), student)
        assert result.score < exercise.points
        assert list(result.misconceptions) == [misconception.name]


@pytest.mark.parametrize(("exercise", "misconception", "function"), MISCONCEPTIONS)
def test_misconception_is_named_on_public_cases_alone(exercise, misconception, function):
    sheet = public_sheet(exercise)
    answers = {name: answer.right for name, answer in exercise.answers.items()} | {misconception.of: function}
    observed = observe(list(answers), lambda: list(answers.values()), sheet["cases"], sheet["forbidden"])
    assert list(judge(sheet, observed).misconceptions) == [misconception.name]


@exercises
def test_hidden_cases_differ_between_students_and_not_between_runs(exercise):
    def hidden(student):
        cases = exercise.hidden(generator(b"secret", student, exercise.id))
        return plain.pack(plain.as_plain([[*case.arguments, *case.look] for case in cases]))

    assert hidden("alice") == hidden("alice")
    assert hidden("alice") != hidden("bob")


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda assignment: assignment.name)
def test_answers_need_no_name_that_the_notebook_lacks(root, assignment):
    known = set(dir(builtins))
    for cell in read_notebook(CourseDirectory(root).source(assignment.name)).cells:
        if cell.cell_type == "code" and "%pip" not in cell.source:
            known |= bound_names(ast.parse(cell.source))
    answers = [(of, answer) for exercise in assignment.exercises for of, answer in exercise.answers.items()]
    rights = [(of, function) for of, answer in answers for function in (answer.right, *answer.also_right)]
    wrongs = [(param.values[1].of, param.values[2]) for param in MISCONCEPTIONS]
    for of, function in [*rights, *(each for each in wrongs if each[0] in dict(answers))]:
        tree = ast.parse(source_as(function, of))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert names <= known | bound_names(tree), function.__name__


def bound_names(tree: ast.AST) -> set[str]:
    """The names that a piece of code gives a meaning."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {(alias.asname or alias.name).split(".")[0] for alias in names}
    return found


@exercises
def test_compiled_cases_are_up_to_date(exercise):
    assert not outdated(exercise, CASES)


@exercises
def test_compiled_cases_hold_public_cases_alone(exercise):
    compiled = plain.read(CASES / exercise.id)
    assert len(compiled["cases"]) == len(exercise.public)
    assert not any(case["hidden"] for case in compiled["cases"])


def test_no_compiled_case_is_left_over():
    assert {path.stem for path in CASES.iterdir()} == {exercise.id for exercise in EXERCISES}


def test_the_process_that_records_grades_imports_no_tensorflow():
    code = f"""
import sys
from autograder import grading
for name in {[assignment.name for assignment in ASSIGNMENTS]}:
    assert f'name="{{name}}"' in grading.source_of(name).read_text()
assert "tensorflow" not in sys.modules  # hundreds of MB, beside the processes that judge
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 01_conv_arithmetic"):
        find_assignment("01_conv_aritmetic")
    with pytest.raises(ValueError, match="Did you mean output_size"):
        find_exercise("output_sizes")
