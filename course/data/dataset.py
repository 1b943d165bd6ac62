"""A dataset: images and labels one by one in a tf.data pipeline, and what is known of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from course.errors import check_positive_integer

BULK = 256  # images that are resized or fetched at a time
IN_MEMORY = 2**28  # bytes of resized images that are kept
SAMPLE = 2000  # images whose statistics stand for all


@dataclass(frozen=True)
class Info:
    """What is known of a dataset.

    Attributes:
        name: such as "digits".
        split: such as "train" or "train[:90%]".
        shape: (height, width, channels) of an image.
        classes: how many there are; labels are 0 to classes - 1.
        labels: the name of each class.
        examples: how many images.
        mean: of each channel over the training images, pixels running from 0 to 1.
        covariance: of the channels over the same pixels, (channels, channels).
        mirror: whether an image and its mirror image are of the same class.
    """

    name: str
    split: str
    shape: tuple[int, int, int]
    classes: int
    labels: tuple[str, ...]
    examples: int
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    mirror: bool = True

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of each channel over the training images, pixels running from 0 to 1."""
        return tuple(float(self.covariance[i][i] ** 0.5) for i in range(len(self.mean)))


class Data(NamedTuple):
    """`pipeline` yields (image, label) one by one, uint8 (H, W, C) and int32; batch them as you like."""

    pipeline: tf.data.Dataset
    info: Info


def as_data(data: tuple) -> Data:
    """The pair that `load` returns, taken apart or not. Raises ValueError for anything else."""
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[1], Info):
        return Data(*data)
    raise ValueError(
        f"Data is a pair of pipeline and info, as course.data.load returns it, not {type(data).__name__}: "
        "course.data.from_arrays makes one of arrays."
    )


def from_arrays(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    classes: int | Sequence[str] | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    like: Info | None = None,
    name: str = "arrays",
    mirror: bool = True,
) -> Data:
    """A dataset of your own.

    Args:
        images: (N, H, W, C), pixels from 0 to 255.
        labels: (N,), integers from 0.
        classes: how many there are, or their names; by default one more than the largest label.
        size: side, or (height, width), that images are resized to.
        like: the info of the training data, whose classes and statistics are to be used: for test data.
        name: what to call it.
        mirror: whether an image and its mirror image are of the same class.

    Raises:
        ValueError: for arrays of other shapes, pixels out of range, labels that are not classes.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"images must be (N, height, width, channels) with N of at least 1, not {images.shape}."
        )
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"There must be one label for each of the {len(images)} images, but labels are {labels.shape}."
        )
    low, high = images.min(), images.max()
    scaled = images.dtype.kind == "f" and high <= 1  # from 0 to 1, most likely
    if not (low >= 0 and high <= 255) or scaled:
        raise ValueError(f"Pixels must run from 0 to 255, and these run from {low:.4g} to {high:.4g}.")
    if like is not None:
        classes, mirror = like.labels, like.mirror
    if classes is None:
        classes = int(labels.max()) + 1
    names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
    check_labels(labels, len(names))
    images = images.round().astype(np.uint8)
    mean, covariance = (like.mean, like.covariance) if like else statistics(images)
    info = Info(name, "all", images.shape[1:], len(names), names, len(images), mean, covariance, mirror)
    return resized(paired(images, labels, info), size)


def arrays(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """All images and labels of a dataset in memory, uint8 (N, H, W, C) and int32 (N,)."""
    parts = zip(*as_data(data).pipeline.batch(BULK).as_numpy_iterator(), strict=True)
    images, labels = (np.concatenate(each) for each in parts)
    return images, labels


def paired(images: np.ndarray, labels: np.ndarray, info: Info) -> Data:
    """The dataset of arrays that are known to be right."""
    return Data(tf.data.Dataset.from_tensor_slices((images, labels.astype(np.int32))), info)


def resized(data: Data, size: int | tuple[int, int] | None) -> Data:
    """The dataset with images of another size, bilinear; None leaves it as it is.

    Small datasets are resized at once, large ones image by image whenever they are read.
    """
    if size is None:
        return data
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    check_positive_integer("The height of size", height)
    check_positive_integer("The width of size", width)
    if data.info.shape[:2] == (height, width):
        return data

    def resize(images, labels):
        images = tf.image.resize(images, (height, width), antialias=True)
        return tf.cast(tf.round(images), tf.uint8), labels

    pipeline = data.pipeline.batch(BULK).map(resize, tf.data.AUTOTUNE).unbatch()
    pipeline = pipeline.apply(tf.data.experimental.assert_cardinality(data.info.examples))
    info = replace(data.info, shape=(height, width, data.info.shape[2]))
    fits = info.examples * math.prod(info.shape) <= IN_MEMORY
    return paired(*arrays(Data(pipeline, info)), info) if fits else Data(pipeline, info)


def check_labels(labels: np.ndarray, classes: int) -> None:
    """Raise a ValueError unless labels are integers from 0 to classes - 1."""
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"Labels must be integers from 0 to {classes - 1}, not {labels.dtype}.")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ValueError(
            f"Labels must be from 0 to {classes - 1}, one for each class, but {wrong.size} of "
            f"{labels.size} are not, such as {wrong[0]}."
        )


def statistics(images: np.ndarray) -> tuple[tuple, tuple]:
    """Mean (C,) and covariance (C, C) of the channels over the pixels of the first images, as in `Info`."""
    pixels = images[:SAMPLE].reshape(-1, images.shape[-1]) / 255
    mean = pixels.mean(0)
    pixels -= mean
    covariance = pixels.T @ pixels / len(pixels)
    return tuple(mean.round(6).tolist()), tuple(map(tuple, covariance.round(6).tolist()))
