"""Pictures of local response and batch normalisation: what is normalised by what, and what that does."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course.plots.style import BLACK, BLUE, GREY, HATCHES, ORANGE, PALE, canvas, figure, note

IMAGES, SIDE, CHANNELS = 2, 7, 5  # of the picture of neighbourhoods
PIXEL = (40, 0, 0, 0, 40, 100, 40, 0, 0, 0, 40)  # the channels of one pixel


@figure
def normalization_sets() -> Figure:
    """The numbers that one number is normalised by: in LRN across and within channels, and in BN.

    Each panel has the maps of two images, a column for each channel.
    """
    y, x, i = SIDE // 2, SIDE // 2, CHANNELS // 2
    across, within, batch = np.zeros((3, IMAGES, SIDE, SIDE, CHANNELS), int)
    across[0, y, x, i - 2 : i + 3] = 1
    within[0, y - 2 : y + 3, x - 2 : x + 3, i] = 1
    batch[..., i] = 1
    panels = {"LRN across channels, n = 5": across, "LRN within a channel, n = 5": within, "BN": batch}
    picture, all_axes = canvas(9, 1.9, columns=3)
    for axes, (title, shown) in zip(all_axes, panels.items(), strict=True):
        shown[0, y, x, i] = 2
        axes.imshow(_tiles(shown), cmap=ListedColormap(["white", PALE, ORANGE, BLACK]), vmin=-1, vmax=2)
        axes.set(title=title, xlabel="channels")
        axes.set_xticks([(SIDE + 1) * c + y for c in range(CHANNELS)], [f"c{c + 1}" for c in range(CHANNELS)])
        axes.set_yticks(
            [(SIDE + 1) * n + y for n in range(IMAGES)], [f"image {n + 1}" for n in range(IMAGES)]
        )
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return picture


def _tiles(values: np.ndarray) -> np.ndarray:
    """(N, H, W, C) as N rows of C maps, one after the other with a gap of -1."""
    framed = np.pad(values, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-1)
    rows = framed.transpose(0, 1, 3, 2).reshape(framed.shape[0] * framed.shape[1], -1)
    return rows[:-1, :-1]


@figure
def lateral_inhibition(
    n: int = 3, k: float = 1.0, alpha: float = 1e-3, beta: float = 0.75, pixel: Sequence[float] = PIXEL
) -> Figure:
    """The channels of one pixel before and after LRN across channels: the strong hold the next ones down."""
    before = np.asarray(pixel, float)
    index = np.arange(len(before))
    near = abs(index[:, None] - index) <= n // 2
    after = before / (k + alpha * near @ before**2) ** beta
    picture, all_axes = canvas(7.6, 2.4, columns=2)
    titles = "before", f"after, n = {n}, k = {k:g}, α = {alpha:.2g}, β = {beta:g}"
    for axes, values, title, colour in zip(all_axes, (before, after), titles, (BLUE, ORANGE), strict=True):
        axes.bar(index + 1, values, color=colour)
        axes.set(title=title, xlabel="channel", ylabel="activation")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
    return picture


@figure
def moving_statistics(momentum: float = 0.9, steps: int = 60) -> Figure:
    """A channel's mean, batch by batch, and the moving mean that follows it from 0.

    The channel's true mean is 3 at first and 1 from the middle on, as when the layers below learn.
    """
    step = np.arange(1, steps + 1)
    true = np.where(step <= steps // 2, 3.0, 1.0)
    batch = true + 0.4 * np.random.default_rng(0).standard_normal(steps)
    moving, value = [], 0.0
    for mean in batch:
        value = momentum * value + (1 - momentum) * mean
        moving.append(value)
    picture, axes = canvas(6, 2.6)
    axes.plot(step, true, color=GREY, linestyle=":", label="true mean")
    axes.plot(step, batch, ".", color=BLUE, label="mean of each batch")
    axes.plot(step, moving, color=ORANGE, label=f"moving mean, momentum {momentum:g}")
    axes.set(xlabel="training step", ylabel="mean of a channel", ylim=(-0.2, 4.6))
    axes.grid(axis="y")
    axes.legend(loc="upper right", ncols=3)
    return picture


STEPS = {  # figure 3 of the paper: steps to 72.2% in millions, and the best accuracy of each in percent
    "Inception": (31.0, 72.2),
    "BN-Baseline": (13.3, 72.7),
    "BN-x5": (2.1, 73.0),
    "BN-x30": (2.7, 74.8),
}


@figure
def steps_with_batch_normalization() -> Figure:
    """How many steps Inception takes to one accuracy, without and with BN (Ioffe and Szegedy 2015)."""
    picture, axes = canvas(6, 2.2)
    for i, (name, (steps, accuracy)) in enumerate(STEPS.items()):
        axes.barh(name, steps, color=BLUE if i == 0 else ORANGE, hatch=HATCHES[i > 0], edgecolor="white")
        note(axes, f"{steps:.1f} M, {accuracy:.1f}% at best", (steps, i), (4, -2))
    axes.invert_yaxis()
    axes.set(xlabel="training steps to 72.2% top-1 accuracy (millions)", xlim=(0, 42))
    return picture
