"""Time and memory to the cost of a network: ours, and what one would do otherwise.

    python benchmarks/cost.py [--rounds 3] [NAME ...]

Each way runs in a process of its own and is measured from after its imports to its numbers: the least time
of the rounds, and the peak of memory above what the imports had left. Ways whose library is missing, and
networks that it lacks, are shown as "–".

    course       course.cost.table(name)
    summary      the same network with weights, and Keras's model.summary()
    profiler     the same network with weights, its frozen graph, and tf.profiler
    torchinfo    torchvision's network, torchinfo.summary on one image
    flop counter torchvision's network, torch.utils.flop_counter on one image

PyTorch may live in another environment: `COURSE_TORCH_PYTHON=/path/to/python python benchmarks/cost.py`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

NAMES = ("vgg16", "resnet152", "nasnet_large", "efficientnet_b7")
SIZES = {"vgg16": 224, "resnet152": 224, "nasnet_large": 331, "efficientnet_b7": 600}
PEAK = Path("/proc/self/clear_refs")


def main() -> None:
    """Run every way in processes of their own and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help="measure one way and print it as JSON")
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(WAYS[arguments.way], *arguments.names)))
        return
    print(f"{'':17}" + "".join(f"{way:>22}" for way in WAYS))
    for name in arguments.names:
        cells = []
        for way in WAYS:
            rounds = [run(way, name) for _ in range(arguments.rounds)]
            if None in rounds:
                cells.append("–")
            else:
                seconds, mebibytes = (min(each[key] for each in rounds) for key in ("seconds", "mebibytes"))
                cells.append(f"{seconds:8.2f} s {mebibytes:6.1f} MiB")
        print(f"{name:17}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def run(way: str, name: str) -> dict | None:
    """What a fresh process measures; None where it cannot."""
    python = os.environ.get("COURSE_TORCH_PYTHON", sys.executable) if way in TORCH else sys.executable
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [python, __file__, "--way", way, name], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def measure(prepare: Callable, name: str) -> dict:
    """Seconds and MiB of what `prepare(name)` returns; the imports are its own part, before."""
    count = prepare(name)
    before = resident(reset=True)
    start = time.perf_counter()
    count()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "mebibytes": (resident() - before) / 2**20}


def resident(reset: bool = False) -> int:
    """The most memory that this process has held, in bytes; `reset` forgets what was before (Linux)."""
    if not PEAK.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if reset:
        PEAK.write_text("5")
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def ours(name: str) -> Callable:
    """The cost table, from the name."""
    from course import cost

    cost.table("lenet5")  # imports, and what Keras sets up at its first layer
    return lambda: cost.table(name)


def keras_summary(name: str) -> Callable:
    """The model with weights, and its summary."""
    import course

    course.build("lenet5").summary(print_fn=lambda text: None)
    return lambda: course.build(name).summary(print_fn=lambda text: None)


def tf_profiler(name: str) -> Callable:
    """The model with weights, frozen, and TensorFlow's count of its operations."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    import course

    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()

    def count(name=name) -> int:
        model = course.build(name)
        image = tf.TensorSpec((1, *model.input_shape[1:]))
        frozen = convert_variables_to_constants_v2(tf.function(model).get_concrete_function(image))
        return tf.compat.v1.profiler.profile(frozen.graph, options=options).total_float_ops

    count("lenet5")
    return count


def torchinfo_summary(name: str) -> Callable:
    """torchinfo on torchvision's network."""
    import torchinfo
    import torchvision

    make = getattr(torchvision.models, name)
    return lambda: torchinfo.summary(make(), (1, 3, SIZES[name], SIZES[name]), verbose=0)


def torch_flop_counter(name: str) -> Callable:
    """PyTorch's own counter on torchvision's network."""
    import torch
    import torchvision
    from torch.utils.flop_counter import FlopCounterMode

    make = getattr(torchvision.models, name)

    def count() -> int:
        model = make().eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 3, SIZES[name], SIZES[name]))
        return counter.get_total_flops()

    return count


WAYS = {
    "course": ours,
    "summary": keras_summary,
    "profiler": tf_profiler,
    "torchinfo": torchinfo_summary,
    "flop counter": torch_flop_counter,
}
TORCH = ("torchinfo", "flop counter")


if __name__ == "__main__":
    main()
