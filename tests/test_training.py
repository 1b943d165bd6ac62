"""Recipes, schedules, checkpoints and evaluation, each against what NumPy or Keras alone makes of it."""

import dataclasses
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers as L

import course
from course import data, training
from course.training import checkpoints, crops, evaluation, runs
from course.training.schedules import Constant, Exponential, Plateau, Step, WarmUp

PLAIN = training.Recipe("plain", "", Constant(0.05), epochs=2, batch=16, decay=1e-3)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", "train[:80]", size=8)


@pytest.fixture(scope="module")
def unseen():
    return data.load("digits", "test[:50]", size=8)


def small(dropout=0.3, seed=0):
    """A network with all that has a state: weights, moving statistics, a random layer."""
    keras.utils.set_random_seed(seed)
    x = image = keras.Input((8, 8, 1))
    x = L.Conv2D(4, 3, name="conv")(x)
    x = L.BatchNormalization(name="bn")(x)
    x = L.Flatten(name="flatten")(L.Activation("relu", name="relu")(x))
    x = L.Dropout(dropout, name="drop")(x)
    return keras.Model(image, L.Dense(10, name="fc")(x), name="small")


def state(model):
    return [keras.ops.convert_to_numpy(each) for each in model.weights]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


# Schedules


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (Constant(0.1), {0: 0.1, 90: 0.1}),
        (Step(0.1, at=(91, 136)), {0: 0.1, 90: 0.1, 91: 0.01, 135: 0.01, 136: 0.001, 181: 0.001}),
        (Step(0.8, at=(2,), factor=0.5), {1: 0.8, 2: 0.4, 50: 0.4}),
        (Exponential(0.01), {0: 0.01, 7: 0.01, 8: 0.0096, 15: 0.0096, 16: 0.009216, 24: 0.00884736}),
        (WarmUp(0.01, 3, Step(0.1, at=(2,))), {0: 0.01, 2: 0.01, 3: 0.1, 4: 0.1, 5: 0.01}),
    ],
    ids=str,
)
def test_rates_by_hand(schedule, rates):
    assert {epoch: schedule(epoch) for epoch in rates} == pytest.approx(rates)


def test_plateau_waits_for_patience_and_drops_a_limited_number_of_times():
    schedule = Plateau(1.0, factor=0.1, patience=2, times=2)
    accuracies = [0.1, 0.3, 0.3, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
    rates = [schedule(epoch, accuracies) for epoch in range(12)]
    #         best at 0, 1;   2 and 3 no better: drop;  4 best;  5 and 6 no better: drop;  7 on: no more drops
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01])


def test_plateau_after_warm_up_looks_at_what_came_after():
    schedule = WarmUp(0.01, 2, Plateau(1.0, patience=2))
    accuracies = [0.9, 0.8, 0.1, 0.2, 0.2, 0.2]
    assert [schedule(epoch, accuracies) for epoch in range(7)] == pytest.approx([0.01, 0.01, 1, 1, 1, 1, 0.1])


# The optimizer


def test_decay_and_momentum_by_hand():
    """v <- 0.9 v - rate (g + decay w), w <- w + v; nothing but kernels decays."""
    model = small()
    optimizer = training.SGD(0.1, momentum=0.9, decay=0.5)
    optimizer.build(model.trainable_variables)
    variables = model.trainable_variables
    random = np.random.default_rng(0)
    for variable in variables:
        variable.assign(random.normal(1, 0.5, variable.shape))
    weights = [keras.ops.convert_to_numpy(each).astype("float64") for each in variables]
    velocities = [np.zeros_like(each) for each in weights]
    for _ in range(3):
        gradients = [random.normal(size=each.shape) for each in weights]
        optimizer.apply([tf.constant(each, tf.float32) for each in gradients], variables)
        for i, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
            decay = 0.5 if variable.path in ("conv/kernel", "fc/kernel") else 0
            velocities[i] = 0.9 * velocities[i] - 0.1 * (gradient + decay * weights[i])
            weights[i] = weights[i] + velocities[i]
    names = [variable.name for variable in variables]
    assert names == ["kernel", "bias", "gamma", "beta", "kernel", "bias"]
    for variable, expected in zip(variables, weights, strict=True):
        assert np.allclose(keras.ops.convert_to_numpy(variable), expected, atol=1e-5), variable.path


def test_decay_is_the_l2_penalty_of_keras(digits):
    ours, theirs = small(dropout=0), small(dropout=0)
    PLAIN.fit(ours, digits, 2, verbose=0)
    for layer in (theirs.get_layer("conv"), theirs.get_layer("fc")):
        layer.kernel.regularizer = keras.regularizers.L2(PLAIN.decay / 2)
    theirs.compile(
        keras.optimizers.SGD(0.05, 0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    theirs.fit(data.shuffled(digits, 16, range(2)), steps_per_epoch=5, epochs=2, verbose=0, shuffle=False)
    for a, b in zip(state(ours), state(theirs), strict=True):
        assert np.allclose(a, b, atol=1e-5)


def test_optimizer_survives_saving(digits, tmp_path):
    model = small()
    PLAIN.fit(model, digits, 1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is training.SGD
    assert (loaded.optimizer.decay, loaded.optimizer.momentum) == (1e-3, 0.9)


def test_negative_decay():
    with pytest.raises(ValueError, match=r"decay must be at least 0, not -0\.1"):
        training.SGD(decay=-0.1)


# Recipes


PRINTED = {  # rate at first, batch, momentum, decay, dropout
    "alexnet": (0.01, 128, 0.9, 5e-4, 0.5),
    "vgg": (0.01, 256, 0.9, 5e-4, 0.5),
    "googlenet": (0.01, 256, 0.9, 0.0, 0.4),
    "resnet": (0.01, 256, 0.9, 1e-4, 0.0),
    "resnet_cifar": (0.1, 128, 0.9, 1e-4, 0.0),
}


@pytest.mark.parametrize("name", PRINTED)
def test_recipe_says_what_is_printed(name):
    recipe = training.recipe(name)
    values = recipe.schedule(0, ()), recipe.batch, recipe.momentum, recipe.decay, recipe.dropout
    assert values == PRINTED[name]
    table = recipe.table()
    fields = {each.name for each in dataclasses.fields(recipe)} - {"name", "paper", "sources"}
    assert fields - set(table.index) <= {"ones"}
    assert (table["lecture"] + table["paper"]).str.len().min() > 0


def test_where_lecture_and_paper_contradict_each_other_the_table_shows_both():
    decay = training.recipe("resnet").table().loc["decay"]
    assert (decay["value"], "1e-5" in decay["lecture"], "0.0001" in decay["paper"]) == (1e-4, True, True)


@pytest.mark.parametrize(
    ("network", "recipe"),
    [
        ("alexnet", "alexnet"),
        ("vgg16", "vgg"),
        ("googlenet", "googlenet"),
        ("resnet50", "resnet"),
        ("resnet20_cifar", "resnet_cifar"),
    ],
)
def test_networks_have_the_dropout_of_their_recipe(network, recipe):
    assert training.recipe_for(network).name == recipe
    model = course.build(network, symbolic=True)
    rates = {layer.rate for layer in model.layers if isinstance(layer, L.Dropout)}
    assert rates == {training.recipe(recipe).dropout} - {0.0}


def test_initialisation_of_alexnet():
    model = course.build("alexnet", shape=(67, 67, 3), classes=10, units=64)
    training.recipe("alexnet").initialise(model, seed=1)
    for layer in model.layers:
        if layer.weights:
            assert keras.ops.convert_to_numpy(layer.kernel).std() == pytest.approx(0.01, rel=0.1)
            expected = layer.name in ("conv2", "conv4", "conv5", "fc6", "fc7")
            assert np.all(keras.ops.convert_to_numpy(layer.bias) == expected), layer.name
    first = state(model)
    training.recipe("alexnet").initialise(model, seed=1)
    assert same(first, state(model))
    training.recipe("alexnet").initialise(model, seed=2)
    assert not same(first, state(model))


def test_initialisation_of_resnet():
    model = small()
    model.get_layer("bn").gamma.assign([2.0] * 4)
    training.recipe("resnet").initialise(model)
    kernel = keras.ops.convert_to_numpy(model.get_layer("fc").kernel)
    assert kernel.std() == pytest.approx(np.sqrt(2 / 144), rel=0.1)  # He et al.: sqrt(2 / inputs)
    assert np.all(keras.ops.convert_to_numpy(model.get_layer("bn").gamma) == 2)  # not a kernel


def test_unknown_recipe():
    with pytest.raises(ValueError, match=r"no recipe called 'alexnett'. Did you mean alexnet"):
        training.recipe("alexnett")


# Training


def test_history(digits, unseen):
    model = small()
    recipe = dataclasses.replace(PLAIN, schedule=Step(0.05, at=(1,)))
    history = recipe.fit(model, digits, 3, validation=unseen, verbose=0)
    assert list(history.index) == [1, 2, 3]
    assert {"loss", "accuracy", "top5", "val_loss", "val_accuracy", "val_top5", "seconds"} < set(history)
    assert list(history["learning_rate"]) == pytest.approx([0.05, 0.005, 0.005])
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert float(model.optimizer.learning_rate) == pytest.approx(0.005)
    predictions = training.probabilities(model, unseen, info=digits.info)
    _, labels = data.arrays(unseen)
    assert history["val_accuracy"].iloc[-1] == pytest.approx(training.top_k(predictions, labels), abs=1e-6)
    assert history["val_top5"].iloc[-1] == pytest.approx(training.top_k(predictions, labels, 5), abs=1e-6)


def test_validation_is_not_augmented(digits, unseen):
    def wipe(images, seed):
        return images * 0

    model = small()
    history = PLAIN.fit(model, digits, 1, validation=unseen, augment=wipe, verbose=0)
    predictions = training.probabilities(model, unseen, info=digits.info)
    assert len(np.unique(predictions.round(6), axis=0)) > 1  # of wiped images they would be equal
    _, labels = data.arrays(unseen)
    loss = -np.log(predictions[np.arange(len(labels)), labels]).mean()
    assert history["val_loss"].iloc[0] == pytest.approx(loss, rel=1e-4)


def test_every_image_once_an_epoch(digits):
    seen = []

    def spy(images, seed):
        tf.py_function(lambda x: seen.append(x.numpy()), [images], [])
        return tf.identity(images)

    PLAIN.fit(small(), digits, 2, augment=spy, verbose=0)
    first, second = np.split(np.concatenate(seen), 2)
    expected, _ = next(iter(data.batches(digits, 80)))
    assert sorted(map(bytes, first)) == sorted(map(bytes, second)) == sorted(map(bytes, expected.numpy()))
    assert not np.array_equal(first, second)


def test_a_trained_network_that_is_gone_takes_its_graphs_with_it(digits):
    def graphs() -> int:
        gc.collect()
        return sum(isinstance(each, tf.Graph) for each in gc.get_objects())

    before = graphs()
    PLAIN.fit(small(), digits, 1, verbose=0)
    assert graphs() == before


def test_early_stop_on_request(digits):
    recipe = dataclasses.replace(PLAIN, schedule=Constant(0.0))  # better by chance alone
    accuracies = list(recipe.fit(small(), digits, 30, patience=3, verbose=0)["accuracy"])
    best = accuracies.index(max(accuracies))
    assert len(accuracies) == best + 1 + 3
    assert len(accuracies) < 30


def test_weights_are_kept_where_training_starts(digits):
    model = small()
    before = state(model)
    dataclasses.replace(PLAIN, schedule=Constant(0.0), decay=0.0).fit(model, digits, 1, verbose=0)
    assert same([before[0], before[-1]], [state(model)[0], state(model)[-1]])


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(digits, precision):
    seen = set()

    class Spy(L.Layer):
        def call(self, x):
            seen.add(keras.backend.standardize_dtype(x.dtype))
            return x

    keras.utils.set_random_seed(0)
    x = image = keras.Input((8, 8, 1))
    x = Spy()(L.Conv2D(4, 3)(x))
    model = keras.Model(image, L.Dense(10)(L.Flatten()(x)))
    history = PLAIN.fit(model, digits, 3, precision=precision, verbose=0)
    assert precision.removeprefix("mixed_") in seen
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert {each.dtype for each in model.weights} == {"float32"}
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert hasattr(model.optimizer, "inner_optimizer") == (precision == "mixed_float16")  # it scales the loss


@pytest.mark.parametrize(
    ("network", "images", "message"),
    [
        (
            {"shape": (32, 32, 1)},
            {},
            r"takes images of 32×32×1, but those of digits are 8×8×1.*size=\(32, 32\)",
        ),
        ({"shape": (32, 32, 3)}, {"size": 32}, r"takes images of 32×32×3, but those of digits are 32×32×1"),
        ({"shape": (32, 32, 1), "classes": 7}, {"size": 32}, r"tells 7 classes apart and digits has 10"),
    ],
)
def test_images_that_do_not_fit(network, images, message):
    model = course.build("lenet5", **network)
    dataset = data.load("digits", "test[:20]", **images)
    with pytest.raises(ValueError, match=message):
        PLAIN.fit(model, dataset, 1, verbose=0)
    with pytest.raises(ValueError, match=message):
        training.probabilities(model, dataset)


def test_crops_that_do_not_fit(digits):
    with pytest.raises(ValueError, match=r"small takes images of 8×8×1, but those of digits are 7×7×1"):
        training.probabilities(small(), digits, crops=training.ten_crop(7, 7))


def test_model_of_other_than_images(digits):
    model = keras.Sequential([keras.Input((64,)), L.Dense(10)], name="flat")
    with pytest.raises(ValueError, match=r"flat takes images of 64, but those of digits are 8×8×1"):
        PLAIN.fit(model, digits, 1, verbose=0)


@pytest.mark.parametrize("argument", ["epochs", "batch", "every", "patience"])
def test_numbers_that_are_none(digits, argument):
    with pytest.raises(ValueError, match=f"{argument} must be an integer of at least 1, not 0"):
        PLAIN.fit(small(), digits, **{argument: 0})


def test_model_without_logits_of_classes(digits):
    for model in (course.features(small(), "conv"), keras.Sequential([L.Flatten(), L.Dense(10)])):
        with pytest.raises(
            ValueError, match="must have an input shape and one output, the logits of the classes"
        ):
            PLAIN.fit(model, digits, 1, verbose=0)


def test_sequential_model(digits):
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Flatten(), L.Dense(10)])
    history = PLAIN.fit(model, digits, 2, verbose=0)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert training.probabilities(model, digits).shape == (80, 10)


# Checkpoints


def without_seconds(history):
    return history.drop(columns="seconds")


@pytest.mark.parametrize("precision", [None, "mixed_float16"])
def test_training_goes_on_to_the_same_weights(digits, unseen, tmp_path, precision):
    """Cut in two, with weights, momentum, dropout, order, augmentation and plateau where they were."""
    recipe = dataclasses.replace(PLAIN, schedule=Plateau(0.2, patience=1), augment=("shift",))
    options = {"validation": unseen, "verbose": 0, "precision": precision}
    whole = small()
    expected = recipe.fit(whole, digits, 5, **options)
    assert expected["learning_rate"].nunique() > 1

    recipe.fit(small(), digits, 2, folder=tmp_path, **options)
    rest = small(seed=5)
    tf.random.set_seed(77)
    history = recipe.fit(rest, digits, 5, folder=tmp_path, **options)
    assert same(state(whole), state(rest))
    pd.testing.assert_frame_equal(without_seconds(history), without_seconds(expected))
    kept = pd.read_csv(tmp_path / "history.csv", index_col="epoch")
    pd.testing.assert_frame_equal(without_seconds(kept), without_seconds(expected))

    again = small(seed=6)  # nothing is left to do
    recipe.fit(again, digits, 5, folder=tmp_path, **options)
    assert same(state(whole), state(again))


def test_state_is_kept_every_so_often_and_at_the_end(digits, tmp_path):
    written = []
    model = small()
    original = checkpoints.save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "save", lambda *a: written.append(len(a[-1])) or original(*a))
        PLAIN.fit(model, digits, 5, folder=tmp_path, every=2, verbose=0)
    assert written == [2, 4, 5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"recipe": dataclasses.replace(PLAIN, decay=0.1)},
            r"holds training with decay 0\.001 instead of 0\.1",
        ),
        ({"recipe": training.recipe("vgg")}, r"recipe plain instead of vgg"),
        ({"seed": 3}, r"seed 0 instead of 3"),
        ({"batch": 8}, r"batch 16 instead of 8"),
    ],
)
def test_folder_of_other_training_is_refused(digits, tmp_path, changes, message):
    PLAIN.fit(small(), digits, 1, folder=tmp_path, verbose=0)
    kept = (tmp_path / checkpoints.NAME).read_bytes()
    options = {"recipe": PLAIN} | changes
    recipe = options.pop("recipe")
    with pytest.raises(ValueError, match=message):
        recipe.fit(small(), digits, 2, folder=tmp_path, verbose=0, **options)
    assert (tmp_path / checkpoints.NAME).read_bytes() == kept


def test_folder_of_another_model_is_refused_and_the_model_left_alone(digits, tmp_path):
    PLAIN.fit(small(), digits, 1, folder=tmp_path, verbose=0)
    x = image = keras.Input((8, 8, 1))
    other = keras.Model(image, L.Dense(10)(L.Flatten()(x)), name="other")
    before = state(other)
    with pytest.raises(
        ValueError, match=r"model small of 1,506 parameters instead of other of 650 parameters"
    ):
        PLAIN.fit(other, digits, 2, folder=tmp_path, verbose=0)
    assert same(before, state(other))


def test_disk_that_fills_up_during_a_checkpoint_loses_nothing(digits, tmp_path):
    """The second checkpoint breaks off half written, by the limit that the system puts on files."""
    whole = small()
    PLAIN.fit(whole, digits, 4, verbose=0)
    PLAIN.fit(small(), digits, 1, folder=tmp_path, verbose=0)
    size = (tmp_path / checkpoints.NAME).stat().st_size
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))
    try:
        with pytest.raises(
            OSError, match=r"checkpoint\.npz could not be written: .*; what it held before is unharmed"
        ):
            PLAIN.fit(small(), digits, 4, folder=tmp_path, verbose=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before

    rest = small()
    assert len(PLAIN.fit(rest, digits, 4, folder=tmp_path, verbose=0)) == 4
    assert same(state(whole), state(rest))


def test_full_disk_is_called_so(digits, tmp_path, monkeypatch):
    def full(path, **arrays):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=r"checkpoint\.npz could not be written: the disk is full\."):
        PLAIN.fit(small(), digits, 1, folder=tmp_path, verbose=0)
    assert list(tmp_path.iterdir()) == []


# Evaluation


def test_top_k_by_numpy():
    random = np.random.default_rng(0)
    scores, labels = random.normal(size=(200, 10)), random.integers(0, 10, 200)
    for k in (1, 3, 5, 10):
        ranks = (scores > scores[np.arange(200), labels][:, None]).sum(1)
        assert training.top_k(scores, labels, k) == (ranks < k).mean()
    theirs = keras.metrics.SparseTopKCategoricalAccuracy(5)
    theirs.update_state(labels, scores.astype("float32"))
    assert training.top_k(scores, labels, 5) == pytest.approx(float(theirs.result()))


def test_equal_scores_are_ranked_by_class():
    scores = np.zeros((4, 6))
    assert training.top_k(scores, np.array([0, 4, 5, 1]), 5) == 0.75


@pytest.mark.parametrize(("k", "message"), [(0, "k must be an integer"), (7, "at most the 6 classes, not 7")])
def test_k_that_is_none(k, message):
    with pytest.raises(ValueError, match=message):
        training.top_k(np.zeros((4, 6)), np.zeros(4, int), k)


def test_probabilities_are_the_softmax(unseen):
    model = small()
    images, _ = data.arrays(unseen)
    mean, std = unseen.info.mean[0], unseen.info.std[0]
    logits = keras.ops.convert_to_numpy(model((images / 255 - mean) / std, training=False))
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.allclose(training.probabilities(model, unseen, batch=7), expected, atol=1e-5)


def test_ten_crop_by_hand():
    images = np.arange(2 * 7 * 9 * 3, dtype="float32").reshape(2, 7, 9, 3)
    views = np.asarray(training.ten_crop(4, 5)(tf.constant(images)))
    windows = [images[:, y : y + 4, x : x + 5] for y, x in ((0, 0), (0, 4), (3, 0), (3, 4), (1, 2))]
    assert views.shape == (2, 10, 4, 5, 3)
    for i, window in enumerate(windows):
        assert np.array_equal(views[:, i], window)
        assert np.array_equal(views[:, i + 5], window[:, :, ::-1])


def test_multi_crop_has_the_views_of_googlenet():
    oblong = tf.random.stateless_uniform((2, 30, 40, 3), [0, 1])
    assert training.multi_crop(14)(oblong).shape == (2, 144, 14, 14, 3)
    assert training.multi_crop(14)(oblong[:, :, :30]).shape == (2, 48, 14, 14, 3)
    one = np.asarray(training.multi_crop(14, scales=(1,))(oblong[:, :14, :20]))
    assert one.shape == (2, 36, 14, 14, 3)  # 3 squares, where corners, centre and whole are the same
    left, centre, right = (oblong[:, :14, start : start + 14] for start in (0, 3, 6))
    for i, square in enumerate((left, centre, right)):
        for view in range(6):
            assert np.allclose(one[:, 6 * i + view], square, atol=1e-6)
    assert np.allclose(one[:, 18:], one[:, :18, :, ::-1])


def test_crops_are_averaged_after_the_softmax(unseen):
    model = small()
    larger = data.load("digits", "test[:50]", size=10)
    averaged = training.probabilities(model, larger, crops=training.ten_crop(8, 8))
    images, _ = data.arrays(larger)
    prepared = ((images / 255 - larger.info.mean) / larger.info.std).astype("float32")
    each = [
        evaluation._softmax(keras.ops.convert_to_numpy(model(view, training=False)))
        for view in np.moveaxis(np.asarray(crops.ten_crop(8, 8)(tf.constant(prepared))), 1, 0)
    ]
    assert np.allclose(averaged, np.mean(each, axis=0), atol=1e-5)
    assert np.allclose(averaged.sum(1), 1, atol=1e-5)


def test_ensemble_is_the_mean_of_probabilities():
    first, second = np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([[0.3, 0.7], [0.0, 1.0]])
    assert np.allclose(training.ensemble([first, second]), [[0.6, 0.4], [0.2, 0.8]])
    with pytest.raises(ValueError, match="predictions of one shape"):
        training.ensemble([first, second[:1]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: training.ten_crop(9, 9)(tf.zeros((1, 8, 8, 1))), r"9×9 do not fit into images of 8×8"),
        (lambda: training.multi_crop(8, scales=(0.5,)), r"scales must be at least 1"),
        (lambda: training.multi_crop(0), r"side must be an integer of at least 1"),
    ],
)
def test_crops_that_are_none(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Runs, on the command line


def command(*arguments):
    return [sys.executable, "-m", "course.cli", *map(str, arguments)]


@pytest.mark.slow
def test_killed_run_goes_on_to_the_same_weights(root, tmp_path):
    """LeNet on digits, by kill -9 and the same command again; then evaluation and an ensemble."""
    arguments = ("train", "lenet5", "--data", "digits", "--epochs", 5)
    config = runs.configure("lenet5", "digits")
    expected = runs.train(config, tmp_path / "whole", 5, verbose=0)

    cut = command(*arguments, "--out", tmp_path / "cut")
    history = tmp_path / "cut" / "history.csv"
    process = subprocess.Popen(cut, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (history.exists() and len(history.read_text().splitlines()) > 2):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut" / runs.WEIGHTS).exists()

    subprocess.run(cut, cwd=root, check=True, stdout=subprocess.DEVNULL)
    names = [folder / runs.WEIGHTS for folder in (tmp_path / "whole", tmp_path / "cut")]
    models = [course.build("lenet5"), course.build("lenet5")]
    for model, name in zip(models, names, strict=True):
        model.load_weights(name)
    assert same(*map(state, models))
    kept = pd.read_csv(history, index_col="epoch")
    pd.testing.assert_frame_equal(without_seconds(kept), without_seconds(expected))

    scores = runs.evaluate([tmp_path / "whole", tmp_path / "cut"])
    assert list(scores.index) == [str(tmp_path / "whole"), str(tmp_path / "cut"), "ensemble"]
    assert scores["top1"].nunique() == 1
    assert scores["top1"].iloc[0] >= 0.95
    assert runs.evaluate([tmp_path / "cut"], crops="ten")["top1"].iloc[0] > 0.5

    other = runs.configure("vgg11", "digits", shape=(32, 32, 1))
    with pytest.raises(
        ValueError, match="a run with model lenet5 instead of vgg11 and recipe small instead of vgg"
    ):
        runs.train(other, tmp_path / "cut", 1)


DEVICES = """
import dataclasses, json, keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import course
from course import data, training
from course.training import placing

recipe = dataclasses.replace(training.recipe("small"), decay=1e-3, augment=("shift",))
images = data.load("digits", "train[:128]", size=32)

def weights(distribution):
    keras.utils.set_random_seed(0)
    model = course.build("lenet5")
    history = recipe.fit(model, images, 2, batch=32, distribution=distribution, verbose=0)
    return [keras.ops.convert_to_numpy(each) for each in model.weights], history["loss"].iloc[-1]

(one, loss), (two, other) = weights(None), weights(placing.mirrored(2))
difference = max(float(abs(a - b).max()) for a, b in zip(one, two))
print(json.dumps({"weights": difference, "losses": [loss, other]}))
try:
    placing.mirrored(3)
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_several_devices_train_to_the_same_weights(root):
    """On two virtual CPUs, by tf.distribute: a step's batch is divided, the result is one device's."""
    done = subprocess.run(
        [sys.executable, "-c", DEVICES], cwd=root, capture_output=True, text=True, check=True
    )
    measured, refusal = done.stdout.strip().splitlines()[-2:]
    measured = json.loads(measured)
    assert measured["weights"] < 1e-5
    assert measured["losses"][0] == pytest.approx(measured["losses"][1], rel=1e-4)
    assert refusal == "Training on 3 devices takes so many, and TensorFlow sees 2."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lenet5", "digit"), r"no dataset called 'digit'. Did you mean digits"),
        (("lenet", "digits", "smal"), r"no recipe called 'smal'. Did you mean small"),
        (("lenet6", "digits"), r"no architecture called 'lenet6'"),
    ],
)
def test_runs_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        runs.configure(*arguments)


def test_channels_of_another_number():
    with pytest.raises(
        ValueError, match=r"Images of digits have 1 channels, so shape cannot be \(32, 32, 3\)"
    ):
        runs.configure("lenet5", "digits", shape=(32, 32, 3))


def test_network_that_cannot_be_built_claims_no_folder(tmp_path):
    config = runs.configure("alexnet", "digits", shape=(32, 32, 1))
    with pytest.raises(ValueError, match="too small for alexnet"):
        runs.train(config, tmp_path / "run", 1)
    assert list(tmp_path.iterdir()) == []


def test_runs_that_cannot_be_evaluated(tmp_path):
    with pytest.raises(ValueError, match=r"holds no run: there is no config.json"):
        runs.evaluate([tmp_path])
    (tmp_path / runs.CONFIG).write_text(json.dumps(dataclasses.asdict(runs.configure("lenet5", "digits"))))
    with pytest.raises(ValueError, match=r"is not finished"):
        runs.evaluate([tmp_path])
    with pytest.raises(ValueError, match=r"crops must be 'one', 'ten' or 'multi', not 'five'"):
        runs.evaluate([tmp_path], crops="five")
