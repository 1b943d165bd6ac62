"""shapes100: 100 classes of 32x32 colour images, drawn on the spot. A stand-in for what must be downloaded.

A class is a shape (10), its texture (5) and its colours, warm or cold (2). What a network has to see past:
position, size and rotation of the shape, frequency and phase of the texture, exact hue, a background of
other hues, a bar in front, noise. How far apart networks end up on it says something about the networks; no
figure measured on it compares with one measured on photographs.
"""

import itertools
from collections.abc import Callable

import numpy as np

from course.data.source import Source

SIDE = 32
CHUNK = 1000  # images drawn at once, from a seed of their own
SIZES = {"train": 50_000, "test": 10_000}
SEEDS = {"train": 1, "test": 2}


def _polygon(sides: int) -> Callable:
    """A regular polygon around the unit circle."""

    def outside(u, v):
        wedge = 2 * np.pi / sides
        angle = (np.arctan2(v, u) + wedge / 2) % wedge - wedge / 2
        return np.hypot(u, v) * np.cos(angle) - np.cos(wedge / 2)

    return outside


def _star(u, v):
    wedge = np.arctan2(v, u) * 5
    return np.hypot(u, v) - (0.72 + 0.28 * np.cos(wedge))


def _cross(u, v):
    u, v = abs(u), abs(v)
    return np.minimum(np.maximum(u - 0.32, v - 0.95), np.maximum(u - 0.95, v - 0.32))


def _crescent(u, v):
    return np.maximum(np.hypot(u, v) - 0.95, 0.8 - np.hypot(u - 0.5, v))


# Each is negative inside, positive outside and grows like a distance; (u, v) are coordinates of the shape.
SHAPES: dict[str, Callable] = {
    "disc": lambda u, v: np.hypot(u, v) - 0.85,
    "ring": lambda u, v: abs(np.hypot(u, v) - 0.7) - 0.24,
    "ellipse": lambda u, v: np.hypot(u, 1.8 * v) - 0.98,
    "half disc": lambda u, v: np.maximum(np.hypot(u, v) - 0.98, -v - 0.2),
    "crescent": _crescent,
    "triangle": _polygon(3),
    "square": _polygon(4),
    "hexagon": _polygon(6),
    "star": _star,
    "cross": _cross,
}

# Each is 1 where the second colour is; f is a frequency, (p, q) phases.
TEXTURES: dict[str, Callable] = {
    "plain": lambda u, v, f, p, q: np.zeros_like(u),
    "striped": lambda u, v, f, p, q: np.sin(f * u + p) > 0,
    "checked": lambda u, v, f, p, q: np.sin(f * u + p) * np.sin(f * v + q) > 0,
    "dotted": lambda u, v, f, p, q: np.cos(f * u + p) + np.cos(f * v + q) > 0.9,
    "ringed": lambda u, v, f, p, q: np.sin(f * np.hypot(u, v) + p) > 0,
}

HUES = {"warm": (-0.08, 0.17), "cold": (0.42, 0.67)}  # of the colour circle, which is 1 around

LABELS = tuple(" ".join(each) for each in itertools.product(HUES, TEXTURES, SHAPES))


def read(split: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of (32, 32, 3); the same numbers give the same images, whatever else was drawn before."""
    chunks = [_draw(split, number) for number in range(start // CHUNK, -(-stop // CHUNK))]
    skipped = start // CHUNK * CHUNK
    images, labels = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return images[start - skipped : stop - skipped], labels[start - skipped : stop - skipped]


def _draw(split: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """One chunk, each class equally often."""
    random = np.random.default_rng((SEEDS[split], number))
    labels = random.permutation(CHUNK) % len(LABELS)
    family, rest = np.divmod(labels, len(TEXTURES) * len(SHAPES))
    texture, shape = np.divmod(rest, len(SHAPES))

    def uniform(low, high):  # one number an image, (N, 1, 1)
        return random.uniform(low, high, (CHUNK, 1, 1)).astype("float32")

    axis = ((np.arange(SIDE, dtype="float32") + 0.5) / SIDE * 2 - 1)[None]
    y, x = axis[:, :, None], axis[:, None, :]
    radius, turn = uniform(0.42, 0.85), uniform(0, 2 * np.pi)
    dx, dy = x - uniform(-0.35, 0.35), y - uniform(-0.35, 0.35)
    u = (np.cos(turn) * dx + np.sin(turn) * dy) / radius  # (N, 32, 32)
    v = (np.cos(turn) * dy - np.sin(turn) * dx) / radius
    inside = _each(shape, SHAPES, u, v) * radius * (-SIDE / 2)  # in pixels
    mask = np.clip(inside + 0.5, 0, 1)[..., None]  # (N, 32, 32, 1)

    frequency = uniform(7, 11) * radius / 0.6
    pattern = _each(texture, TEXTURES, u, v, frequency, uniform(0, 6.3), uniform(0, 6.3))[..., None]
    low, high = np.array(list(HUES.values()), "float32")[family].T[..., None, None]
    hue = low + (high - low) * uniform(0, 1)
    bright, dark = uniform(0.65, 1), uniform(0.2, 0.45)
    fill = np.where(pattern, _rgb(hue, uniform(0.5, 0.9), dark), _rgb(hue, uniform(0.5, 0.9), bright))
    slope = (x * uniform(-0.2, 0.2) + y * uniform(-0.2, 0.2))[..., None]
    behind = _rgb(uniform(0, 1), uniform(0, 0.7), uniform(0.15, 0.85)) + slope
    images = mask * fill + (1 - mask) * behind

    along = np.cos(turn * 7) * x + np.sin(turn * 7) * y  # a bar in front, at another angle
    bar = (abs(along - uniform(-0.6, 0.6)) < uniform(0, 0.12))[..., None]
    images = np.where(bar, _rgb(uniform(0, 1), uniform(0, 0.8), uniform(0.1, 0.9)), images)
    images += random.normal(0, 1, images.shape).astype("float32") * uniform(0.02, 0.1)[..., None]
    return (np.clip(images, 0, 1) * 255).round().astype("uint8"), labels.astype("int32")


def _each(kind: np.ndarray, functions: dict[str, Callable], *arguments: np.ndarray) -> np.ndarray:
    """For every image the function of its kind, on its own rows of the arguments."""
    out = np.empty(arguments[0].shape, "float32")
    for i, function in enumerate(functions.values()):
        rows = kind == i
        out[rows] = function(*(each[rows] for each in arguments))
    return out


def _rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Colours (N, 1, 1, 3) from numbers (N, 1, 1), by the usual formula for HSV."""
    k = (np.array([5, 3, 1], "float32") + 6 * hue[..., None]) % 6
    ramp = np.clip(np.minimum(k, 4 - k), 0, 1)
    return value[..., None] * (1 - saturation[..., None] * ramp)


SOURCE = Source(SIZES, LABELS, read)
