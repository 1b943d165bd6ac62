"""A report on the page: the score as a number, a table in HTML for notebooks and in text for terminals."""

import html
from collections.abc import Iterator
from itertools import zip_longest

from rich import box
from rich.console import Console
from rich.table import Table

from autograder.judge import Line, Report, Verdict

COLUMNS = ("case", "looked at", "", "expected", "got")
RIGHT, WRONG = "✓", "✗"
CELL = "padding:2px 12px 2px 0;text-align:left;vertical-align:top"
COLOURS = {RIGHT: ";color:#1a7f37;font-weight:bold", WRONG: ";color:#cf222e;font-weight:bold"}


class Score(float):
    """The points, as a float (nbgrader reads that), which a notebook shows as the report's table."""

    report: Report

    def __new__(cls, report: Report):
        """The score of a report."""
        self = super().__new__(cls, report.score)
        self.report = report
        return self

    def _repr_html_(self) -> str:
        return to_html(self.report)


def to_html(report: Report) -> str:
    """The report as HTML, with inline styles only: Jupyter, Colab and feedback pages show it alike."""
    head = "".join(f"<th style='{CELL}'>{title}</th>" for title in COLUMNS)
    rows = f"<tr>{head}</tr>{''.join(map(_html_row, _rows(report)))}"
    table = f"<table style='border-collapse:collapse;font-size:90%'>{rows}</table>"
    lines = [f"<p style='margin:4px 0'>{html.escape(line)}</p>" for line in _advice(report)]
    return f"<div><b>{html.escape(_headline(report))}</b>{table}{''.join(lines)}</div>"


def to_text(report: Report, width: int = 110) -> str:
    """The report as text for a terminal or a log."""
    table = Table(*COLUMNS, box=box.SIMPLE_HEAD)
    for row in _rows(report):
        table.add_row(*row)
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(_headline(report))
        console.print(table)
        for line in _advice(report):
            console.print(line)
    return capture.get()


def _headline(report: Report) -> str:
    return f"{report.title}: {report.score:g} of {report.points:g} points"


def _advice(report: Report) -> Iterator[str]:
    if all(verdict.right for verdict in report.verdicts) and not any(v.hidden for v in report.verdicts):
        yield "All cases here are right. Grading draws others."
    for name, hint in report.misconceptions.items():
        yield f"{name}: {hint}"
    yield from report.notes


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Cells of the table: public cases one by one, of the hidden ones only how many are right."""
    for verdict in report.verdicts:
        if not verdict.hidden:
            yield from _case_rows(verdict)
    for name in dict.fromkeys(verdict.of for verdict in report.verdicts):
        hidden = [verdict.right for verdict in report.verdicts if verdict.of == name and verdict.hidden]
        if hidden:
            mark = RIGHT if all(hidden) else WRONG
            yield f"{name}, hidden cases", "", mark, "", f"{sum(hidden)} of {len(hidden)} right"


def _case_rows(verdict: Verdict) -> Iterator[tuple[str, ...]]:
    """A right case is one row, a wrong one a row for each aspect, up to the one that is wrong."""
    aspects = ", ".join(line.aspect for line in verdict.lines)
    lines = [Line(aspects, True)] if verdict.right else verdict.lines
    for call, line in zip_longest([verdict.call], lines, fillvalue=""):
        yield call, line.aspect, RIGHT if line.right else WRONG, line.expected, line.got


def _html_row(row: tuple[str, ...]) -> str:
    call, *others = map(html.escape, row)
    texts = (f"<code>{call}</code>", *others)
    cells = (f"<td style='{CELL}{COLOURS.get(text, '')}'>{text}</td>" for text in texts)
    return f"<tr>{''.join(cells)}</tr>"
