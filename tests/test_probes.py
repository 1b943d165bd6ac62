"""Probes of layers and models: what is compared, what is not held against a right answer, what is refused."""

import json

import keras
import numpy as np
import psutil
import pytest
from keras import layers as L

from autograder.exercise import Answer, Case, Exercise, Misconception, full_sheet, generator
from autograder.judge import judge
from autograder.probe import observe
from autograder.rebuild import NotRebuildableError, rebuild

RNG = np.random.default_rng(0)
BATCHES = [RNG.normal(2, 3, (4, 3, 3, 2)).astype("float32") for _ in range(2)]
SCALE = {"gamma": np.array([2.0, 0.5], "float32"), "beta": np.array([1.0, -1.0], "float32")}


class Written(L.Layer):
    """Batch normalisation written out: right, and different from Keras's."""

    def build(self, shape):
        options = {"shape": shape[-1:]}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **options)
        self.beta = self.add_weight(name="beta", initializer="zeros", **options)
        self.mean = self.add_weight(name="moving_mean", initializer="zeros", trainable=False, **options)
        self.variance = self.add_weight(
            name="moving_variance", initializer="ones", trainable=False, **options
        )

    def call(self, x, training=False):
        mean, variance = self.mean, self.variance
        if training:
            mean, variance = keras.ops.mean(x, (0, 1, 2)), keras.ops.var(x, (0, 1, 2))
            self.mean.assign(0.99 * self.mean + 0.01 * mean)
            self.variance.assign(0.99 * self.variance + 0.01 * variance)
        return (x - mean) / keras.ops.sqrt(variance + 1e-3) * self.gamma + self.beta


class PerPixel(Written):
    """Wrong: statistics of each pixel over the batch alone."""

    def call(self, x, training=False):
        mean, variance = keras.ops.mean(x, 0), keras.ops.var(x, 0)
        return (x - mean) / keras.ops.sqrt(variance + 1e-3) * self.gamma + self.beta


def exercise(right, cases, *misconceptions):
    return Exercise(
        id="probed", title="Probed", points=len(cases), answers={"answer": Answer(right)}, public=cases,
        hidden=lambda rng: [], misconceptions=misconceptions, tolerance=1e-4,
    )  # fmt: skip


def report(of, answer):
    sheet = full_sheet(of, generator(b"", "x"))
    return judge(sheet, observe(["answer"], lambda: [answer], sheet["cases"], []))


NORMALISATION = exercise(
    L.BatchNormalization,
    [Case("answer", ({}, SCALE, BATCHES, training), "layer") for training in (True, False)],
    Misconception("PER_PIXEL", "answer", "over N, H and W", [PerPixel]),
)


def wrong_aspects(result):
    return {line.aspect for verdict in result.verdicts for line in verdict.lines if not line.right}


def test_a_layer_written_in_another_way_is_right():
    result = report(NORMALISATION, Written)
    assert not wrong_aspects(result)
    assert result.score == 2


def test_a_wrong_layer_is_named_and_its_output_gradient_and_state_are_told_apart():
    result = report(NORMALISATION, PerPixel)
    assert result.score == 0
    assert list(result.misconceptions) == ["PER_PIXEL"]
    assert {"output 1, value", "gradient, value", "state, moving_mean, value"} <= wrong_aspects(result)


def test_what_is_no_layer_is_a_sentence():
    assert "not a keras.layers.Layer" in report(NORMALISATION, lambda: 3).verdicts[0].lines[0].got
    assert "has no weight called" in report(NORMALISATION, L.UnitNormalization).verdicts[0].lines[0].got


def network(classes=3, padding="same", strides=1, activation="relu", head=L.Dense, image=(8, 8, 1)):
    x = inputs = keras.Input(image)
    x = L.Conv2D(4, 3, padding=padding, strides=strides, activation=activation)(x)
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, head(classes)(x))


NETWORK = exercise(network, [Case("answer", ({"classes": 5},), "model", ((8, 8, 1), 7))])


def other_names(classes):
    x = image = keras.Input((8, 8, 1), name="picture")
    x = L.Conv2D(4, (3, 3), padding="same", name="first")(x)
    x = L.ReLU(name="relu")(x)
    x = L.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, L.Dense(classes, name="logits")(x), name="mine")


def test_the_same_network_is_right():
    assert report(NETWORK, network).score == 1


@pytest.mark.filterwarnings("error:The structure of `inputs`")
def test_a_sequential_model_is_rebuilt_as_a_functional_one():
    sequential = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3), L.Flatten(), L.Dense(2)])
    rebuilt = rebuild(keras.saving.serialize_keras_object(sequential))
    rebuilt.set_weights(sequential.get_weights())
    images = RNG.normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(rebuilt(images), sequential(images))
    assert not isinstance(rebuilt, keras.Sequential)
    assert rebuilt.output.shape == (None, 2)


def test_names_do_not_matter_and_the_output_shows_what_counts_do_not():
    assert report(NETWORK, other_names).score == 1  # and its ReLU is a layer of its own
    same_counts = report(NETWORK, lambda classes: network(classes, activation="tanh"))
    assert wrong_aspects(same_counts) == {"output, value"}


def test_stride_and_padding_are_found():
    assert "MACs, value" in wrong_aspects(report(NETWORK, lambda classes: network(classes, strides=2)))
    assert "layers, value" in wrong_aspects(
        report(NETWORK, lambda classes: network(classes, padding="valid"))
    )


def endless(classes):
    x = image = keras.Input((8, 8, 1))
    x = L.Conv2D(64, 9, padding="same")(L.UpSampling2D(50)(L.Conv2D(64, 1)(x)))
    return keras.Model(image, L.Dense(classes)(L.GlobalAveragePooling2D()(x)))


class Subclassed(keras.Model):
    def count_params(self):
        return 65

    def get_config(self):
        return {}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda classes: Subclassed(), "neither Keras's nor the course's"),
        (lambda classes: network(classes, head=lambda n: L.Lambda(lambda x: x)), "Lambda"),
        (lambda classes: endless(classes), "up to 20,000,000,000 and 250,000,000 are tried here"),
        (lambda classes: 3, "not a keras.Model"),
        (lambda classes: {"class_name": "system", "module": "os", "config": {}}, "not a keras.Model"),
    ],
)
def test_what_cannot_be_rebuilt_earns_nothing(answer, sentence):
    result = report(NETWORK, answer)
    assert result.score == 0
    assert sentence in result.verdicts[0].lines[0].got


@pytest.mark.parametrize(
    "configuration",
    [
        {"module": "os", "class_name": "system", "config": {"command": "true"}},
        {"module": "builtins", "class_name": "eval", "config": "1"},
        {"module": "builtins", "class_name": "function", "config": "print"},
        {"module": "keras.layers", "class_name": "Lambda", "config": {}},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        {"module": "keras.src.utils.file_utils", "class_name": "get_file", "config": {}},
        {"module": "subprocess", "class_name": "Popen", "registered_name": "course>Popen", "config": {}},
        {"module": "course.cli", "class_name": "main", "registered_name": "course>main", "config": {}},
        {"module": None, "class_name": "Functional", "registered_name": None, "config": {}},
        [],
        "model",
        7,
    ],
)
def test_a_forged_configuration_is_refused(configuration):
    with pytest.raises(NotRebuildableError):
        rebuild(configuration)


@pytest.mark.parametrize(
    ("small", "large", "sentence"),
    [
        (
            '"units": 2',
            '"units": 100000000000',
            "too large: [0-9,]{11,} multiply-accumulates .images: 1., 700,",
        ),
        ('"units": 2', '"units": 50000000', "1., 350,[0-9,]+ weights"),
        ("[3, 3]", "[10000, 10000]", "1., 6,4[0-9,]+ weights"),
    ],
)
def test_what_is_too_large_is_refused_before_it_takes_memory(small, large, sentence):
    layers = [L.UpSampling2D(3), L.GlobalAveragePooling2D(), L.Dense(5), L.Dense(2)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    configuration = json.dumps(keras.saving.serialize_keras_object(model))
    assert configuration.count(small) == 1
    rebuild(json.loads(configuration))  # TensorFlow allocates for itself
    before = psutil.Process().memory_info().vms
    with pytest.raises(NotRebuildableError, match=sentence):
        rebuild(json.loads(configuration.replace(small, large)))
    assert psutil.Process().memory_info().vms - before < 200 * 2**20  # the least of them would take 1.2 GB
