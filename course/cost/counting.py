"""The cost table: one row a layer, exact integers."""

import math
from fractions import Fraction
from typing import NamedTuple

import keras
import pandas as pd
from keras import layers as L

from course.building import build
from course.cost.graph import Node, walk
from course.cost.rules import WINDOWED, elements, pair, window, work
from course.errors import unknown

BYTES = 4  # a float32, whatever the policy the model was built under

PADDING = (L.ZeroPadding1D, L.ZeroPadding2D)

# Their output is their input in another shape, or nothing at inference: no memory of their own.
VIEWS = ("Flatten", "Reshape", "Dropout", "Identity", "ExpandDims", "Squeeze")


class Field(NamedTuple):
    """What a pixel of a layer sees of the input, height and width: size and stride, in input pixels."""

    size: tuple[int, int] = (1, 1)
    jump: tuple[int | Fraction, int | Fraction] = (1, 1)


class Total(NamedTuple):
    """Costs of a whole network for one image."""

    params: int
    non_trainable: int
    macs: int
    other: int
    bytes: int


def table(model: keras.Model | str, shape: tuple[int, int, int] | None = None) -> pd.DataFrame:
    """What each layer of a network costs for one image.

    Args:
        model: a functional model, or the name of an architecture (built without weights).
        shape: input (height, width, channels): for a name, the paper's by default; for a model, needed
            where its Input leaves a size None.

    Returns:
        One row a call of a layer, in the order of the paper's drawing, zero padding folded into the layer
        that it pads: name; kind; in_c, in_h, in_w; filters, kernel, stride, pad (of two unequal sides the
        larger), groups; out_c, out_h, out_w; bytes of the output in float32; params (trainable) and
        non_trainable, both 0 where a layer is called again; macs; other (operations that are no MAC:
        pooling, normalisation across channels, gates); receptive_field and jump (pixels of the input).
        Height and width are one number where equal, else "HxW".

    Raises:
        ValueError: for an unknown name, a model without a graph, and an input of unknown size.
        TypeError: for a layer that no rule counts.
    """
    return pd.DataFrame(_rows(walk(*resolve(model, shape))))


def total(model: keras.Model | str, shape: tuple[int, int, int] | None = None) -> Total:
    """The sums of the table's columns; views such as Flatten keep no bytes of their own."""
    return sums(table(model, shape))


def sums(rows: pd.DataFrame) -> Total:
    """The total of a table that is at hand already."""
    kept = rows[~rows["kind"].isin(VIEWS)]
    columns = rows[["params", "non_trainable", "macs", "other"]]
    return Total(*map(int, columns.sum()), int(kept["bytes"].sum()))


def compare(models: list[keras.Model | str]) -> pd.DataFrame:
    """The totals of several networks, one row each."""
    names = [model if isinstance(model, str) else model.name for model in models]
    return pd.DataFrame([total(model) for model in models], index=names)


def receptive_field(model: keras.Model | str, layer: str | None = None) -> int | str:
    """Pixels of the input that one output of the layer depends on (one side; "HxW" if not square).

    Without a layer: of the last maps, the most that any window of the network sees.
    """
    rows = table(model)
    if layer is None:
        return max(rows.loc[rows["kernel"] != 0, "receptive_field"], key=_longest)
    called = rows[rows["name"] == layer]
    if called.empty:
        raise unknown("layer in this network", layer, rows["name"])
    return called["receptive_field"].iloc[-1]


def resolve(model: keras.Model | str, shape: tuple | None) -> tuple[keras.Model, tuple | None]:
    """A name as its symbolic build; a model as it is, with the shape that fixes its input."""
    if shape is not None and None in shape:
        raise ValueError(f"shape={shape} leaves a size open, and costs depend on it: write it as a number.")
    return (build(model, shape=shape, symbolic=True), None) if isinstance(model, str) else (model, shape)


def _rows(nodes: list[Node]) -> list[dict]:
    fields: dict[int, Field] = {}  # by tensor, all but the network's inputs
    padded: dict[int, Node] = {}  # tensors made by zero padding
    counted: set[int] = set()  # weights that are in the table already
    rows = []
    for node in nodes:
        if getattr(node.operation, "data_format", None) == "channels_first":
            raise ValueError(
                f"Layer {node.name!r} is channels_first; costs are counted for channels_last only."
            )
        field = _field(node, fields)
        fields.update({id(tensor): field for tensor in node.outputs})
        if isinstance(node.operation, PADDING):
            padded[id(node.outputs[0])] = node
        else:
            sees = {"receptive_field": _side(field.size), "jump": _side(field.jump)}
            rows.append(_geometry(node, padded) | _costs(node, counted) | sees)
    return rows


def _field(node: Node, fields: dict[int, Field]) -> Field:
    """The field of a layer's output: the largest of its inputs' fields, widened by its own window.

    Where a gate of one pixel meets a map, the strides are the map's.
    """
    sources = [(_pixels(tensor), fields.get(id(tensor), Field())) for tensor in node.inputs]
    finest = max(pixels for pixels, _ in sources)
    kernel, stride = window(node.operation, node.inputs)
    size = [max(field.size[axis] for _, field in sources) for axis in (0, 1)]
    jump = [min(field.jump[axis] for pixels, field in sources if pixels == finest) for axis in (0, 1)]
    return Field(
        tuple(math.ceil(s + (k - 1) * j) for s, k, j in zip(size, kernel, jump, strict=True)),
        tuple(j * s for j, s in zip(jump, stride, strict=True)),
    )


def _geometry(node: Node, padded: dict[int, Node]) -> dict:
    """What the layer looks at and makes, the zero padding before it counted as its own."""
    layer = node.operation
    has_window = isinstance(layer, WINDOWED)
    padding = padded.get(id(node.inputs[0])) if has_window else None
    kernel, stride = window(layer, node.inputs)
    in_c, in_h, in_w = _size((padding or node).inputs[0])
    pad = (0, 0)
    if padding is not None:
        pad = _zeros(padding.operation)
    elif has_window and getattr(layer, "padding", None) == "same":
        sizes = zip((in_h, in_w), kernel, stride, strict=True)
        pad = tuple(-(-max((-(-n // s) - 1) * s + k - n, 0) // 2) for n, k, s in sizes)
    out_c, out_h, out_w = _size(node.outputs[0])
    return {
        "name": node.name,
        "kind": type(layer).__name__,
        "in_c": in_c,
        "in_h": in_h,
        "in_w": in_w,
        "filters": getattr(layer, "filters", None) or getattr(layer, "units", 0),
        "kernel": _side(kernel) if has_window else 0,
        "stride": _side(stride) if has_window else 0,
        "pad": _side(pad),
        "groups": getattr(layer, "groups", 1) if has_window else 1,
        "out_c": out_c,
        "out_h": out_h,
        "out_w": out_w,
    }


def _costs(node: Node, counted: set[int]) -> dict:
    """The weights that no call before had, and the work of this one."""
    layer, inputs, outputs = node.operation, node.inputs, node.outputs
    macs, other = work(layer, inputs, outputs)
    weights = {id(weight): weight for weight in getattr(layer, "weights", [])}
    new = [weight for key, weight in weights.items() if key not in counted]
    counted.update(weights)
    return {
        "bytes": sum(BYTES * elements(tensor) for tensor in outputs),
        "params": sum(math.prod(weight.shape) for weight in new if weight.trainable),
        "non_trainable": sum(math.prod(weight.shape) for weight in new if not weight.trainable),
        "macs": macs,
        "other": other,
    }


def _zeros(layer: L.ZeroPadding1D | L.ZeroPadding2D) -> tuple[int, int]:
    """Rows and columns of zeros, on the side that has more."""
    if isinstance(layer, L.ZeroPadding1D):
        return max(layer.padding), 0
    rows, columns = layer.padding
    return max(rows), max(columns)


def _size(tensor: keras.KerasTensor) -> tuple[int, int, int]:
    """Channels, height and width; a vector is one pixel of many channels, as are a pixel's capsules."""
    *space, channels = tensor.shape[1:] or (1,)
    height, width = pair(space or (1, 1))
    return math.prod(space[2:]) * channels, height, width


def _pixels(tensor: keras.KerasTensor) -> int:
    _, height, width = _size(tensor)
    return height * width


def _side(sizes: tuple) -> int | str:
    """(3, 3) as 3, (1, 7) as "1x7"."""
    first, second = map(_plain, sizes)
    return first if first == second else f"{first}x{second}"


def _longest(side: int | str) -> int:
    return max(map(int, str(side).split("x")))


def _plain(size: int | Fraction):
    return int(size) if size == int(size) else size
