"""What a paper prints of its network, beside what ours measures."""

import pandas as pd

from course import golden
from course.registry import facts

MEASURED = {"params": "parameters", "macs": "MACs"}
REPORTED = {
    "top1": "top-1 error, %",
    "top5": "top-5 error, %",
}  # the paper's training, nothing here repeats it


def summary(name: str) -> pd.DataFrame:
    """The paper's facts beside ours, one row a fact: as printed, ours exactly, and why they differ.

    Cells are strings, empty where nothing is printed or measured. Raises ValueError for an unknown name,
    with the nearest ones.
    """
    fact = facts(name)
    ours = golden.row(fact["name"])
    rows = {
        "title": (fact["title"], f"course/models/{fact['family']}.py", ""),
        "year": (str(fact["year"]), "", ""),
        **{
            label: (fact.get(key, ""), f"{ours[key]:,}", fact["note"].get(key, ""))
            for key, label in MEASURED.items()
        },
        **{
            label: (fact[key], "", fact["note"].get(key, ""))
            for key, label in REPORTED.items()
            if key in fact
        },
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["paper", "ours", "why they differ"])
    return table.rename_axis(columns=fact["name"])
