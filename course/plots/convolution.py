"""Pictures of the convolution itself: the sliding window, what a pixel sees, channel groups."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course.cost.arithmetic import conv_params, receptive_field_of_stack
from course.plots.style import BLUE, COLOURS, HATCHES, ORANGE, PALE, blank, canvas, figure, series

# The first lecture's example: a 6x6 image and a kernel that answers to vertical edges.
IMAGE = (
    (3, 0, 1, 2, 4, 7),
    (1, 5, 8, 9, 3, 1),
    (2, 7, 2, 5, 1, 3),
    (0, 1, 3, 1, 7, 8),
    (4, 2, 1, 6, 2, 8),
    (2, 4, 5, 2, 3, 9),
)
KERNEL = ((1, 0, -1), (1, 0, -1), (1, 0, -1))


class Film(FuncAnimation):
    """An animation that Jupyter plays where a cell returns it."""

    def _repr_html_(self) -> str:
        return self.to_jshtml(fps=2)


@figure
def sliding_window(image=IMAGE, kernel=KERNEL, step: int = 0) -> Figure:
    """One position of a kernel on an image, the products there and the output so far.

    Args:
        image: (H, W) numbers.
        kernel: (K, K) numbers, not flipped: this is what convolution layers compute.
        step: position of the window, 0 to H' W' - 1, row by row.

    Raises:
        ValueError: for a kernel larger than the image and for a step outside the output.
    """
    image, kernel = np.asarray(image), np.asarray(kernel)
    height, width = _output_size(image, kernel)
    if not 0 <= step < height * width:
        raise ValueError(
            f"step must be from 0 to {height * width - 1}, one a value of the output, not {step}."
        )
    picture, axes = canvas(7.2, 3.2)
    _draw_step(axes, image, kernel, step)
    return picture


def sliding_window_animation(image=IMAGE, kernel=KERNEL) -> Film:
    """All positions one after the other, half a second each; save it with `.save("window.gif")`."""
    image, kernel = np.asarray(image), np.asarray(kernel)
    height, width = _output_size(image, kernel)
    picture = sliding_window(image, kernel)
    return Film(
        picture,
        lambda step: _draw_step(picture.axes[0], image, kernel, step),
        frames=height * width,
        init_func=lambda: None,
        interval=500,
    )


def _output_size(image: np.ndarray, kernel: np.ndarray) -> tuple[int, int]:
    height, width = (n - k + 1 for n, k in zip(image.shape, kernel.shape, strict=True))
    if height < 1 or width < 1:
        raise ValueError(f"A kernel of {kernel.shape} does not fit into an image of {image.shape}.")
    return height, width


def _draw_step(axes, image: np.ndarray, kernel: np.ndarray, step: int) -> None:
    """Image, kernel and output side by side, and the sum written out below them."""
    height, width = _output_size(image, kernel)
    row, column = divmod(step, width)
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)  # (H', W', K, K)
    result = (windows * kernel).sum((2, 3))
    so_far = [[result[r, c] if r * width + c <= step else "" for c in range(width)] for r in range(height)]
    tall, (wide, k) = image.shape[0], (image.shape[1], kernel.shape[1])
    middle = tall / 2
    axes.clear()
    blank(axes)
    _grid(axes, image, (0, 0), "image", box=(row, column, *kernel.shape))
    _grid(axes, kernel, (wide + 1.2, middle - kernel.shape[0] / 2), "kernel", box=(0, 0, *kernel.shape))
    _grid(
        axes, so_far, (wide + k + 2.4, middle - height / 2), "output", box=(row, column, 1, 1), colour=ORANGE
    )
    axes.text(wide + 0.6, middle, "∗", ha="center", va="center", fontsize=14)
    axes.text(wide + k + 1.8, middle, "=", ha="center", va="center", fontsize=14)
    products = zip(windows[row, column].ravel(), kernel.ravel(), strict=True)
    terms = " + ".join(f"{_number(a)}·{_number(b) if b >= 0 else f'({_number(b)})'}" for a, b in products)
    result = _number(result[row, column])
    axes.text(
        (wide + k + width + 2.4) / 2,
        tall + 0.6,
        f"{terms} = {result}",
        ha="center",
        va="center",
        fontsize=8.5,
    )
    axes.set(xlim=(-0.1, wide + k + width + 2.5), ylim=(tall + 1, -0.9))


def _grid(axes, values, corner, title: str, box: tuple[int, int, int, int], colour: str = BLUE) -> None:
    """Numbers in cells from `corner`, those inside box = (row, column, height, width) framed and tinted."""
    x, y = corner
    top, left, tall, wide = box
    rows, columns = len(values), len(values[0])
    axes.text(x + columns / 2, y - 0.4, f"{title} {rows}×{columns}", ha="center", va="center")
    thin = {"colors": "#AAAAAA", "linewidth": 0.7, "zorder": 0}
    axes.hlines(y + np.arange(rows + 1), x, x + columns, **thin)
    axes.vlines(x + np.arange(columns + 1), y, y + rows, **thin)
    for r, line in enumerate(values):
        for c, value in enumerate(line):  # inside the axes: no layout has to measure them
            place = x + c + 0.5, y + r + 0.5
            axes.text(*place, _number(value), ha="center", va="center", in_layout=False)
    axes.add_patch(Rectangle((x + left, y + top), wide, tall, facecolor=colour, alpha=0.18))
    axes.add_patch(Rectangle((x + left, y + top), wide, tall, fill=False, edgecolor=colour, linewidth=2.2))


def _number(value) -> str:
    """With a minus sign, not a hyphen; at most three digits after the point."""
    text = value if isinstance(value, str) else f"{value:.4g}"
    return text.replace("-", "−")


@figure
def receptive_field_cone(layers: Iterable[tuple[int, int]] = ((3, 1), (3, 1), (3, 1))) -> Figure:
    """The input pixels that one output depends on, through a stack of (kernel, stride) layers.

    One line of pixels a layer, the output on top and the input at the bottom, in input pixels.
    """
    layers = list(layers)
    field = receptive_field_of_stack(layers)
    jump = math.prod(stride for _, stride in layers)
    seen, lines = 1, [(f"layer {len(layers)}", 1, jump)]  # pixels seen, and how far apart in the input
    for depth, (kernel, stride) in reversed(list(enumerate(layers))):
        seen, jump = (seen - 1) * stride + kernel, jump // stride
        lines.append((f"layer {depth}" if depth else "input", seen, jump))
    picture, axes = canvas(min(0.3 * field + 2.2, 9), 0.6 * len(lines) + 0.3)
    above = 0.0
    for y, (name, count, jump) in enumerate(lines):
        reach = (count - 1) / 2 * jump + 0.42
        if y:
            axes.fill([-above, above, reach, -reach], [y - 0.7, y - 0.7, y - 0.3, y - 0.3], color=PALE)
        for i in range(count):
            corner = (i - (count - 1) / 2) * jump - 0.42, y - 0.3
            axes.add_patch(
                Rectangle(corner, 0.84, 0.6, facecolor=BLUE if y else ORANGE, edgecolor="k", linewidth=0.4)
            )
        axes.text(-field / 2 - 0.5, y, name, ha="right", va="center")
        axes.text(field / 2 + 0.5, y, f"{count} px", ha="left", va="center")
        above = reach
    axes.set(xlim=(-field / 2 - 3.5, field / 2 + 3), ylim=(len(lines) - 0.5, -0.5))
    axes.set_axis_off()
    return picture


@figure
def receptive_field_growth(networks: Sequence = ("alexnet", "vgg16", "mobilenet", "resnet50")) -> Figure:
    """The receptive field after each convolution and pooling layer.

    Args:
        networks: names, functional models, or stacks of (kernel, stride) pairs.
    """
    picture, axes = canvas(5.2, 3.4)
    for i, network in enumerate(networks):
        label, sizes = _growth(network)
        axes.plot(sizes, **series(i), markevery=-(-len(sizes) // 12), label=f"{label}: {sizes[-1]}")
    axes.set(xlabel="convolution and pooling layers from the input", ylabel="receptive field (input pixels)")
    axes.grid(axis="y")
    axes.legend(title="network: receptive field of its last map")
    return picture


def _growth(network) -> tuple[str, list[int]]:
    """A label, and the largest receptive field so far after every layer that has a window."""
    if not isinstance(network, str) and isinstance(network, Iterable):
        stack = list(network)
        sizes = [receptive_field_of_stack(stack[:depth]) for depth in range(len(stack) + 1)]
        return " + ".join(f"{k}×{k}" + (f"/{s}" if s > 1 else "") for k, s in stack), sizes
    from course import cost

    rows = cost.table(network)
    rows = rows[rows["kernel"] != 0]
    sizes = [max(map(int, str(size).split("x"))) for size in rows["receptive_field"]]
    label = network if isinstance(network, str) else network.name
    return label, [1, *np.maximum.accumulate(sizes).tolist()]


@figure
def dense_connectivity(layers: int = 5, growth: int = 32, start: int = 64) -> Figure:
    """A dense block: every layer reads all maps before it and appends `growth` of its own.

    `start` channels enter; the label on a layer's box says how many it reads.
    """
    picture, axes = canvas(1.25 * layers + 1.6, 0.42 * layers + 0.6)
    for target in range(1, layers + 1):
        for source in range(target):
            middle, rise = (source + target) / 2, 0.42 * (target - source - 1)
            steps = np.linspace(0, np.pi, 40)
            x = middle - (target - source) / 2 * np.cos(steps)
            axes.plot(x, rise * np.sin(steps), **series(source) | {"marker": ""}, linewidth=1.2, zorder=1)
    for layer in range(layers + 1):
        reads = start + (layer - 1) * growth
        text = f"{reads}\nto {growth}" if layer else f"{start}"
        axes.text(layer, 0, text, ha="center", va="center", fontsize=8, zorder=2,
                  bbox={"facecolor": "white", "edgecolor": COLOURS[layer % 7], "linewidth": 2})  # fmt: skip
        axes.text(layer, -0.55, f"layer {layer}" if layer else "input", ha="center", va="top")
    axes.annotate(f"{start + layers * growth}\nchannels", (layers + 0.85, 0), ha="center", va="center")
    axes.annotate("", (layers + 0.55, 0), (layers + 0.28, 0), arrowprops={"arrowstyle": "-|>"})
    axes.set(xlim=(-0.5, layers + 1.2), ylim=(-0.8, 0.42 * (layers - 1) + 0.1))
    axes.set_axis_off()
    return picture


@figure
def grouped_kernel(in_channels: int = 8, filters: int = 8, groups: int = 4) -> Figure:
    """A grouped convolution's kernel as a matrix of channels: weights in the blocks of the diagonal only."""
    picture, axes = canvas(0.26 * in_channels + 1.6, 0.26 * filters + 1.3)
    conv_params(1, in_channels, filters, groups=groups)  # raises where groups do not divide
    tall, wide = filters // groups, in_channels // groups
    for row in range(filters):
        for column in range(in_channels):
            group = row // tall
            inside = group == column // wide
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor=COLOURS[group % 7] if inside else "white",
                          hatch=HATCHES[group % 7] if inside else None, edgecolor="#AAAAAA", linewidth=0.6)
            )  # fmt: skip
    axes.set(xlim=(0, in_channels), ylim=(filters, 0), aspect="equal", xticks=[], yticks=[])
    axes.set(xlabel=f"{in_channels} input channels", ylabel=f"{filters} filters")
    axes.set_title(f"{groups} groups: 1/{groups} of the weights")
    return picture
