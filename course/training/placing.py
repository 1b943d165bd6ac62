"""Where and in which precision a model is trained."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def placed(model: keras.Model, distribution) -> Iterator[keras.Model]:
    """The model itself, or a copy on the devices of `distribution`, whose weights it gets in the end.

    Layers make their weights where they are created, so that a model from elsewhere has to be made again.
    """
    if distribution is None:
        yield model
        return
    with distribution.scope():
        copy = keras.models.clone_model(model)
        _copy_state(model, copy)
        try:
            yield copy
        finally:
            _copy_state(copy, model)


def _copy_state(source: keras.Model, target: keras.Model) -> None:
    """Weights and the states of random layers."""
    for theirs, ours in zip(source.variables, target.variables, strict=True):
        ours.assign(keras.ops.convert_to_numpy(theirs))


def mirrored(devices: int):
    """A tf.distribute.Strategy for so many GPUs of this machine, or CPUs where it has no GPU; None for one.

    Raises:
        ValueError: where there are fewer.
    """
    if devices == 1:
        return None
    import tensorflow as tf

    there = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if devices > len(there):
        raise ValueError(f"Training on {devices} devices takes so many, and TensorFlow sees {len(there)}.")
    return tf.distribute.MirroredStrategy([device.name for device in there[:devices]])


@contextlib.contextmanager
def computing_in(model: keras.Model, policy: str | None) -> Iterator[None]:
    """Every layer but the last computes in this dtype policy; None changes nothing.

    Mixed policies keep weights in float32; the last layer stays there too, for the logits' sake. With
    "mixed_float16" Keras scales the loss, which it decides by the policy of the model.
    """
    if policy is None:
        yield
        return
    layers = [model, *model.layers[1:-1]]
    before = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = policy
    try:
        yield
    finally:
        for layer, kept in zip(layers, before, strict=True):
            layer.dtype_policy = kept
