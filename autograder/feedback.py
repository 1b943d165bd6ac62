"""The page that a student gets: what each exercise earned and why, and what was mended.

Takes the place of nbgrader's page, in `nbgrader generate_feedback` as well. It is one file that loads
nothing (so no MathJax), shows no test cell and so no hidden case, and of the student's own process only
what is escaped. The layout is feedback.html.j2; the table of cases was made at grading, by report.to_html.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mistune
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from nbgrader.preprocessors import GetGrades
from nbgrader.utils import is_grade, is_solution
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.course_directory import CourseDirectory, read_notebook, reason
from autograder.ingest import read_submission
from autograder.reading import NOTES, UnreadableError
from autograder.source import LARGEST, find_check
from course.files import replacing

PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
PAGES.filters["number"] = lambda value: f"{round(float(value), 2):g}"
PICTURES = ("image/png", "image/jpeg", "image/gif")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal, in what a kernel reports


@dataclass(frozen=True)
class Written:
    """What a student wrote into a cell, as HTML, with the error it raised and the instructor's comment."""

    name: str
    html: Markup
    error: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Section:
    """An exercise on the page. Without points it is not graded; `pending` waits for a person."""

    title: str
    points: float | None = None
    score: float = 0.0
    pending: bool = False
    verdict: str = ""
    misconceptions: tuple[str, ...] = ()
    answers: list[Written] = field(default_factory=list)

    @property
    def state(self) -> str:
        """How it went, in a word that the style knows."""
        if not self.points or self.pending:
            return "open"
        return "right" if self.score >= self.points else "part" if self.score > 0 else "none"


def write_feedback(course: CourseDirectory, name: str, student: str) -> Path:
    """Make a student's page: on the graded notebook, or on why there is none to grade.

    Raises:
        ValueError: for a notebook that can be graded and is not graded yet.
    """
    page = course.feedback(name, student)
    if course.autograded(name, student).is_file():
        result = course.api.generate_feedback(name, student, force=True)
        if not result["success"]:
            raise ValueError(f"nbgrader could not write feedback for {student}: {reason(result)}")
        return page
    problem = why_unreadable(course, name, student)
    if not problem:
        raise ValueError(f"{student}'s {name} is not graded yet.")
    title = _heading(read_notebook(course.release(name)).cells[0].source)
    page.parent.mkdir(parents=True, exist_ok=True)
    with replacing(page) as partial:
        html = PAGES.get_template("feedback.html.j2").render(title=title, student=student, problem=problem)
        partial.write_text(html, encoding="utf-8")
    return page


def why_unreadable(course: CourseDirectory, name: str, student: str) -> str:
    """Why what a student handed in is no notebook, in a sentence; empty where it is one, or is not there."""
    submitted = course.submitted(name)
    try:
        if student in submitted:
            read_submission(submitted[student].parent, read_notebook(course.release(name)))
    except UnreadableError as error:
        return str(error)
    return ""


class Grades(GetGrades):
    """nbgrader's step that reads scores and comments from the gradebook; also what waits for a person."""

    def _get_score(self, cell, resources):
        super()._get_score(cell, resources)
        identifier = cell.metadata["nbgrader"]["grade_id"]
        grade = self.gradebook.find_grade(identifier, self.notebook_id, self.assignment_id, self.student_id)
        cell.metadata.nbgrader["pending"] = grade.needs_manual_grade


class FeedbackPage(Exporter):
    """A graded notebook as a page."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb, resources=None, **arguments):
        """The page as text."""
        nb, resources = super().from_notebook_node(nb, resources, **arguments)
        who, notes = resources["nbgrader"], nb.metadata.get(NOTES, {})
        page = PAGES.get_template("feedback.html.j2").render(
            title=_heading(nb.cells[0].source) if nb.cells else who["assignment"],
            student=who["student"],
            score=who["score"],
            points=who["max_score"],
            late=who["late_penalty"],
            sections=list(sections(nb.cells)),
            repairs=notes.get("repairs", ()),
            flagged=bool(notes.get("flags")),
        )
        return page, resources


def sections(cells: list[NotebookNode]) -> Iterator[Section]:
    """The exercises of a graded notebook: each test cell with the answers before it, each essay."""
    title, answers = "", []
    for cell in cells:
        nbgrader = cell.metadata.get("nbgrader", {})
        if is_solution(cell):
            answers.append(_written(cell))
        elif cell.cell_type == "markdown":
            title = _heading(cell.source) or title
        if is_grade(cell):
            summary, verdict = _verdict(cell)
            yield Section(
                title or nbgrader["grade_id"],
                nbgrader["points"],
                nbgrader.get("score") or 0.0,
                bool(nbgrader.get("pending")),
                verdict,
                tuple(summary.get("misconceptions", ())),
                answers,
            )
            answers = []
    if answers:
        yield Section(title, answers=answers)


def _verdict(cell: NotebookNode) -> tuple[dict, str]:
    """What the judge put under a test cell. Any other output is the student's process's: not used."""
    if cell.cell_type == "code" and find_check(cell.source):
        for output in cell.outputs:
            if NOTES in output.get("metadata", {}):
                return output.metadata[NOTES], _without_paths(output.data["text/html"])
    return {}, ""


def _written(cell: NotebookNode) -> Written:
    errors = (output for output in cell.get("outputs", ()) if output.output_type == "error")
    error = next((f"{each.ename}: {each.evalue}" for each in errors), "")
    nbgrader = cell.metadata["nbgrader"]
    comment = (nbgrader.get("comment") or "").removeprefix("No response.")  # nbgrader's; the table says it
    html = _code(cell.source) if cell.cell_type == "code" else _text(cell)
    return Written(nbgrader["grade_id"], html, _without_paths(COLOURS.sub("", error))[:500], comment)


def _code(source: str) -> Markup:
    return Markup(
        highlight(source[:LARGEST], PythonLexer(), HtmlFormatter(noclasses=True, nobackground=True))
    )


def _text(cell: NotebookNode) -> Markup:
    """A student's Markdown as HTML: their own HTML is escaped, and of pictures only pasted ones are shown."""
    html = mistune.create_markdown(renderer=_Renderer(cell.get("attachments", {})))(cell.source)
    return Markup(f'<div class="essay">{html}</div>')


class _Renderer(mistune.HTMLRenderer):
    def __init__(self, attachments: dict):
        super().__init__(escape=True)
        self._attachments = attachments

    def image(self, text, url, title=None):
        for kind, data in self._attachments.get(url.removeprefix("attachment:"), {}).items():
            if kind in PICTURES and re.fullmatch(r"[A-Za-z0-9+/=\s]*", str(data)):
                return f'<img alt="" src="data:{kind};base64,{data}">'
        return f"[{text}]"


def _heading(source: str) -> str:
    """The first heading in Markdown, without the points that stand behind it."""
    found = re.search(r"^#+ +(.+?)(?: \([\d.]+ points?\))?$", source, re.MULTILINE)
    return found.group(1) if found else ""


def _without_paths(text: str) -> str:
    """What came of a student's process with no path of this machine in it, which its errors may name."""
    for path in (str(Path.cwd()), sys.prefix, str(Path.home())):
        if len(path) > 1:
            text = text.replace(path, "…")
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[\w./-]+", "…", text)
