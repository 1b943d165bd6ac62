"""Trains a student's models in the judge, briefly, from their configurations alone, and compares the losses.

None of the student's code runs here (see `rebuild`), and no history that a student reports is looked at.
"""

import functools
import gc
import json
from collections.abc import Sequence
from dataclasses import replace

from autograder.rebuild import NotRebuildableError, rebuild

LARGEST = 20_000_000  # multiply-accumulates of one image that a model may take


def race(configurations: list[dict], settings: dict, gates: Sequence[Sequence]) -> dict[str, bool]:
    """Train models in the same way and say by how much their losses differ, in words that are true or not.

    Args:
        configurations: as `probe.models` sends them.
        settings: {"data", "size": of the images, "recipe": whose initialisation and momentum are used,
            "rate", "batch", "epochs", "seed"}.
        gates: (text, i, factor, j) each: whether the loss of model i is below factor times that of j.
            The margins must be wide: equal models differ from machine to machine.

    Returns:
        The texts, and whether each is true of the mean training losses of the last epoch.

    Raises:
        ValueError: for anything that is not models of known layers, of moderate size, for these images.
    """
    numbers = {number for _, i, _, j in gates for number in (i, j)}
    if not isinstance(configurations, list) or len(configurations) <= max(numbers):
        raise NotRebuildableError("Too few models came back.")
    losses = {
        number: _trained(json.dumps(configurations[number]), json.dumps(settings)) for number in numbers
    }
    return {text: losses[i] < factor * losses[j] for text, i, factor, j in gates}


@functools.lru_cache(maxsize=64)  # expected results are the same for every student
def _trained(configuration: str, settings: str) -> float:
    """Training loss of the last epoch."""
    import keras

    from course import data, training

    chosen = json.loads(settings)
    model = rebuild(json.loads(configuration), LARGEST)
    recipe = replace(
        training.recipe(chosen["recipe"]),
        schedule=training.schedules.Constant(chosen["rate"]),
        batch=chosen["batch"],
        decay=0.0,
        augment=(),
    )
    with keras.device("cpu"):
        recipe.initialise(model, chosen["seed"])
        images = data.load(chosen["data"], "train", chosen["size"])
        history = recipe.fit(model, images, chosen["epochs"], seed=chosen["seed"], verbose=0)
    gc.collect()  # a compiled step refers to itself, and the next one needs as much memory
    return float(history["loss"].iloc[-1])
