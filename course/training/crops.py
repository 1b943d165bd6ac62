"""Several views of each image whose predictions are averaged.

Crops are a function from images (B, H, W, C) to views (B, K, height, width, C).
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from course.errors import check_positive_integer

Crops = Callable[[tf.Tensor], tf.Tensor]


def ten_crop(height: int, width: int) -> Crops:
    """The four corners and the centre of each image, and their mirror images.

    In this order: top left, top right, bottom left, bottom right, centre, then the five mirrored.
    Source: Krizhevsky et al. 2012, section 4.1.
    """
    check_positive_integer("height", height)
    check_positive_integer("width", width)

    def crops(images):
        return _with_mirrors(_five(images, height, width))

    return crops


def multi_crop(side: int, scales: Sequence[float] = (8 / 7, 9 / 7, 10 / 7, 11 / 7)) -> Crops:
    """The views of GoogLeNet: 144 of an oblong image, 48 of a square one, where the three squares are one.

    Each image is resized so that its shorter side is `side` times each of `scales`; of the squares at its
    left, centre and right (or top, centre and bottom) the four corners, the centre and the whole square
    resized to `side` are taken, and their mirror images. Source: Szegedy et al. 2014, section 7, where
    224 pixels are cut from 256, 288, 320 and 352.
    """
    check_positive_integer("side", side)
    if not scales or min(scales) < 1:
        raise ValueError(f"scales must be at least 1, for a window to fit, not {tuple(scales)}.")

    def crops(images):
        views = []
        for scale in scales:
            for square in _squares(images, round(side * scale)):
                views.append(_five(square, side, side))
                views.append(_resize(square, side, side)[:, None])
        return _with_mirrors(tf.concat(views, axis=1))

    return crops


def _five(images, height: int, width: int):
    """(B, 5, height, width, C)."""
    tall, wide = images.shape[1:3]
    down, right = tall - height, wide - width
    if down < 0 or right < 0:
        raise ValueError(f"Crops of {height}×{width} do not fit into images of {tall}×{wide}.")
    corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    return tf.stack([images[:, y : y + height, x : x + width] for y, x in corners], axis=1)


def _squares(images, side: int) -> list:
    """Three squares of the image resized so that its shorter side is `side`; one, where it is a square."""
    tall, wide = images.shape[1:3]
    shorter = min(tall, wide)
    tall, wide = round(tall * side / shorter), round(wide * side / shorter)
    images = _resize(images, tall, wide)
    spare = max(tall, wide) - side
    starts = sorted({0, spare // 2, spare})
    if tall > wide:
        return [images[:, start : start + side] for start in starts]
    return [images[:, :, start : start + side] for start in starts]


def _resize(images, height: int, width: int):
    return tf.image.resize(images, (height, width), antialias=True)


def _with_mirrors(views):
    """(B, K, H, W, C) to (B, 2K, H, W, C)."""
    return tf.concat([views, tf.reverse(views, [3])], axis=1)
