"""Speed and memory of our networks against the same networks of keras.applications, and of symbolic builds.

    python benchmarks/models.py [NAME ...] [--backend tensorflow|jax|torch] [--batch 8] [--rounds 5]
    python benchmarks/models.py --symbolic [NAME ...]

The first prints ours / theirs (below 1: ours is better) and ours, on the GPU where the backend sees one:

    build       seconds to build the network with random weights
    first call  seconds of the first prediction, tracing included
    memory      peak above what the imports had left, over build, prediction and training step
    forward     seconds of a prediction for a batch
    step        seconds of a training step

Build, first call and memory: processes of their own, ours and theirs in turn, the least of the rounds.
Forward and step: both networks in one process, call by call in turn, the median of the rounds' ratios.

The second prints what the build without weights takes: seconds, and growth of the process, after the imports
and one small build.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

COLUMNS = ("build", "first call", "memory", "forward", "step")
MEBIBYTE = 2**20


def main() -> None:
    """Measure in processes of their own and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--symbolic", action="store_true", help="builds without weights, of every name")
    parser.add_argument("--measure", choices=MEASURES, help="measure here and print JSON")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(MEASURES[arguments.measure](arguments.names[0], arguments)))
    elif arguments.symbolic:
        symbolic_table(arguments)
    else:
        comparison_table(arguments)


def comparison_table(arguments: argparse.Namespace) -> None:
    table = Table(
        "network", "image", *COLUMNS, title=f"ours / keras.applications, batch of {arguments.batch}"
    )
    for name in arguments.names or published():
        rounds = [
            {side: run(side, name, arguments) for side in ("ours", "theirs")} for _ in range(arguments.rounds)
        ]
        best = {
            side: {column: min(each[side][column] for each in rounds) for column in COLUMNS[:3]}
            for side in ("ours", "theirs")
        }
        turns = run("turns", name, arguments)
        cells = [ratio(best["ours"][column], best["theirs"][column], column) for column in COLUMNS[:3]]
        cells += [f"{turns[column]['ratio']:.2f} ({turns[column]['ours']:.3f} s)" for column in COLUMNS[3:]]
        table.add_row(name, str(turns["image"]), *cells)
        print(name, *cells, sep="  ", file=sys.stderr, flush=True)
    table.caption = f"on {turns['device']}"
    Console().print(table)


def ratio(ours: float, theirs: float, column: str) -> str:
    own = f"{ours / MEBIBYTE:.0f} MiB" if column == "memory" else f"{ours:.2f} s"
    return f"{ours / theirs:.2f} ({own})"


def symbolic_table(arguments: argparse.Namespace) -> None:
    from course import golden

    table = Table("network", "seconds", "MiB", title="Build without weights")
    for name in arguments.names or golden.read():
        rounds = [run("symbolic", name, arguments) for _ in range(arguments.rounds)]
        seconds, grown = (min(each[column] for each in rounds) for column in ("build", "memory"))
        table.add_row(name, f"{seconds:.2f}", f"{grown / MEBIBYTE:.1f}")
    Console().print(table)


def run(measure: str, name: str, arguments: argparse.Namespace) -> dict:
    """What a fresh process measures."""
    options = ["--measure", measure, "--batch", str(arguments.batch), "--rounds", str(arguments.rounds)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": arguments.backend}
    done = subprocess.run(
        [sys.executable, __file__, name, *options],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def published() -> list[str]:
    """The names that keras.applications has."""
    from course.training.weights import SOURCES, Keras

    return [name for name, source in SOURCES.items() if isinstance(source, Keras)]


def measure_side(builder: Callable, name: str, arguments: argparse.Namespace) -> dict:
    """Build, first prediction, one training step, and the peak of memory, of one network in this process."""
    import numpy as np

    start_memory = peak()
    start = time.perf_counter()
    model = builder(name)
    built = time.perf_counter()
    compile_for_training(model)
    images, labels = batch(model, arguments.batch)
    before = time.perf_counter()
    np.asarray(model.predict_on_batch(images))
    called = time.perf_counter()
    model.train_on_batch(images, labels)
    return {"build": built - start, "first call": called - before, "memory": peak() - start_memory}


def ours(name: str):
    """Our network."""
    import course

    return course.build(name)


def theirs(name: str):
    """The network of keras.applications, with logits and random weights."""
    from course.building import build
    from course.training.weights import original

    return original(name, weights=None, input_shape=build(name, symbolic=True).input_shape[1:])


def turns(name: str, arguments: argparse.Namespace) -> dict:
    """Forward and training step of both networks, in turn in this process."""
    models = {"ours": ours(name), "theirs": theirs(name)}
    for model in models.values():
        compile_for_training(model)
    images, labels = batch(models["ours"], arguments.batch)
    calls = {
        "forward": lambda model: model.predict_on_batch(images),
        "step": lambda model: model.train_on_batch(images, labels),
    }
    found = {"image": models["ours"].input_shape[1], "device": device()}
    for column, call in calls.items():
        seconds = {side: [] for side in models}
        for i in range(arguments.rounds + 1):
            order = list(models.items())[:: 1 if i % 2 else -1]
            for side, model in order:
                start = time.perf_counter()
                call(model)
                seconds[side].append(time.perf_counter() - start)
        mine, other = seconds["ours"][1:], seconds["theirs"][1:]  # the first is tracing
        ratios = [a / b for a, b in zip(mine, other, strict=True)]
        found[column] = {"ratio": statistics.median(ratios), "ours": min(mine)}
    return found


def symbolic(name: str, arguments: argparse.Namespace) -> dict:
    """Seconds and memory of the build without weights."""
    import course

    course.build("lenet5", symbolic=True)  # what loads on first use is not the network's
    start_memory, start = peak(), time.perf_counter()
    course.build(name, symbolic=True)
    return {"build": time.perf_counter() - start, "memory": peak() - start_memory}


def compile_for_training(model) -> None:
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss)


def batch(model, size: int) -> tuple:
    """Random images and labels for a model."""
    import numpy as np

    random = np.random.default_rng(0)
    images = random.standard_normal((size, *model.input_shape[1:]), "float32")
    return images, random.integers(0, model.output_shape[-1], size)


def peak() -> int:
    """Most memory held so far, in bytes: on the GPU where the backend computes there, else of the process."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            if tf.config.list_physical_devices("GPU"):
                return tf.config.experimental.get_memory_info("GPU:0")["peak"]
        case "jax":
            import jax

            if jax.default_backend() == "gpu":
                return jax.devices()[0].memory_stats()["peak_bytes_in_use"]
        case "torch":
            import torch

            if torch.cuda.is_available():
                return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux


def device() -> str:
    """The backend, and the GPU or CPU that it computes on."""
    import keras

    return f"{keras.backend.backend()}, {keras.ops.ones(1).device}"


MEASURES = {
    "ours": lambda name, arguments: measure_side(ours, name, arguments),
    "theirs": lambda name, arguments: measure_side(theirs, name, arguments),
    "turns": turns,
    "symbolic": symbolic,
}


if __name__ == "__main__":
    main()
