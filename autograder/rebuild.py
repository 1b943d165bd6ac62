"""Rebuilds a student's model in the judge from its configuration alone, and measures what it is.

None of the student's code runs here: a configuration may name Keras's and the course's own classes only.
"""

import copy
import json
import re
from collections.abc import Iterator

import numpy as np

ALLOWED = re.compile(  # module:class
    r"keras(\.(layers|models|initializers|regularizers|constraints|activations|src\.[\w.]+))?:\w+"
    r"|builtins:(str|int|float|bool|list|dict|tuple)"
    r"|None:__keras_tensor__"  # an edge of the graph
)
REFUSED = {
    *("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"),  # layers that carry code
    *("StringLookup", "IntegerLookup", "TextVectorization"),  # and that read files
}
LARGEST = 20_000_000_000  # multiply-accumulates of one image that a model may take
MOST = 250_000_000  # weights, and numbers that its layers give for one image, together


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
        {"parameters", "MACs", "layers": each that costs something as text, sorted, "output": array,
        "dropout": a text each, or one that says that there is none; the output does not show it}. Other
        layers that cost nothing (activations, additions, padding) show in the output alone, which is
        computed in double precision and rounded to single, so that it is the same on every machine.

    Raises:
        NotRebuildableError: for anything that is not a functional model of known layers, of moderate cost.
    """
    from course.cost import table

    images = np.random.default_rng(seed).normal(0, deviation, (2, *image)).astype("float32")
    rebuilt = rebuild(json.loads(json.dumps(configuration).replace('"float32"', '"float64"')))
    costs = table(rebuilt)
    _transplant(rebuilt, seed)
    output = rebuilt(images.astype("float64"), training=False).numpy()
    return {
        "parameters": int(costs["params"].sum()),
        "MACs": int(costs["macs"].sum()),
        "layers": sorted(_line(row) for row in costs.to_dict("records") if _costs(row)),
        "output": output.astype("float32"),
        "dropout": dropouts(rebuilt) or ["no dropout"],
    }


def rebuild(configuration: dict, most: int = LARGEST, images: int = 1):
    """The functional keras.Model of a configuration.

    It is built without weights first: what is too large takes no memory.

    Args:
        most: multiply-accumulates that the images may take.
        images: how many it is to be tried on, in all epochs together.

    Raises:
        NotRebuildableError: for anything that is not a functional model of known layers, or too large.
    """
    import course.layers  # registers its layers  # noqa: F401
    from course.building import symbolic_scope
    from course.cost import total

    check_known(configuration)
    with symbolic_scope():
        cost = total(_made(configuration))
    macs, numbers = cost.macs * images, cost.params + cost.non_trainable + cost.bytes // 4
    if macs > most or numbers > MOST:
        raise NotRebuildableError(
            f"The model is too large: {macs:,} multiply-accumulates (images: {images:,}), {numbers:,} "
            f"weights and outputs of layers; up to {most:,} and {MOST:,} are tried here."
        )
    return _made(configuration)


def check_known(configuration: dict) -> None:
    """Raise NotRebuildableError where a configuration names what is neither Keras's nor the course's."""
    for part in _parts(configuration):
        name, module = str(part["class_name"]), str(part.get("module"))
        ours = module.startswith("course.") and str(part.get("registered_name")).startswith("course>")
        if not ours and not (ALLOWED.fullmatch(f"{module}:{name}") and name not in REFUSED):
            raise NotRebuildableError(
                f"It uses {name}, which is neither Keras's nor the course's: use their layers alone."
            )


def _made(configuration: dict):
    import keras

    try:
        made = keras.saving.deserialize_keras_object(copy.deepcopy(configuration), safe_mode=True)
    except Exception as error:
        raise NotRebuildableError(
            f"The model cannot be rebuilt: {str(error).splitlines()[0][:200]}"
        ) from None
    if not isinstance(made, keras.Model) or not getattr(made, "outputs", None):
        raise NotRebuildableError("The model has no graph: build it with keras.Model(inputs, outputs).")
    if isinstance(made, keras.Sequential):  # has no output before it is called
        made = keras.Model(made.inputs[0], made.outputs[0])
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


def dropouts(model) -> list[str]:
    """Each dropout layer as text: how much it drops of what. Layers with weights count from 1."""
    from keras.layers import AlphaDropout, Dropout, GaussianDropout

    from course.cost.graph import walk

    found, count = [], 0
    origins: dict[int, str] = {}  # id of a tensor -> the last layer with weights on the way to it
    nodes = walk(model)  # keeps the tensors alive, and so their ids
    for node in nodes:
        origin = origins.get(id(node.inputs[0]), "the input") if node.inputs else "the input"
        if getattr(node.operation, "weights", ()):
            count += 1
            origin = f"layer {count}"
        if isinstance(node.operation, (AlphaDropout, Dropout, GaussianDropout)) and node.operation.rate:
            kind = type(node.operation).__name__
            found.append(f"{kind} of {node.operation.rate:g} after {origin}")
        origins.update((id(output), origin) for output in node.outputs)
    return sorted(found)


def _costs(row: dict) -> bool:
    return bool(row["params"] or row["non_trainable"] or row["macs"] or row["kernel"])


def _line(row: dict) -> str:
    out = f"{row['out_h']}x{row['out_w']}x{row['out_c']}"
    window = f" {row['kernel']}x{row['kernel']}/{row['stride']} pad {row['pad']}" if row["kernel"] else ""
    groups = f" groups {row['groups']}" if row["groups"] != 1 else ""
    return f"{row['kind']}{window}{groups} -> {out}, {row['params']:,} parameters"
