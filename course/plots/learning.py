"""What networks learn and why it is hard: kernels, feature maps, gradients by layer."""

import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import layers as L
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course.building import features
from course.plots.style import canvas, figure, series


@figure
def first_layer_kernels(model: keras.Model | None = None) -> Figure:
    """The kernels of a model's first convolution, dark where the weight is large.

    In colour where they see three channels; of more than three channels their mean is drawn. By default
    a small network that has just learned to read printed digits.
    """
    model = model or _reader_of_digits()
    conv = next(layer for layer in model.layers if isinstance(layer, L.Conv2D))
    kernels = np.moveaxis(keras.ops.convert_to_numpy(conv.kernel), -1, 0)  # (filters, K, K, C)
    if kernels.shape[-1] != 3:
        kernels = kernels.mean(-1, keepdims=True)
    return _grid(list(kernels), f"{len(kernels)} kernels of {kernels.shape[1]}×{kernels.shape[2]}")


@figure
def feature_maps(model: keras.Model | None = None, image=None, layer: str | None = None) -> Figure:
    """The maps that a layer makes of one image, and the image; dark is large.

    Args:
        model: a functional model, by default the one of `first_layer_kernels`.
        image: (H, W, C), by default a printed digit.
        layer: name of a layer whose output is maps; the first convolution by default.
    """
    if model is None:
        model, image = _reader_of_digits(), _printed_digits(1, seed=5)[0][0] if image is None else image
    if layer is None:
        layer = next(each.name for each in model.layers if isinstance(each, L.Conv2D))
    maps = features(model, layer)(np.asarray(image)[None], training=False)
    maps = np.moveaxis(keras.ops.convert_to_numpy(maps)[0], -1, 0)[..., None]  # (C, H', W', 1)
    title = f"an image, and its {len(maps)} maps of {maps.shape[1]}×{maps.shape[2]} after {layer}"
    return _grid(list(maps), title, first=np.asarray(image))


def _grid(images: list[np.ndarray], title: str, first: np.ndarray | None = None) -> Figure:
    """Images (H, W, 1 or 3) in rows of ten, all on one scale; a `first` one before them has its own."""
    low, high = np.min(images), np.max(images)
    scaled = [(image - low) / (high - low) for image in images]
    if first is not None:
        scaled = [(first - first.min()) / (first.max() - first.min()), *scaled]
    columns = min(len(scaled), 10 if first is None else 11)
    rows = -(-len(scaled) // columns)
    picture, axes = canvas(0.62 * columns + 0.4, 0.62 * rows + 0.45, rows, columns, squeeze=False)
    for each in axes.flat:
        each.set_axis_off()
    for each, image in zip(axes.flat, scaled, strict=False):
        each.imshow(image, cmap="Greys", vmin=0, vmax=1)
        each.set_axis_on()
        each.set(xticks=[], yticks=[])
        each.spines[:].set(visible=True, linewidth=0.5, color="#AAAAAA")
    picture.suptitle(title, fontsize=9)
    return picture


@functools.cache
def _reader_of_digits() -> keras.Model:
    """Twenty 5x5 kernels, pooling and a dense layer, trained for seconds on printed digits."""
    images, labels = _printed_digits(800, seed=0)
    keras.utils.set_random_seed(0)
    x = image = keras.Input((28, 28, 1))
    x = L.Conv2D(20, 5, activation="relu", name="conv1")(x)
    x = L.MaxPooling2D(4)(x)
    model = keras.Model(image, L.Dense(10)(L.Flatten()(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(images, labels, batch_size=32, epochs=8, verbose=0)
    return model


def _printed_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Digits in matplotlib's own fonts, turned and moved a little: (count, 28, 28, 1) in [0, 1], labels."""
    random = np.random.default_rng(seed)
    page = Figure(figsize=(0.28, 0.28), dpi=100)
    surface = FigureCanvasAgg(page)
    digit = page.text(0.5, 0.5, "", ha="center", va="center")
    images, labels = np.empty((count, 28, 28, 1), "float32"), random.integers(0, 10, count)
    for i, label in enumerate(labels):
        family = random.choice(["DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "STIXGeneral"])
        digit.set(text=str(label), rotation=random.uniform(-20, 20), position=random.uniform(0.42, 0.58, 2))
        digit.set(fontsize=random.uniform(13, 18), fontfamily=family)
        surface.draw()
        images[i, ..., 0] = 1 - np.asarray(surface.buffer_rgba())[..., 0] / 255
    return images, labels


@figure
def gradient_norms(norms: Mapping[str, Sequence[float]] | None = None) -> Figure:
    """The gradient's norm at each layer's weights, from the input on, one line a network.

    By default networks of ten dense layers as they are initialised: the second lecture's measure of how
    fast each layer learns.
    """
    picture, axes = canvas(5.2, 3.3)
    for i, (label, values) in enumerate((norms or _initial_norms()).items()):
        ratio = values[0] / values[-1]
        label = f"{label}: first / last = {ratio:.2g}"
        axes.plot(range(1, len(values) + 1), values, **series(i), label=label)
    axes.set(yscale="log", xlabel="layer from the input", ylabel="norm of the gradient of its weights")
    axes.grid()
    axes.legend(loc="lower right")
    return picture


# activation and its derivative as a function of its value
SIGMOID = (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a))
TANH = (np.tanh, lambda a: 1 - a**2)
RELU = (lambda z: np.maximum(z, 0), lambda a: a > 0)


def _initial_norms() -> dict[str, list[float]]:
    return {
        "sigmoid, Glorot": _backpropagate(*SIGMOID, variance=1.0),
        "tanh, Glorot": _backpropagate(*TANH, variance=1.0),
        "ReLU, He": _backpropagate(*RELU, variance=2.0),
        "tanh, Glorot, shortcuts": _backpropagate(*TANH, variance=1.0, shortcut=True),
    }


def _backpropagate(activation, derivative, variance, shortcut=False, layers=10, units=64) -> list[float]:
    """Norm of the squared error's gradient at each of the layers' weights, with variance / units at first."""
    random = np.random.default_rng(0)
    inputs, targets = random.standard_normal((2, 256, units))
    weights = random.standard_normal((layers, units, units)) * np.sqrt(variance / units)
    hidden = [inputs]
    values = []
    for weight in weights:
        values.append(activation(hidden[-1] @ weight))
        hidden.append(values[-1] + shortcut * hidden[-1])
    signal = (hidden[-1] - targets) / len(inputs)  # the gradient with respect to a layer's output
    norms = []
    for weight, value, below in zip(weights[::-1], values[::-1], hidden[-2::-1], strict=True):
        local = signal * derivative(value)
        norms.append(float(np.linalg.norm(below.T @ local)))
        signal = local @ weight.T + shortcut * signal
    return norms[::-1]
