"""Copy weights into a network from another that computes the same, but is built a little differently.

The other may have a bias where ours goes straight into batch normalisation, normalise without a scale or
with another epsilon, and write a dense layer as a 1x1 convolution. Inference is the same afterwards.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import keras
import numpy as np
from keras import layers as L

from course.cost.graph import Node, walk

Values = Mapping[
    str, np.ndarray | float
]  # of one operation: kernel, bias; gamma, beta, mean, variance, epsilon


class Slot(NamedTuple):
    """One operation with weights: the layer it is in, its kind, its variables by role (None: not there)."""

    layer: keras.Layer
    kind: str
    variables: dict[str, keras.Variable | None]


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Give `target` the weights of `source`, a model of the same operations in the same order.

    The order is that of the graph, one branch after the other, in sums and products the shorter branch
    first. A `Normalization` layer of the source is preparation of the images and is left out.

    Raises:
        ValueError: where the two do not fit, naming the first layers that differ; `target` is unchanged.
    """
    theirs, ours = slots(source), slots(target)
    for their, our in zip(theirs, ours, strict=False):
        if their.kind != our.kind:
            raise ValueError(
                f"{source.name} does not fit {target.name}: where the one has a {their.kind} "
                f"({their.layer.name!r}), the other has a {our.kind} ({our.layer.name!r})."
            )
    if len(theirs) != len(ours):
        raise ValueError(
            f"{source.name} does not fit {target.name}: "
            f"{len(theirs)} operations with weights against {len(ours)}."
        )
    assign(target, [(our, _values(their)) for our, their in zip(ours, theirs, strict=True)])


def assign(model: keras.Model, pairs: Iterable[tuple[Slot, Values]]) -> None:
    """Give each slot of `model` its values, all of them or, where one does not fit, none.

    Raises:
        ValueError: naming the layer whose values do not fit.
    """
    pairs = list(pairs)
    homeless = {
        id(slot.layer): values["bias"]
        for slot, values in pairs
        if slot.variables.get("bias", values) is None and np.any(values.get("bias", 0))
    }
    offsets = _offsets(model, homeless) if homeless else {}
    fitted = []
    for slot, values in pairs:
        values = _normalisation(slot, values, offsets) if slot.kind == "normalisation" else values
        for role, variable in slot.variables.items():
            if variable is not None:
                default = np.zeros(variable.shape) if role == "bias" else None
                fitted.append((variable, _fit(slot, role, variable, values.get(role, default))))
    for variable, array in fitted:
        variable.assign(array)


def slots(model: keras.Model) -> list[Slot]:
    """Every operation with weights, in the order that `copy_weights` describes.

    Raises:
        ValueError: for a layer whose weights have no role here.
    """
    return [slot for layer in _layers(model) for slot in _slots(layer)]


def graph(model: keras.Model) -> list[Node]:
    """The calls in a model's graph, at some size where it leaves the size open: any will do here."""
    return walk(model, tuple(size or 224 for size in model.input_shape[1:]))


def _slots(layer: keras.Layer) -> list[Slot]:
    match layer:
        case L.BatchNormalization(gamma=gamma, beta=beta, moving_mean=mean, moving_variance=variance):
            roles = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
            return [Slot(layer, "normalisation", roles)]
        case L.SeparableConv2D(depthwise_kernel=depthwise, pointwise_kernel=pointwise, bias=bias):
            return [
                Slot(layer, "depthwise convolution", {"kernel": depthwise}),
                Slot(layer, "convolution", {"kernel": pointwise, "bias": bias}),
            ]
        case L.DepthwiseConv2D(kernel=kernel, bias=bias):
            return [Slot(layer, "depthwise convolution", {"kernel": kernel, "bias": bias})]
        case L.Conv2D(kernel=kernel, bias=bias) | L.Dense(kernel=kernel, bias=bias):
            return [Slot(layer, "convolution", {"kernel": kernel, "bias": bias})]
    if getattr(layer, "weights", ()) and not isinstance(layer, L.Normalization):
        raise ValueError(f"The weights of {layer.name!r}, a {type(layer).__name__}, cannot be copied.")
    return []


def _layers(model: keras.Model) -> list[keras.Layer]:
    """The layers of a functional model, inputs first, branch by branch, in sums the shorter branch first."""
    nodes = graph(model)
    maker = {id(tensor): node for node in nodes for tensor in node.outputs}
    depth: dict[int, int] = {}  # of a tensor: operations with weights on the longest way to it
    for node in nodes:
        reached = max(depth.get(id(tensor), 0) for tensor in node.inputs) + len(_slots(node.operation))
        depth.update({id(tensor): reached for tensor in node.outputs})
    read = {id(tensor) for node in nodes for tensor in node.inputs}
    ordered, stack = {}, [node for node in reversed(nodes) if read.isdisjoint(map(id, node.outputs))]
    while stack:
        layer, inputs = stack[-1].operation, stack[-1].inputs
        if isinstance(layer, (L.Add, L.Multiply)):
            inputs = sorted(inputs, key=lambda tensor: depth.get(id(tensor), 0))
        waiting = [maker[id(tensor)] for tensor in reversed(inputs) if id(tensor) in maker]
        waiting = [node for node in waiting if id(node.operation) not in ordered]
        stack += waiting
        if not waiting:
            ordered.setdefault(id(layer), layer)
            stack.pop()
    return list(ordered.values())


def _values(slot: Slot) -> dict:
    values = {
        role: keras.ops.convert_to_numpy(variable)
        for role, variable in slot.variables.items()
        if variable is not None
    }
    if slot.kind == "normalisation":
        values["epsilon"] = slot.layer.epsilon
    return values


def _normalisation(slot: Slot, values: Values, offsets: Mapping[int, np.ndarray]) -> dict:
    """Values that do the same in our layer: (x + offset - mean) / sqrt(variance + epsilon) gamma + beta."""
    for role in ("mean", "variance"):
        if role not in values:
            raise ValueError(f"The source has no {role} for layer {slot.layer.name!r}.")
    for role, neutral in (("gamma", 1), ("beta", 0)):
        if slot.variables[role] is None and np.any(values.get(role, neutral) != neutral):
            raise ValueError(
                f"The source has a {role} for layer {slot.layer.name!r}, which has no place for it."
            )
    channels = np.shape(values["mean"])
    return {
        "gamma": values.get("gamma", np.ones(channels)),
        "beta": values.get("beta", np.zeros(channels)),
        "mean": values["mean"] - offsets.get(id(slot.layer), 0),
        "variance": values["variance"] + (values["epsilon"] - slot.layer.epsilon),
    }


def _offsets(model: keras.Model, biases: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """What normalisations must subtract, by layer, when convolutions go without these biases, by layer."""
    carried, taken = {}, {}  # by tensor, by layer
    nodes = graph(model)
    for _, layer, inputs, outputs in nodes:
        arriving = [carried[id(tensor)] for tensor in inputs if id(tensor) in carried]
        if isinstance(layer, L.BatchNormalization):
            taken.update({id(layer): offset for offset in arriving})
        elif arriving:
            raise ValueError(
                f"A bias of the source has no place in {model.name}: no batch normalisation comes before "
                f"layer {layer.name!r} to take it up."
            )
        if id(layer) in biases:
            carried[id(outputs[0])] = biases[id(layer)]
    return taken


def _fit(slot: Slot, role: str, variable: keras.Variable, array: np.ndarray | None) -> np.ndarray:
    """`array` in the shape of `variable`; matrices and the kernels of equal use may replace each other."""
    if array is None:
        raise ValueError(f"The source has no {role} for layer {slot.layer.name!r}.")
    ours, theirs = tuple(variable.shape), np.shape(array)
    is_matrix = min(len(ours), len(theirs)) == 2 and ours[-1] == theirs[-1]
    if ours != theirs and not (is_matrix and np.prod(ours) == np.prod(theirs)):
        raise ValueError(f"The {role} of layer {slot.layer.name!r} is {ours}, the source's is {theirs}.")
    return np.reshape(array, ours)
