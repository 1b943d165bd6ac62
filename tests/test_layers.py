"""Every layer of course.layers, by one list: a layer, its inputs, and what NumPy says it computes."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from course import layers
from course.layers import activations
from course.models.lenet import C3_TABLE, DIGIT_CODES

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs tf.GradientTape")


def weights(layer) -> dict[str, np.ndarray]:
    return {weight.name: np.asarray(weight) for weight in layer.weights}


def windows(x, size, strides, padding="valid"):
    """(B, H, W, C) as (B, H', W', C, size, size), with zeros around for "same"."""
    if padding == "same":
        margins = [max((-(-n // strides) - 1) * strides + size - n, 0) for n in x.shape[1:3]]
        x = np.pad(x, [(0, 0), *((m // 2, m - m // 2) for m in margins), (0, 0)])
    return sliding_window_view(x, (size, size), (1, 2))[:, ::strides, ::strides]


def convolve(x, kernel, strides=1):
    return np.einsum("byxcvu,vucf->byxf", windows(x, kernel.shape[0], strides), kernel)


def squash(s):
    length = np.sqrt((s**2).sum(-1, keepdims=True))
    return length**2 / (1 + length**2) * s / np.maximum(length, 1e-30)


def across_channels(layer, x):
    out = np.empty_like(x)
    for i in range(x.shape[-1]):
        near = x[..., max(0, i - layer.n // 2) : i + layer.n // 2 + 1]
        out[..., i] = x[..., i] / (layer.k + layer.alpha * (near**2).sum(-1)) ** layer.beta
    return out


def within_channel(layer, x):
    radius = layer.n // 2
    out = np.empty_like(x)
    for y, u in np.ndindex(*x.shape[1:3]):
        near = x[:, max(0, y - radius) : y + radius + 1, max(0, u - radius) : u + radius + 1]
        out[:, y, u] = x[:, y, u] / (layer.k + layer.alpha * (near**2).sum((1, 2))) ** layer.beta
    return out


def normalize(layer, x):
    w = weights(layer)
    return w["gamma"] * (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + layer.epsilon) + w["beta"]


def normalize_batch(layer, x):
    w, axes = weights(layer), tuple(range(x.ndim - 1))
    return w["gamma"] * (x - x.mean(axes)) / np.sqrt(x.var(axes) + layer.epsilon) + w["beta"]


def l2_pool(layer, x):
    return np.sqrt((windows(x, layer.pool_size, layer.strides, layer.padding) ** 2).sum((-2, -1)))


def subsample(layer, x):
    total = windows(x, layer.pool_size, layer.pool_size).sum((-2, -1))
    return weights(layer)["coefficient"] * total + weights(layer)["bias"]


def sparse_convolution(layer, x):
    """One output map at a time, from its own input maps only."""
    kernel, bias = weights(layer)["kernel"], weights(layer)["bias"]
    maps, end = [], 0
    for row in layer.table:
        start, end = end, end + len(row)
        maps.append(convolve(x[..., row], kernel[:, :, start:end, None]))
    return np.concatenate(maps, axis=-1) + bias


def rbf(layer, x):
    return np.array([[-((each - code) ** 2).sum() for code in layer.codes] for each in x])


def shuffle(layer, x):
    size = x.shape[-1] // layer.groups
    return x[..., [group * size + i for i in range(size) for group in range(layer.groups)]]


def pad_channels(layer, x):
    return np.concatenate([x, np.zeros((*x.shape[:-1], layer.channels - x.shape[-1]))], axis=-1)


def primary_capsules(layer, x):
    w = weights(layer)
    s = convolve(x, w["kernel"], layer.strides) + w["bias"]
    return squash(s.reshape(*s.shape[:-1], layer.capsules, layer.dimension))


def route(layer, u):
    """Procedure 1 of the paper, one image and one pair of capsules at a time."""
    kernel = weights(layer)["kernel"]  # (i, d, j, e)
    lower, _, upper, dimension = kernel.shape
    out = np.empty((len(u), upper, dimension))
    for n, image in enumerate(u.reshape(len(u), lower, -1)):
        u_hat = np.array([[image[i] @ kernel[i, :, j] for j in range(upper)] for i in range(lower)])
        b = np.zeros((lower, upper))
        for _ in range(layer.routings):
            c = np.exp(b) / np.exp(b).sum(1, keepdims=True)
            v = squash(np.array([sum(c[i, j] * u_hat[i, j] for i in range(lower)) for j in range(upper)]))
            b = b + np.array([[u_hat[i, j] @ v[j] for j in range(upper)] for i in range(lower)])
        out[n] = v
    return out


@dataclass(frozen=True)
class Case:
    """A layer to make, the shapes of its input (a list where it takes several), and the reference."""

    make: Callable[..., keras.layers.Layer]
    shapes: tuple
    reference: Callable
    training: bool = False
    id: str = ""

    def __str__(self):
        return f"{self.make.func.__name__}{self.id}"


IMAGES = ((1, 5, 7, 6), (3, 4, 4, 6))

CASES = [
    Case(partial(layers.BatchNormalizationFromScratch), (*IMAGES, (4, 3)), normalize),
    Case(
        partial(layers.BatchNormalizationFromScratch, momentum=0.5, epsilon=1e-2),
        (*IMAGES, (4, 3)), normalize_batch, training=True, id="_training",
    ),
    Case(partial(layers.CapsuleLength), ((1, 3, 5), (2, 2, 3, 4)), lambda layer, x: np.sqrt((x**2).sum(-1))),
    Case(partial(layers.ChannelPadding, 9), IMAGES, pad_channels),
    Case(partial(layers.ChannelShuffle, 3), (*IMAGES, (2, 9)), shuffle),
    Case(partial(layers.ChannelSplit, 2), IMAGES, lambda layer, x: np.split(x, 2, axis=-1)),
    Case(partial(layers.DigitCapsules, 3, 4), ((1, 7, 5), (2, 3, 1, 2, 5)), route),
    Case(partial(layers.DigitCapsules, 2, 3, routings=1), ((2, 5, 4),), route, id="_once"),
    Case(
        partial(layers.FractalJoin),
        ([(1, 3, 5, 2), (1, 3, 5, 2), (1, 2)], [(2, 4), (2, 4), (2, 4), (2, 5)]),
        lambda layer, *x: np.mean(x[:-1], axis=0),
    ),
    Case(partial(layers.GlobalDropPath, 4), IMAGES, lambda layer, x: np.ones((len(x), 4))),
    Case(partial(layers.L2Pooling2D), IMAGES, l2_pool),
    Case(partial(layers.L2Pooling2D, 3, strides=2, padding="same"), IMAGES, l2_pool, id="_same"),
    Case(partial(layers.LocalResponseNormalization, alpha=0.1), (*IMAGES, (2, 9)), across_channels),
    Case(
        partial(layers.LocalResponseNormalization, n=2, k=1.0, alpha=0.5, beta=0.5),
        IMAGES, across_channels, id="_even",
    ),
    Case(partial(layers.LocalResponseNormalizationWithinChannel, n=3, alpha=0.1), IMAGES, within_channel),
    Case(
        partial(layers.LocalResponseNormalizationWithinChannel, n=4, k=1.0, alpha=0.5, beta=0.5),
        IMAGES, within_channel, id="_even",
    ),
    Case(
        partial(layers.PrimaryCapsules, capsules=3, dimension=4, kernel_size=3, strides=2),
        ((1, 5, 7, 6), (2, 6, 9, 3)), primary_capsules,
    ),
    Case(partial(layers.RBFOutput, DIGIT_CODES), ((1, 84), (3, 84)), rbf),
    Case(partial(layers.RBFOutput, [[0.5, -1.0, 2.0], [0.0, 3.0, 1.0]]), ((2, 3),), rbf, id="_codes"),
    Case(partial(layers.SparseConv2D, C3_TABLE, 5), ((1, 5, 7, 6), (2, 6, 6, 6)), sparse_convolution),
    Case(
        partial(layers.SparseConv2D, ((2,), (0, 2), (1,)), 2),
        ((1, 3, 5, 3), (2, 2, 2, 4)), sparse_convolution, id="_small",
    ),
    Case(partial(layers.Squash), ((1, 3, 5), (2, 2, 3, 4)), lambda layer, x: squash(x)),
    Case(partial(layers.StochasticDepth, 0.3), IMAGES, lambda layer, x: 0.3 * x),
    Case(partial(layers.TrainableSubsampling2D), IMAGES, subsample),
    Case(partial(layers.TrainableSubsampling2D, 3), IMAGES, subsample, id="_3"),
]  # fmt: skip

each_case = pytest.mark.parametrize("case", CASES, ids=str)
each_shape = pytest.mark.parametrize(
    ("case", "shape"),
    [pytest.param(case, shape, id=f"{case}-{shape}") for case in CASES for shape in case.shapes],
)


def arrays(shape, dtype="float32") -> list[np.ndarray]:
    """Random values of a shape, or of each shape in a list."""
    generator = np.random.default_rng(1)
    shapes = shape if isinstance(shape, list) else [shape]
    return [generator.normal(size=each).astype(dtype) for each in shapes]


def made(case, inputs, **options) -> keras.layers.Layer:
    """The layer, built, with random weights: an initial 0 or 1 would hide mistakes."""
    layer = case.make(**options)
    layer.build(inputs[0].shape if len(inputs) == 1 else [each.shape for each in inputs])
    generator = np.random.default_rng(2)
    for weight in layer.weights:
        if weight.name != "codes":
            weight.assign(generator.uniform(0.2, 1, weight.shape))
    return layer


def call(case, layer, inputs):
    training = {"training": True} if case.training else {}
    return layer(inputs[0] if len(inputs) == 1 else inputs, **training)


def several(outputs) -> list:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def numpy(outputs) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(each) for each in several(outputs)]


def assert_equal(actual, desired, rtol=1e-5, atol=1e-5):
    assert len(actual) == len(desired)
    for a, b in zip(actual, desired, strict=True):
        np.testing.assert_allclose(a, b, rtol, atol)


def test_no_layer_is_left_out():
    classes = {name for name in layers.__all__ if isinstance(getattr(layers, name), type)}
    assert classes == {case.make.func.__name__ for case in CASES}


@each_shape
def test_output_is_the_reference(case, shape):
    inputs = arrays(shape)
    layer = made(case, inputs)
    reference = case.reference(layer, *inputs)
    assert_equal(numpy(call(case, layer, inputs)), several(reference))


@each_shape
def test_computed_shape_is_the_real_one(case, shape):
    inputs = arrays(shape)
    layer = made(case, inputs)
    computed = layer.compute_output_shape(shape)
    real = [each.shape for each in numpy(call(case, layer, inputs))]
    assert [tuple(each) for each in (computed if isinstance(computed, list) else [computed])] == real


@each_shape
def test_symbolic_call_has_shape_and_dtype(case, shape):
    inputs = arrays(shape)
    symbols = [keras.Input(each.shape[1:], dtype="float32") for each in inputs]
    symbolic = several(call(case, case.make(), symbols))
    real = several(call(case, case.make(), inputs))
    assert [each.shape for each in symbolic] == [(None, *each.shape[1:]) for each in real]
    assert {each.dtype for each in symbolic} == {"float32"}


@pytest.mark.parametrize("case", [case for case in CASES if IMAGES[0] in case.shapes], ids=str)
def test_graph_of_unknown_size_runs_at_every_size(case):
    inputs = arrays(IMAGES[0])
    symbols = [keras.Input((None,) * (each.ndim - 2) + each.shape[-1:]) for each in inputs]
    layer = case.make()
    model = keras.Model(symbols, call(case, layer, symbols))
    output = model(inputs, training=case.training)
    assert_equal(numpy(output), several(case.reference(layer, *inputs)))


@tensorflow_only
@each_shape
def test_gradients_are_the_numeric_ones(case, shape):
    """Along random directions, for each input and each trainable weight, in float64."""
    import tensorflow as tf

    inputs = [tf.Variable(each) for each in arrays(shape, "float64")]
    layer = made(case, inputs, dtype="float64")
    generator = np.random.default_rng(3)
    outputs = several(call(case, layer, inputs))
    factors = [generator.normal(size=each.shape) for each in outputs]

    def loss():
        return sum(
            tf.reduce_sum(factor * each)
            for factor, each in zip(factors, several(call(case, layer, inputs)), strict=True)
        )

    variables = [*inputs, *(weight.value for weight in layer.trainable_weights)]
    with tf.GradientTape() as tape:
        value = loss()
    assert value.dtype == "float64"
    gradients = tape.gradient(value, variables, unconnected_gradients="zero")
    for variable, gradient in zip(variables, gradients, strict=True):
        start = variable.numpy()
        for _ in range(4):
            step = 1e-6 * generator.normal(size=start.shape)
            variable.assign(start + step)
            above = loss()
            variable.assign(start - step)
            numeric = float(above - loss()) / 2
            variable.assign(start)
            np.testing.assert_allclose(np.sum(gradient * step), numeric, rtol=1e-5, atol=1e-13)


@each_case
def test_saved_and_loaded_it_computes_the_same(case, tmp_path):
    inputs = arrays(case.shapes[-1])
    symbols = [keras.Input(each.shape[1:]) for each in inputs]
    model = keras.Model(symbols, call(case, made(case, inputs), symbols))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(numpy(loaded(inputs)), numpy(model(inputs)), rtol=0, atol=0)


@each_case
def test_half_precision_is_close_to_single(case):
    inputs = arrays(case.shapes[-1])
    single, half = made(case, inputs), made(case, inputs, dtype="mixed_float16")
    for x, y in zip(numpy(call(case, single, inputs)), numpy(call(case, half, inputs)), strict=True):
        assert y.dtype == np.float16
        assert np.isfinite(y).all()
        np.testing.assert_allclose(y, x, rtol=0.01, atol=0.01 * np.abs(x).max())


@each_case
def test_config_makes_the_same_layer(case):
    layer = case.make(name="layer")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            partial(layers.BatchNormalizationFromScratch, momentum=1.5),
            "momentum must be from 0 to 1, not 1.5",
        ),
        (partial(layers.BatchNormalizationFromScratch, epsilon=0), "epsilon must be above 0, not 0"),
        (partial(layers.ChannelPadding, 0), "channels must be an integer of at least 1, not 0"),
        (partial(layers.ChannelShuffle, 2.0), "groups must be an integer of at least 1, not 2.0"),
        (partial(layers.ChannelSplit, -1), "parts must be an integer of at least 1, not -1"),
        (partial(layers.DigitCapsules, 0), "capsules must be an integer of at least 1, not 0"),
        (partial(layers.DigitCapsules, dimension=0), "dimension must be an integer"),
        (partial(layers.DigitCapsules, routings=0), "routings must be an integer"),
        (partial(layers.FractalJoin, 1.0), "drop must be at least 0 and below 1, not 1.0"),
        (partial(layers.FractalJoin, -0.1), "drop must be at least 0 and below 1, not -0.1"),
        (partial(layers.GlobalDropPath, 0), "columns must be an integer of at least 1, not 0"),
        (partial(layers.GlobalDropPath, 3, share=2), "share must be from 0 to 1, not 2"),
        (partial(layers.L2Pooling2D, 0), "pool_size must be an integer of at least 1, not 0"),
        (partial(layers.L2Pooling2D, 2, strides=0), "strides must be an integer of at least 1, not 0"),
        (partial(layers.L2Pooling2D, padding="full"), "padding must be .* not 'full'"),
        (partial(layers.LocalResponseNormalization, n=0), "n must be an integer of at least 1, not 0"),
        (partial(layers.LocalResponseNormalizationWithinChannel, n=0), "n must be an integer"),
        (partial(layers.PrimaryCapsules, capsules=0), "capsules must be an integer of at least 1, not 0"),
        (partial(layers.PrimaryCapsules, dimension=0), "dimension must be an integer"),
        (partial(layers.PrimaryCapsules, kernel_size=0), "kernel_size must be an integer"),
        (partial(layers.PrimaryCapsules, strides=0), "strides must be an integer"),
        (partial(layers.RBFOutput, [1, -1]), r"codes must be a table .* not of shape \(2,\)"),
        (partial(layers.SparseConv2D, (), 5), "table must have a row for each output map"),
        (partial(layers.SparseConv2D, ((0, 1), ()), 5), "Row 1 of table must name different input maps"),
        (partial(layers.SparseConv2D, ((0, 0),), 5), r"Row 0 .* it is \(0, 0\)"),
        (partial(layers.SparseConv2D, ((-1,),), 5), r"Row 0 .* from 0; it is \(-1,\)"),
        (partial(layers.SparseConv2D, ((0,),), 0), "kernel_size must be an integer of at least 1, not 0"),
        (partial(layers.StochasticDepth, 0), "survival must be above 0 and at most 1, not 0"),
        (partial(layers.StochasticDepth, 1.1), "survival must be above 0 and at most 1, not 1.1"),
        (partial(layers.TrainableSubsampling2D, 0), "pool_size must be an integer of at least 1, not 0"),
    ],
)
def test_a_bad_argument_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (layers.ChannelPadding(5), (1, 3, 3, 6), "channels=5 is less than the 6 of the input"),
        (layers.ChannelShuffle(4), (1, 3, 3, 6), "groups=4 must divide the 6 channels"),
        (layers.ChannelSplit(4), (1, 3, 3, 6), "parts=4 must divide the 6 channels"),
        (layers.FractalJoin(), [(1, 3, 3, 6), (1, 2)], r"takes \[x_1, x_2, …, in_use\], not 2 tensors"),
        (layers.RBFOutput(DIGIT_CODES), (1, 83), "codes has 84 features, but the input has 83"),
        (layers.SparseConv2D(C3_TABLE, 5), (1, 9, 9, 5), "table names input map 5, but there are 5"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
@pytest.mark.parametrize("symbolic", [False, True])
def test_a_bad_input_is_explained(layer, shape, message, symbolic):
    inputs = [keras.Input(each.shape[1:]) if symbolic else each for each in arrays(shape)]
    with pytest.raises(ValueError, match=message):
        layer(inputs if isinstance(shape, list) else inputs[0])


def test_digit_capsules_need_an_image_of_known_size():
    with pytest.raises(ValueError, match="give the image a fixed size"):
        layers.DigitCapsules()(keras.Input((None, None, 32, 8)))


@pytest.mark.parametrize(
    "layer",
    [
        layers.L2Pooling2D(4, strides=1),
        layers.PrimaryCapsules(1, 1, 4, strides=1),
        layers.SparseConv2D(((0,),), 4),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_window_larger_than_the_image_is_refused(layer):
    with pytest.raises(ValueError, match="negative"):
        layer(keras.Input((2, 2, 1)))  # Keras 3.13 lets a size of exactly 0 pass


@tensorflow_only
@pytest.mark.parametrize("radius", [1, 2, 5])
def test_local_response_normalization_is_tensorflows(radius):
    import tensorflow as tf

    (x,) = arrays((2, 5, 3, 7))
    ours = layers.LocalResponseNormalization(n=2 * radius + 1, k=2.0, alpha=0.3, beta=0.75)(x)
    theirs = tf.nn.local_response_normalization(x, depth_radius=radius, bias=2.0, alpha=0.3, beta=0.75)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 5, 3, 4), (8, 4)])
def test_batch_normalization_is_keras_own(shape):
    """Through five training steps, in outputs, moving statistics and inference, to 1e-6."""
    ours = layers.BatchNormalizationFromScratch(momentum=0.9)
    theirs = keras.layers.BatchNormalization(momentum=0.9)
    generator = np.random.default_rng(0)
    for layer in (ours, theirs):
        layer.build(shape)
    for _ in range(5):
        x = generator.normal(1, 2, shape).astype("float32")
        assert_equal(numpy(ours(x, training=True)), numpy(theirs(x, training=True)), 1e-6, 1e-6)
    assert_equal(*([np.asarray(weight) for weight in layer.weights] for layer in (ours, theirs)), 1e-6, 1e-6)
    assert_equal(numpy(ours(x)), numpy(theirs(x)), 1e-6, 1e-6)


def test_frozen_batch_normalization_keeps_its_statistics():
    layer = layers.BatchNormalizationFromScratch()
    layer.trainable = False
    (x,) = arrays((4, 3))
    np.testing.assert_allclose(layer(x, training=True), layer(x))
    np.testing.assert_array_equal(layer.moving_mean, 0)


@pytest.mark.parametrize(
    "layer", [layers.LocalResponseNormalization(), layers.L2Pooling2D(), layers.Squash()]
)
def test_large_halves_do_not_overflow(layer):
    x = np.full((1, 4, 4, 6), 1e4, "float16")
    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    assert np.isfinite(numpy(half(x))[0]).all()


def gradient_of_sum(layer, x: np.ndarray) -> np.ndarray:
    """By the backend's own differentiation."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(lambda x: layer(x).sum())(x)
    if keras.backend.backend() == "torch":
        x = keras.ops.convert_to_tensor(x).requires_grad_()
        layer(x).sum().backward()
        return numpy(x.grad)[0]
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    return tape.gradient(y, x)


@pytest.mark.parametrize("layer", [layers.CapsuleLength(), layers.L2Pooling2D(), layers.Squash()])
def test_zeros_give_zeros_with_gradient_zero(layer):
    x = np.zeros((1, 4, 4, 3), "float32")
    np.testing.assert_array_equal(numpy(layer(x))[0], 0)
    np.testing.assert_array_equal(gradient_of_sum(layer, x), x)


def test_shuffle_of_two_groups_interleaves_them():
    shuffled = layers.ChannelShuffle(2)(np.array([[1.0, 2, 3, 4, 5, 6]]))
    np.testing.assert_array_equal(shuffled, [[1, 4, 2, 5, 3, 6]])


def test_lenet_c3_has_the_papers_connections():
    assert [len(row) for row in C3_TABLE] == [3] * 6 + [4] * 9 + [6]
    layer = layers.SparseConv2D(C3_TABLE, 5)
    layer.build((None, 14, 14, 6))
    assert layer.count_params() == 1516


def test_sparse_convolution_starts_as_a_dense_one_with_holes():
    initializer = keras.initializers.GlorotUniform(seed=3)
    layer = layers.SparseConv2D(C3_TABLE, 5, initializer)
    layer.build((None, 14, 14, 6))
    dense = numpy(keras.initializers.GlorotUniform(seed=3)((5, 5, 6, 16)))[0]
    start = [dense[:, :, source, i] for i, row in enumerate(C3_TABLE) for source in row]
    np.testing.assert_array_equal(layer.kernel, np.stack(start, axis=-1))


def test_digit_codes_are_ten_bitmaps_far_from_one_another():
    codes = DIGIT_CODES
    assert codes.shape == (10, 7 * 12)
    assert set(np.unique(codes)) == {-1, 1}
    pixels_apart = [(a != b).sum() for a, b in itertools.combinations(codes, 2)]
    assert min(pixels_apart) >= 5


def test_rbf_output_is_greatest_for_the_digit_drawn():
    output = numpy(layers.RBFOutput(DIGIT_CODES)(DIGIT_CODES.astype("float32")))[0]
    assert output.argmax(axis=1).tolist() == list(range(10))
    np.testing.assert_array_equal(output.max(axis=1), 0)


FUNCTIONS = [
    (activations.relu6, activations.relu6_derivative, keras.ops.relu6),
    (activations.swish, activations.swish_derivative, keras.ops.silu),
    (activations.hard_swish, activations.hard_swish_derivative, keras.ops.hard_silu),
]
each_function = pytest.mark.parametrize(
    ("function", "derivative", "keras_own"), FUNCTIONS, ids=[function.__name__ for function, *_ in FUNCTIONS]
)
POINTS = np.linspace(-8, 8, 161) + 0.033  # never on a kink


@each_function
def test_activation_is_keras_own(function, derivative, keras_own):
    x = keras.ops.convert_to_tensor(POINTS, "float32")
    np.testing.assert_allclose(numpy(function(x)), numpy(keras_own(x)), rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX computes in float32")
@each_function
def test_derivative_is_the_numeric_one(function, derivative, keras_own):
    below, x, above = (keras.ops.convert_to_tensor(POINTS + step, "float64") for step in (-1e-6, 0, 1e-6))
    numeric = (numpy(function(above))[0] - numpy(function(below))[0]) / 2e-6
    np.testing.assert_allclose(numpy(derivative(x))[0], numeric, rtol=1e-6, atol=1e-8)


@tensorflow_only
@each_function
def test_derivative_is_the_automatic_one(function, derivative, keras_own):
    import tensorflow as tf

    x = tf.constant(POINTS)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours, theirs = function(x), keras_own(x)
    np.testing.assert_allclose(tape.gradient(ours, x), derivative(x), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tape.gradient(theirs, x), derivative(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("function", [*(row[0] for row in FUNCTIONS), activations.scaled_tanh])
def test_activation_is_saved_by_name(function, tmp_path):
    image = keras.Input((4,))
    keras.Model(image, keras.layers.Activation(function)(image)).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    (x,) = arrays((3, 4))
    np.testing.assert_array_equal(loaded(x), function(keras.ops.convert_to_tensor(x)))
    assert loaded.layers[-1].activation is function


@pytest.mark.parametrize("function", [row[0] for row in FUNCTIONS])
def test_activation_of_large_halves_is_finite(function):
    x = keras.ops.convert_to_tensor(np.array([-6e4, -3, 0, 3, 6e4], "float16"))
    y = numpy(function(x))[0]
    assert y.dtype == np.float16
    assert np.isfinite(y).all()


def test_scaled_tanh_maps_one_to_one():
    np.testing.assert_allclose(
        numpy(activations.scaled_tanh(np.array([-1.0, 0, 1]))), [[-1, 0, 1]], atol=1e-4
    )
