"""Pictures of two parts of AlexNet's recipe: pooling windows that overlap, a rate that drops at plateaus."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course.errors import check_positive_integer
from course.plots.style import BLUE, GREEN, ORANGE, PALE, canvas, figure

CEILINGS = (0.40, 0.52, 0.57, 0.59)  # where the made-up accuracy below would end, by how often the rate fell


@figure
def pooling_windows(window: int = 3, stride: int = 2, size: int = 11) -> Figure:
    """The windows of a pooling layer along one row of pixels, and which pixels more than one of them sees.

    Without padding, as AlexNet has it. Raises ValueError for arguments below 1 and windows that do not fit.
    """
    for name, value in {"window": window, "stride": stride, "size": size}.items():
        check_positive_integer(name, value)
    if window > size:
        raise ValueError(f"window={window} does not fit into size={size} pixels.")
    starts = np.arange(0, size - window + 1, stride)
    seen = np.zeros(size, int)
    for start in starts:
        seen[start : start + window] += 1
    picture, axes = canvas(6, 0.24 * len(starts) + 1.1)
    for pixel in np.flatnonzero(seen > 1):
        axes.axvspan(pixel + 0.5, pixel + 1.5, color=PALE)
    for row, start in enumerate(starts, start=1):
        axes.barh(row, window, 0.6, left=start + 0.5, color=BLUE if row % 2 else ORANGE)
    axes.set(
        title=f"window {window}, stride {stride}: {size} pixels give {len(starts)}, "
        f"{(seen > 1).sum()} pixels are in more than one window",
        xlabel="pixel", ylabel="output", xlim=(0.5, size + 0.5), ylim=(len(starts) + 0.6, 0.4),
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return picture


@figure
def plateau_schedule(patience: int = 5, factor: float = 0.1, times: int = 3, epochs: int = 90) -> Figure:
    """A learning rate that is divided whenever the validation accuracy has not got better for some epochs.

    The accuracy is made up: it trembles, and creeps up to a ceiling that is higher at a smaller rate, which
    is what a drop brings, but it creeps more slowly there.
    """
    from course.training.schedules import Plateau

    schedule = Plateau(0.01, factor, patience, times)
    random, level, accuracies, rates = np.random.default_rng(4), 0.05, [], []
    for epoch in range(epochs):
        rates.append(schedule(epoch, accuracies))
        drops = round(np.log(rates[-1] / schedule.rate) / np.log(factor))
        level += (0.22, 0.12, 0.06, 0.03)[min(drops, 3)] * (CEILINGS[min(drops, 3)] - level)
        accuracies.append(level + 0.012 * 0.5**drops * random.standard_normal())
    epoch = np.arange(1, epochs + 1)
    picture, (upper, lower) = canvas(6, 3.2, 2, sharex=True, height_ratios=(2, 1))
    upper.plot(epoch, accuracies, color=BLUE, label="validation accuracy (made up)")
    upper.plot(epoch, np.maximum.accumulate(accuracies), ":", color=GREEN, label="best so far")
    lower.step(epoch, rates, where="mid", color=ORANGE)
    for drop in epoch[1:][np.diff(rates) < 0]:
        for axes in (upper, lower):
            axes.axvline(drop - 0.5, color=PALE, zorder=0)
    upper.set(
        ylabel="accuracy", title=f"patience {patience}: best accuracy {max(accuracies):.3f}", ylim=(0, 0.65)
    )
    lower.set(xlabel="epoch", ylabel="learning rate", yscale="log", ylim=(5e-6, 2e-2))
    upper.legend(loc="lower right")
    return picture
