"""A report on the page: the score as a number, a table in HTML for notebooks and in text for terminals."""

import html
from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table

from autograder.judge import Report, Verdict

RIGHT, WRONG = "✓", "✗"
ASPECTS = ("type", "shape", "value")
COLOURS = {RIGHT: "#1a7f37", WRONG: "#cf222e"}


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
    rows = "".join(_html_row(verdict) for verdict in _shown(report))
    cell = "padding:2px 12px 2px 0;text-align:left"
    head = "".join(f"<th style='{cell}'>{title}</th>" for title in ("case", *ASPECTS, "expected", "got"))
    advice = "".join(f"<p style='margin:4px 0'>{html.escape(line)}</p>" for line in _advice(report))
    return (
        f"<div style='margin:4px 0'><p style='margin:4px 0'><b>{html.escape(_headline(report))}</b></p>"
        f"<table style='border-collapse:collapse;font-size:90%'><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>{advice}</div>"
    )


def to_text(report: Report, width: int = 110) -> str:
    """The report as text for a terminal or a log."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("case", *ASPECTS, "expected", "got"):
        table.add_column(title)
    for verdict in _shown(report):
        table.add_row(*_cells(verdict))
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(_headline(report))
        console.print(table)
        for line in _advice(report):
            console.print(line)
    return capture.get()


def _shown(report: Report) -> list[Verdict]:
    return sorted(report.verdicts, key=lambda verdict: verdict.hidden)


def _headline(report: Report) -> str:
    return f"{report.title}: {report.score:g} of {report.points:g} points"


def _advice(report: Report) -> Iterator[str]:
    if all(verdict.right for verdict in report.verdicts) and not any(v.hidden for v in report.verdicts):
        yield "All cases here are right. Grading draws others."
    for name, hint in report.misconceptions.items():
        yield f"{name}: {hint}"
    yield from report.notes


def _cells(verdict: Verdict) -> tuple[str, ...]:
    """case, type, shape, value, expected, got. Of a hidden case only the marks, not what it asks."""
    found = {line.aspect: RIGHT if line.right else WRONG for line in verdict.lines}
    marks = [found.get(aspect, "") for aspect in ASPECTS]  # a number has no shape
    if verdict.problem:
        marks[-1] = WRONG
    if verdict.hidden:
        problem = verdict.problem.partition(":")[0]  # the message may repeat the input
        return (f"{verdict.of}(hidden)", *marks, "", problem)
    wrong = next((line for line in verdict.lines if not line.right), None)
    expected, got = (wrong.expected, wrong.got) if wrong else ("", verdict.problem)
    return (verdict.call, *marks, expected, got)


def _html_row(verdict: Verdict) -> str:
    call, *marks, expected, got = _cells(verdict)
    style = "padding:2px 12px 2px 0;text-align:left"
    texts = [f"<td style='{style}'><code>{html.escape(call)}</code></td>"]
    texts += [
        f"<td style='{style};color:{COLOURS.get(mark, 'inherit')};font-weight:bold'>{mark}</td>"
        for mark in marks
    ]
    texts += [f"<td style='{style}'>{html.escape(text)}</td>" for text in (expected, got)]
    return f"<tr>{''.join(texts)}</tr>"
