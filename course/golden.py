"""The golden table: what every architecture measures, for listings and for the tests that recompute it.

`python -m course.golden` rewrites golden.json, one architecture a line. Reading it needs no Keras.
"""

import fnmatch
import json
from collections import Counter
from pathlib import Path

TABLE = Path(__file__).with_name("golden.json")


def read() -> dict[str, dict]:
    """The table: name -> family, year, top5 (as printed, or None), and what `measure` counts."""
    return json.loads(TABLE.read_text())


def models(pattern: str = "*") -> list[dict]:
    """One row an architecture whose name matches the shell-style pattern, its name under "name"."""
    return [{"name": name, **row} for name, row in read().items() if fnmatch.fnmatch(name, pattern)]


def measure(model) -> dict:
    """What one model measures: params (trainable), non_trainable, macs, output shape, layers by kind.

    A symbolic build measures the same as a real one. Raises TypeError for a layer that no rule counts.
    """
    from course.cost import total

    costs = total(model)
    return {
        "params": costs.params,
        "non_trainable": costs.non_trainable,
        "macs": costs.macs,
        "output": list(model.output_shape[1:]),
        "layers": dict(sorted(Counter(type(layer).__name__ for layer in model.layers).items())),
    }


def row(name: str) -> dict:
    """The line of one architecture, from its paper's facts and its symbolic build."""
    from course.building import build
    from course.registry import facts

    printed = facts(name)
    about = {"family": printed["family"], "year": printed["year"], "top5": printed.get("top5")}
    return about | measure(build(name, symbolic=True))


def write() -> None:
    """Rebuild every architecture and write the table."""
    from course.registry import names

    lines = [f"{json.dumps(name)}: {json.dumps(row(name))}" for name in names()]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write()
