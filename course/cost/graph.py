"""Walk the graph of a functional model in the order in which its paper draws it."""

from collections.abc import Iterator
from typing import NamedTuple

import keras


class Node(NamedTuple):
    """One call of an operation: its symbolic input and output tensors."""

    operation: keras.Operation
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


def walk(model: keras.Model) -> Iterator[Node]:
    """Every call in the graph, inputs before outputs, one branch of a module after the other.

    Raises ValueError for a model that is not functional, whose graph cannot be seen.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "outputs", None):
        raise ValueError(
            f"{getattr(model, 'name', model)!r} has no graph to look at: pass a functional keras.Model "
            "(or a built Sequential), or the name of an architecture."
        )
    stack, seen = [_call(tensor) for tensor in reversed(model.outputs)], set()
    while stack:  # depth first, without recursion: a ResNet-1202 is deeper than Python's stack
        node = stack[-1]
        waiting = [] if node in seen else [_call(tensor) for tensor in reversed(node.input_tensors)]
        waiting = [each for each in waiting if each not in seen]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        if node not in seen:
            seen.add(node)
            yield Node(node.operation, list(node.input_tensors), list(node.output_tensors))


def _call(tensor: keras.KerasTensor):
    """The call that made a tensor, as Keras records it."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]
