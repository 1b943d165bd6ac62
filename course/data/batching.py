"""From images one by one to batches for a network."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from course.data.augmentation import Augmentation, scale
from course.data.dataset import Data, Info, as_data
from course.errors import check_positive_integer

BUFFER = 2**30  # bytes of images among which the next one is drawn


def batches(data: Data, batch: int, info: Info | None = None) -> tf.data.Dataset:
    """Batches in the order of the dataset, the last one as large as what is left.

    Images are float32 (B, H, W, C), of mean 0 and deviation 1 in each channel over the training images
    (`info`'s, by default the dataset's own), labels int32 (B,).
    """
    data = as_data(data)
    check_positive_integer("batch", batch)
    prepare = _standardise(info or data.info)
    pipeline = data.pipeline.batch(batch).map(prepare, tf.data.AUTOTUNE)
    return pipeline.prefetch(tf.data.AUTOTUNE)


def shuffled(
    data: Data,
    batch: int,
    epochs: Iterable[int] = (0,),
    *,
    augment: Augmentation | None = None,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches of epoch after epoch for training, shuffled and augmented; otherwise as `batches` gives them.

    An epoch's order and augmentation depend on `seed` and on its number alone, so that training which
    goes on at epoch 7 sees what it would have seen. Of a dataset larger than a gigabyte each image is
    drawn from among the next gigabyte.
    """
    data = as_data(data)
    check_positive_integer("batch", batch)
    prepare = _standardise(data.info)
    fits = BUFFER // int(np.prod(data.info.shape))

    def epoch_of(number):
        tf.compat.v1.set_random_seed(1)  # of this graph: `tf.random.set_seed` is to have no say in the order
        seeds = tf.random.split(tf.random.fold_in([seed, 0], tf.cast(number, tf.int32)), 2)
        order = tf.cast(tf.reduce_max(seeds[0]), tf.int64)

        def prepared(step, pair):
            images, labels = prepare(*pair)
            if augment is not None:
                images = augment(images, tf.random.fold_in(seeds[1], tf.cast(step, tf.int32)))
            return images, labels

        examples = data.pipeline.shuffle(min(data.info.examples, fits), order, reshuffle_each_iteration=False)
        return examples.batch(batch).enumerate().map(prepared, tf.data.AUTOTUNE)

    numbers = tf.data.Dataset.from_tensor_slices(list(epochs))
    return numbers.flat_map(epoch_of).prefetch(tf.data.AUTOTUNE)


def _standardise(info: Info):
    mean = np.array(info.mean, np.float32) * 255
    factor = (1 / (scale(info) * 255)).astype(np.float32)

    def standardise(images, labels):
        return (tf.cast(images, tf.float32) - mean) * factor, labels

    return standardise
