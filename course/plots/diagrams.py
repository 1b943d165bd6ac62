"""Diagrams of networks, drawn from their graph: the whole network folded into stages, or one module."""

from collections.abc import Iterator
from itertools import groupby, takewhile
from typing import NamedTuple

import keras
from keras import layers as L
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from course.cost.counting import resolve
from course.cost.graph import Node, walk
from course.cost.rules import CONVOLUTIONS, GLOBAL_POOLING, POOLING, SEPARABLE
from course.errors import unknown
from course.plots.style import canvas, figure

# Part of the layer before them, and drawn with it
SMALL = (
    L.BatchNormalization, L.Activation, L.ReLU, L.Softmax, L.ZeroPadding2D, L.Cropping2D, L.Dropout,
    L.Flatten, L.Reshape, L.Rescaling, L.Identity,
)  # fmt: skip

CONV, POOL, DENSE, OTHER, MODULE = "#BBDDF2", "#FBE3B3", "#B5E3D5", "#E8E8E8", "#F0D3E3"

LANE = 1.4  # from one branch of a module to the next; a box is 1.24 wide
MANY = 16  # boxes, from which on equal ones in a row are folded


class Box(NamedTuple):
    """One rectangle. Boxes in a row with equal `alike` can be folded."""

    label: str
    detail: str
    colour: str
    output: keras.KerasTensor
    alike: tuple


@figure
def architecture(model: keras.Model | str = "lenet5") -> Figure:
    """A network from input to output: one box a layer or module, on the arrows the shape of what flows.

    A module is what lies between two layers that everything passes through. In deep networks equal layers
    or modules in a row are one box with their number.
    """
    model, _ = resolve(model, None)
    boxes = [box for part in _parts(walk(model)) if (box := _box(part))]
    boxes = _fold(boxes) if len(boxes) > MANY else boxes
    columns = -(-len(boxes) // 9)
    rows = -(-len(boxes) // columns)
    picture, axes = canvas(2.1 * columns + 0.2, 0.62 * rows + 0.7)
    axes.text(0, -0.62, _sizes(model.inputs[0]), ha="center", va="center", fontsize=7)
    _arrow(axes, (0, -0.5), (0, -0.3))
    for i, box in enumerate(boxes):
        column, row = divmod(i, rows)
        x = 2.6 * column
        _rectangle(axes, x, row, box)
        axes.text(x + 0.08, row + 0.5, _sizes(box.output), ha="left", va="center", fontsize=6.5)
        if row < rows - 1 and i < len(boxes) - 1:
            _arrow(axes, (x, row + 0.3), (x, row + 0.7))
        elif i < len(boxes) - 1:  # on to the top of the next column
            bend = x + 1.3
            path = [(x, row + 0.3), (x, row + 0.66), (bend, row + 0.66), (bend, -0.5), (x + 2.6, -0.5)]
            axes.plot(*zip(*path, strict=True), color="black", linewidth=0.8)
            _arrow(axes, (x + 2.6, -0.5), (x + 2.6, -0.3))
    axes.set(xlim=(-1.15, 2.6 * (columns - 1) + 1.35), ylim=(rows - 0.25, -0.8))
    axes.set_axis_off()
    picture.suptitle(model.name, fontsize=10)
    return picture


@figure
def module(model: keras.Model | str = "googlenet", layer: str = "inception_3a") -> Figure:
    """The inside of the module that has a layer of this name: its branches, and what each of them makes.

    Raises ValueError for an unknown layer, with the nearest names.
    """
    model, _ = resolve(model, None)
    nodes = walk(model)
    part = next((part for part in _parts(nodes) if layer in [node.name for node in part]), None)
    if part is None:
        raise unknown(f"layer in {model.name}", layer, [node.name for node in nodes])
    tree = _tree(part)
    lanes, lines = _lanes(tree), _lines(tree)
    last, width = list(tree)[-1], max(lanes.values())
    middle, end = width / 2, lines[last]
    picture, axes = canvas(1.3 * width / LANE + 1.8, 0.72 * end + 1.7)
    axes.text(middle, -0.95, _sizes(part[0].inputs[0]), ha="center", va="center", fontsize=7.5)
    for name, (node, sources) in tree.items():
        x, y = lanes[name], lines[name]
        label = name.removeprefix(_common(part)).lstrip("_/-") or name
        _rectangle(axes, x, y, _box([node])._replace(label=label), half=0.62)
        for source in sources:
            if source is not None:
                down = [(lanes[source], lines[source] + 0.3)]
            elif len(sources) == 1:
                down = [(middle, -0.8)]
            else:  # past the layers beside it
                down = [(middle, -0.8), (lanes[f"around {name}"], -0.3)]
            down.append((down[-1][0], y - 0.7))  # along its own lane to just above the box
            axes.plot(*zip(*down, strict=True), color="black", linewidth=0.8)
            _arrow(axes, down[-1], (x, y - 0.3))
    _arrow(axes, (lanes[last], end + 0.3), (lanes[last], end + 0.6))
    axes.text(lanes[last], end + 0.75, _sizes(part[-1].outputs[0]), ha="center", va="center", fontsize=7.5)
    axes.set(xlim=(-0.75, width + 0.75), ylim=(end + 0.9, -1.1))
    axes.set_axis_off()
    picture.suptitle(f"{model.name}: {_common(part)}", fontsize=10)
    return picture


def _tree(part: list[Node]) -> dict[str, tuple[Node, list[str | None]]]:
    """The layers of a module that are drawn, each with those it reads from; None is the module's input."""
    maker: dict[int, str | None] = {}  # tensor -> the drawn layer that it comes from
    tree = {}
    for node in part:
        sources = [maker.get(id(tensor)) for tensor in node.inputs]
        small = isinstance(node.operation, SMALL)
        if not small:
            tree[node.name] = node, sources
        maker.update({id(tensor): sources[0] if small else node.name for tensor in node.outputs})
    return tree


def _lines(tree: dict) -> dict[str, int]:
    """How far below the input each layer is drawn."""
    lines: dict[str | None, int] = {None: -1}
    for name, (_, sources) in tree.items():
        lines[name] = 1 + max(lines[source] for source in sources)
    del lines[None]
    return lines


def _lanes(tree: dict) -> dict[str, float]:
    """Where from left to right: a lane for each branch, a join in the middle of its branches.

    A connection from the module's input to a join has a lane of its own, called "around" and the join.
    """
    lanes: dict[str, float] = {}
    free = 0.0

    def visit(name: str) -> None:
        nonlocal free
        _, sources = tree[name]
        own = []
        for source in sources:
            if source is None and len(sources) > 1:
                lanes[f"around {name}"] = free
                own.append(free)
                free += LANE
            elif source is not None and source not in lanes:
                visit(source)
                own.append(lanes[source])
        if not own:
            own, free = [free], free + LANE
        lanes[name] = sum(own) / len(own)

    visit(list(tree)[-1])
    return lanes


def _rectangle(axes, x: float, y: float, box: Box, half: float = 1.0) -> None:
    frame = FancyBboxPatch((x - half, y - 0.3), 2 * half, 0.6, boxstyle="round,pad=0,rounding_size=0.06",
                           facecolor=box.colour, edgecolor="black", linewidth=0.8)  # fmt: skip
    axes.add_patch(frame)
    axes.text(x, y - 0.11, box.label, ha="center", va="center", fontsize=7.5, fontweight="bold")
    axes.text(x, y + 0.13, box.detail, ha="center", va="center", fontsize=6.5)


def _arrow(axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = dict(arrowstyle="-|>", linewidth=0.8, shrinkA=0, shrinkB=0, mutation_scale=7, color="black")
    axes.annotate("", end, start, arrowprops=style)


def _sizes(tensor: keras.KerasTensor) -> str:
    return "×".join(map(str, tensor.shape[1:]))


def _parts(nodes: list[Node]) -> Iterator[list[Node]]:
    """The graph cut behind every layer that all paths pass through: single layers and modules, in order."""
    place = {id(tensor): i for i, node in enumerate(nodes) for tensor in node.outputs}
    last_reader = list(range(len(nodes)))
    for i, node in enumerate(nodes):
        for tensor in node.inputs:
            last_reader[place.get(id(tensor), 0)] = i
    start = open_until = 0
    for i, reader in enumerate(last_reader):
        if open_until <= i:
            yield nodes[start : i + 1]
            start = i + 1
        open_until = max(open_until, reader)


def _box(part: list[Node]) -> Box | None:
    """How a layer or a module is drawn; None for a layer that is drawn with the one before."""
    node = part[-1]
    layer, output = node.operation, node.outputs[0]
    if len(part) > 1:
        kernels = _longest(part)
        branches = len(node.inputs)
        chain = ", ".join(kernels) if branches <= 2 else f"{branches} branches"
        alike = (kernels, branches, type(layer), output.shape[1:-1])
        return Box(_common(part), f"{chain}; {_kind(layer)[0]}", MODULE, output, alike)
    if isinstance(layer, SMALL):
        return None
    kind, colour = _kind(layer)
    return Box(node.name, kind, colour, output, (kind, output.shape))


def _kind(layer) -> tuple[str, str]:
    """What a layer is, in a few words, and its colour."""
    stride = (
        getattr(layer, "strides", (1,))[0] if isinstance(layer, (*CONVOLUTIONS, *SEPARABLE, *POOLING)) else 1
    )
    step = f", /{stride}" if stride > 1 else ""
    if isinstance(layer, (L.DepthwiseConv1D, L.DepthwiseConv2D)):
        return f"{_kernel(layer)} depthwise{step}", CONV
    if isinstance(layer, SEPARABLE):
        return f"{_kernel(layer)} separable, {layer.filters}{step}", CONV
    if isinstance(layer, CONVOLUTIONS):
        groups = f", {layer.groups} groups" if layer.groups > 1 else ""
        return f"{_kernel(layer)} conv, {layer.filters}{step}{groups}", CONV
    if isinstance(layer, POOLING):
        kind = "max" if "Max" in type(layer).__name__ else "average"
        return f"{_kernel(layer)} {kind} pool{step}", POOL
    if isinstance(layer, GLOBAL_POOLING):
        return "global max pool" if "Max" in type(layer).__name__ else "global average pool", POOL
    if isinstance(layer, L.Dense):
        return f"dense, {layer.units}", DENSE
    names = {
        "LocalResponseNormalization": "normalise across channels",
        "Concatenate": "join",
        "Add": "add shortcut",
        "Multiply": "multiply",
    }
    return names.get(type(layer).__name__, type(layer).__name__), OTHER


def _kernel(layer) -> str:
    return "×".join(map(str, getattr(layer, "kernel_size", None) or layer.pool_size))


def _longest(part: list[Node]) -> tuple[str, ...]:
    """The kernels of the convolutions along the path through a module that has most of them."""
    path: dict[int, tuple[str, ...]] = {}
    for node in part:
        before = max((path.get(id(tensor), ()) for tensor in node.inputs), key=len)
        own = (_kernel(node.operation),) if isinstance(node.operation, (*CONVOLUTIONS, *SEPARABLE)) else ()
        path.update({id(tensor): before + own for tensor in node.outputs})
    return path[id(part[-1].outputs[0])]


def _common(part: list[Node]) -> str:
    """What the names of a module's layers begin with."""
    return _beginning([node.name for node in part]).rstrip("_/-") or type(part[-1].operation).__name__


def _beginning(names: list[str]) -> str:
    """The characters that all names begin with."""
    equal = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in equal)


def _fold(boxes: list[Box]) -> list[Box]:
    """Equal boxes in a row as one, with their number and the first and last name."""
    folded = []
    for _, group in groupby(boxes, key=lambda box: box.alike):
        first, *others = group
        if others:
            last = others[-1]
            start = _beginning([first.label, last.label]).rpartition("_")[0]
            label = f"{first.label} … {last.label.removeprefix(start).lstrip('_')}"
            first = last._replace(label=f"{label}   × {1 + len(others)}")
        folded.append(first)
    return folded
