"""The cost table: one row a layer, exact integers."""

import math
from typing import NamedTuple

import keras
import pandas as pd
from keras import layers as L

from course.building import build
from course.cost.graph import Node, walk
from course.cost.rules import elements, window, work
from course.errors import unknown

BYTES = 4  # a float32, whatever the policy the model was built under

# Their output is their input in another shape, or nothing at inference: no memory of their own.
VIEWS = (L.InputLayer, L.Flatten, L.Reshape, L.Dropout, L.Identity)


class Field(NamedTuple):
    """What a pixel of a layer sees of the input, height and width: size and stride, in input pixels."""

    size: tuple[int, int] = (1, 1)
    jump: tuple[int, int] = (1, 1)


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
        shape: input (height, width, channels) for a name; the paper's by default.

    Returns:
        One row a layer, in the order of the paper's drawing, zero padding folded into the layer that it
        pads: name; kind; in_c, in_h, in_w; filters, kernel, stride, pad, groups; out_c, out_h, out_w;
        bytes of the output in float32; params (trainable) and non_trainable; macs; other (operations
        that are no MAC: pooling, normalisation across channels, gates); receptive_field and jump
        (pixels of the input; the largest over branches). Pairs are given as one number where equal.

    Raises:
        ValueError: for an unknown name and for an input whose height or width is unknown.
        TypeError: for a layer that no rule counts.
    """
    model = resolve(model, shape)
    return pd.DataFrame(_rows(model))


def total(model: keras.Model | str, shape: tuple[int, int, int] | None = None) -> Total:
    """The sums of the table's columns; views such as Flatten keep no bytes of their own."""
    rows = table(model, shape)
    kept = rows[~rows["kind"].isin([kind.__name__ for kind in VIEWS])]
    sums = rows[["params", "non_trainable", "macs", "other"]].sum()
    return Total(*map(int, sums), int(kept["bytes"].sum()))


def compare(models: list[keras.Model | str]) -> pd.DataFrame:
    """The totals of several networks, one row each."""
    rows = [resolve(model) for model in models]
    return pd.DataFrame([total(model) for model in rows], index=[model.name for model in rows])


def receptive_field(model: keras.Model | str, layer: str) -> int | str:
    """Pixels of the input that one output of the layer depends on (one side; "HxW" if not square)."""
    rows = table(model).set_index("name")
    if layer not in rows.index:
        raise unknown("layer in this network", layer, rows.index)
    return rows.loc[layer, "receptive_field"]


def resolve(model: keras.Model | str, shape: tuple[int, int, int] | None = None) -> keras.Model:
    """A model as it is; a name as its symbolic build."""
    if isinstance(model, str):
        return build(model, shape=shape, symbolic=True)
    if shape is not None:
        raise ValueError("shape goes with the name of an architecture; a model has its own.")
    return model


def _rows(model: keras.Model) -> list[dict]:
    fields: dict[int, Field] = {}  # by tensor
    padded: dict[int, Node] = {}  # tensors made by zero padding
    counted: set[int] = set()  # layers whose weights are in the table already
    rows = []
    for node in walk(model):
        layer, inputs, outputs = node
        if any(size is None for tensor in outputs for size in tensor.shape[1:]):
            raise ValueError(
                f"The output of layer {layer.name!r} is {outputs[0].shape}: costs depend on the size of the "
                "image. Build the model with a fixed shape=(height, width, channels)."
            )
        field = _field(layer, inputs, fields)
        fields.update({id(tensor): field for tensor in outputs})
        if isinstance(layer, L.ZeroPadding2D):
            padded[id(outputs[0])] = node
        elif not isinstance(layer, L.InputLayer):
            padding = padded.get(id(inputs[0]))
            rows.append(_geometry(node, padding) | _costs(node, new=id(layer) not in counted) | {
                "receptive_field": _side(field.size), "jump": _side(field.jump),
            })  # fmt: skip
            counted.add(id(layer))
    return rows


def _field(layer, inputs, fields: dict[int, Field]) -> Field:
    """The field of a layer's output: the largest of its inputs' fields, widened by its own window."""
    sources = [fields[id(tensor)] for tensor in inputs]
    if not sources:
        return Field()
    (kernel, stride) = window(layer, inputs)
    size = tuple(max(source.size[axis] for source in sources) for axis in (0, 1))
    jump = tuple(max(source.jump[axis] for source in sources) for axis in (0, 1))
    return Field(
        tuple(s + (k - 1) * j for s, k, j in zip(size, kernel, jump, strict=True)),
        tuple(j * s for j, s in zip(jump, stride, strict=True)),
    )


WINDOWED = (L.Conv2D, L.DepthwiseConv2D, L.SeparableConv2D, L.MaxPooling2D, L.AveragePooling2D)


def _geometry(node: Node, padding: Node | None) -> dict:
    """What the layer looks at and makes, its zero padding (if any) counted as its own."""
    layer, inputs, outputs = node
    kernel, stride = window(layer, inputs)
    in_c, in_h, in_w = _size((padding or node).inputs[0])
    pad = (0, 0)
    if padding is not None:
        (top, _), (left, _) = padding.operation.padding
        pad = (top, left)
    elif isinstance(layer, WINDOWED) and layer.padding == "same":
        sizes = zip((in_h, in_w), kernel, stride, strict=True)
        pad = tuple(max((-(-n // s) - 1) * s + k - n, 0) // 2 for n, k, s in sizes)
    out_c, out_h, out_w = _size(outputs[0])
    return {
        "name": layer.name,
        "kind": type(layer).__name__,
        "in_c": in_c,
        "in_h": in_h,
        "in_w": in_w,
        "filters": getattr(layer, "filters", None) or getattr(layer, "units", 0),
        "kernel": _side(kernel) if isinstance(layer, WINDOWED) else 0,
        "stride": _side(stride) if isinstance(layer, WINDOWED) else 0,
        "pad": _side(pad),
        "groups": getattr(layer, "groups", 1),
        "out_c": out_c,
        "out_h": out_h,
        "out_w": out_w,
    }


def _costs(node: Node, new: bool) -> dict:
    """The weights (of a layer called twice, the first time only) and the work of one call."""
    layer, inputs, outputs = node
    macs, other = work(layer, inputs, outputs)
    return {
        "bytes": sum(BYTES * elements(tensor) for tensor in outputs),
        "params": _count(layer.trainable_weights) if new else 0,
        "non_trainable": _count(layer.non_trainable_weights) if new else 0,
        "macs": macs,
        "other": other,
    }


def _size(tensor: keras.KerasTensor) -> tuple[int, int, int]:
    """Channels, height and width; a vector is one pixel of many channels."""
    _, *space, channels = tensor.shape
    height, width = space if len(space) == 2 else (1, 1)
    return channels, height, width


def _side(pair: tuple[int, int]) -> int | str:
    """(3, 3) as 3, (1, 7) as "1x7"."""
    return pair[0] if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _count(weights: list) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
