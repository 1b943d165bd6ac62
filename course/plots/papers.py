"""What papers report: the challenge's history, and the trade-offs that families of networks offer."""

from matplotlib.figure import Figure

import course
from course import cost, golden
from course.plots.results import CHALLENGE, COMPRESSION, HUMAN, MOBILENET
from course.plots.style import BLUE, COLOURS, GREEN, GREY, HATCHES, LINES, MARKERS, ORANGE, canvas, figure
from course.registry import facts


@figure
def imagenet_timeline() -> Figure:
    """Top-5 error of the ImageNet challenge's best entries, and how deep they are."""
    picture, (errors, depths) = canvas(6.6, 4.4, rows=2, sharex=True, height_ratios=(3, 2))
    labels = [f"{entry.name}\n{entry.year}" for entry in CHALLENGE]
    colours = [BLUE if entry.year >= 2012 else GREY for entry in CHALLENGE]
    bars = errors.bar(labels, [entry.top5 for entry in CHALLENGE], color=colours)
    errors.axhline(HUMAN, color="black", linestyle="--", linewidth=1)
    errors.bar_label(bars, [f"{entry.top5:g}" for entry in CHALLENGE], fontsize=8, padding=2,
                     bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip
    errors.annotate(f"a trained person: {HUMAN}", (len(labels) - 0.5, HUMAN), xytext=(0, 4), ha="right",
                    textcoords="offset points", fontsize=8)  # fmt: skip
    errors.set(ylabel="top-5 error (%)", ylim=(0, 32))
    bars = depths.bar(
        labels, [entry.layers or 0 for entry in CHALLENGE], color=ORANGE, hatch="///", edgecolor="white"
    )
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
        axes.plot(range(len(shapes)), errors, color=COLOURS[i], marker=MARKERS[i], linestyle=LINES[i],
                  label=f"{depth} layers, {golden.read()[names[0]]['macs'] / 1e9:.1f} G MACs")  # fmt: skip
    axes.set(xticks=range(len(shapes)), xticklabels=[shape.replace("x", " × ") for shape in shapes])
    axes.set(xlabel="cardinality × width of a group", ylabel="top-1 error (%)")
    axes.grid(axis="y")
    axes.legend()
    return picture


@figure
def densenet_against_resnet() -> Figure:
    """Single-crop top-1 error by parameters and by operations, both as the papers print them."""
    picture, all_axes = canvas(7.4, 3.1, columns=2, sharey=True)
    families = {
        "ResNet": ("resnet50", "resnet101", "resnet152"),
        "DenseNet": ("densenet121", "densenet169", "densenet201", "densenet264"),
    }
    for axes, column, unit, label in zip(
        all_axes,
        ("params", "macs"),
        (1e6, 1e9),
        ("parameters (millions)", "multiply-accumulates (billions)"),
        strict=True,
    ):
        for i, (family, names) in enumerate(families.items()):
            x = [golden.read()[name][column] / unit for name in names]
            y = [float(facts(name)["top1"]) for name in names]
            axes.plot(x, y, color=COLOURS[i], marker=MARKERS[i], linestyle=LINES[i], label=family)
            for name, *point in zip(names, x, y, strict=True):
                axes.annotate(name.removeprefix(family.lower()), point, xytext=(4, 4), textcoords="offset points",
                              fontsize=8)  # fmt: skip
        axes.set(xlabel=label)
        axes.grid()
    all_axes[0].set(ylabel="top-1 error (%)")
    all_axes[0].legend()
    return picture


@figure
def mobilenet_tradeoffs() -> Figure:
    """MobileNet's two multipliers: width costs operations and parameters, resolution operations only."""
    picture, all_axes = canvas(7.6, 3.3, columns=2, sharey=True)
    rows = []
    for alpha, size, accuracy in MOBILENET:
        model = course.build("mobilenet", shape=(size, size, 3), alpha=alpha, symbolic=True)
        total = cost.total(model)
        rows.append((alpha, size, accuracy, total.macs / 1e6, total.params / 1e6))
    for i, (label, chosen) in enumerate(
        (
            ("width multiplier at 224 pixels", [row for row in rows if row[1] == 224]),
            ("resolution at full width", [row for row in rows if row[0] == 1.0]),
            ("both", [row for row in rows if row[0] < 1 and row[1] < 224]),
        )
    ):
        for axes, column in zip(all_axes, (3, 4), strict=True):
            axes.plot([row[column] for row in chosen], [row[2] for row in chosen], color=COLOURS[i],
                      marker=MARKERS[i], linestyle=LINES[i], label=label)  # fmt: skip
    for alpha, size, accuracy, macs, params in rows:
        left = alpha < 1 and size == 224
        for axes, x in zip(all_axes, (macs, params), strict=True):
            axes.annotate(f"{alpha:g}, {size}", (x, accuracy), xytext=(-5, 4) if left else (6, -8), fontsize=7,
                          ha="right" if left else "left", textcoords="offset points")  # fmt: skip
    all_axes[0].set(
        xlabel="multiply-accumulates (millions)", ylabel="ImageNet top-1 accuracy (%)", xscale="log"
    )
    all_axes[0].set_xticks([50, 100, 200, 400], [50, 100, 200, 400])
    all_axes[0].set_xticks([], minor=True)
    all_axes[0].set_xlim(25, 1000)
    all_axes[1].set(xlabel="parameters (millions)", xlim=(-0.5, 5.2))
    all_axes[0].legend(loc="lower right", title="label: multiplier, pixels")
    for axes in all_axes:
        axes.grid()
    return picture


@figure
def compression_table() -> Figure:
    """Size of AlexNet and SqueezeNet after compression; the label gives top-1 accuracy."""
    picture, axes = canvas(6.4, 3.0)
    rows = COMPRESSION[::-1]
    labels = [f"{row.network}, {row.approach}" for row in rows]
    colours = [BLUE if row.network == "AlexNet" else GREEN for row in rows]
    hatches = ["" if row.network == "AlexNet" else "///" for row in rows]
    bars = axes.barh(labels, [row.megabytes for row in rows], color=colours, hatch=hatches, edgecolor="white")
    baseline = COMPRESSION[0].megabytes
    axes.bar_label(bars, [f" {row.megabytes:g} MB, {baseline / row.megabytes:.0f}×, {row.top1} %" for row in rows],
                   fontsize=8)  # fmt: skip
    axes.set(xscale="log", xlim=(0.2, 4000), xlabel="size of the weights (MB, logarithmic)")
    axes.set_title("size, reduction against AlexNet, top-1 accuracy")
    return picture
