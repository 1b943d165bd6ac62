"""Weights of other libraries in our networks: what ours compute equals what theirs do."""

import builtins
import importlib
import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers as L
from pytorch_reference import FILE, image, state

import course
from course.training import copy_weights, prepare, pretrained
from course.training.copying import slots
from course.training.pytorch import load_state, their_name
from course.training.pytorch_names import INCEPTION_V4, MNASNET, RESNET
from course.training.weights import SOURCES, PyTorch, original

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
parity = importlib.import_module("parity")

REFERENCE = json.loads(FILE.read_text())
SLOW = (
    "nasnet_large",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "senet154",
)


def grouped(names):
    """Parameters of a test, the slow ones marked."""
    return [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in names]


def save(folder, name, arrays):
    """Write arrays as the source of `name` has them, numbers of batches included."""
    counters = {
        key.replace("running_mean", "num_batches_tracked"): np.array(0)
        for key in arrays
        if "running_mean" in key
    }
    if SOURCES[name].file.endswith(".pth"):
        torch = pytest.importorskip("torch")
        file = folder / "weights.pth"
        torch.save({key: torch.from_numpy(array) for key, array in (arrays | counters).items()}, file)
    else:
        safetensors = pytest.importorskip("safetensors.numpy")
        file = folder / "model.safetensors"
        safetensors.save_file(arrays | counters, file)
    return file


def tiny(name, *, bias=True, norm=True, scale=True, epsilon=1e-3, dense=False, filters=4):
    """Convolution, batch normalisation, classifier, in one of several forms, with weights at random."""
    x = image = keras.Input((6, 6, 3))
    x = L.Conv2D(filters, 3, use_bias=bias, name="conv")(x)
    x = L.BatchNormalization(scale=scale, epsilon=epsilon, name="norm")(x) if norm else x
    x = L.Activation("relu")(x)
    x = L.GlobalAveragePooling2D(keepdims=not dense)(x)
    x = L.Dense(2, name="fc")(x) if dense else L.Flatten()(L.Conv2D(2, 1, name="fc")(x))
    model = keras.Model(image, x, name=name)
    random = np.random.default_rng(len(name))
    for weight in model.weights:
        weight.assign(random.uniform(0.1, 1, weight.shape))
    return model


@pytest.mark.parametrize("name", grouped(parity.NAMES))
def test_logits_equal_those_of_keras_applications(name):
    assert max(parity.differences(name)) < 1e-4


@pytest.mark.parametrize("name", grouped(REFERENCE))
def test_logits_equal_those_of_pytorch(name, tmp_path):
    reference = REFERENCE[name]
    size = reference["size"]
    file = save(tmp_path, name, state(reference["modules"], reference["gain"]))
    logits = np.asarray(pretrained(name, (size, size, 3), file)(image(size), training=False))[0]
    error = abs(logits[: len(reference["logits"])] - reference["logits"]).max()
    assert error < 2e-5 * abs(logits).max()


def test_pretrained_reads_a_file_of_keras_applications(tmp_path):
    theirs = original("mobilenet_v3_small", weights=None)
    theirs.save_weights(tmp_path / "original.weights.h5")
    ours = pretrained("mobilenet_v3_small", (64, 64, 3), tmp_path / "original.weights.h5")
    images = np.random.default_rng(0).standard_normal((2, 64, 64, 3), "float32")
    np.testing.assert_allclose(ours(images, training=False), theirs.call(images, training=False), atol=1e-5)


def test_every_source_is_a_network_and_has_a_name_for_every_layer():
    for name, source in SOURCES.items():
        if isinstance(source, PyTorch):
            model = course.build(name, symbolic=True, **source.arguments)
            modules = [their_name(slot.layer.name, source.names) for slot in slots(model)]
            assert None not in modules
            assert len(set(modules)) == len(modules)


@pytest.mark.parametrize(
    ("layer", "names", "theirs"),
    [
        ("conv1_bn", RESNET, "bn1"),
        ("conv3_2_b", RESNET, "layer2.1.conv2"),
        ("conv5_1_shortcut_bn", RESNET, "layer4.0.downsample.1"),
        ("mixed_5e_2c_3x3", INCEPTION_V4, "features.9.branch2.2.conv"),
        ("mixed_6a_0a_3x3_bn", INCEPTION_V4, "features.10.branch0.bn"),
        ("mixed_7d_1c_3x1", INCEPTION_V4, "features.21.branch1_1b.conv"),
        ("stage1_1_project_bn", MNASNET, "blocks.0.0.bn2"),
        ("stage7_1_project_bn", MNASNET, "blocks.6.0.bn3"),
        ("conv_3", RESNET, None),
    ],
)
def test_names_of_pytorch(layer, names, theirs):
    assert their_name(layer, names) == theirs


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({}, {}),
        ({}, {"bias": False}),
        ({"bias": False}, {}),
        ({"scale": False}, {"bias": False}),
        ({"epsilon": 0.1}, {"epsilon": 1e-5}),
        ({"dense": True}, {}),
        ({}, {"dense": True}),
    ],
)
def test_copies_between_forms_of_the_same_network(theirs, ours):
    images = np.random.default_rng(0).standard_normal((5, 6, 6, 3), "float32")
    source, target = tiny("source", **theirs), tiny("target model", **ours)
    copy_weights(source, target)
    np.testing.assert_allclose(target(images), source(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (tiny("source", filters=5), tiny("target"), "The kernel of layer 'conv'"),
        (tiny("source", norm=False), tiny("target"), "where the one has a convolution .*, the other"),
        (
            tiny("source", norm=False),
            tiny("target", norm=False, bias=False),
            "no batch normalisation comes before",
        ),
        (course.build("lenet5"), course.features(course.build("lenet5"), "C5"), "5 operations .* against 3"),
        (course.build("lenet5_sparse", symbolic=True), tiny("target"), "cannot be copied"),
    ],
)
def test_what_does_not_fit_changes_nothing(source, target, words):
    before = [np.asarray(weight) for weight in target.weights]
    with pytest.raises(ValueError, match=words):
        copy_weights(source, target)
    for weight, old in zip(target.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


TINY = {"conv": ("stem.0", "stem.1"), "norm": "stem.1", "fc": "head"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"head.weight": None}, "has no 'head' for layer 'fc'"),
        ({"stem.1.running_var": None}, "has no variance for layer 'norm'"),
        ({"aux.weight": np.zeros(3)}, "no layer for aux.weight"),
        ({"head.weight": np.zeros((2, 5), "float32")}, "The kernel of layer 'fc'"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(change, words):
    modules = {"stem.0": [4, 3, 3, 3, "bias"], "stem.1": [4], "head": [2, 4, "bias"]}
    arrays = {key: array for key, array in (state(modules) | change).items() if array is not None}
    model = tiny("target")
    before = [np.asarray(weight) for weight in model.weights]
    with pytest.raises(ValueError, match=words):
        load_state(model, arrays, TINY)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_says_which_network_has_no_weights_and_why():
    with pytest.raises(ValueError, match=r"fit googlenet: torchvision's has 3x3 .* Those that do: .*vgg16"):
        pretrained("googlenet")
    with pytest.raises(ValueError, match="No published weights fit lenet5"):
        pretrained("lenet")


def test_says_which_package_is_missing(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] in ("safetensors", "huggingface_hub", "torch"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"huggingface_hub: pip install 'cnn-course\[pretrained\]'"):
        pretrained("resnet18")
    with pytest.raises(ImportError, match=r"safetensors: pip install 'cnn-course\[pretrained\]'"):
        pretrained("resnet18", file=tmp_path / "model.safetensors")
    with pytest.raises(ImportError, match="PyTorch"):
        pretrained("squeezenet", file=tmp_path / "model.pth")


def test_images_are_prepared_as_their_weights_expect():
    images = np.full((1, 2, 2, 3), 255, "uint8")
    images[..., 2] = 0  # yellow
    np.testing.assert_allclose(prepare(images, "xception")[0, 0, 0], [1, 1, -1])
    np.testing.assert_allclose(prepare(images, "resnet50")[0, 0, 0], [-103.939, 138.221, 131.32], rtol=1e-5)
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, -0.406 / 0.225]
    np.testing.assert_allclose(prepare(images, "resnet18")[0, 0, 0], expected, rtol=1e-5)
    assert images.max() == 255
