"""`autograder …`: release, grade, give feedback, export; verify an assignment; a demonstration class.

Exit codes: 0 all is well, 1 some submission or finding needs a look, 2 the command itself could not run.
"""

import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from course.cli import Commands

# jsonschema would import it, for addresses in notebooks, and it reads a grammar for a second
sys.modules.setdefault("rfc3987_syntax", None)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Graded notebooks on nbgrader: release, grade, feedback, export.",
)
console = Console(markup=False)  # names that students gave may look like it

Name = Annotated[str, typer.Argument(help="An assignment, such as 01_conv_arithmetic.")]
Course = Annotated[Path, typer.Option(help="The course directory.")]
Students = Annotated[
    list[str] | None, typer.Option("--student", help="One student; repeat for more. All by default.")
]


@app.command("release")
def release_command(name: Name, course: Course = Path()) -> None:
    """Generate the student's notebook from the source, and compile its public cases."""
    from autograder.release import release

    console.print(f"Released {_relative(release(_directory(course), name))}.")


@app.command("collect")
def collect_command(
    name: Name,
    source: Annotated[Path, typer.Argument(help="A zip of Canvas, Moodle or Gradescope, or a folder.")],
    roster: Annotated[
        Path | None, typer.Option(help="CSV: which student is who on the platform, and perhaps when.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Of times in the roster.")] = "UTC",
    course: Course = Path(),
) -> None:
    """Put what students handed in into submitted/STUDENT/NAME; the latest counts, all are kept."""
    from autograder.collect import collect

    results = collect(_directory(course), name, source, roster, timezone)
    table = Table("student", "collected", "note")
    for result in results:
        table.add_row(result.student, result.what, result.note)
    console.print(table)
    if any(result.note for result in results):
        raise typer.Exit(1)


@app.command("grade")
def grade_command(
    name: Name,
    student: Students = None,
    jobs: Annotated[int, typer.Option(min=1, help="Submissions that are judged at the same time.")] = 2,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Run students' code unconfined, with all that you can do.")
    ] = False,
    course: Course = Path(),
) -> None:
    """Grade what students handed in. What has not changed since it was graded is not graded again."""
    from autograder.grading import grade

    directory = _directory(course)
    total = len(student or directory.submitted(name))
    steps = grade(directory, name, student, jobs, not no_sandbox)
    outcomes = list(track(steps, "grading", total, console=console, transient=True))
    console.print(_table(name, outcomes, {}))
    unchanged = sum(outcome.unchanged for outcome in outcomes)
    problems = sum(bool(outcome.problem) for outcome in outcomes)
    graded = total - unchanged - problems
    console.print(f"{graded} graded, {unchanged} unchanged since, {problems} that could not be graded.")
    if any(outcome.needs_a_look for outcome in outcomes):
        raise typer.Exit(1)


@app.command("feedback")
def feedback_command(name: Name, student: Students = None, course: Course = Path()) -> None:
    """Write the feedback pages of submissions that are graded, or cannot be read."""
    from autograder.feedback import write_feedback

    directory = _directory(course)
    directory.release(name)
    students = student or list(directory.submitted(name))
    steps = track(students, "feedback", console=console, transient=True)
    written = [page for each in steps if (page := write_feedback(directory, name, each))]
    if not written:
        raise ValueError(f"What was handed in of {name} is not graded yet: run autograder grade {name}.")
    console.print(f"Wrote {len(written)} pages, the last one {_relative(written[-1])}.")


@app.command("overview")
def overview_command(name: Name, course: Course = Path()) -> None:
    """Write the instructor's page: scores, what cost most, who needs a look and why."""
    from autograder.overview import write_overview

    console.print(f"Wrote {_relative(write_overview(_directory(course), name))}.")


@app.command("export")
def export_command(
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("grades.csv"),
    kind: Annotated[
        Literal["nbgrader", "canvas", "moodle"], typer.Option("--format", help="Who is to read it.")
    ] = "nbgrader",
    course: Course = Path(),
) -> None:
    """Write all grades to a CSV file."""
    from autograder.export import export

    console.print(f"Wrote {_relative(export(_directory(course), to.resolve(), kind))}.")


@app.command("publish")
def publish_command(
    to: Annotated[Path, typer.Argument(help="A new or empty folder, or one published to before.")],
    course: Course = Path(),
) -> None:
    """Write the tree to make public: library, check and released notebooks, no answers."""
    from autograder.publish import publish

    console.print(f"Wrote {_relative(publish(_directory(course), to.resolve()))}.")


@app.command("verify")
def verify_command(name: Name, course: Course = Path()) -> None:
    """Try an assignment before its release: right answers, wrong ones, none, leaks, points, time."""
    from autograder.verify import verify

    findings = []
    for finding in verify(_directory(course), name):
        mark = ("✓", "green") if finding.holds else ("✗", "red")
        console.print(Text.assemble(mark, f" {finding.what}  ", (finding.detail, "dim")))
        findings.append(finding)
    if not all(finding.holds for finding in findings):
        raise typer.Exit(1)


@app.command("demo")
def demo_command(
    every: Annotated[
        bool, typer.Option("--all", help="All assignments there are, not 01_conv_arithmetic alone.")
    ] = False,
    keep: Annotated[Path | None, typer.Option(help="Make the course directory here, and keep it.")] = None,
    open_pages: Annotated[bool, typer.Option("--open", help="Open a feedback page in the browser.")] = False,
    course: Course = Path(),
) -> None:
    """Release a notebook to a class, grade what it hands in, write feedback and grades.csv.

    The class is made from the exercises: all right, right in another way, three different mistakes, half
    done, a cell that raises, saved by Colab, and three attacks. It takes half a minute an assignment, or
    more where the notebook trains networks.
    """
    from autograder import demo
    from autograder.export import export
    from autograder.feedback import write_feedback
    from autograder.grading import grade
    from autograder.overview import write_overview

    folder = keep or Path(tempfile.mkdtemp(prefix="autograder-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: name a folder that is new or empty.")
    folder.mkdir(parents=True, exist_ok=True)
    directory, failed, pages = _directory(course), False, []
    for name in sorted(directory.api.get_source_assignments()) if every else [demo.NAME]:
        with console.status(f"Releasing {name} and handing in the submissions…"):
            scratch, students = demo.prepare(directory, folder, name)
        steps = grade(scratch, name)
        outcomes = list(track(steps, name, len(students), console=console, transient=True))
        console.print(_table(name, outcomes, {student.name: student.handed_in for student in students}))
        for student in students:
            write_feedback(scratch, name, student.name)
        pages += [scratch.feedback(name, "carol"), write_overview(scratch, name)]
        failed = failed or any(outcome.problem for outcome in outcomes)
    for page in (*pages, export(scratch, folder / "grades.csv")):
        console.print(f"Wrote {page}", soft_wrap=True, highlight=False)
    if open_pages:
        webbrowser.open(pages[0].resolve().as_uri())
    if failed:
        raise typer.Exit(1)


def main() -> None:
    """The `autograder` command."""
    app()


def _directory(path: Path):
    from autograder.course_directory import CourseDirectory

    return CourseDirectory(path)


def _table(name: str, outcomes: list, handed_in: dict[str, str]) -> Table:
    """Outcomes in order of the students; what they handed in, where that is known."""
    table = Table("student", *(["handed in"] if handed_in else []), "score", "misconceptions and problems")
    table.title = name
    for outcome in sorted(outcomes, key=lambda outcome: outcome.student):
        score = "–" if outcome.problem else f"{outcome.score:g} of {outcome.points:g}"
        described = [handed_in[outcome.student]] if handed_in else []
        remarks = [outcome.problem, ", ".join(outcome.misconceptions), *outcome.flags]
        table.add_row(outcome.student, *described, score, "\n".join(filter(None, remarks)))
    return table


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
