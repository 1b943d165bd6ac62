"""What a bottleneck costs, against how narrow it is."""

import numpy as np
from matplotlib.figure import Figure

from course.cost.arithmetic import bottleneck_macs, conv_macs
from course.errors import check_positive_integer
from course.plots.style import BLACK, BLUE, ORANGE, canvas, figure


@figure
def reduction_width(
    size: int = 28, kernel: int = 5, in_channels: int = 192, filters: int = 32, width: int = 16
) -> Figure:
    """Work of a convolution after a 1x1 reduction to 1, 2, … channels, beside that without a reduction.

    By default the 5x5 branch of GoogLeNet's inception 3a on the fifth lecture's slide, 16 channels wide.
    Arguments as in `course.cost.arithmetic.bottleneck_macs`; raises ValueError below 1.
    """
    check_positive_integer("width", width)
    direct = conv_macs(size, kernel, in_channels, filters)
    widths = np.arange(1, max(in_channels, width) + 1)
    reduction = np.array([conv_macs(size, 1, in_channels, int(each)) for each in widths])
    large = np.array([conv_macs(size, kernel, int(each), filters) for each in widths])
    macs = bottleneck_macs(size, in_channels, width, filters, kernel)
    picture, axes = canvas(6.4, 3.2)
    axes.stackplot(
        widths, reduction / 1e6, large / 1e6, colors=(ORANGE, BLUE), alpha=0.75,
        labels=("1×1 reduction", f"{kernel}×{kernel} on its output"),
    )  # fmt: skip
    axes.axhline(direct / 1e6, color=BLACK, linestyle="--", label=f"{kernel}×{kernel} without reduction")
    axes.plot([width, width], [0, macs / 1e6], ":o", color=BLACK, markevery=[1])
    times = f"{direct / macs:.1f} times less" if macs < direct else "no saving"
    axes.set(title=f"{width} channels: {macs / 1e6:,.1f} M instead of {direct / 1e6:,.1f} M, {times}")
    axes.set(xlabel="channels after the reduction", ylabel="multiply-accumulates (millions)")
    axes.set(xlim=(1, widths[-1]), ylim=(0, 1.3 * (reduction + large).max() / 1e6))
    axes.legend(loc="upper left")
    return picture
