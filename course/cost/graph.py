"""Walk the graph of a functional model in the order in which its paper draws it.

The one place that reads how Keras records a graph.
"""

from collections.abc import Generator, Iterator
from typing import NamedTuple

import keras
from keras import KerasTensor


class Node(NamedTuple):
    """One call of an operation. Names inside a nested model start with that model's name."""

    name: str
    operation: keras.Operation
    inputs: list[KerasTensor]
    outputs: list[KerasTensor]


def walk(model: keras.Model, shape: tuple[int, int, int] | None = None) -> list[Node]:
    """Every call in the graph, inputs before outputs, one branch of a module after the other.

    Nested models are opened. The tensors are fresh ones of the right shapes: the model is only read.

    Args:
        model: a functional model, or a Sequential that knows its input.
        shape: (height, width, channels) for a model whose Input leaves some of them None.

    Raises:
        ValueError: for a model that has no graph to look at, and for sizes that stay unknown.
    """
    _check_functional(model)
    inputs = [KerasTensor(tensor.shape, tensor.dtype) for tensor in model.inputs]
    if shape is not None:
        inputs = [_fixed(model, shape)]
    for tensor in inputs:
        if None in tensor.shape[1:]:
            raise ValueError(
                f"{model.name!r} takes images of {_sizes(tensor)}, and costs depend on the size: "
                "pass shape=(height, width, channels)."
            )
    return list(_visit(model, inputs, prefix=""))


def _visit(model, inputs: list[KerasTensor], prefix: str) -> Generator[Node, None, list[KerasTensor]]:
    """Yield the model's calls with `inputs` in the place of its own; return its outputs."""
    here = dict(zip(map(id, model.inputs), inputs, strict=True))  # the model's tensor -> ours
    for call in _calls(model):
        operation, sources = call.operation, [here[id(tensor)] for tensor in call.input_tensors]
        name = prefix + operation.name
        if _is_functional(operation):
            outputs = yield from _visit(operation, sources, prefix=f"{name}/")
        else:
            outputs = _outputs(call, here)
            yield Node(name, operation, sources, outputs)
        here.update(zip(map(id, call.output_tensors), outputs, strict=True))
    return [here[id(tensor)] for tensor in model.outputs]


def _calls(model: keras.Model) -> Iterator:
    """The calls between the model's inputs and its outputs, as Keras records them.

    Depth first and without recursion: a ResNet-1202 is deeper than Python's stack.
    """
    seen = {id(tensor) for tensor in model.inputs}
    stack = list(reversed(model.outputs))
    while stack:
        tensor = stack[-1]
        call = tensor._keras_history.operation._inbound_nodes[tensor._keras_history.node_index]
        waiting = [each for each in reversed(call.input_tensors) if id(each) not in seen]
        if id(tensor) in seen:
            stack.pop()
        elif waiting:
            stack += waiting
        else:
            stack.pop()
            seen |= {id(each) for each in call.output_tensors}
            yield call


def _outputs(call, here: dict[int, KerasTensor]) -> list[KerasTensor]:
    """What a call makes of our tensors: inferred again only where they differ in shape from Keras's."""
    if all(here[id(tensor)].shape == tensor.shape for tensor in call.input_tensors):
        return [KerasTensor(tensor.shape, tensor.dtype) for tensor in call.output_tensors]
    args, kwargs = call.arguments.fill_in(here)
    return keras.tree.flatten(call.operation.compute_output_spec(*args, **kwargs))


def _is_functional(operation) -> bool:
    return isinstance(operation, keras.Model) and bool(getattr(operation, "outputs", None))


def _check_functional(model) -> None:
    if _is_functional(model):
        return
    if isinstance(model, keras.Sequential):
        raise ValueError(
            f"{model.name!r} does not know its input yet: begin it with "
            "keras.Input((height, width, channels))."
        )
    if isinstance(model, keras.Model):
        raise ValueError(
            f"{model.name!r} is a {type(model).__name__} whose layers are called in Python, so there is no "
            "graph to look at: connect them as keras.Model(inputs, outputs), or pass such a part of it."
        )
    raise ValueError(f"{model!r} is neither a functional keras.Model nor the name of an architecture.")


def _fixed(model: keras.Model, shape: tuple[int, int, int]) -> KerasTensor:
    """The model's one input with its unknown sizes taken from `shape`."""
    if len(model.inputs) != 1:
        raise ValueError(f"shape fits models with one input; {model.name!r} has {len(model.inputs)}.")
    tensor = model.inputs[0]
    batch, *own = tensor.shape
    if len(own) != len(shape) or any(mine not in (None, size) for mine, size in zip(own, shape, strict=True)):
        raise ValueError(
            f"shape={tuple(shape)} does not fit {model.name!r}, which takes images of {_sizes(tensor)}."
        )
    return KerasTensor((batch, *shape), tensor.dtype)


def _sizes(tensor: KerasTensor) -> str:
    return "×".join("?" if size is None else str(size) for size in tensor.shape[1:])
