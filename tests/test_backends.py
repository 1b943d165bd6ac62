"""With the same weights, networks compute the same on every backend that is installed."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest

import course

NETWORKS = {  # one of each kind of arithmetic, and the side of its image
    "alexnet_2012": 67,
    "capsnet": 28,
    "densenet_bc_100_12": 32,
    "efficientnet_b0": 75,
    "fractalnet_cifar": 32,
    "ghostnet": 75,
    "googlenet": 75,
    "lenet5_sparse": 32,
    "mobilenet_v3_small": 75,
    "resnet18": 75,
    "resnet20_cifar": 32,
    "se_resnet18": 75,
    "shufflenet_g3": 75,
    "shufflenet_v2_x0_5": 75,
    "squeezenet": 75,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Weights, images and logits of every network, computed here."""
    folder = tmp_path_factory.mktemp("networks")
    random = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    for name, size in NETWORKS.items():
        channels = 1 if name in ("capsnet", "lenet5_sparse") else 3
        images = random.random((2, size, size, channels), "float32")
        model = course.build(name, images.shape[1:], classes=10)
        logits = keras.ops.convert_to_numpy(model(images, training=False))
        model.save_weights(folder / f"{name}.weights.h5")
        np.savez(folder / f"{name}.npz", images=images, logits=logits)
    return folder


def backends() -> list:
    """Parameters of a test: each other backend, skipped where it is not installed."""
    return [
        pytest.param(
            name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed")
        )
        for name in ("torch", "jax")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends())
def test_logits_are_the_same_on_another_backend(backend, folder):
    subprocess.run(
        [sys.executable, Path(__file__).with_name("other_backend.py"), folder],
        env=os.environ | {"KERAS_BACKEND": backend},
        check=True,
    )
    for name in NETWORKS:
        logits = np.load(folder / f"{name}.npz")["logits"]
        other = np.load(folder / f"{name}.{backend}.npy")
        assert abs(other - logits).max() < 1e-4 * abs(logits).max(), name
