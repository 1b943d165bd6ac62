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
SHALLOW = {  # where the cheapest variant takes long, its own blocks, fewer of them
    "dpn68": {"depths": (1, 1, 1, 1)},
    "inception_resnet_v2": {"depths": (1, 1, 1)},
    "inception_v4": {"depths": (1, 1, 1)},
    "preresnet164_cifar": {"depth": 20},
    "resnet110_stochastic": {"depth": 20},
    "senet154": {"depths": (1, 1, 1, 1)},
}


def kinds() -> list[str]:
    """The cheapest network of every builder."""
    cheapest = {}
    for row in sorted(golden.models(), key=lambda row: row["macs"]):
        cheapest.setdefault(MODELS[row["name"]].builder, row["name"])
    return sorted(cheapest.values())


def small(name: str) -> keras.Model:
    """The network for images of odd size, about 64 pixels or what the paper has, larger where it must be."""
    architecture = MODELS[name]
    default = inspect.signature(architecture.builder).parameters["shape"].default
    height, width, channels = architecture.row.arguments.get("shape", default)
    height, width = min(height, 64) + 3, min(width, 64) + 7
    try:
        return course.build(name, (height, width, channels), CLASSES, **SHALLOW.get(name, {}))
    except ValueError as error:
        least = int(re.search(r"least size is (\d+)x", str(error)).group(1))
        return course.build(name, (least, least + 4, channels), CLASSES, **SHALLOW.get(name, {}))


def images(model: keras.Model, count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, *model.input_shape[1:]), "float32")


@pytest.fixture(scope="module", params=kinds())
def model(request):
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    return small(request.param)


def test_one_image(model):
    logits = np.asarray(model(images(model, 1), training=False))
    assert logits.shape == (1, CLASSES)
    assert np.isfinite(logits).all()


def test_saved_and_loaded_it_computes_the_same(model, tmp_path):
    x = images(model, 2)
    before = np.asarray(model(x, training=False))
    model.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded(x, training=False), before, rtol=1e-5, atol=1e-6)


def test_training_moves_every_weight_and_stays_finite(model):
    model.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    before = {weight.path: np.array(weight) for weight in model.trainable_weights}
    still = set(before)
    for _ in range(10):  # one step is enough but for networks that drop a path in some
        loss = model.train_on_batch(images(model, 4), np.arange(4) % CLASSES)
        assert np.isfinite(loss)
        for weight in model.trainable_weights:
            assert np.isfinite(weight).all()
            if not np.array_equal(weight, before[weight.path]):
                still.discard(weight.path)
        if not still:
            break
    assert not still
