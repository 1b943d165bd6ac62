"""What papers report: the challenge's history, and the trade-offs that families of networks offer."""

from matplotlib.figure import Figure

import course
from course import cost, golden
from course.plots.results import CHALLENGE, COMPRESSION, HUMAN, MOBILENET
from course.plots.style import BLUE, GREEN, GREY, ORANGE, canvas, figure, note, series
from course.registry import facts


@figure
def imagenet_timeline() -> Figure:
    """Top-5 error of the ImageNet challenge's best entries, and how deep they are."""
    picture, (errors, depths) = canvas(6.6, 4.4, rows=2, sharex=True, height_ratios=(3, 2))
    labels = [f"{entry.name}\n{entry.year}" for entry in CHALLENGE]
    colours = [BLUE if entry.year >= 2012 else GREY for entry in CHALLENGE]
    bars = errors.bar(labels, [entry.top5 for entry in CHALLENGE], color=colours)
    errors.axhline(HUMAN, color="black", linestyle="--", linewidth=1)
    plate = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    errors.bar_label(bars, [f"{entry.top5:g}" for entry in CHALLENGE], fontsize=8, padding=2, bbox=plate)
    note(errors, f"a trained person: {HUMAN}", (len(labels) - 0.5, HUMAN), (0, 4), ha="right")
    errors.set(ylabel="top-5 error (%)", ylim=(0, 32))
    heights = [entry.layers or 0 for entry in CHALLENGE]
    bars = depths.bar(labels, heights, color=ORANGE, hatch="///", edgecolor="white")
    depths.bar_label(bars, [str(entry.layers or "–") for entry in CHALLENGE], fontsize=8)
    depths.set(ylabel="layers with weights", ylim=(0, 185))
    depths.tick_params(axis="x", labelsize=7.5)
    return picture


@figure
def cardinality_against_width() -> Figure:
    """ResNeXt at equal cost: more groups, each narrower, make fewer errors (its Table 3)."""
    shapes = ("1x64d", "2x40d", "4x24d", "8x14d", "32x4d")
    picture, axes = canvas(4.6, 3.2)
    for i, depth in enumerate((50, 101)):
        names = [f"resnext{depth}_{shape}" for shape in shapes]
        errors = [float(facts(name)["top1"]) for name in names]
        macs = [golden.read()[name]["macs"] / 1e9 for name in names]
        label = f"{depth} layers, {min(macs):.1f} to {max(macs):.1f} G MACs"
        axes.plot([shape.replace("x", " × ") for shape in shapes], errors, **series(i), label=label)
    axes.set(xlabel="cardinality × width of a group", ylabel="top-1 error (%)")
    axes.grid(axis="y")
    axes.legend()
    return picture


@figure
def densenet_against_resnet() -> Figure:
    """Single-crop top-1 error by parameters and by operations, as the papers print it."""
    families = {
        "ResNet": ("resnet50", "resnet101", "resnet152"),
        "DenseNet": ("densenet121", "densenet169", "densenet201", "densenet264"),
    }
    columns = (("params", 1e6, "parameters (millions)"), ("macs", 1e9, "multiply-accumulates (billions)"))
    picture, all_axes = canvas(7.4, 3.1, columns=2, sharey=True)
    for axes, (column, unit, label) in zip(all_axes, columns, strict=True):
        for i, (family, names) in enumerate(families.items()):
            x = [golden.read()[name][column] / unit for name in names]
            y = [float(facts(name)["top1"]) for name in names]
            axes.plot(x, y, **series(i), label=family)
            for name, *point in zip(names, x, y, strict=True):
                note(axes, name.removeprefix(family.lower()), point, (4, 4))
        axes.set(xlabel=label)
        axes.grid()
    all_axes[0].set(ylabel="top-1 error (%)")
    all_axes[0].legend()
    return picture


@figure
def mobilenet_tradeoffs() -> Figure:
    """MobileNet's two multipliers: width costs operations and parameters, resolution operations only."""
    rows = []
    for alpha, size, accuracy in MOBILENET:
        model = course.build("mobilenet", shape=(size, size, 3), alpha=alpha, symbolic=True)
        total = cost.total(model)
        rows.append((alpha, size, accuracy, total.macs / 1e6, total.params / 1e6))
    lines = {
        "width multiplier at 224 pixels": [row for row in rows if row[1] == 224],
        "resolution at full width": [row for row in rows if row[0] == 1],
        "both": [row for row in rows if row[0] < 1 and row[1] < 224],
    }
    picture, all_axes = canvas(7.6, 3.3, columns=2, sharey=True)
    for axes, column in zip(all_axes, (3, 4), strict=True):
        for i, (label, chosen) in enumerate(lines.items()):
            axes.plot([row[column] for row in chosen], [row[2] for row in chosen], **series(i), label=label)
        for alpha, size, accuracy, *costs in rows:
            beside = {"offset": (-5, 4), "ha": "right"} if alpha < 1 and size == 224 else {"offset": (6, -8)}
            note(axes, f"{alpha:g}, {size}", (costs[column - 3], accuracy), **beside)
        axes.grid()
    operations, parameters = all_axes
    operations.set(xlabel="multiply-accumulates (millions)", ylabel="ImageNet top-1 accuracy (%)")
    operations.set(xscale="log", xlim=(18, 1000))
    operations.set_xticks([50, 100, 200, 400], [50, 100, 200, 400])
    operations.set_xticks([], minor=True)
    operations.legend(loc="lower right", title="label: multiplier, pixels")
    parameters.set(xlabel="parameters (millions)", xlim=(-0.5, 5.2))
    return picture


@figure
def compression_table() -> Figure:
    """Size of AlexNet and SqueezeNet after compression, with top-1 accuracy (fourth lecture's table)."""
    picture, axes = canvas(6.4, 3.0)
    baseline = COMPRESSION[0].megabytes
    for row in reversed(COMPRESSION):
        look = {"color": BLUE} if row.network == "AlexNet" else {"color": GREEN, "hatch": "///"}
        bar = axes.barh(f"{row.network}, {row.approach}", row.megabytes, edgecolor="white", **look)
        text = f" {row.megabytes:g} MB, {baseline / row.megabytes:.0f}×, {row.top1} %"
        axes.bar_label(bar, [text], fontsize=8)
    axes.set(xscale="log", xlim=(0.2, 4000), xlabel="size of the weights (MB, logarithmic)")
    axes.set_title("size, reduction against AlexNet, top-1 accuracy")
    return picture
