"""Pictures of training: what augmentation does to an image, and how loss and accuracy come along."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course.plots.style import BLUE, GREEN, GREY, ORANGE, canvas, figure, series

MEASURES = {"accuracy": ("top-1", BLUE), "top5": ("top-5", GREEN)}


@figure
def augmentations(data=None, names: Sequence[str] = ("shift", "flip", "colour"), images: int = 7) -> Figure:
    """Images as they are, a row for each augmentation with another draw for each image, and all at once.

    Args:
        data: a dataset as `course.data.load` returns it, by default "shapes100".
        names: of augmentations, see `course.data.augmentation`.
        images: how many.
    """
    from course.data import augmentation, batches, load

    data = data or load("shapes100", f"train[:{images}]")
    info = data.info
    prepared, _ = next(iter(batches(data, images)))
    rows = {"as they are": prepared}
    for name in names:
        rows[name] = augmentation.BY_NAME[name](info)(prepared, [0, 1])
    rows["all"] = augmentation.named(tuple(names), info)(prepared, [0, 2])
    picture, axes = canvas(0.85 * images + 0.8, 0.85 * len(rows), len(rows), images, squeeze=False)
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        for each, image in zip(line, row.numpy() * augmentation.scale(info) + info.mean, strict=True):
            each.imshow(image.clip(0, 1), cmap="gray", vmin=0, vmax=1)
            each.set(xticks=[], yticks=[])
            each.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return picture


@figure
def learning_curves(history: pd.DataFrame | None = None) -> Figure:
    """Loss, top-1 and top-5 accuracy by epoch, in training (dashed) and validation.

    Args:
        history: as `Recipe.fit` returns it or history.csv has it, by default that of a softmax regression
            on scikit-learn's digits.
    """
    history = _softmax_regression() if history is None else history
    if "epoch" in history:
        history = history.set_index("epoch")
    picture, (left, right) = canvas(7.2, 2.9, 1, 2)
    _lines(left, history, "loss", "loss", ORANGE)
    for measure, (label, colour) in MEASURES.items():
        if measure in history:
            _lines(right, history, measure, label, colour)
    left.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    right.set(xlabel="epoch", ylabel="accuracy", ylim=(None, 1.01))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        axes.legend()
    return picture


@figure
def losses(histories: dict[str, pd.DataFrame] | None = None, classes: int = 10) -> Figure:
    """The training loss by epoch of several runs, beside that of guessing one of the classes.

    Args:
        histories: name of the run -> history as `Recipe.fit` returns it, by default of softmax regressions
            on scikit-learn's digits with three sizes of batch.
    """
    if histories is None:
        histories = {f"batch {batch}": _softmax_regression(10, batch) for batch in (20, 50, 200)}
    picture, axes = canvas(5.6, 2.8)
    for i, (name, history) in enumerate(histories.items()):
        label = f"{name}, {history['loss'].iloc[-1]:.2f} at the end"
        axes.plot(history.index, history["loss"], **series(i), label=label)
    chance = np.log(classes)
    axes.axhline(chance, color=GREY, linestyle=":", zorder=0, label=f"guessing, {chance:.2f}")
    axes.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    axes.legend()
    return picture


def _lines(axes, history: pd.DataFrame, measure: str, label: str, colour: str) -> None:
    axes.plot(history.index, history[measure], "--", color=colour, label=f"{label}, training")
    shown = f"val_{measure}" if f"val_{measure}" in history else measure
    if shown != measure:
        axes.plot(history.index, history[shown], color=colour, label=f"{label}, validation")
    if "learning_rate" in history:
        drops = history[history["learning_rate"].diff() < 0]
        axes.plot(
            drops.index, drops[shown], "o", color=colour, label="learning rate drops" if len(drops) else None
        )


def _softmax_regression(epochs: int = 30, batch: int = 50) -> pd.DataFrame:
    """The history of a linear classifier of 8x8 digits, in NumPy."""
    from course.data import digits

    (x, y), (test, test_labels) = (digits.read(split, 0, digits.SIZES[split]) for split in ("train", "test"))
    x, test = (images.reshape(len(images), -1) / 255 for images in (x, test))
    kernel, random, rows = np.zeros((64, 10)), np.random.default_rng(0), []

    def measure(images, labels, prefix=""):
        logits = images @ kernel
        logits -= logits.max(1, keepdims=True)
        loss = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]
        return {f"{prefix}loss": loss.mean(), f"{prefix}accuracy": (logits.argmax(1) == labels).mean()}

    for epoch in range(1, epochs + 1):
        for chosen in np.array_split(random.permutation(len(x)), len(x) // batch):
            powers = np.exp(x[chosen] @ kernel)
            error = powers / powers.sum(1, keepdims=True) - np.eye(10)[y[chosen]]
            kernel -= 0.5 / len(chosen) * x[chosen].T @ error
        rows.append({"epoch": epoch, **measure(x, y), **measure(test, test_labels, "val_")})
    return pd.DataFrame(rows).set_index("epoch")
