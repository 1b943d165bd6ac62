"""The cost table as the first lecture prints it, with the exact figures beside the rounded ones."""

import keras
import pandas as pd

from course.cost.table import resolve, table, total

SHOWN = (
    "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense", "Flatten",
    "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
)  # fmt: skip


def lecture(model: keras.Model | str, shape: tuple[int, int, int] | None = None) -> pd.DataFrame:
    """Convolution, pooling and dense layers as the first lecture's AlexNet table has them.

    Memory in KB of 1024 bytes, params in thousands, flop in millions, all rounded as there; pooling
    counts kernel² operations an output; then the exact counts. The last row is the whole network's
    total: memory of every layer that keeps values, parameters, operations.

    Raises:
        ValueError: as `course.cost.table` does.
    """
    model = resolve(model, shape)
    rows = table(model)
    rows = rows[rows["kind"].isin(SHOWN)]
    sums = total(model)
    flop = rows["macs"] + rows["other"]
    page = pd.DataFrame(
        {
            "layer": rows["name"],
            "in C": rows["in_c"],
            "in H/W": rows["in_h"],
            "filters": rows["filters"],
            "kernel": rows["kernel"],
            "stride": rows["stride"],
            "pad": rows["pad"],
            "out C": rows["out_c"],
            "out H/W": rows["out_h"],
            "memory (KB)": (rows["bytes"] / 1024).round().astype(int),
            "params (k)": (rows["params"] / 1e3).round().astype(int),
            "flop (M)": (flop / 1e6).round().astype(int),
            "bytes": rows["bytes"],
            "params": rows["params"],
            "flop": flop,
        }
    )
    page.loc[len(page)] = [
        "total", *[0] * 8,
        round(sums.bytes / 1024), round(sums.params / 1e3), round(flop.sum() / 1e6),
        sums.bytes, sums.params, flop.sum(),
    ]  # fmt: skip
    return page.reset_index(drop=True)
