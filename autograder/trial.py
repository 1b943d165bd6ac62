"""Trains a student's models in the judge, briefly, from plain data alone.

None of the student's code runs here (see `rebuild`), and no loss or accuracy that a student reports is
looked at.
"""

import gc
from collections.abc import Sequence

from autograder.rebuild import NotRebuildableError, check_known, dropouts, rebuild

LARGEST = 100_000_000_000  # multiply-accumulates of a whole training, forwards
ALIVE = 1e-3  # deviation of the logits from image to image at the start, below which there is no signal


def race(
    configurations: list[dict], recipe: dict, settings: dict, gates: Sequence[Sequence]
) -> dict[str, bool]:
    """Train models in the same way and say by how much their losses differ, in words that are true or not.

    Args:
        configurations: as `probe.models` sends them.
        recipe: as `probe.recipe_values` writes it.
        settings: {"data": arguments of `course.data.load`, "seed"}.
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
    trials = {number: Trial(configurations[number], recipe, settings) for number in numbers}
    losses = {number: trial.train()["loss"].iloc[-1] for number, trial in trials.items()}
    return {text: bool(losses[i] < factor * losses[j]) for text, i, factor, j in gates}


def rehearse(plan: dict, settings: dict, run: bool) -> dict[str, int | bool]:
    """What holds of a plan, a model and a recipe, for learning a few images by heart.

    Args:
        plan: as `probe.plan` sends it.
        settings: {"data": arguments of `course.data.load`, "least": accuracy at the end, "seed"}.
        run: whether to train; that is not done where the plan is wrong already.

    Returns:
        The number of parameters, and texts with whether each is true. Learned are images where the best
        epoch had this accuracy: in which epoch that is may differ from machine to machine.

    Raises:
        ValueError: for anything that is not a model of known layers and a recipe that can be tried here.
    """
    from course import data

    trial = Trial(plan["model"], plan["recipe"], settings)
    model, count = trial.model, trial.images.info.examples
    logits = model(next(iter(data.batches(trial.images, count)))[0], training=False).numpy()
    found = {
        "parameters": model.count_params(),
        "nothing is dropped": not dropouts(model),
        "no kernel decays": not trial.recipe.decay and not model.losses,
        "no image is augmented": not plan["recipe"]["augmented"],
        "the outputs are logits": bool(abs(logits.sum(-1) - 1).max() > 1e-3),
        "the images differ in their logits at the start": bool(logits.std(0).mean() > ALIVE),
    }
    if run:
        learned = all(found.values()) and trial.train()["accuracy"].max() >= settings["least"]
        found[f"{count} images are learned to {settings['least']:.0%}"] = bool(learned)
    return found


class Trial:
    """A model, initialised by a recipe, and the images that it is to be trained on."""

    def __init__(self, configuration: dict, recipe: dict, settings: dict):
        from course import data

        self.seed = settings["seed"]
        self.recipe = _recipe(recipe)
        self.images = data.load(*settings["data"])
        self.model = rebuild(configuration, LARGEST, self.images.info.examples * self.recipe.epochs)
        self.recipe.initialise(self.model, self.seed)

    def train(self):
        """What `course.training.Recipe.fit` returns: a row of losses and accuracies an epoch."""
        history = self.recipe.fit(self.model, self.images, seed=self.seed, verbose=0)
        gc.collect()  # a compiled step refers to itself, and the next one needs as much memory
        return history


def _recipe(values: dict):
    """The course.training.Recipe of plain values, none of which can be code. Raises NotRebuildableError."""
    from course.training import Recipe

    rates = values["rates"]
    numbers = {name: values[name] for name in ("batch", "momentum", "decay")}
    if not rates or not all(isinstance(each, (int, float)) for each in [*rates, *numbers.values()]):
        raise NotRebuildableError("The recipe needs at least one epoch, and numbers for its values.")
    check_known(values["kernels"])
    return Recipe(
        name="trial",
        paper="",
        schedule=lambda epoch, accuracies: rates[epoch],
        epochs=len(rates),
        kernels=values["kernels"],
        ones=tuple(values["ones"]),
        **numbers,
    )
