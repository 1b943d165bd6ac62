"""Compound scaling: what EfficientNet makes larger, what it costs, what it brings."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import course
from course import cost, golden
from course.plots.style import BLUE, GREEN, SKY, canvas, figure, series
from course.registry import facts


@figure
def compound_scaling(phi: float = 3) -> Figure:
    """EfficientNet-B0 made wider, deeper, sharper, and all three, with the operations that each costs.

    A box is a layer: its length the channels, its thickness the image. `phi` is the compound coefficient.
    """
    from course.models.efficientnet import compound_scaling as coefficients

    scale = coefficients(phi)
    variants = {
        "baseline": (1, 1, 1),
        "wider": (scale.width, 1, 1),
        "deeper": (1, scale.depth, 1),
        "higher resolution": (1, 1, scale.resolution),
        "compound": (scale.width, scale.depth, scale.resolution),
    }
    base = cost.total("efficientnet_b0").macs
    picture, axes = canvas(7.4, 3.2)
    for i, (label, (width, depth, resolution)) in enumerate(variants.items()):
        size = round(224 * resolution)
        model = course.build(
            "efficientnet_b0", shape=(size, size, 3), width=width, depth=depth, symbolic=True
        )
        x, y = 3.1 * i, 0.0
        for stage, channels in enumerate((0.8, 1.2, 1.7)):  # three stages stand for seven
            thickness = 0.34 * resolution * 0.8**stage
            for _ in range(round(2 * depth)):
                box = (x - channels * width / 2, y), channels * width, thickness
                axes.add_patch(
                    Rectangle(*box, facecolor=(SKY, BLUE, GREEN)[stage], edgecolor="black", linewidth=0.6)
                )
                y += thickness + 0.08
        axes.text(x, -0.35, label, ha="center", va="top", fontweight="bold")
        factors = (
            f"w {width:.2f}, d {depth:.2f}, r {resolution:.2f}\n{cost.total(model).macs / base:.2f} × MACs"
        )
        axes.text(x, -0.8, factors, ha="center", va="top", fontsize=8)
    axes.set(xlim=(-1.7, 14.1), ylim=(-1.9, 5.2))
    axes.set_axis_off()
    return picture


CURVES = {
    "EfficientNet B0 to B7": tuple(f"efficientnet_b{i}" for i in range(8)),
    "ResNet 50, 101, 152": ("resnet50", "resnet101", "resnet152"),
    "DenseNet 121, 169, 201, 264": ("densenet121", "densenet169", "densenet201", "densenet264"),
    "ResNeXt 50, 101": ("resnext50_32x4d", "resnext101_32x4d", "resnext101_64x4d"),
    "NASNet mobile, large": ("nasnet_mobile", "nasnet_large"),
    "Inception v2 to v4": ("inception_v2", "inception_v3", "inception_v4"),
}


@figure
def efficientnet_against_others() -> Figure:
    """Top-1 accuracy as the papers print it, against operations, for families that scale."""
    picture, axes = canvas(7.2, 3.6)
    for i, (label, names) in enumerate(CURVES.items()):
        macs = [golden.read()[name]["macs"] / 1e9 for name in names]
        accuracy = [100 - float(facts(name)["top1"]) for name in names]
        axes.plot(macs, accuracy, **series(i), label=label)
    axes.set(xscale="log", xlabel="multiply-accumulates of one image (billions)", ylabel="top-1 accuracy (%)")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid()
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return picture
