"""scikit-learn's handwritten digits: 1,797 real images of 8x8, part of that package, nothing to download.

They are the test set of Alpaydin & Kaynak's optical recognition of handwritten digits (UCI, 1998).
"""

import numpy as np

from course.data.source import Source

SIZES = {"train": 1437, "test": 360}  # four fifths and the rest


def read(split: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of (8, 8, 1). scikit-learn has them writer by writer: shuffled, all write in both splits."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    first = 0 if split == "train" else SIZES["train"]
    chosen = np.random.default_rng(0).permutation(len(digits.target))[first + start : first + stop]
    images = (digits.images[chosen, ..., None] * (255 / 16)).round()  # theirs run from 0 to 16
    return images.astype(np.uint8), digits.target[chosen].astype(np.int32)


SOURCE = Source(SIZES, tuple(map(str, range(10))), read, mirror=False)
