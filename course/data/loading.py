"""The datasets by name."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from course.data import digits, downloads, shapes100
from course.data.dataset import SAMPLE, Data, Info, paired, resized, statistics
from course.data.source import Source
from course.errors import unknown

SOURCES: dict[str, Callable[[Path | None], Source]] = {  # by name: folder for downloads -> source
    "cifar10": partial(downloads.source, "cifar10"),
    "cifar100": partial(downloads.source, "cifar100"),
    "digits": lambda folder: digits.SOURCE,
    "fashion_mnist": partial(downloads.source, "fashion_mnist"),
    "mnist": partial(downloads.source, "mnist", mirror=False),
    "shapes100": lambda folder: shapes100.SOURCE,
}


def names() -> list[str]:
    """The datasets that `load` knows."""
    return list(SOURCES)


def load(
    name: str,
    split: str = "train",
    size: int | tuple[int, int] | None = None,
    *,
    folder: str | Path | None = None,
) -> Data:
    """A dataset as a pair: a tf.data pipeline, and what is known of it.

    The pipeline yields (image, label) one by one, uint8 (H, W, C) and int32: `pipeline.batch(64)` batches
    it, `course.data.batches` and `course.data.shuffled` do and prepare the images for a network too.

    Args:
        name: "cifar10", "cifar100", "fashion_mnist" and "mnist" are downloaded on first use, "digits"
            (scikit-learn's) and "shapes100" (drawn on the spot) are not.
        split: "train", "test" or a part of one, such as "train[:90%]", "train[90%:]" or "test[100:200]".
        size: side, or (height, width), that images are resized to; by default they stay as they are.
        folder: where downloads are kept, by default that of tensorflow-datasets.

    Raises:
        ValueError: for an unknown dataset, with the nearest names, and for a split that is none.
        ConnectionError: where the dataset cannot be downloaded, with a stand-in that can be used instead.
        ImportError: where a package is missing that the download takes.
    """
    if name not in SOURCES:
        raise unknown("dataset", name, SOURCES)
    source = SOURCES[name](folder)
    whole, start, stop = _part(name, split, source.sizes)
    images, labels = source.read(whole, start, stop)
    sample = images if (whole, start) == ("train", 0) and len(images) >= SAMPLE else None
    if sample is None:
        sample, _ = source.read("train", 0, min(SAMPLE, source.sizes["train"]))
    classes = len(source.labels)
    info = Info(
        name, split, images.shape[1:], classes, source.labels, len(images), *statistics(sample), source.mirror
    )
    return resized(paired(images, labels, info), size)


def _part(name: str, split: str, sizes) -> tuple[str, int, int]:
    """The split's name and the numbers of its first and its last image but one."""
    match = re.fullmatch(r"(train|test)(?:\[(\d+%?)?:(\d+%?)?\])?", split)
    if match is None:
        raise ValueError(
            f"split must be 'train', 'test' or a part of one such as 'train[:90%]' or 'test[100:200]', "
            f"not {split!r}."
        )
    whole, first, last = match.groups()
    size = sizes[whole]

    def number(bound: str | None, default: int) -> int:
        if bound is None:
            return default
        return size * int(bound[:-1]) // 100 if bound.endswith("%") else int(bound)

    start, stop = number(first, 0), min(number(last, size), size)
    if start >= stop:
        raise ValueError(f"{split!r} has no images: {whole!r} of {name} has {size}.")
    return whole, start, stop
