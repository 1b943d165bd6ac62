"""What the lectures do to training images: shift, flip, crop, change of colour.

An augmentation is a function from a batch and a seed to a batch: images float (B, H, W, C), seed int32 (2,).
The same seed gives the same result, and `compose` makes one of several. They expect images as
`course.data.batches` prepares them, so that 0 is the mean of the training images: what comes in at the edges.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from course.data.dataset import Info
from course.errors import check_positive_integer, unknown

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def flip() -> Augmentation:
    """Mirrors each image, left for right, with probability 1/2 (Krizhevsky et al. 2012, section 4.1)."""

    def augment(images, seed):
        columns = tf.range(images.shape[2])
        mirrored = tf.random.stateless_uniform([tf.shape(images)[0], 1], seed) < 0.5
        columns = tf.where(mirrored, columns[::-1], columns)  # (B, W)
        return tf.gather(images, columns, axis=2, batch_dims=1)

    return augment


def crop(height: int, width: int) -> Augmentation:
    """A window of this size out of each image, anywhere (Krizhevsky et al. 2012, section 4.1)."""
    check_positive_integer("height", height)
    check_positive_integer("width", width)

    def augment(images, seed):
        if height > images.shape[1] or width > images.shape[2]:
            raise ValueError(
                f"A window of {height}x{width} does not fit into images of "
                f"{images.shape[1]}x{images.shape[2]}."
            )
        seeds = tf.random.split(seed, 2)
        rows = _window(images, height, seeds[0], axis=1)  # (B, height)
        columns = _window(images, width, seeds[1], axis=2)
        images = tf.gather(images, rows, axis=1, batch_dims=1)
        return tf.gather(images, columns, axis=2, batch_dims=1)

    return augment


def _window(images, size: int, seed, axis: int):
    """Consecutive numbers from a random start, one row an image."""
    starts = images.shape[axis] - size + 1
    start = tf.random.stateless_uniform([tf.shape(images)[0], 1], seed, maxval=starts, dtype=tf.int32)
    return start + tf.range(size)


def shift(pixels: int) -> Augmentation:
    """Moves each image by up to so many pixels, up or down and left or right; 0 comes in at the edges.

    The same as a crop out of the image with so many pixels of padding around it (He et al. 2015, 4.2).
    """
    check_positive_integer("pixels", pixels)

    def augment(images, seed):
        padding = (pixels, pixels)
        padded = tf.pad(images, ((0, 0), padding, padding, (0, 0)))
        return crop(*images.shape[1:3])(padded, seed)

    return augment


def colour(info: Info, deviation: float = 0.1) -> Augmentation:
    """Adds the same colour to all of an image: a random step along each principal component of the channels.

    Steps are normal with `deviation` times the standard deviation of the training pixels along that
    component. Source: Krizhevsky et al. 2012, section 4.1, who write the eigenvalue for its root; with the
    root the result does not depend on the scale of the pixels.
    """
    variances, components = np.linalg.eigh(np.array(info.covariance))
    steps = components * np.sqrt(np.maximum(variances, 0)) / scale(info)[:, None]  # (C, C), one a column

    def augment(images, seed):
        random = tf.random.stateless_normal([tf.shape(images)[0], len(steps)], seed, stddev=deviation)
        added = tf.matmul(random, tf.constant(steps.T, tf.float32))  # (B, C)
        return images + tf.cast(added, images.dtype)[:, None, None, :]

    return augment


def compose(*augmentations: Augmentation) -> Augmentation:
    """One after the other, each with a seed of its own."""

    def augment(images, seed):
        for i, each in enumerate(augmentations):
            images = each(images, tf.random.fold_in(seed, i))
        return images

    return augment


def scale(info: Info) -> np.ndarray:
    """What each channel is divided by: its standard deviation, or 1 where it does not vary."""
    std = np.array(info.std)
    return np.where(std > 0, std, 1.0)


BY_NAME: dict[str, Callable[[Info], Augmentation]] = {  # as recipes name them
    "colour": colour,
    "flip": lambda info: flip(),
    "shift": lambda info: shift(max(1, min(info.shape[:2]) // 8)),  # 4 of 32 pixels, 28 of 224
}


def named(names: tuple[str, ...], info: Info) -> Augmentation:
    """The augmentations of these names for a dataset, without "flip" where that would change the class."""
    for name in names:
        if name not in BY_NAME:
            raise unknown("augmentation", name, BY_NAME)
    return compose(*(BY_NAME[name](info) for name in names if info.mirror or name != "flip"))
