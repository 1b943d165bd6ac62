"""How fast `Recipe.fit` trains.

    python benchmarks/training.py [step] [pipeline] [cold]

step: a training step of AlexNet on 32x32 images by `Recipe.fit` against a hand-written compile and fit of the
same network and batch, in turns. pipeline: images a second that come out of the augmenting pipeline against
those that the step takes. cold: `course train lenet5 --data digits` from the start of the process.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers as L
from rich.console import Console
from rich.table import Table

from course import data, training
from course.training import runs

BATCH, STEPS, ROUNDS = 64, 6, 5
IMAGES = data.load("shapes100", f"train[:{BATCH * STEPS}]")


def alexnet() -> keras.Model:
    """AlexNet with a stem for 32x32 images."""
    keras.utils.set_random_seed(0)
    x = image = keras.Input((32, 32, 3))
    for i, (filters, kernel) in enumerate(((64, 5), (192, 5), (384, 3), (256, 3), (256, 3)), start=1):
        x = L.Conv2D(filters, kernel, padding="same", activation="relu", name=f"conv{i}")(x)
        x = L.MaxPooling2D(3, 2, name=f"pool{i}")(x) if i in (1, 2, 5) else x
    x = L.Flatten(name="flatten")(x)
    for i in (6, 7):
        x = L.Dropout(0.5, name=f"drop{i}")(L.Dense(1024, activation="relu", name=f"fc{i}")(x))
    return keras.Model(image, L.Dense(100, name="fc8")(x), name="alexnet_32")


class Clock(keras.callbacks.Callback):
    """Wall and processor seconds of the last epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.started[0], time.process_time() - self.started[1]


def by_recipe() -> tuple[float, float]:
    """Seconds of an epoch after the first, wall and processor."""
    clock, model = Clock(), alexnet()
    fit = model.fit
    model.fit = lambda *arguments, callbacks, **options: fit(
        *arguments, callbacks=[clock, *callbacks], **options
    )
    training.recipe("alexnet").fit(model, IMAGES, 2, batch=BATCH, augment=(), verbose=0)
    return clock.seconds


def by_hand() -> tuple[float, float]:
    """The same with what Keras's guide to training shows."""
    clock, model = Clock(), alexnet()
    images, labels = data.arrays(IMAGES)
    images = ((images / 255 - IMAGES.info.mean) / IMAGES.info.std).astype(np.float32)
    pipeline = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images)).batch(BATCH)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, weight_decay=5e-4)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(5)]
    model.compile(optimizer, loss, metrics=metrics)
    pipeline = pipeline.prefetch(tf.data.AUTOTUNE)
    model.fit(pipeline, epochs=2, callbacks=[clock], shuffle=False, verbose=0)
    return clock.seconds


def step(console: Console) -> float:
    """Prints the comparison; returns images a second in training."""
    ours, theirs = [], []
    for number in range(ROUNDS):  # who begins changes from round to round
        order = [(by_recipe, ours), (by_hand, theirs)]
        for run, seconds in order if number % 2 else order[::-1]:
            seconds.append(run())
            keras.utils.clear_session()
    table = Table(
        "", "Recipe.fit", "by hand", "ratio", title=f"A step of {BATCH} images, seconds, median of {ROUNDS}"
    )
    for i, clock in enumerate(("wall", "processor")):
        one, other = (np.array([seconds[i] for seconds in each]) / STEPS for each in (ours, theirs))
        ratio = np.median(one / other)
        table.add_row(clock, f"{np.median(one):.3f}", f"{np.median(other):.3f}", f"{ratio:.3f}")
    console.print(table)
    return BATCH * STEPS / min(wall for wall, _ in ours)


def pipeline(console: Console, taken: float) -> None:
    """Prints images a second with the augmentation of AlexNet's recipe, after a first epoch."""
    augment = data.augmentation.named(training.recipe("alexnet").augment, IMAGES.info)
    batches = iter(data.shuffled(IMAGES, BATCH, range(40), augment=augment))
    for _ in range(2 * STEPS):
        next(batches)
    started, images = time.perf_counter(), 0
    for _, labels in batches:
        images += len(labels)
    rate = images / (time.perf_counter() - started)
    console.print(
        f"Pipeline: {rate:,.0f} images/s, {rate / taken:.0f} times what a step takes ({taken:,.0f})."
    )


def cold(console: Console) -> None:
    """Prints how long the command takes, and to which accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        arguments = ("train", "lenet5", "--data", "digits", "--out", str(run))
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "course.cli", *arguments], check=True, stdout=subprocess.DEVNULL
        )
        seconds = time.perf_counter() - started
        history = pd.read_csv(run / "history.csv", index_col="epoch")
        reached = history.index[history["val_accuracy"] >= 0.97].min()
        before = history.loc[reached + 1 :, "seconds"].sum()
        accuracy = runs.evaluate([run])["top1"].iloc[0]
    console.print(
        f"LeNet on digits: {len(history)} epochs in {seconds:.1f} s from a cold process, {accuracy:.2%} of "
        f"test images right; 97% in validation from epoch {reached}, after about {seconds - before:.1f} s."
    )


def main(parts: list[str]) -> None:
    console = Console()
    taken = None
    if not parts or {"step", "pipeline"} & set(parts):
        taken = step(console)
    if not parts or "pipeline" in parts:
        pipeline(console, taken)
    if not parts or "cold" in parts:
        cold(console)


if __name__ == "__main__":
    main(sys.argv[1:])
