"""The cost table as the first lecture prints it, with the exact figures beside the rounded ones."""

import keras
import pandas as pd
from keras import layers as L

from course.cost.counting import sums, table
from course.cost.rules import GLOBAL_POOLING, TRANSPOSED, WINDOWED

SHOWN = (*WINDOWED, *TRANSPOSED, *GLOBAL_POOLING, L.Dense, L.Flatten)


def lecture(model: keras.Model | str, shape: tuple[int, int, int] | None = None) -> pd.DataFrame:
    """Convolution, pooling and dense layers as the first lecture's AlexNet table has them.

    Memory in KB of 1024 bytes, params in thousands, flop in millions, rounded as there; pooling counts
    kernel² operations an output; then the exact counts. Cells are empty where the slide's are. The last row
    is the whole network's total: memory of every layer that keeps values, parameters, operations.

    Raises:
        ValueError, TypeError: as `course.cost.table` does.
    """
    rows = table(model, shape)
    whole = sums(rows)
    rows = rows[rows["kind"].isin([kind.__name__ for kind in SHOWN])]
    has_window, is_map = rows["kernel"] != 0, rows["in_h"] > 1
    page = pd.DataFrame(
        {
            "layer": rows["name"],
            "in C": rows["in_c"],
            "in H/W": _side(rows["in_h"], rows["in_w"]).where(is_map, ""),
            "filters": rows["filters"].astype(object).where(rows["filters"] > 0, ""),
            "kernel": rows["kernel"].astype(object).where(has_window, ""),
            "stride": rows["stride"].astype(object).where(has_window, ""),
            "pad": rows["pad"].astype(object).where(has_window, ""),
            "out C": rows["out_c"],
            "out H/W": _side(rows["out_h"], rows["out_w"]).where(is_map & (rows["kind"] != "Flatten"), ""),
            "memory (KB)": _round(rows["bytes"] / 1024),
            "params (k)": _round(rows["params"] / 1e3),
            "flop (M)": _round((rows["macs"] + rows["other"]) / 1e6),
            "bytes": rows["bytes"],
            "params": rows["params"],
            "flop": rows["macs"] + rows["other"],
        }
    )
    flop = page["flop"].sum()
    rounded = [round(whole.bytes / 1024), round(whole.params / 1e3), round(flop / 1e6)]
    last = ["total", *[""] * 8, *rounded, whole.bytes, whole.params, flop]
    return pd.concat([page, pd.DataFrame([last], columns=page.columns)], ignore_index=True)


def _side(height: pd.Series, width: pd.Series) -> pd.Series:
    """One number where the map is square, else "HxW"."""
    both = height.astype(str) + "x" + width.astype(str)
    return height.astype(object).where(height == width, both)


def _round(values: pd.Series) -> pd.Series:
    return values.round().astype(int)
