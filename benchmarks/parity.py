"""Our networks against the same of keras.applications, with the same random weights.

    python benchmarks/parity.py [NAME ...]

prints, for each network that keras.applications has, the largest difference between two logits as a fraction
of the largest logit, at two sizes of image.
"""

import sys

import keras
import numpy as np
from keras import layers as L
from rich.console import Console
from rich.table import Table

import course
from course.training.copying import copy_weights
from course.training.weights import SOURCES, Keras, original

NAMES = [name for name, source in SOURCES.items() if isinstance(source, Keras)]
CLASSES = 10
IMAGES = 6


def sizes(name: str) -> tuple[int, int]:
    """Two sides of the image: odd, even, odd again after each halving, so that every padding shows."""
    if name == "mobilenet":  # keras.applications pads it as if all sizes were even, unlike the authors
        return 64, 96
    return (48, 64) if name.startswith("vgg") else (75, 107)


def differences(name: str) -> list[float]:
    """For each of `sizes`: the largest difference between the logits, relative to the largest logit.

    Raises:
        ValueError: where the logits hardly depend on the image, so that equality would prove nothing.
    """
    random, found = np.random.default_rng(0), []
    one_size = name.startswith("vgg")  # its dense layers take no other
    for size in sizes(name):
        images = random.standard_normal((IMAGES, size, size, 3), "float32")
        if one_size or not found:
            theirs, ours = pair(name, images, random)
        # `call` takes another size than the one that a model was built for
        expected = keras.ops.convert_to_numpy(theirs.call(images, training=False))
        logits = keras.ops.convert_to_numpy(ours.call(images, training=False))
        largest = abs(expected).max()
        if expected.std(axis=0).mean() < 1e-3 * largest:
            raise ValueError(f"The logits of {name} hardly depend on the image.")
        found.append(float(abs(logits - expected).max() / largest))
    return found


def pair(name: str, images: np.ndarray, random: np.random.Generator) -> tuple[keras.Model, keras.Model]:
    """The network of keras.applications with random weights, and ours with a copy of them."""
    shape = images.shape[1:]
    theirs = original(name, weights=None, input_shape=shape, classes=CLASSES)
    for layer in theirs.layers:  # EfficientNet prepares its images itself: begin after that
        if isinstance(layer, L.Normalization):
            theirs = keras.Model(layer.output, theirs.output)
    randomise(theirs, images, random)
    ours = course.build(name, shape, CLASSES)
    copy_weights(theirs, ours)
    return theirs, ours


def randomise(model: keras.Model, images: np.ndarray, random: np.random.Generator) -> None:
    """Weights as training may leave them: random biases, scales, shifts; statistics near the images'."""
    norms = [layer for layer in model.layers if isinstance(layer, L.BatchNormalization)]
    for layer in model.layers:
        if not norms and getattr(layer, "kernel", None) is not None:
            deviation = np.sqrt(2 / np.prod(layer.kernel.shape[:-1]))  # keeps signals from dying out
            layer.kernel.assign(random.normal(0, deviation, layer.kernel.shape))
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(random.normal(0, 0.1, layer.bias.shape))
    for norm in norms:
        if norm.scale:
            norm.gamma.assign(random.uniform(0.5, 1.5, norm.gamma.shape))
        norm.beta.assign(random.normal(1, 0.2, norm.beta.shape))  # calm: near 0, chaos amplifies rounding
        norm.momentum = 0.0  # the next batch's statistics replace the old
    model(images, training=True)
    for norm in norms:
        variance = keras.ops.convert_to_numpy(norm.moving_variance)
        norm.moving_mean.assign_add(random.normal(0, 0.1, variance.shape) * np.sqrt(variance))
        norm.moving_variance.assign(variance * random.uniform(0.8, 1.25, variance.shape))


def main(names: list[str]) -> None:
    table = Table("network", "images", "difference", title="Largest difference of two logits, of the largest")
    for name in names or NAMES:
        for size, difference in zip(sizes(name), differences(name), strict=True):
            table.add_row(name, f"{size}x{size}", f"{difference:.1e}")
        keras.utils.clear_session()
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
