"""What layers and networks cost: bars by layer, two networks side by side, bubbles."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from course import cost, golden
from course.cost.counting import VIEWS
from course.plots.style import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    HATCHES,
    LINES,
    MARKERS,
    ORANGE,
    RED,
    canvas,
    figure,
)
from course.registry import facts

# column of the cost table, title, unit, divisor
QUANTITIES = (
    ("bytes", "memory of the output", "KiB", 1024),
    ("params", "parameters", "thousands", 1e3),
    ("macs", "multiply-accumulates", "millions", 1e6),
)


@figure
def cost_bars(model: keras.Model | str = "alexnet") -> Figure:
    """Memory, parameters and multiply-accumulates of each layer, as the first lecture draws AlexNet's."""
    rows = _counted(model)
    picture, all_axes = canvas(9, 3.1, columns=3)
    for axes, (column, title, unit, divisor), colour, hatch in zip(
        all_axes, QUANTITIES, (BLUE, ORANGE, GREEN), HATCHES, strict=False
    ):
        axes.bar(
            rows["name"], rows[column] / divisor, color=colour, hatch=hatch, edgecolor="white", linewidth=0
        )
        axes.set(title=title, ylabel=unit)
        _name_layers(axes, rows["name"])
    return picture


@figure
def cost_comparison(first: keras.Model | str = "alexnet", second: keras.Model | str = "vgg16") -> Figure:
    """Two networks side by side, stage by stage: all layers at one size of map, then the dense ones."""
    picture, all_axes = canvas(9, 3.1, columns=3)
    both = [(_label(model), _by_stage(_counted(model))) for model in (first, second)]
    for axes, (column, title, unit, divisor) in zip(all_axes, QUANTITIES, strict=True):
        stages = list(dict.fromkeys(stage for _, rows in both for stage in rows.index))
        stages.sort(key=_stage_order)
        for i, (label, rows) in enumerate(both):
            heights = rows[column].reindex(stages, fill_value=0) / divisor
            total = rows[column].sum() / divisor
            axes.bar(np.arange(len(stages)) + 0.4 * i - 0.2, heights, 0.4, color=(BLUE, ORANGE)[i], hatch=HATCHES[i],
                     edgecolor="white", linewidth=0, label=f"{label}: {total:,.0f} in all")  # fmt: skip
        axes.set(
            title=title, ylabel=unit, xticks=range(len(stages)), xticklabels=stages, xlabel="size of the maps"
        )
        axes.tick_params(axis="x", rotation=60)
        axes.set_ylim(top=1.25 * axes.get_ylim()[1])
        axes.legend(loc="upper left")
    return picture


def _counted(model: keras.Model | str) -> pd.DataFrame:
    """The layers that keep values and do work or pool: no activation and no normalisation."""
    rows = cost.table(model)
    return rows[~rows["kind"].isin(VIEWS) & ((rows["macs"] > 0) | (rows["other"] > 0))]


def _by_stage(rows: pd.DataFrame) -> pd.DataFrame:
    """Sums over the layers whose output has one size; a vector comes last, as "dense"."""
    size = np.where(rows["out_h"] > 1, rows["out_h"].astype(str), "dense")
    return rows.groupby(size)[["bytes", "params", "macs"]].sum()


def _stage_order(stage: str) -> int:
    return 0 if stage == "dense" else -int(stage)


def _label(model: keras.Model | str) -> str:
    return model if isinstance(model, str) else model.name


def _name_layers(axes, names: Sequence[str]) -> None:
    """A name under every bar, or under every n-th of a deep network."""
    every = -(-len(names) // 24)
    axes.set_xticks(range(0, len(names), every), list(names)[::every], rotation=90)


BUBBLES = (
    "alexnet_2012", "vgg16", "vgg19", "inception_v2", "inception_v3", "inception_v4", "resnet50", "resnet101",
    "resnet152", "resnext101_64x4d", "densenet121", "densenet201", "xception", "senet154", "nasnet_large",
    "squeezenet", "mobilenet", "mobilenet_v2", "mobilenet_v3_large", "shufflenet_v2_x1_0", "efficientnet_b0",
    "efficientnet_b3", "efficientnet_b7",
)  # fmt: skip


@figure
def accuracy_against_operations(names: Sequence[str] = BUBBLES) -> Figure:
    """Top-1 accuracy as each paper prints it, against operations; the area of a bubble is the parameters.

    After Canziani, Paszke and Culurciello 2017. Raises ValueError for a network without a printed error.
    """
    picture, axes = canvas(7.4, 4.6)
    measured = golden.read()
    for name in names:
        fact = facts(name)
        if "top1" not in fact:
            raise ValueError(f"No top-1 error of {name} is printed in its paper.")
        row = measured[fact["name"]]
        x, y, m = row["macs"] / 1e9, 100 - float(fact["top1"]), row["params"] / 1e6
        colour = COLOURS[(fact["year"] - 2012) % 7]
        axes.scatter(x, y, s=5 * m, color=colour, alpha=0.45, edgecolor="black", linewidth=0.6)
        axes.annotate(name, (x, y), fontsize=6.5, ha="center", va="center")
    for millions in (5, 50, 150):
        axes.scatter(
            [], [], s=5 * millions, color="white", edgecolor="black", label=f"{millions} M parameters"
        )
    axes.set(xscale="log", xlabel="multiply-accumulates of one image (billions)", ylabel="top-1 accuracy (%)")
    axes.grid()
    axes.legend(loc="lower right", labelspacing=1.6, borderpad=1)
    return picture
