"""What all figures share: colours, fonts, and the list of them.

Colours are Okabe and Ito's eight, which people with any colour vision tell apart; every series also has
its own marker, line or hatch, so that a figure survives a grey printer.
"""

import functools
import io
import math
from collections.abc import Callable

import matplotlib
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PINK, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
COLOURS = (BLUE, ORANGE, GREEN, RED, PINK, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "++", "oo")
PALE, GREY = "#E8E8E8", "#777777"

STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "svg.hashsalt": "cnn-course",  # the same figure gives the same file
    "svg.fonttype": "none",  # text in an SVG stays text
}

FIGURES: dict[str, Callable[[], Figure]] = {}


class Picture(Figure):
    """A Figure that Jupyter shows and that nobody has to close: pyplot does not know of it."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()


def figure(function: Callable) -> Callable:
    """Draw `function` in the course's style and list it in FIGURES; every argument needs a default."""

    @functools.wraps(function)
    def styled(*args, **kwargs):
        with matplotlib.rc_context(STYLE):
            return function(*args, **kwargs)

    FIGURES[function.__name__] = styled
    return styled


def canvas(width: float, height: float, rows: int = 1, columns: int = 1, **options):
    """A new figure of width by height inches and its axes, as `pyplot.subplots` returns them."""
    picture = Picture(figsize=(width, height), layout="constrained")
    return picture, picture.subplots(rows, columns, **options)


def series(i: int) -> dict:
    """Colour, marker and line of the i-th series, from 0, for `axes.plot`."""
    return {"color": COLOURS[i % 7], "marker": MARKERS[i % 7], "linestyle": LINES[i % 7]}


def note(axes, text: str, point, offset: tuple[float, float], ha: str = "left") -> None:
    """Small text near a point of the data, `offset` points away."""
    axes.annotate(text, point, offset, textcoords="offset points", ha=ha, fontsize=7.5)


def blank(axes) -> None:
    """Take the frame and ticks off axes that hold a drawing, no data."""
    axes.set_axis_off()
    axes.set_aspect("equal")


def spread_labels(axes, labels: list[tuple[str, float, float, float]]) -> None:
    """Write (text, x, y, area of the marker in points²) beside markers, each where it covers least."""
    axes.figure.draw_without_rendering()
    scale = axes.figure.dpi / 72  # pixels a point
    taken = []  # boxes: the markers, then the labels
    for _, x, y, area in labels:
        (px, py), r = axes.transData.transform((x, y)), math.sqrt(area / math.pi) * scale
        taken.append((px - r, py - r, px + r, py + r))
    for text, x, y, area in labels:
        r = math.sqrt(area / math.pi) + 2
        tried = []
        for dx, dy, ha, va in (
            (r, 0, "left", "center"), (-r, 0, "right", "center"), (0, r, "center", "bottom"),
            (0, -r, "center", "top"), (r, r, "left", "bottom"), (-r, -r, "right", "top"),
            (-r, r, "right", "bottom"), (r, -r, "left", "top"),
        ):  # fmt: skip
            label = axes.annotate(
                text, (x, y), (dx, dy), textcoords="offset points", ha=ha, va=va, fontsize=7
            )
            tried.append((label, label.get_window_extent().extents))
        tried.sort(key=lambda pair: sum(_overlap(pair[1], other) for other in taken))
        (_, box), *worse = tried
        taken.append(box)
        for label, _ in worse:
            label.remove()


def _overlap(a, b) -> float:
    """The area that two boxes (left, bottom, right, top) share."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
