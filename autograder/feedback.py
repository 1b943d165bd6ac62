"""The page that a student gets: what each exercise earned and why, and what was mended.

Takes the place of nbgrader's page, in `nbgrader generate_feedback` as well. It is one file that loads
nothing (so no MathJax), shows no test cell and so no hidden case, and of the student's own process only
what is escaped. The layout is feedback.html.j2; the table of cases was made at grading, by report.to_html.
"""

import re
import sys
import tempfile
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert.exporters import Exporter
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.course_directory import CourseDirectory, read_notebook
from autograder.outcome import find, heading, read
from autograder.source import LARGEST
from course.files import replacing


def write_feedback(course: CourseDirectory, name: str, student: str) -> Path | None:
    """Make a student's page: on the graded notebook, or on why it cannot be read; None if not graded yet."""
    outcome = find(course, name, student)
    if outcome is None:
        return None
    title = heading(read_notebook(course.release(name)).cells[0].source)
    return write_page(course.feedback(name, student), "feedback.html.j2", title=title, outcome=outcome)


def write_page(path: Path, template: str, **values) -> Path:
    """Write what a template makes of some values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(PAGES.get_template(template).render(values), encoding="utf-8")
    return path


class FeedbackPage(Exporter):
    """A graded notebook as a page: what nbgrader's own command writes."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb, resources=None, **arguments):
        """The page as text."""
        nb, resources = super().from_notebook_node(nb, resources, **arguments)
        who = resources["nbgrader"]
        outcome = read(nb, Gradebook(who["db_url"]), who["assignment"], who["student"])
        title = heading(nb.cells[0].source)
        return PAGES.get_template("feedback.html.j2").render(title=title, outcome=outcome), resources


def _code(source: str) -> Markup:
    return Markup(
        highlight(source[:LARGEST], PythonLexer(), HtmlFormatter(noclasses=True, nobackground=True))
    )


def _error(cell: NotebookNode) -> str:
    """What a cell raised; empty if nothing."""
    errors = (output for output in cell.get("outputs", ()) if output.output_type == "error")
    return next((strip_ansi(_without_paths(f"{each.ename}: {each.evalue}"))[:500] for each in errors), "")


def _without_paths(text: str) -> str:
    """What came of a student's process with no path of this machine in it, which its errors may name."""
    for path in (str(Path.cwd()), sys.prefix, str(Path.home())):
        if len(path) > 1:
            text = text.replace(path, "…")
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[\w./-]+", "…", text)


PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
PAGES.filters |= {
    "number": lambda value: f"{round(float(value), 2):g}",
    "code": _code,
    "error": _error,
    "table": lambda html: Markup(_without_paths(html)),  # of report.to_html
}
