"""Where training is, in one file: every variable of the model and its optimizer, and the epochs so far."""

import json
from pathlib import Path

import keras
import numpy as np

from course.files import replacing

NAME = "checkpoint.npz"


def save(folder: Path, model: keras.Model, settings: dict, rows: list[dict]) -> None:
    """Write the state after an epoch, in place of the one before.

    Args:
        folder: where to; made if it is not there.
        model: compiled, its optimizer built.
        settings: what must be the same for training to go on, as JSON.
        rows: what is known of each epoch so far, as JSON.

    Raises:
        OSError: where it cannot be written; the state before is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{i:05}": keras.ops.convert_to_numpy(each) for i, each in enumerate(_variables(model))}
    with replacing(folder / NAME) as path:
        np.savez(path, **arrays, state=json.dumps({"settings": settings, "rows": rows}))


def restore(folder: Path, model: keras.Model, settings: dict) -> list[dict]:
    """Give model and optimizer the state in the folder, and return its rows; without one, do nothing.

    Raises:
        ValueError: where the state is of other settings or another model, which is left as it is.
    """
    if not (folder / NAME).exists():
        return []
    with np.load(folder / NAME) as file:
        state = json.loads(str(file["state"]))
        arrays = [file[key] for key in sorted(file.files) if key != "state"]
    differences = [
        f"{key} {state['settings'].get(key)} instead of {value}"
        for key, value in json.loads(json.dumps(settings)).items()
        if state["settings"].get(key) != value
    ]
    variables = _variables(model)
    if not differences and [each.shape for each in arrays] != [tuple(each.shape) for each in variables]:
        differences = ["weights of other shapes"]
    if differences:
        raise ValueError(
            f"{folder} holds training with {' and '.join(differences[:3])}: choose another folder, or the "
            "settings that it has."
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return state["rows"]


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Weights, the states of random layers, the optimizer's momentum and counter."""
    return [*model.variables, *model.optimizer.variables]
