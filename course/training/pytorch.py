"""Read weights from files of PyTorch: safetensors without PyTorch, .pth with it."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import keras
import numpy as np
from keras import layers as L

from course.training.copying import Slot, Values, assign, graph, slots
from course.training.pytorch_names import Names

State = Mapping[str, np.ndarray]  # what PyTorch calls a state_dict: array by name


def read(file: str | Path) -> State:
    """The arrays in a .safetensors file, or in a .pth file that holds a state_dict.

    Raises:
        ImportError: where the package that reads such files is missing, saying which.
    """
    if Path(file).suffix == ".safetensors":
        try:
            from safetensors.numpy import load_file
        except ImportError:
            raise ImportError(
                f"Reading {file} takes safetensors: pip install 'cnn-course[pretrained]'."
            ) from None
        return load_file(file)
    try:
        import torch
    except ImportError:
        raise ImportError(
            f"Reading {file} takes PyTorch, in which Colab has it: pip install torch installs it elsewhere."
        ) from None
    return {name: array.numpy() for name, array in torch.load(file, "cpu", weights_only=True).items()}


def load_state(model: keras.Model, state: State, names: Names, epsilon: float = 1e-5) -> None:
    """Give `model` the weights in `state`, as `names` maps them; `epsilon` is its batch normalisation's.

    Raises:
        ValueError: for a layer without weights in the file, weights without a layer, and shapes that do not
            fit; `model` is unchanged.
    """
    maps, pairs, used = _maps_before_dense(model), [], set()
    for slot in slots(model):
        module = their_name(slot.layer.name, names)
        if module is None or f"{module}.weight" not in state:
            raise ValueError(
                f"The file has no {module or 'weights'!r} for layer {slot.layer.name!r} of {model.name}."
            )
        keys = _keys(slot, module)
        used |= set(keys.values())
        arrays = {role: state[key] for role, key in keys.items() if key in state}
        pairs.append((slot, _values(slot, arrays, epsilon, maps.get(id(slot.layer)))))
    homeless = [key for key in state if key not in used and not key.endswith("num_batches_tracked")]
    if homeless:
        raise ValueError(f"{model.name} has no layer for {', '.join(homeless[:3])} of the file.")
    assign(model, pairs)


def their_name(layer: str, names: Names) -> str | None:
    """What `names` calls our layer; None where no entry matches.

    >>> their_name("conv3_1_a_bn", {"conv{s}_{i}_a": ("layer{s-1}.{i-1}.conv1", "layer{s-1}.{i-1}.bn1")})
    'layer2.0.bn1'
    """
    for ours, theirs in names.items():
        pattern = re.sub(r"\{(\w)\}", r"(?P<\1>\\d+|[a-z])", ours.replace("{_}", "[0-9x]+"))
        match = re.fullmatch(rf"{pattern}(?P<norm>_bn)?", layer)
        if match:
            theirs = theirs[bool(match["norm"])] if isinstance(theirs, tuple) else theirs
            return re.sub(r"\{(\w)([+-]\d+)?\}", partial(_number, match), theirs)
    return None


def _number(ours: re.Match, place: re.Match) -> str:
    """What {s-1} stands for, given the name of our layer."""
    text = ours[place[1]]
    number = int(text) if text.isdigit() else ord(text) - ord("a")
    return str(number + int(place[2] or 0))


def _keys(slot: Slot, module: str) -> dict[str, str]:
    if slot.kind == "normalisation":
        roles = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
    else:
        roles = {"kernel": "weight", "bias": "bias"}
    return {role: f"{module}.{key}" for role, key in roles.items()}


def _values(slot: Slot, arrays: State, epsilon: float, before: tuple[int, int, int] | None) -> Values:
    """The arrays with axes in Keras's order; `before` is the map (H, W, C) flattened for a dense layer."""
    if slot.kind == "normalisation":
        return {**arrays, "epsilon": epsilon}
    kernel = arrays["kernel"]
    if before is not None:  # PyTorch flattens channels first
        height, width, channels = before
        if kernel.shape[1] == channels * height * width:
            kernel = kernel.reshape(-1, channels, height, width)
    if slot.kind == "depthwise convolution":
        kernel = kernel.transpose(2, 3, 0, 1)  # (C, 1, H, W) to (H, W, C, 1)
    elif kernel.ndim == 4:
        kernel = kernel.transpose(2, 3, 1, 0)  # (filters, C, H, W) to (H, W, C, filters)
    else:
        kernel = kernel.T
    return {**arrays, "kernel": kernel}


def _maps_before_dense(model: keras.Model) -> dict[int, tuple[int, int, int]]:
    """By dense layer: the shape of the map that was flattened for it, where one was."""
    flattened, maps = {}, {}  # by tensor, by layer
    nodes = graph(model)
    for node in nodes:
        if isinstance(node.operation, L.Flatten):
            flattened[id(node.outputs[0])] = node.inputs[0].shape[1:]
        elif isinstance(node.operation, L.Dense) and id(node.inputs[0]) in flattened:
            maps[id(node.operation)] = flattened[id(node.inputs[0])]
    return maps
