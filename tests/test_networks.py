"""Every kind of network runs at small and odd sizes, saves, loads and learns; counts are in test_golden."""

import inspect
import re

import keras
import numpy as np
import pytest

import course
from course import golden
from course.registry import MODELS, load_models

load_models()
CLASSES = 3


def kinds() -> list[str]:
    """Of each family the cheapest variant of every make: same kinds of layer, same options."""
    cheapest = {}
    for row in sorted(golden.models(), key=lambda row: row["macs"]):
        arguments = MODELS[row["name"]].row.arguments if row["name"] in MODELS else {}
        options = {k: repr(v) for k, v in arguments.items() if isinstance(v, (bool, str)) or callable(v)}
        cheapest.setdefault((row["family"], *row["layers"], *options.items()), row["name"])
    return sorted(cheapest.values())


def small_shape(name: str) -> tuple[int, int, int]:
    """About 64 x 64 pixels: less where the paper's images are smaller, more where the network needs it."""
    architecture = MODELS[name]
    default = inspect.signature(architecture.builder).parameters["shape"].default
    height, width, channels = architecture.row.arguments.get("shape", default)
    shape = (min(height, 64), min(width, 64), channels)
    try:
        course.build(name, shape=shape, symbolic=True)
    except ValueError as error:
        least = int(re.search(r"least size is (\d+)x", str(error)).group(1))
        shape = (least, least, channels)
    return shape


def images(shape, count) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape), dtype="float32")


@pytest.fixture(scope="module", params=kinds())
def model(request):
    keras.utils.set_random_seed(0)
    return course.build(request.param, shape=small_shape(request.param), classes=CLASSES)


def test_saved_and_loaded_it_computes_the_same(model, tmp_path):
    x = images(model.input_shape[1:], 2)
    before = np.asarray(model(x, training=False))
    model.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded(x, training=False), before, rtol=1e-5, atol=1e-6)


def test_a_training_step_moves_every_weight_and_stays_finite(model):
    model.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    before = [np.array(weight) for weight in model.trainable_weights]
    loss = model.train_on_batch(images(model.input_shape[1:], 4), np.arange(4) % CLASSES)
    assert np.isfinite(loss)
    after = [np.array(weight) for weight in model.trainable_weights]
    assert all(np.isfinite(weight).all() for weight in after)
    still = [
        weight.path
        for weight, old, new in zip(model.trainable_weights, before, after, strict=True)
        if np.array_equal(old, new)
    ]
    assert not still


@pytest.mark.parametrize("name", kinds())
def test_one_image_of_odd_size(name):
    height, width, channels = small_shape(name)
    shape = (height + 7, width + 13, channels)
    logits = np.asarray(course.build(name, shape=shape, classes=CLASSES)(images(shape, 1), training=False))
    assert logits.shape == (1, CLASSES)
    assert np.isfinite(logits).all()
