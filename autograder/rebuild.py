"""Rebuilds a student's model in the judge from its configuration alone, and measures what it is.

None of the student's code runs here: a configuration may name Keras's and the course's own classes only.
"""

import re
from collections.abc import Iterator

import numpy as np

ALLOWED = re.compile(
    r"keras(\.(layers|models|initializers|regularizers|constraints|activations|src\.[\w.]+))?|builtins"
)
REFUSED = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"}  # layers that carry code
PLAIN = {"str", "int", "float", "bool", "list", "dict", "tuple"}  # of builtins


class NotRebuildableError(ValueError):
    """A configuration that is no functional model of Keras's and the course's layers."""


def describe(configuration: dict, image: list[int], seed: int, deviation: float = 1.0) -> dict:
    """What can be compared of two models that were built in different ways.

    Args:
        configuration: as `probe.model` sends it.
        image: shape of the image (height, width, channels) that `output` is computed on.
        seed: for that image and for the weights; the same in any model with the same layers.
        deviation: of the image's values, whose mean is 0; a large one shows what LRN does.

    Returns:
        {"parameters", "MACs", "layers": each that costs something as text, sorted, "output": array}.
        Layers that cost nothing (activations, additions, padding) show in the output alone.

    Raises:
        NotRebuildableError: for anything that is not a functional model of known layers.
    """
    import keras

    from course.cost import table

    images = np.random.default_rng(seed).normal(0, deviation, (2, *image)).astype("float32")
    with keras.device("cpu"):  # some GPUs round to 10 bits
        rebuilt = rebuild(configuration)
        costs = table(rebuilt)
        _transplant(rebuilt, seed)
        output = keras.ops.convert_to_numpy(rebuilt(images, training=False))
    return {
        "parameters": int(costs["params"].sum()),
        "MACs": int(costs["macs"].sum()),
        "layers": sorted(_line(row) for row in costs.to_dict("records") if _costs(row)),
        "output": output,
    }


def rebuild(configuration: dict):
    """The keras.Model of a configuration. Raises NotRebuildableError."""
    import keras

    import course.layers  # registers its layers  # noqa: F401

    for part in _parts(configuration):
        module, name = part.get("module"), part.get("class_name")
        if name == "__keras_tensor__":  # an edge of the graph
            continue
        registered = str(part.get("registered_name") or "")
        ours = registered.startswith("course>") and str(module).startswith("course.")
        allowed = isinstance(module, str) and ALLOWED.fullmatch(module) and name not in REFUSED
        if not ours and not (allowed and (module != "builtins" or name in PLAIN)):
            raise NotRebuildableError(
                f"The model uses {name}, which is neither Keras's nor the course's: use their layers alone."
            )
    try:
        made = keras.saving.deserialize_keras_object(configuration, safe_mode=True)
    except Exception as error:
        raise NotRebuildableError(
            f"The model cannot be rebuilt: {str(error).splitlines()[0][:200]}"
        ) from None
    if not isinstance(made, keras.Model) or not getattr(made, "outputs", None):
        raise NotRebuildableError("The model has no graph: build it with keras.Model(inputs, outputs).")
    return made


def _parts(configuration) -> Iterator[dict]:
    """Every object in a configuration that Keras would look up by module and class."""
    if isinstance(configuration, dict):
        if "class_name" in configuration:
            yield configuration
        for value in configuration.values():
            yield from _parts(value)
    elif isinstance(configuration, list):
        for value in configuration:
            yield from _parts(value)


def _transplant(model, seed: int) -> None:
    """Give every weight values that depend on its shape and its rank among those, in graph order."""
    from course.cost.graph import walk

    ranks: dict[tuple, int] = {}
    layers = dict.fromkeys(node.operation for node in walk(model) if hasattr(node.operation, "weights"))
    for layer in layers:
        for weight in layer.weights:
            rank = ranks[shape] = ranks.get(shape := (*weight.shape, weight.name), -1) + 1
            values = np.random.default_rng([seed, rank, *weight.shape]).normal(size=weight.shape) / 10
            positive = "variance" in weight.name or weight.name == "gamma"  # so that signals pass
            weight.assign(np.abs(values) + 0.5 if positive else values)


def _costs(row: dict) -> bool:
    return bool(row["params"] or row["non_trainable"] or row["macs"] or row["kernel"])


def _line(row: dict) -> str:
    out = f"{row['out_h']}x{row['out_w']}x{row['out_c']}"
    window = f" {row['kernel']}x{row['kernel']}/{row['stride']} pad {row['pad']}" if row["kernel"] else ""
    groups = f" groups {row['groups']}" if row["groups"] != 1 else ""
    return f"{row['kind']}{window}{groups} -> {out}, {row['params']:,} parameters"
