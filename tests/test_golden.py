"""Every registered architecture measures what the golden table and its paper say; registering is enough."""

from pathlib import Path

import keras
import pytest
from test_networks import kinds

import course.models
from course import golden
from course.registry import MODELS, format_like, load_models, papers

NAMES = list(load_models())
TABLE = golden.read()
LONG = ("resnet1202_cifar", "resnet1202_stochastic", "preresnet1001_cifar", "nasnet_large")
GROUPED = [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in NAMES]
FILES = [file.stem for file in Path(course.models.__path__[0]).glob("*.py") if file.stem != "__init__"]


@pytest.fixture
def zero_weights(monkeypatch):
    """Real builds whose weights cost no random numbers."""
    for initializer in (keras.initializers.VarianceScaling, keras.initializers.RandomNormal):
        monkeypatch.setattr(
            initializer, "__call__", lambda self, shape, dtype=None: keras.ops.zeros(shape, dtype)
        )


def test_the_table_lists_the_registry():
    assert list(TABLE) == NAMES


@pytest.mark.parametrize("file", FILES)
def test_every_file_registers_something(file):
    assert file in {architecture.family for architecture in MODELS.values()}


@pytest.mark.parametrize("name", GROUPED)
def test_symbolic_build_measures_the_golden_row(name):
    assert golden.row(name) == TABLE[name], "make golden rewrites the table, where this change is meant"


@pytest.mark.parametrize("name", kinds())
def test_real_build_measures_the_same(name, zero_weights):
    measured = golden.measure(course.build(name))
    assert measured == {key: TABLE[name][key] for key in measured}


@pytest.mark.parametrize("name", NAMES)
def test_paper_is_in_the_bibliography(name):
    paper = papers()[MODELS[name].paper]
    assert paper["title"]
    assert paper["author"]
    assert TABLE[name]["year"] == int(paper["year"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fact", ["params", "macs"])
def test_printed_figure_is_ours_or_noted(name, fact):
    row = MODELS[name].row
    printed = row.printed.get(fact)
    agrees = printed is not None and format_like(TABLE[name][fact], printed) == printed
    if printed is not None and not agrees:
        assert row.note.get(fact), (
            f"{printed} is printed, {TABLE[name][fact]:,} is ours: the row needs a note"
        )
    else:
        assert fact not in row.note, "a stale note: nothing is printed, or the print agrees with ours"


@pytest.mark.parametrize("name", NAMES)
def test_printed_errors_are_percentages(name):
    printed = MODELS[name].row.printed
    errors = {fact: float(printed[fact]) for fact in ("top1", "top5") if fact in printed}
    assert all(0 < error < 100 for error in errors.values())
    assert errors.get("top5", 0) <= errors.get("top1", 100)
    assert set(MODELS[name].row.note) <= set(printed)
