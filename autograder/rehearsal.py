"""Tries a student's plan, a model and a recipe, on a few images in the judge, from plain data alone.

None of the student's code runs here (see `rebuild`), and no accuracy that a student reports is looked at.
"""

import functools
import gc
import json

from autograder.rebuild import NotRebuildableError, dropouts, rebuild

LARGEST = 100_000_000_000  # multiply-accumulates of a whole rehearsal, forwards
ALIVE = 1e-3  # deviation of the logits from image to image at the start, below which there is no signal
LEARNED = "{count} images are learned to {least:.0%}"


def rehearse(plan: dict, settings: dict, run: bool) -> dict[str, int | bool]:
    """What holds of a plan for learning a few images by heart.

    Args:
        plan: as `probe.plan` sends it.
        settings: {"data", "split": of the images, "least": accuracy on them at the end, "seed"}.
        run: whether to train; that is not done where the plan is wrong already.

    Returns:
        The number of parameters, and texts with whether each is true. Learned are images where the best
        epoch had this accuracy: in which epoch that is may differ from machine to machine.

    Raises:
        ValueError: for anything that is not a model of known layers and a recipe that can be tried here.
    """
    return dict(json.loads(_rehearsed(json.dumps(plan), json.dumps(settings), run)))


@functools.lru_cache(maxsize=64)  # expected results are the same for every student
def _rehearsed(plan: str, settings: str, run: bool) -> str:
    import keras

    from course import data, training

    plan, chosen = json.loads(plan), json.loads(settings)
    values = _checked(plan["recipe"])
    recipe = training.Recipe(
        name="rehearsal",
        paper="",
        schedule=lambda epoch, accuracies: values["rates"][epoch],
        epochs=len(values["rates"]),
        ones=tuple(values["ones"]),
        **{name: values[name] for name in ("batch", "momentum", "decay", "kernels")},
    )
    with keras.device("cpu"):
        images = data.load(chosen["data"], chosen["split"])
        count = images.info.examples
        model = rebuild(plan["model"], LARGEST, count * recipe.epochs)
        recipe.initialise(model, chosen["seed"])
        logits = model(next(iter(data.batches(images, count)))[0], training=False).numpy()
        found = {
            "parameters": model.count_params(),
            "nothing is dropped": not dropouts(model),
            "no kernel decays": not values["decay"] and not model.losses,
            "no image is augmented": not values["augmented"],
            "the outputs are logits": bool(abs(logits.sum(-1) - 1).max() > 1e-3),
            "the images differ in their logits at the start": bool(logits.std(0).mean() > ALIVE),
        }
        if run:
            learned = False
            if all(found.values()):
                history = recipe.fit(model, images, seed=chosen["seed"], verbose=0)
                gc.collect()  # a compiled step refers to itself, and the next one needs as much memory
                learned = bool(history["accuracy"].max() >= chosen["least"])
            found[LEARNED.format(count=count, least=chosen["least"])] = learned
    return json.dumps(found)


def _checked(recipe: dict) -> dict:
    """A recipe's values, none of which can be code. Raises NotRebuildableError."""
    import keras

    numbers = [recipe["batch"], recipe["momentum"], recipe["decay"], *recipe["rates"]]
    if not recipe["rates"] or not all(isinstance(each, (int, float)) for each in numbers):
        raise NotRebuildableError("The recipe needs at least one epoch, and numbers for its values.")
    kind, options = recipe["kernels"]["class_name"], recipe["kernels"]["config"]
    known = isinstance(kind, str) and isinstance(getattr(keras.initializers, kind, None), type)
    if not known or any(isinstance(value, (dict, list)) for value in options.values()):
        raise NotRebuildableError("kernels must be one of Keras's initializers.")
    return recipe
