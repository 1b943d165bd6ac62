"""scikit-learn's handwritten digits: 1,797 real images of 8x8, part of the package, nothing to download.

From the test set of Alpaydin & Kaynak 1998 (UCI, optical recognition of handwritten digits).
"""

import numpy as np

SIZES = {"train": 1437, "test": 360}  # four fifths and the rest
LABELS = tuple(map(str, range(10)))


def read(split: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Images start to stop of a split and their classes: uint8 (N, 8, 8, 1) and int32 (N,).

    The file is in the order of its writers; a fixed shuffle spreads them over both splits.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    order = order[: SIZES["train"]] if split == "train" else order[SIZES["train"] :]
    images = (digits.images[order, ..., None] * (255 / 16)).round().astype(np.uint8)  # printed 0 to 16
    return images[start:stop], digits.target[order][start:stop].astype(np.int32)
