"""What layers and networks cost: bars by layer, two networks side by side, bubbles."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from course import cost, golden
from course.cost.counting import VIEWS
from course.plots.style import BLUE, GREEN, HATCHES, ORANGE, YELLOW, canvas, figure, spread_labels
from course.registry import facts

TITLES = ("memory of the outputs", "parameters", "multiply-accumulates")


@figure
def cost_bars(model: keras.Model | str = "alexnet") -> Figure:
    """Memory, parameters and multiply-accumulates of each layer, as the first lecture draws AlexNet's."""
    rows = _counted(model)
    picture, all_axes = canvas(9, 3.1, columns=3)
    for i, (axes, title) in enumerate(zip(all_axes, TITLES, strict=True)):
        column, unit, divisor = (
            ("bytes", "KiB", 1024),
            ("params", "thousands", 1e3),
            ("macs", "millions", 1e6),
        )[i]
        axes.bar(rows["name"], rows[column] / divisor, color=(BLUE, ORANGE, GREEN)[i], hatch=HATCHES[i],
                 edgecolor="white", linewidth=0)  # fmt: skip
        axes.set(title=title, ylabel=unit)
        every = -(-len(rows) // 24)  # a name under every bar, or under some of a deep network's
        axes.set_xticks(range(0, len(rows), every), rows["name"][::every], rotation=90)
    return picture


@figure
def cost_comparison(first: keras.Model | str = "alexnet", second: keras.Model | str = "vgg16") -> Figure:
    """Two networks side by side, summed over the layers with maps of about one size, then the dense ones."""
    both = [(_label(model), _by_size(_counted(model))) for model in (first, second)]
    sizes = sorted({size for _, rows in both for size in rows.index}, reverse=True)
    units = (("bytes", "MiB", 2**20), ("params", "millions", 1e6), ("macs", "millions", 1e6))
    picture, all_axes = canvas(9, 3.1, columns=3)
    for axes, title, (column, unit, divisor) in zip(all_axes, TITLES, units, strict=True):
        for i, (label, rows) in enumerate(both):
            values = rows[column].reindex(sizes, fill_value=0) / divisor
            total = values.sum()
            label = f"{label}, {total:,.{0 if total > 100 else 1}f} in all"
            axes.bar(np.arange(len(sizes)) + 0.4 * i - 0.2, values, 0.4, label=label, color=(BLUE, ORANGE)[i],
                     hatch=HATCHES[i], edgecolor="white", linewidth=0)  # fmt: skip
        names = [f"{7 * 2 ** (size - 3)}" if size else "dense" for size in sizes]
        axes.set_xticks(range(len(sizes)), names, rotation=60)
        axes.set(
            title=title, ylabel=unit, xlabel="size of the maps, about", ylim=(0, 1.3 * axes.get_ylim()[1])
        )
        axes.legend(loc="upper left")
    return picture


def _counted(model: keras.Model | str) -> pd.DataFrame:
    """The layers that keep values and do work or pool: no activation and no normalisation."""
    rows = cost.table(model)
    return rows[~rows["kind"].isin(VIEWS) & ((rows["macs"] > 0) | (rows["other"] > 0))]


def _by_size(rows: pd.DataFrame) -> pd.DataFrame:
    """Sums over the layers whose maps have about one size, by its logarithm: 13 and 14 are both 4.

    Vectors come under 0.
    """
    return rows.groupby(np.log2(rows["out_h"]).round().astype(int))[["bytes", "params", "macs"]].sum()


def _label(model: keras.Model | str) -> str:
    return model if isinstance(model, str) else model.name


BUBBLES = (
    "alexnet_2012", "vgg16", "vgg19", "inception_v2", "inception_v3", "inception_v4", "resnet50", "resnet101",
    "resnet152", "resnext101_64x4d", "densenet121", "densenet201", "xception", "senet154", "nasnet_large",
    "squeezenet", "mobilenet", "mobilenet_v2", "mobilenet_v3_large", "shufflenet_v2_x1_0", "efficientnet_b0",
    "efficientnet_b3", "efficientnet_b7",
)  # fmt: skip


# year of the paper until which a colour goes, dark to light
PERIODS = {2014: BLUE, 2016: GREEN, 2018: ORANGE, 2020: YELLOW}


@figure
def accuracy_against_operations(names: Sequence[str] = BUBBLES) -> Figure:
    """Top-1 accuracy as each paper prints it, against operations; the area of a bubble is the parameters.

    After Canziani, Paszke and Culurciello 2017. Raises ValueError for a network without a printed error.
    """
    picture, axes = canvas(7.4, 4.8)
    measured = golden.read()
    labels = []
    for name in names:
        fact = facts(name)
        if "top1" not in fact:
            raise ValueError(f"The paper prints no top-1 error of {name}.")
        row = measured[fact["name"]]
        x, y, size = row["macs"] / 1e9, 100 - float(fact["top1"]), 4 * row["params"] / 1e6
        colour = next(colour for year, colour in PERIODS.items() if fact["year"] <= year)
        axes.scatter(x, y, s=size, color=colour, alpha=0.6, edgecolor="black", linewidth=0.6)
        labels.append((name.replace("_", " "), x, y, size))
    for millions in (5, 50, 150):
        axes.scatter(
            [], [], s=4 * millions, color="white", edgecolor="black", label=f"{millions} M parameters"
        )
    for year, colour in PERIODS.items():
        axes.scatter([], [], s=40, color=colour, edgecolor="black", linewidth=0.6, label=f"until {year}")
    axes.set(xscale="log", xlabel="multiply-accumulates of one image (billions)", ylabel="top-1 accuracy (%)")
    axes.set(xlim=(0.08, 80), ylim=(55, 87))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid()
    axes.legend(loc="lower right", labelspacing=1.4, borderpad=1)
    spread_labels(axes, labels)
    return picture
