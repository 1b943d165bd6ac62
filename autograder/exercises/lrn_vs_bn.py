"""06 LRN against BN: both normalisations written out, what they cost, and a race between them."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L
from keras import ops

import course
from autograder.exercise import Answer, Assignment, Case, Exercise, Misconception
from autograder.probe import recipe_values

# 1. LRN across channels


def lrn_across_channels(a, n, k, alpha, beta):
    b = np.empty(a.shape)
    channels = a.shape[-1]
    for i in range(channels):
        first, last = max(0, i - n // 2), min(channels - 1, i + n // 2)
        energy = np.sum(a[..., first : last + 1] ** 2, axis=-1)
        b[..., i] = a[..., i] / (k + alpha * energy) ** beta
    return b


def lrn_with_shifts(a, n, k, alpha, beta):
    radius, channels = n // 2, a.shape[2]
    square = np.pad(a**2, ((0, 0), (0, 0), (radius, radius)))
    energy = sum(square[:, :, shift : shift + channels] for shift in range(2 * radius + 1))
    return a / (k + alpha * energy) ** beta


def lrn_with_a_band_matrix(a, n, k, alpha, beta):
    index = np.arange(a.shape[-1])
    band = abs(index[:, None] - index) <= n // 2
    return a * np.power(k + alpha * (np.square(a) @ band), -beta)


def lrn_with_four_loops(a, n, k, alpha, beta):
    height, width, channels = a.shape
    b = np.zeros((height, width, channels))
    for y in range(height):
        for x in range(width):
            for i in range(channels):
                energy = 0.0
                for j in range(max(0, i - n // 2), min(channels - 1, i + n // 2) + 1):
                    energy += a[y, x, j] ** 2
                b[y, x, i] = a[y, x, i] / (k + alpha * energy) ** beta
    return b


def lrn_of_twice_the_radius(a, n, k, alpha, beta):
    index = np.arange(a.shape[-1])
    band = abs(index[:, None] - index) <= n
    return a / (k + alpha * (a**2 @ band)) ** beta


def lrn_with_a_mean(a, n, k, alpha, beta):
    index = np.arange(a.shape[-1])
    band = abs(index[:, None] - index) <= n // 2
    return a / (k + alpha / n * (a**2 @ band)) ** beta


def lrn_with_a_mean_over_the_neighbours_there_are(a, n, k, alpha, beta):
    index = np.arange(a.shape[-1])
    band = abs(index[:, None] - index) <= n // 2
    return a / (k + alpha * (a**2 @ band) / band.sum(0)) ** beta


def lrn_without_power(a, n, k, alpha, beta):
    index = np.arange(a.shape[-1])
    band = abs(index[:, None] - index) <= n // 2
    return a / (k + alpha * (a**2 @ band))


def lrn_with_a_root(a, n, k, alpha, beta):
    index = np.arange(a.shape[-1])
    band = abs(index[:, None] - index) <= n // 2
    return a / np.sqrt(k + alpha * (a**2 @ band))


ONE_PIXEL = np.array([[[10.0, 0.0, 20.0, 100.0, 20.0, 0.0, 10.0]]])
ALEXNET = (5, 2.0, 1e-4, 0.75)  # n, k, alpha, beta


def activations(rng, shape, size=80.0):
    """Large ones, as an unbounded ReLU gives them: on small ones alpha hardly shows."""
    return rng.normal(0, size, shape).round(2)


def hidden_across(rng):
    sizes = [(1, 1, 9, 5), (3, 2, 12, 3), (2, 4, 16, 7), (2, 2, 6, 4), (4, 3, 10, 5)]
    return [
        Case(
            "lrn_across_channels",
            (activations(rng, (height, width, channels)), n, *rng.uniform((0.5, 1e-4, 0.4), (3, 1e-3, 0.9))),
        )
        for height, width, channels, n in sizes
    ]


# 2. LRN within a channel


def lrn_within_channel(a, n, k, alpha, beta):
    height, width, _ = a.shape
    radius = n // 2
    b = np.empty(a.shape)
    for y in range(height):
        for x in range(width):
            top, left = max(0, y - radius), max(0, x - radius)
            window = a[top : y + radius + 1, left : x + radius + 1]
            b[y, x] = a[y, x] / (k + alpha * np.sum(window**2, axis=(0, 1))) ** beta
    return b


def lrn_within_with_shifts(a, n, k, alpha, beta):
    radius, (height, width, _) = n // 2, a.shape
    square = np.pad(a**2, ((radius, radius), (radius, radius), (0, 0)))
    steps = range(2 * radius + 1)
    energy = sum(square[down : down + height, right : right + width] for down in steps for right in steps)
    return a / (k + alpha * energy) ** beta


def lrn_within_with_band_matrices(a, n, k, alpha, beta):
    def band(size):
        index = np.arange(size)
        return (abs(index[:, None] - index) <= n // 2).astype(float)

    energy = np.einsum("yv,vuc,xu->yxc", band(a.shape[0]), a**2, band(a.shape[1]))
    return a * (k + alpha * energy) ** -beta


def lrn_within_with_windows(a, n, k, alpha, beta):
    side = 2 * (n // 2) + 1
    padded = np.pad(a, [(side // 2, side // 2)] * 2 + [(0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    return a / np.power(k + alpha * np.square(windows).sum((-1, -2)), beta)


def lrn_within_with_a_mean(a, n, k, alpha, beta):
    radius, (height, width, _) = n // 2, a.shape
    square = np.pad(a**2, ((radius, radius), (radius, radius), (0, 0)))
    steps = range(2 * radius + 1)
    energy = sum(square[down : down + height, right : right + width] for down in steps for right in steps)
    return a / (k + alpha / n**2 * energy) ** beta


def lrn_within_divided_by_n(a, n, k, alpha, beta):
    radius, (height, width, _) = n // 2, a.shape
    square = np.pad(a**2, ((radius, radius), (radius, radius), (0, 0)))
    steps = range(2 * radius + 1)
    energy = sum(square[down : down + height, right : right + width] for down in steps for right in steps)
    return a / (k + alpha / n * energy) ** beta


def lrn_within_all_channels(a, n, k, alpha, beta):
    radius, (height, width, _) = n // 2, a.shape
    square = np.pad((a**2).sum(-1, keepdims=True), ((radius, radius), (radius, radius), (0, 0)))
    steps = range(2 * radius + 1)
    energy = sum(square[down : down + height, right : right + width] for down in steps for right in steps)
    return a / (k + alpha * energy) ** beta


def hidden_within(rng):
    sizes = [(5, 5, 2, 3), (4, 7, 3, 5), (8, 6, 1, 3), (3, 3, 4, 7)]
    return [
        Case(
            "lrn_within_channel",
            (activations(rng, (height, width, channels)), n, *rng.uniform((0.5, 1e-4, 0.4), (3, 1e-3, 0.9))),
        )
        for height, width, channels, n in sizes
    ]


# 3. the layer


class LocalResponseNorm(L.Layer):
    def __init__(self, n=5, k=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def call(self, inputs):
        channels, radius = inputs.shape[-1], self.n // 2
        square = ops.pad(ops.square(inputs), [(0, 0), (0, 0), (0, 0), (radius, radius)])
        energy = sum(square[..., shift : shift + channels] for shift in range(2 * radius + 1))
        return inputs / (self.k + self.alpha * energy) ** self.beta

    def get_config(self):
        return {**super().get_config(), "n": self.n, "k": self.k, "alpha": self.alpha, "beta": self.beta}


class LrnWithABandMatrix(L.Layer):
    def __init__(self, n=5, k=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def build(self, input_shape):
        index = np.arange(input_shape[-1])
        self.band = (abs(index[:, None] - index) <= self.n // 2).astype("float32")

    def call(self, x):
        return x * ops.power(self.k + self.alpha * ops.matmul(x * x, self.band), -self.beta)

    def get_config(self):
        config = super().get_config()
        config.update({"n": self.n, "k": self.k, "alpha": self.alpha, "beta": self.beta})
        return config


class LrnThatKerasConfigures(L.Layer):  # without get_config, Keras notes the arguments itself
    def __init__(self, n=5, k=2, alpha=1e-4, beta=0.75, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.radius, self.k, self.alpha, self.beta = n // 2, k, alpha, beta

    def call(self, inputs, training=None):
        parts = ops.split(ops.square(inputs), inputs.shape[-1], axis=-1)
        outputs = []
        for i in range(len(parts)):
            energy = sum(parts[max(0, i - self.radius) : i + self.radius + 1])
            outputs.append(inputs[..., i : i + 1] / (self.k + self.alpha * energy) ** self.beta)
        return ops.concatenate(outputs, axis=-1)


class LrnThatForgetsItsConstants(L.Layer):
    def __init__(self, n=5, k=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def call(self, inputs):
        channels, radius = inputs.shape[-1], self.n // 2
        square = ops.pad(ops.square(inputs), [(0, 0), (0, 0), (0, 0), (radius, radius)])
        energy = sum(square[..., shift : shift + channels] for shift in range(2 * radius + 1))
        return inputs / (self.k + self.alpha * energy) ** self.beta

    def get_config(self):
        return super().get_config()


class LrnThatRemembersNAlone(L.Layer):
    def __init__(self, n=5, k=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def call(self, inputs):
        channels, radius = inputs.shape[-1], self.n // 2
        square = ops.pad(ops.square(inputs), [(0, 0), (0, 0), (0, 0), (radius, radius)])
        energy = sum(square[..., shift : shift + channels] for shift in range(2 * radius + 1))
        return inputs / (self.k + self.alpha * energy) ** self.beta

    def get_config(self):
        return {**super().get_config(), "n": self.n}


class LrnWithAMean(L.Layer):
    def __init__(self, n=5, k=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def call(self, inputs):
        channels, radius = inputs.shape[-1], self.n // 2
        square = ops.pad(ops.square(inputs), [(0, 0), (0, 0), (0, 0), (radius, radius)])
        energy = sum(square[..., shift : shift + channels] for shift in range(2 * radius + 1))
        return inputs / (self.k + self.alpha / self.n * energy) ** self.beta

    def get_config(self):
        return {**super().get_config(), "n": self.n, "k": self.k, "alpha": self.alpha, "beta": self.beta}


class LrnOfTwiceTheRadius(L.Layer):
    def __init__(self, n=5, k=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def call(self, inputs):
        channels = inputs.shape[-1]
        square = ops.pad(ops.square(inputs), [(0, 0), (0, 0), (0, 0), (self.n, self.n)])
        energy = sum(square[..., shift : shift + channels] for shift in range(2 * self.n + 1))
        return inputs / (self.k + self.alpha * energy) ** self.beta

    def get_config(self):
        return {**super().get_config(), "n": self.n, "k": self.k, "alpha": self.alpha, "beta": self.beta}


def lrn_layer_case(rng, shape, **constants):
    return Case(
        "LocalResponseNorm",
        (constants, {}, [activations(rng, shape).astype("float32") for _ in range(2)], True),
        "layer",
    )


def hidden_lrn_layers(rng):
    return [
        lrn_layer_case(
            rng, shape, n=n, k=float(rng.uniform(0.5, 3)), alpha=float(rng.uniform(1e-4, 1e-3)), beta=beta
        )
        for shape, n, beta in (((2, 3, 3, 9), 3, 0.5), ((1, 4, 2, 12), 7, 0.9), ((3, 1, 1, 8), 5, 0.6))
    ]


# 4. BN in training


def bn_training(x, gamma, beta, epsilon):
    mean = x.mean(axis=(0, 1, 2))
    variance = ((x - mean) ** 2).mean(axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def bn_by_channels(x, gamma, beta, epsilon):
    y = np.zeros(x.shape)
    for c in range(x.shape[3]):
        values = x[:, :, :, c]
        y[:, :, :, c] = gamma[c] * (values - np.mean(values)) / (np.var(values) + epsilon) ** 0.5 + beta[c]
    return y


def bn_by_moments(x, gamma, beta, epsilon):
    flat = x.reshape(-1, x.shape[-1])
    m = len(flat)
    mean = np.ones(m) @ flat / m
    variance = np.einsum("ic,ic->c", flat - mean, flat - mean) / m
    scale = gamma / np.sqrt(variance + epsilon)
    return (flat * scale + (beta - mean * scale)).reshape(x.shape)


def bn_per_pixel(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta


def bn_unbiased(x, gamma, beta, epsilon):
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2), ddof=1)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def bn_with_epsilon_outside(x, gamma, beta, epsilon):
    mean, deviation = x.mean(axis=(0, 1, 2)), x.std(axis=(0, 1, 2))
    return gamma * (x - mean) / (deviation + epsilon) + beta


def feature_maps(rng, shape):
    """Every channel, and a little every pixel, with a mean and a deviation of its own."""
    channels = shape[-1]
    centre, spread = rng.uniform(-5, 5, channels), rng.uniform(0.5, 4, channels)
    return (rng.normal(centre, spread, shape) + rng.normal(0, 1, shape[1:])).round(3)


def bn_case(rng, shape, epsilon):
    scale, shift = rng.uniform(0.5, 2, shape[-1]).round(2), rng.uniform(-2, 2, shape[-1]).round(2)
    return Case("bn_training", (feature_maps(rng, shape), scale, shift, epsilon))


def hidden_batches(rng):
    shapes = [(4, 3, 3, 2), (2, 2, 3, 5), (8, 1, 2, 3), (3, 4, 4, 1)]
    return [
        bn_case(rng, shape, epsilon) for shape, epsilon in zip(shapes, (1e-3, 0.1, 1e-2, 1.0), strict=True)
    ]


# 5. moving statistics and inference


class FourVectors(L.Layer):
    """The weights of batch normalisation, as the notebook gives them."""

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, input_shape):
        channels = input_shape[-1:]
        self.gamma = self.add_weight(channels, "ones", name="gamma")
        self.beta = self.add_weight(channels, "zeros", name="beta")
        self.moving_mean = self.add_weight(channels, "zeros", trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(channels, "ones", trainable=False, name="moving_variance")

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}


class BatchNorm(FourVectors):
    def call(self, inputs, training=False):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = ops.mean(inputs, (0, 1, 2)), ops.var(inputs, (0, 1, 2))
            m = self.momentum
            self.moving_mean.assign(m * self.moving_mean + (1 - m) * mean)
            self.moving_variance.assign(m * self.moving_variance + (1 - m) * variance)
        return self.gamma * (inputs - mean) / ops.sqrt(variance + self.epsilon) + self.beta


class BatchNormThatMovesByADifference(FourVectors):
    def call(self, inputs, training=None):
        if not training:
            return self.apply(inputs, self.moving_mean, self.moving_variance)
        mean, variance = ops.moments(inputs, axes=[0, 1, 2])
        step = 1 - self.momentum
        self.moving_mean.assign_add(step * (mean - self.moving_mean))
        self.moving_variance.assign_add(step * (variance - self.moving_variance))
        return self.apply(inputs, mean, variance)

    def apply(self, inputs, mean, variance):
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return inputs * scale + (self.beta - mean * scale)


class BatchNormWithTensorFlow(FourVectors):
    def call(self, inputs, training=False):
        if training:
            mean = tf.reduce_mean(inputs, axis=[0, 1, 2], keepdims=True)
            variance = tf.reduce_mean(tf.square(inputs - mean), axis=[0, 1, 2], keepdims=True)
            for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1 - self.momentum) * tf.reshape(value, [-1]))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        return (inputs - mean) / tf.sqrt(variance + self.epsilon) * self.gamma + self.beta


class BatchNormOfTheBatchAlone(FourVectors):
    def call(self, inputs, training=False):
        mean, variance = ops.mean(inputs, (0, 1, 2)), ops.var(inputs, (0, 1, 2))
        if training:
            m = self.momentum
            self.moving_mean.assign(m * self.moving_mean + (1 - m) * mean)
            self.moving_variance.assign(m * self.moving_variance + (1 - m) * variance)
        return self.gamma * (inputs - mean) / ops.sqrt(variance + self.epsilon) + self.beta


class BatchNormThatAlwaysTrains(FourVectors):
    def call(self, inputs, training=False):
        mean, variance = ops.mean(inputs, (0, 1, 2)), ops.var(inputs, (0, 1, 2))
        m = self.momentum
        self.moving_mean.assign(m * self.moving_mean + (1 - m) * mean)
        self.moving_variance.assign(m * self.moving_variance + (1 - m) * variance)
        return self.gamma * (inputs - mean) / ops.sqrt(variance + self.epsilon) + self.beta


class BatchNormWithMomentumSwapped(FourVectors):
    def call(self, inputs, training=False):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = ops.mean(inputs, (0, 1, 2)), ops.var(inputs, (0, 1, 2))
            m = self.momentum
            self.moving_mean.assign((1 - m) * self.moving_mean + m * mean)
            self.moving_variance.assign((1 - m) * self.moving_variance + m * variance)
        return self.gamma * (inputs - mean) / ops.sqrt(variance + self.epsilon) + self.beta


class BatchNormThatMovesUnbiased(FourVectors):
    def call(self, inputs, training=False):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = ops.mean(inputs, (0, 1, 2)), ops.var(inputs, (0, 1, 2))
            m, count = self.momentum, int(np.prod(inputs.shape[:3]))
            self.moving_mean.assign(m * self.moving_mean + (1 - m) * mean)
            self.moving_variance.assign(m * self.moving_variance + (1 - m) * variance * count / (count - 1))
        return self.gamma * (inputs - mean) / ops.sqrt(variance + self.epsilon) + self.beta


class BatchNormUnbiasedThroughout(FourVectors):
    def call(self, inputs, training=False):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            count = int(np.prod(inputs.shape[:3]))
            mean = ops.mean(inputs, (0, 1, 2))
            variance = ops.var(inputs, (0, 1, 2)) * count / (count - 1)
            m = self.momentum
            self.moving_mean.assign(m * self.moving_mean + (1 - m) * mean)
            self.moving_variance.assign(m * self.moving_variance + (1 - m) * variance)
        return self.gamma * (inputs - mean) / ops.sqrt(variance + self.epsilon) + self.beta


def bn_layer_case(rng, shape, momentum, epsilon, training):
    channels = shape[-1]
    weights = {
        "gamma": rng.uniform(0.5, 2, channels),
        "beta": rng.uniform(-2, 2, channels),
        "moving_mean": rng.uniform(-5, 5, channels),
        "moving_variance": rng.uniform(1, 9, channels),
    }
    return Case(
        "BatchNorm",
        (
            {"momentum": momentum, "epsilon": epsilon},
            {name: values.round(2).astype("float32") for name, values in weights.items()},
            [feature_maps(rng, shape).astype("float32") for _ in range(2)],
            training,
        ),
        "layer",
    )


def hidden_bn_layers(rng):
    kinds = [((4, 2, 3, 3), True), ((4, 2, 3, 3), False), ((2, 3, 3, 5), True), ((6, 1, 1, 4), False)]
    return [
        bn_layer_case(rng, shape, float(rng.uniform(0.6, 0.95)), float(rng.uniform(1e-3, 0.1)), training)
        for shape, training in kinds
    ]


# 6. parameters


def norm_parameters(normalization, channels):
    if normalization == "bn":
        return 2 * channels, 2 * channels
    return 0, 0


def norm_parameters_by_table(normalization, channels):
    vectors = {"none": [0, 0], "lrn": [0, 0], "bn": [2, 2]}
    return [count * channels for count in vectors[normalization]]


def norm_parameters_as_an_array(normalization, channels):
    return np.array([1, 1]) * 2 * channels * (normalization == "bn")


def norm_parameters_of_the_slide(normalization, channels):
    return (2, 0) if normalization == "bn" else (0, 0)


def norm_parameters_of_the_slide_and_as_many_moving(normalization, channels):
    return (2, 2) if normalization == "bn" else (0, 0)


def norm_parameters_all_trained(normalization, channels):
    return (4 * channels, 0) if normalization == "bn" else (0, 0)


def conv_parameters(kernel, in_channels, filters, normalization):
    weights = kernel**2 * in_channels * filters
    return weights + (2 * filters if normalization == "bn" else filters)


def conv_parameters_by_filter(kernel, in_channels, filters, normalization):
    extra = {"none": 1, "lrn": 1, "bn": 2}[normalization]  # a bias, or gamma and beta
    return filters * (kernel * kernel * in_channels + extra)


def conv_parameters_by_shapes(kernel, in_channels, filters, normalization):
    shapes = [(kernel, kernel, in_channels, filters), (filters,)]
    if normalization == "bn":
        shapes.append((filters,))
    return sum(int(np.prod(shape)) for shape in shapes)


def conv_parameters_with_a_bias(kernel, in_channels, filters, normalization):
    weights = kernel**2 * in_channels * filters + filters
    return weights + (2 * filters if normalization == "bn" else 0)


def hidden_counts(rng):
    cases = []
    for normalization in ("none", "lrn", "bn", "bn"):
        channels = int(rng.integers(3, 600))
        cases.append(Case("norm_parameters", (normalization, channels)))
        kernel, filters = int(rng.integers(1, 12)), int(rng.integers(3, 600))
        cases.append(Case("conv_parameters", (kernel, channels, filters, normalization)))
    return cases


# 7. the race


def racer(normalization, filters, shape):
    x = inputs = keras.Input(shape, name="image")
    for i in range(1, 6):
        x = L.Conv2D(filters, 3, padding="same", use_bias=normalization != "bn", name=f"conv{i}")(x)
        if normalization == "bn":
            x = L.BatchNormalization(momentum=0.9, name=f"bn{i}")(x)
        x = L.ReLU(name=f"relu{i}")(x)
        if normalization == "lrn":
            x = course.layers.LocalResponseNormalization(name=f"lrn{i}")(x)
        if i <= 2:
            x = L.MaxPooling2D(2, name=f"pool{i}")(x)
    x = L.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, L.Dense(10, name="logits")(x), name=normalization)


def racer_of_blocks(normalization, filters, shape):
    def block(x, pool):
        if normalization == "bn":
            x = L.Conv2D(filters, (3, 3), padding="same", use_bias=False, activation=None)(x)
            x = L.Activation("relu")(L.BatchNormalization(axis=-1, momentum=0.9)(x))
        else:
            x = L.Conv2D(filters, (3, 3), padding="same", activation="relu")(x)
        if normalization == "lrn":
            x = course.layers.LocalResponseNormalization(5, 2.0, 1e-4, 0.75)(x)
        return L.MaxPool2D((2, 2), strides=2)(x) if pool else x

    inputs = x = keras.layers.Input(shape=tuple(shape))
    for pool in (True, True, False, False, False):
        x = block(x, pool)
    return keras.models.Model(inputs=inputs, outputs=L.Dense(10)(L.GlobalAveragePooling2D()(x)))


def racer_in_sequence(normalization, filters, shape):
    model = keras.Sequential([keras.Input(tuple(shape))])
    for i in range(5):
        model.add(L.Conv2D(filters, 3, padding="same", use_bias=normalization != "bn"))
        if normalization == "bn":
            model.add(L.BatchNormalization())
        model.add(L.Activation("relu"))
        if normalization == "lrn":
            model.add(course.layers.LocalResponseNormalization())
        if i in (0, 1):
            model.add(L.MaxPooling2D())
    model.add(L.GlobalAveragePooling2D())
    model.add(L.Dense(10, activation="linear"))
    return model


def racer_with_biases(normalization, filters, shape):
    x = inputs = keras.Input(shape, name="image")
    for i in range(1, 6):
        x = L.Conv2D(filters, 3, padding="same", name=f"conv{i}")(x)
        if normalization == "bn":
            x = L.BatchNormalization(momentum=0.9, name=f"bn{i}")(x)
        x = L.ReLU(name=f"relu{i}")(x)
        if normalization == "lrn":
            x = course.layers.LocalResponseNormalization(name=f"lrn{i}")(x)
        if i <= 2:
            x = L.MaxPooling2D(2, name=f"pool{i}")(x)
    x = L.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, L.Dense(10, name="logits")(x), name=normalization)


def racer_that_normalizes_after_relu(normalization, filters, shape):
    x = inputs = keras.Input(shape, name="image")
    for i in range(1, 6):
        x = L.Conv2D(filters, 3, padding="same", use_bias=normalization != "bn", name=f"conv{i}")(x)
        x = L.ReLU(name=f"relu{i}")(x)
        if normalization == "bn":
            x = L.BatchNormalization(momentum=0.9, name=f"bn{i}")(x)
        if normalization == "lrn":
            x = course.layers.LocalResponseNormalization(name=f"lrn{i}")(x)
        if i <= 2:
            x = L.MaxPooling2D(2, name=f"pool{i}")(x)
    x = L.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, L.Dense(10, name="logits")(x), name=normalization)


def racer_that_inhibits_before_relu(normalization, filters, shape):
    x = inputs = keras.Input(shape, name="image")
    for i in range(1, 6):
        x = L.Conv2D(filters, 3, padding="same", use_bias=normalization != "bn", name=f"conv{i}")(x)
        if normalization == "bn":
            x = L.BatchNormalization(momentum=0.9, name=f"bn{i}")(x)
        if normalization == "lrn":
            x = course.layers.LocalResponseNormalization(name=f"lrn{i}")(x)
        x = L.ReLU(name=f"relu{i}")(x)
        if i <= 2:
            x = L.MaxPooling2D(2, name=f"pool{i}")(x)
    x = L.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, L.Dense(10, name="logits")(x), name=normalization)


def structure_case(normalization, filters, shape, seed=0):
    arguments = {"normalization": normalization, "filters": filters, "shape": shape}
    return Case("racer", (arguments,), "model", (shape, seed, 1000.0))  # large: else LRN hardly shows


RANGES = ((10, 24), (12, 24), (12, 24), (0, 2**31))  # filters, height, width, seed


def hidden_racers(rng):
    cases = []
    for normalization in ("none", "lrn", "bn"):
        filters, height, width, seed = (int(rng.integers(low, high)) for low, high in RANGES)
        cases.append(structure_case(normalization, filters, [height, width, 3], seed))
    return cases


DIGITS = [16, 16, 1]
RACE = {"data": ["digits", "train", 16], "seed": 0}
RECIPE = dataclasses.replace(
    course.training.recipe("alexnet"),
    schedule=course.training.schedules.Constant(0.05),
    batch=64,
    epochs=5,
    decay=0.0,
    augment=(),
)
# The losses of eight seeds: 2.30 without and with LRN, 0.09 to 0.24 with BN. LRN takes longest to train, and
# that it does not help says nothing about an answer: the judge trains the other two.
GATES = [["the loss with BN is below half of the loss without", 1, 0.5, 0]]

LIBRARIES = ("course.layers", "tensorflow", "keras", "torch", "scipy")
READY_MADE = (
    "course.layers", "keras.layers.BatchNormalization", "keras.ops.batch_normalization",
    "tensorflow.nn.batch_normalization", "tensorflow.nn.local_response_normalization",
    "tensorflow.raw_ops", "torch",
)  # fmt: skip
rng = np.random.default_rng(6)

ASSIGNMENT = Assignment(
    name="06_lrn_vs_bn",
    title="LRN against BN",
    budget=60,
    exercises=(
        Exercise(
            id="lrn_across_channels",
            title="LRN across channels",
            points=4,
            answers={
                "lrn_across_channels": Answer(
                    lrn_across_channels,
                    (lrn_with_shifts, lrn_with_a_band_matrix, lrn_with_four_loops),
                    "square, sum over the channels from i - n//2 to i + n//2 that exist, multiply by alpha, "
                    "add k, raise to the power beta, divide.",
                ),
            },
            public=[
                Case("lrn_across_channels", (ONE_PIXEL, 3, 1.0, 1e-3, 0.5)),
                Case("lrn_across_channels", (ONE_PIXEL, 2, 1.0, 1e-3, 0.75)),
                Case("lrn_across_channels", (activations(rng, (2, 3, 12)), *ALEXNET)),
                Case("lrn_across_channels", (activations(rng, (1, 2, 4), 200), 7, 2.0, 1e-4, 0.75)),
            ],
            hidden=hidden_across,
            misconceptions=[
                Misconception(
                    "DEPTH_RADIUS_IS_N",
                    "lrn_across_channels",
                    "You went n channels to each side. The neighbourhood has n in all, n // 2 to each "
                    "side; TensorFlow's depth_radius is that n // 2.",
                    (lrn_of_twice_the_radius,),
                ),
                Misconception(
                    "ALPHA_DIVIDED_BY_N",
                    "lrn_across_channels",
                    "You averaged the squares. The paper adds them up; Caffe and PyTorch divide alpha by n.",
                    (lrn_with_a_mean, lrn_with_a_mean_over_the_neighbours_there_are),
                ),
                Misconception(
                    "BETA_OMITTED",
                    "lrn_across_channels",
                    "The whole bracket is raised to the power beta: neither to 1, nor a square root.",
                    (lrn_without_power, lrn_with_a_root),
                ),
            ],
            forbidden=LIBRARIES,
            tolerance=1e-5,
        ),
        Exercise(
            id="lrn_within_channel",
            title="LRN within a channel",
            points=2,
            answers={
                "lrn_within_channel": Answer(
                    lrn_within_channel,
                    (lrn_within_with_shifts, lrn_within_with_band_matrices, lrn_within_with_windows),
                    "the neighbours are the pixels of the same channel, n//2 up, down, left and right; "
                    "pixels beyond the border do not count.",
                ),
            },
            public=[
                Case(
                    "lrn_within_channel",
                    (np.outer([1.0, 2, 4], [10.0, 20, 40])[..., None], 3, 1.0, 1e-3, 0.5),
                ),
                Case("lrn_within_channel", (activations(rng, (4, 5, 2)), 3, 2.0, 1e-4, 0.75)),
                Case("lrn_within_channel", (activations(rng, (6, 3, 3)), *ALEXNET)),
            ],
            hidden=hidden_within,
            misconceptions=[
                Misconception(
                    "ALPHA_DIVIDED_BY_N",
                    "lrn_within_channel",
                    "You averaged the squares, as Caffe does. Here they are added up.",
                    (lrn_within_with_a_mean, lrn_within_divided_by_n),
                ),
                Misconception(
                    "CHANNELS_MIXED",
                    "lrn_within_channel",
                    "You added the squares of all channels. This LRN stays within one.",
                    (lrn_within_all_channels,),
                ),
            ],
            forbidden=LIBRARIES,
            tolerance=1e-5,
        ),
        Exercise(
            id="lrn_layer",
            title="LRN as a layer",
            points=2,
            answers={
                "LocalResponseNorm": Answer(
                    LocalResponseNorm,
                    (LrnWithABandMatrix, LrnThatKerasConfigures),
                    "call computes with keras.ops what exercise 1 did with NumPy; get_config has every "
                    "argument of __init__, under its name.",
                ),
            },
            public=[
                lrn_layer_case(rng, (2, 2, 3, 6), n=3, k=1.0, alpha=1e-3, beta=0.5),
                lrn_layer_case(rng, (1, 3, 2, 10), n=5, k=1.5, alpha=3e-4, beta=0.9),
                lrn_layer_case(rng, (2, 1, 2, 8)),
            ],
            hidden=hidden_lrn_layers,
            misconceptions=[
                Misconception(
                    "CONFIG_INCOMPLETE",
                    "LocalResponseNorm",
                    "The layer is right, but a copy made from its configuration is not: get_config leaves "
                    "out constants, so a saved model comes back with the defaults.",
                    (LrnThatForgetsItsConstants, LrnThatRemembersNAlone),
                ),
                Misconception(
                    "ALPHA_DIVIDED_BY_N",
                    "LocalResponseNorm",
                    "You averaged the squares. The paper adds them up; Caffe and PyTorch divide alpha by n.",
                    (LrnWithAMean,),
                ),
                Misconception(
                    "DEPTH_RADIUS_IS_N",
                    "LocalResponseNorm",
                    "You went n channels to each side. The neighbourhood is n channels in all.",
                    (LrnOfTwiceTheRadius,),
                ),
            ],
            forbidden=READY_MADE,
            tolerance=1e-4,
        ),
        Exercise(
            id="bn_training",
            title="BN in training",
            points=3,
            answers={
                "bn_training": Answer(
                    bn_training,
                    (bn_by_channels, bn_by_moments),
                    "one mean and one variance a channel, over the images and all pixels; epsilon is added "
                    "to the variance.",
                ),
            },
            public=[
                Case(
                    "bn_training",
                    (np.arange(8.0).reshape(2, 2, 2, 1), np.array([1.0]), np.array([0.0]), 0.25),
                ),
                bn_case(rng, (4, 2, 3, 2), 1e-3),
                bn_case(rng, (3, 2, 2, 3), 0.1),
            ],
            hidden=hidden_batches,
            misconceptions=[
                Misconception(
                    "BN_PER_PIXEL",
                    "bn_training",
                    "You normalised each pixel over the batch, as the third lecture's slide has it. In a "
                    "convolutional network all pixels of a channel share one mean and one variance.",
                    (bn_per_pixel,),
                ),
                Misconception(
                    "UNBIASED_VARIANCE",
                    "bn_training",
                    "You divided by m - 1. Batch normalisation divides the sum of squares by m.",
                    (bn_unbiased,),
                ),
                Misconception(
                    "EPSILON_OUTSIDE_THE_ROOT",
                    "bn_training",
                    "epsilon is added to the variance, before the square root.",
                    (bn_with_epsilon_outside,),
                ),
            ],
            forbidden=LIBRARIES,
            tolerance=1e-5,
        ),
        Exercise(
            id="bn_inference",
            title="Moving statistics and inference",
            points=3,
            answers={
                "BatchNorm": Answer(
                    BatchNorm,
                    (BatchNormThatMovesByADifference, BatchNormWithTensorFlow),
                    "training: normalise by the batch, and let the moving statistics follow it; otherwise "
                    "normalise by the moving statistics, and change nothing.",
                ),
            },
            public=[
                bn_layer_case(rng, (4, 2, 2, 2), 0.9, 1e-3, True),
                bn_layer_case(rng, (4, 2, 2, 2), 0.9, 1e-3, False),
                bn_layer_case(rng, (2, 3, 2, 3), 0.75, 0.1, True),
                bn_layer_case(rng, (2, 3, 2, 3), 0.75, 0.1, False),
            ],
            hidden=hidden_bn_layers,
            misconceptions=[
                Misconception(
                    "BATCH_STATISTICS_AT_TEST",
                    "BatchNorm",
                    "You normalise by the batch at inference too: what an image gives then depends on the "
                    "images beside it. Use the moving statistics.",
                    (BatchNormOfTheBatchAlone, BatchNormThatAlwaysTrains),
                ),
                Misconception(
                    "MOMENTUM_SWAPPED",
                    "BatchNorm",
                    "momentum is how much of the moving statistics stays. You let it be how much changes, as "
                    "PyTorch does.",
                    (BatchNormWithMomentumSwapped,),
                ),
                Misconception(
                    "UNBIASED_VARIANCE",
                    "BatchNorm",
                    "You multiplied by m / (m - 1). The paper does so for the moving variance; Keras, and "
                    "this exercise, do not.",
                    (BatchNormThatMovesUnbiased, BatchNormUnbiasedThroughout),
                ),
            ],
            forbidden=READY_MADE,
            tolerance=1e-4,
        ),
        Exercise(
            id="norm_parameters",
            title="Parameters of each",
            points=2,
            answers={
                "norm_parameters": Answer(
                    norm_parameters,
                    (norm_parameters_by_table, norm_parameters_as_an_array),
                    "LRN has constants, no parameters; BN has four vectors, of which two are trained.",
                ),
                "conv_parameters": Answer(
                    conv_parameters,
                    (conv_parameters_by_filter, conv_parameters_by_shapes),
                    "what is trained: kernels; a bias where no BN follows, gamma and beta where one does.",
                ),
            },
            public=[
                Case("norm_parameters", ("lrn", 96)),
                Case("norm_parameters", ("bn", 96)),
                Case("norm_parameters", ("bn", 256)),
                Case("norm_parameters", ("none", 64)),
                Case("conv_parameters", (11, 3, 96, "lrn")),
                Case("conv_parameters", (11, 3, 96, "bn")),
                Case("conv_parameters", (3, 64, 64, "bn")),
                Case("conv_parameters", (3, 64, 64, "none")),
            ],
            hidden=hidden_counts,
            misconceptions=[
                Misconception(
                    "TWO_IN_ALL",
                    "norm_parameters",
                    "The third lecture's table says 2. It is 2 for each channel: gamma and beta are vectors.",
                    (norm_parameters_of_the_slide, norm_parameters_of_the_slide_and_as_many_moving),
                ),
                Misconception(
                    "MOVING_COUNTED_AS_TRAINABLE",
                    "norm_parameters",
                    "The moving mean and variance are counted along, not trained: no gradient reaches them.",
                    (norm_parameters_all_trained,),
                ),
                Misconception(
                    "BIAS_BEFORE_BN",
                    "conv_parameters",
                    "You kept the bias before BN. The mean that BN subtracts contains it, so it has no "
                    "effect; beta does its work.",
                    (conv_parameters_with_a_bias,),
                ),
            ],
            forbidden=LIBRARIES,
        ),
        Exercise(
            id="normalization_race",
            title="The race",
            points=4,
            answers={
                "racer": Answer(
                    racer,
                    (racer_of_blocks, racer_in_sequence),
                    "five times convolution (without a bias before BN), BN if asked for, ReLU, LRN if asked "
                    "for; a 2x2 max pooling ends the first and the second; then mean and Dense(10).",
                ),
            },
            public=[
                structure_case("none", 16, DIGITS),
                structure_case("lrn", 16, DIGITS),
                structure_case("bn", 16, DIGITS),
                structure_case("lrn", 10, [12, 20, 3]),
                structure_case("bn", 10, [12, 20, 3]),
                Case(
                    "racer",
                    ([{"normalization": each, "filters": 16, "shape": DIGITS} for each in ("none", "bn")],),
                    "models",
                    (recipe_values(RECIPE), RACE, GATES),
                ),
            ],
            hidden=hidden_racers,
            misconceptions=[
                Misconception(
                    "BIAS_BEFORE_BN",
                    "racer",
                    "The convolutions before BN have a bias, which the mean that BN subtracts takes away "
                    "again: use_bias=False there.",
                    (racer_with_biases,),
                ),
                Misconception(
                    "BN_AFTER_RELU",
                    "racer",
                    "BN comes before the non-linearity, LRN after it (third lecture).",
                    (racer_that_normalizes_after_relu,),
                ),
                Misconception(
                    "LRN_BEFORE_RELU",
                    "racer",
                    "LRN comes after the non-linearity, BN before it (third lecture).",
                    (racer_that_inhibits_before_relu,),
                ),
            ],
            tolerance=1e-3,
        ),
    ),
)
