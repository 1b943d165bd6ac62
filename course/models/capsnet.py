"""CapsNet. Sabour, Frosst & Hinton 2017, section 4, figures 1 and 2."""

import math

import keras
from keras import layers as L
from keras import ops

from course.layers import CapsuleLength, DigitCapsules, PrimaryCapsules
from course.registry import family, row

RECONSTRUCTION_WEIGHT = 0.0005  # section 4.1: of the sum over all pixels, beside the margin loss

VARIANTS = {  # printed: section 5 (parameters without the decoder), Table 1 (test error on MNIST, with it)
    "capsnet": row(params="6.8M", top1="0.25", aliases=("capsule_network",)),
}


@family(paper="sabour2017capsnet", variants=VARIANTS)
def capsnet(
    filters=256, capsules=32, dimensions=(8, 16), routings=3, shape=(28, 28, 1), classes=10, name="capsnet"
):
    """A convolution, primary capsules, and a capsule a class, reached by routing by agreement.

    Input (28, 28, 1), output (10,): lengths from 0 to 1, each the probability that its class is there.
    They serve as logits do: the greatest is the answer. Trained with `margin_loss`; `with_decoder`
    adds the reconstruction. `dimensions` are those of a primary capsule and of a class's.
    """
    primary, digit = dimensions
    x = image = keras.Input(shape, name="image")
    x = L.Conv2D(filters, 9, activation="relu", name="conv1")(x)  # (B, 20, 20, 256)
    x = PrimaryCapsules(capsules, primary, kernel_size=9, strides=2, name="primary_capsules")(x)
    # (B, 6, 6, 32, 8): 1152 vectors
    x = DigitCapsules(classes, digit, routings, name="digit_capsules")(x)  # (B, 10, 16)
    return keras.Model(image, CapsuleLength(name="length")(x), name=name)


def with_decoder(model: keras.Model) -> keras.Model:
    """The network with its decoder, layers shared: [image, label] to [lengths, reconstruction].

    `label` is one-hot, (classes,), and keeps the capsule of that class alone: the true one in
    training, `keras.ops.one_hot(argmax of the lengths)` in use. Three dense layers make an image of
    that capsule, each pixel from 0 to 1 (section 4.1, figure 2). Train it with
    `loss=[margin_loss, reconstruction_loss]` and `loss_weights=[1, RECONSTRUCTION_WEIGHT]`.
    """
    capsules = model.get_layer("digit_capsules").output  # (B, 10, 16)
    classes, pixels = capsules.shape[1], math.prod(model.input_shape[1:])
    label = keras.Input((classes,), name="label")
    mask = L.Reshape((classes, 1), name="mask")(label)
    x = L.Multiply(name="masked")([capsules, mask])
    x = L.Flatten(name="flatten")(x)  # (B, 160)
    x = L.Dense(512, activation="relu", name="decoder_fc1")(x)
    x = L.Dense(1024, activation="relu", name="decoder_fc2")(x)
    x = L.Dense(pixels, activation="sigmoid", name="decoder_fc3")(x)
    reconstruction = L.Reshape(model.input_shape[1:], name="reconstruction")(x)
    return keras.Model([model.input, label], [model.output, reconstruction], name=f"{model.name}_decoder")


@keras.saving.register_keras_serializable(package="course")
def margin_loss(y_true, y_pred):
    """Sum over the classes of T max(0, 0.9 - |v|)² + 0.5 (1 - T) max(0, |v| - 0.1)², a number an image.

    `y_true` T is one-hot (equation 4), `y_pred` the lengths |v|, both (B, classes). Several classes may
    be present at once.
    """
    y_true = ops.cast(y_true, y_pred.dtype)
    present = ops.square(ops.relu(0.9 - y_pred))
    absent = ops.square(ops.relu(y_pred - 0.1))
    return ops.sum(y_true * present + 0.5 * (1 - y_true) * absent, axis=-1)


@keras.saving.register_keras_serializable(package="course")
def reconstruction_loss(y_true, y_pred):
    """Sum of squared differences over all pixels of (B, H, W, C), a number an image (section 4.1)."""
    difference = ops.cast(y_true, y_pred.dtype) - y_pred
    return ops.sum(ops.square(difference), axis=(1, 2, 3))
