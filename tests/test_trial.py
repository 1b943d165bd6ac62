"""The short runs by which the judge tries a student's models: wide margins, and what it refuses."""

import pytest

from autograder import probe
from autograder.exercises.alexnet_cifar100 import rehearsal, rehearsal_case
from autograder.exercises.lrn_vs_bn import DIGITS, GATES, RACE, RECIPE, racer
from autograder.rebuild import NotRebuildableError
from autograder.trial import race, rehearse

VALUES = probe.recipe_values(RECIPE)


def configurations(answer=racer, filters: int = 16, names=("none", "bn", "lrn")) -> list[dict]:
    return probe.models(
        answer, [{"normalization": name, "filters": filters, "shape": DIGITS} for name in names]
    )


@pytest.mark.slow
def test_margins_are_wide_and_lrn_is_no_better_than_nothing():
    models, settings = configurations(), RACE | {"seed": 4}  # of eight seeds the worst for BN
    half_the_gate = [[text, i, factor / 2, j] for text, i, factor, j in GATES]
    found = race(models, VALUES, settings, [*half_the_gate, ["none is no worse than LRN", 0, 1.02, 2]])
    assert all(found.values()), found


def test_a_false_statement_is_false():
    models, values = configurations(filters=2), VALUES | {"rates": [0.05]}
    assert race(models, values, RACE, [["twice", 0, 2.0, 0], ["half", 0, 0.5, 0]]) == {
        "twice": True,
        "half": False,
    }


def test_models_that_cannot_race_are_refused():
    with pytest.raises(NotRebuildableError, match="Too few models"):
        race(configurations(names=("none",)), VALUES, RACE, GATES)
    with pytest.raises(
        NotRebuildableError, match=r"[\d,]+ multiply-accumulates .images: 7,185.*; up to 100,000,000,000 and"
    ):
        race(configurations(filters=200), VALUES, RACE, GATES)
    with pytest.raises(NotRebuildableError, match="Too few models"):
        race({"a": 1}, VALUES, RACE, GATES)


def test_a_rehearsal_that_would_take_too_long_is_refused():
    case = rehearsal_case([192, 384, 768, 768, 512], 4096, 0, run=True)
    settings, run = case.look
    images = 64 * 60  # a case has 64 images, the recipe 60 epochs
    with pytest.raises(NotRebuildableError, match=rf"images: {images:,}.* up to 100,000,000,000 and"):
        rehearse(probe.plan(rehearsal, *case.arguments), settings, run)
