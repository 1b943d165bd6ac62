"""How good a network is: top-1, top-5, by one view or many, alone or with others."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from course.data.batching import batches
from course.data.dataset import Data, Info, as_data
from course.errors import check_positive_integer
from course.training.crops import Crops
from course.training.fitting import check_fits


def probabilities(
    model: keras.Model, data: Data, *, crops: Crops | None = None, info: Info | None = None, batch: int = 256
) -> np.ndarray:
    """What a network makes of each image: softmax of its logits, float32 (N, classes), rows add up to 1.

    Args:
        model: one input, one output of logits.
        data: images, in whose order the rows are.
        crops: views of each image, over which the probabilities are averaged; see `course.training.crops`.
        info: of the images the network was trained on, by default of `data`; see `course.data.batches`.
        batch: images, or views, at a time.

    Raises:
        ValueError: where model and images do not fit each other.
    """
    data = as_data(data)
    if crops is None:
        check_fits(model, data.info)
        logits = model.predict(batches(data, batch, info).map(lambda images, labels: images), verbose=0)
        return _softmax(logits)
    views = crops(next(iter(data.pipeline.batch(1)))[0]).shape  # (1, K, h, w, C)
    check_fits(model, data.info, views[2:])
    images = batches(data, max(1, batch // views[1]), info).map(lambda images, labels: crops(images))
    images = images.map(lambda views: tf.reshape(views, (-1, *views.shape[2:])))
    logits = model.predict(images, verbose=0)
    return _softmax(logits).reshape(-1, views[1], logits.shape[-1]).mean(1)


def ensemble(predictions: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of the probabilities (N, classes) of several networks."""
    shapes = {each.shape for each in predictions}
    if len(shapes) != 1:
        raise ValueError(f"An ensemble takes predictions of one shape, not {sorted(shapes)}.")
    return np.mean(predictions, axis=0)


def top_k(scores: np.ndarray, labels: np.ndarray, k: int = 1) -> float:
    """The fraction of images whose label is among the k classes with the highest scores.

    Args:
        scores: probabilities or logits, (N, classes); of equal ones the first class counts as higher.
        labels: (N,).
        k: 1 to the number of classes.
    """
    check_positive_integer("k", k)
    if k > scores.shape[-1]:
        raise ValueError(f"k must be at most the {scores.shape[-1]} classes, not {k}.")
    best = np.argsort(-scores, axis=-1, kind="stable")[:, :k]
    return float((best == np.asarray(labels)[:, None]).any(-1).mean())


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float32) - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
