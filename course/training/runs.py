"""A folder in which a network is trained: config.json, checkpoint.npz, history.csv, final.weights.h5."""

import inspect
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from course.building import build
from course.data.dataset import arrays
from course.data.loading import load
from course.files import replacing
from course.registry import find
from course.training.crops import multi_crop, ten_crop
from course.training.evaluation import ensemble, probabilities, top_k
from course.training.recipes import recipe, recipe_for

CONFIG, WEIGHTS = "config.json", "final.weights.h5"
TRAIN, VALIDATION, TEST = "train[:90%]", "train[90%:]", "test"  # as He et al. 2015, section 4.2
CROPS = ("one", "ten", "multi")


@dataclass(frozen=True)
class Config:
    """What a run is, apart from how long it goes on.

    Attributes:
        model: name of the network.
        data: name of the dataset.
        recipe: name of the recipe.
        batch: images in a step.
        shape: (height, width, channels) of the network's input.
        seed: of weights, order and augmentation.
        precision: Keras dtype policy to train in, or None.
    """

    model: str
    data: str
    recipe: str
    batch: int
    shape: tuple[int, int, int]
    seed: int = 0
    precision: str | None = None


def configure(
    model: str,
    data: str,
    recipe_name: str | None = None,
    *,
    batch: int | None = None,
    shape: tuple[int, int, int] | None = None,
    seed: int = 0,
    precision: str | None = None,
) -> Config:
    """A run; by default by the recipe of the network's paper, on images of the size that it was made for.

    Raises:
        ValueError: for an unknown network, dataset or recipe.
        ConnectionError, ImportError: where the dataset cannot be had, see `course.data.load`.
    """
    network = find(model)
    chosen = recipe(recipe_name) if recipe_name else recipe_for(model)
    channels = load(data, "test[:1]").info.shape[2]
    if shape is None:
        default = inspect.signature(network.builder).parameters["shape"].default
        shape = (*network.row.arguments.get("shape", default)[:2], channels)
    if shape[2] != channels:
        raise ValueError(f"Images of {data} have {channels} channels, so shape cannot be {shape}.")
    return Config(network.name, data, chosen.name, batch or chosen.batch, tuple(shape), seed, precision)


def train(
    config: Config,
    folder: Path,
    epochs: int | None = None,
    *,
    patience: int | None = None,
    distribution=None,
    verbose: str | int = "auto",
) -> pd.DataFrame:
    """Train in a folder, or go on where training there was cut off; returns the history.

    A tenth of the training images are for validation; the test images are left to `evaluate`.

    Raises:
        ValueError: where the folder holds another run.
        OSError: where the folder cannot be written; what it held before is unharmed.
    """
    _check_free(folder, config)
    chosen = recipe(config.recipe)
    images = load(config.data, TRAIN, config.shape[:2])
    keras.utils.set_random_seed(config.seed)
    network = build(config.model, config.shape, images.info.classes)
    chosen.initialise(network, config.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / CONFIG) as path:
        path.write_text(json.dumps(asdict(config), indent=1) + "\n")
    history = chosen.fit(
        network,
        images,
        epochs,
        validation=load(config.data, VALIDATION, config.shape[:2]),
        batch=config.batch,
        seed=config.seed,
        folder=folder,
        patience=patience,
        precision=config.precision,
        distribution=distribution,
        verbose=verbose,
    )
    with replacing(folder / WEIGHTS) as path:
        keras.Model(network.input, network.output).save_weights(path)  # without the optimizer's momentum
    return history


def evaluate(folders: list[Path], crops: str = "one") -> pd.DataFrame:
    """Top-1 and top-5 accuracy on the test images of each run and, of several, of their ensemble.

    Args:
        folders: of runs on the same dataset that are finished.
        crops: "one" view of an image, "ten" (see `ten_crop`) or "multi" (see `multi_crop`).

    Raises:
        ValueError: for a folder without a finished run, other crops, and runs on different datasets.
    """
    if crops not in CROPS:
        raise ValueError(f"crops must be {', '.join(map(repr, CROPS[:-1]))} or {CROPS[-1]!r}, not {crops!r}.")
    configs = [_read(folder) for folder in folders]
    datasets = sorted({config.data for config in configs})
    if len(datasets) > 1:
        raise ValueError(f"An ensemble takes runs on one dataset, not on {' and '.join(datasets)}.")
    predictions = [_predict(*each, crops) for each in zip(folders, configs, strict=True)]
    _, labels = arrays(load(datasets[0], TEST))
    names = [str(folder) for folder in folders]
    if len(folders) > 1:
        names, predictions = [*names, "ensemble"], [*predictions, ensemble(predictions)]
    rows = [{"images": len(labels), "top1": top_k(each, labels)} for each in predictions]
    for row, each in zip(rows, predictions, strict=True):
        if each.shape[-1] > 5:
            row["top5"] = top_k(each, labels, 5)
    return pd.DataFrame(rows, index=pd.Index(names, name="run"))


def _predict(folder: Path, config: Config, crops: str) -> np.ndarray:
    height, width, _ = config.shape
    size, views = (height, width), None
    if crops == "ten":  # cut from images larger by a seventh, as 224 are from 256
        size, views = (round(height * 8 / 7), round(width * 8 / 7)), ten_crop(height, width)
    elif crops == "multi":
        if height != width:
            raise ValueError(
                f"crops 'multi' are squares, and {config.model} in {folder} takes {height}×{width}."
            )
        views = multi_crop(height)
    data = load(config.data, TEST, size)
    network = build(config.model, config.shape, data.info.classes)
    network.load_weights(folder / WEIGHTS)
    return probabilities(network, data, crops=views)


def _read(folder: Path) -> Config:
    """The run of a folder where training is finished."""
    if not (folder / CONFIG).exists():
        raise ValueError(f"{folder} holds no run: there is no {CONFIG}.")
    if not (folder / WEIGHTS).exists():
        raise ValueError(f"Training in {folder} is not finished: there is no {WEIGHTS}.")
    return _config(folder)


def _config(folder: Path) -> Config:
    values = json.loads((folder / CONFIG).read_text())
    return Config(**values | {"shape": tuple(values["shape"])})


def _check_free(folder: Path, config: Config) -> None:
    """Raise a ValueError where the folder holds another run."""
    if not (folder / CONFIG).exists():
        return
    there = asdict(_config(folder))
    differences = [
        f"{key} {there[key]} instead of {value}"
        for key, value in asdict(config).items()
        if there[key] != value
    ]
    if differences:
        raise ValueError(
            f"{folder} holds a run with {' and '.join(differences)}: choose another folder, or the settings "
            "that it has."
        )
