"""Sphinx configuration. The pages under docs/generated are written from the package each time."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from course import __version__, golden  # noqa: E402
from course.cost import ERRATA  # noqa: E402
from course.plots import save_all  # noqa: E402

project = "cnn-course"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "description": "CNN architectures and what they cost"}
autodoc_member_order = "bysource"


def table(header: tuple[str, ...], rows: list[tuple]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def write_pages(folder: Path) -> None:
    """The pages on errata, architectures and figures."""
    folder.mkdir(exist_ok=True)
    errata = [(row.lecture, row.place, row.printed, row.right, row.why) for row in ERRATA]
    page = "# What the slides print wrongly\n\nL0 to L4 are the five lectures in order.\n\n"
    page += table(("lecture", "where", "printed", "right", "why"), errata) + "\n"
    (folder / "errata.md").write_text(page)
    models = [
        (
            f"`{name}`",
            row["family"],
            row["year"],
            f"{row['params']:,}",
            f"{row['macs'] / 1e6:,.1f} M",
            row["top5"] or "",
        )
        for name, row in golden.read().items()
    ]
    page = "# Architectures\n\nTrainable parameters and multiply-accumulates at the paper's resolution.\n\n"
    page += table(("name", "family", "year", "parameters", "MACs", "printed top-5 error (%)"), models) + "\n"
    (folder / "architectures.md").write_text(page)
    pictures = [path for path in save_all(folder / "figures") if path.suffix == ".png"]
    page = "# Figures\n\n" + "\n\n".join(
        f"## {path.stem}\n\n![{path.stem}](figures/{path.name})" for path in pictures
    )
    (folder / "figures.md").write_text(page + "\n")


write_pages(HERE / "generated")


def setup(app) -> None:
    """Formulas in docstrings are plain text: a bar is a bar, not a substitution."""

    def keep_bars(app, what, name, obj, options, lines):
        lines[:] = [line.replace("|", "\\|") for line in lines]

    app.connect("autodoc-process-docstring", keep_bars)
