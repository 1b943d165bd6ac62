"""What is random or iterative: routing by agreement, stochastic depth, drop-path, and LeNet-5 of 1998."""

from itertools import pairwise

import keras
import numpy as np
import pytest

import course
from course.building import symbolic_scope
from course.layers import FractalJoin, GlobalDropPath, StochasticDepth
from course.models import capsnet as capsules
from course.models.fractalnet import column
from course.models.lenet import DIGIT_CODES

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs tf.GradientTape")


def numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def random(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype="float32")


def params(model) -> dict[str, int]:
    """Trainable parameters, layer by layer, of the layers that have some."""
    counts = {
        layer.name: sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
        for layer in model.layers
    }
    return {name: count for name, count in counts.items() if count}


# LeNet-5 of 1998


def test_original_lenet_has_the_papers_parameters():
    model = course.build("lenet5_sparse", symbolic=True)
    assert params(model) == {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164}
    assert sum(params(model).values()) == 60_000
    assert model.get_layer("output").non_trainable_weights[0].shape == (10, 84)


def test_original_lenet_answers_by_the_nearest_code():
    model = course.build("lenet5_sparse")
    x = random(3, 32, 32, 1)
    features = numpy(course.features(model, "F6_tanh")(x))
    distances = ((features[:, None] - DIGIT_CODES) ** 2).sum(-1)
    np.testing.assert_allclose(numpy(model(x)), -distances, rtol=1e-5)


def test_original_lenet_knows_ten_digits():
    assert course.build("lenet5_sparse", classes=4, symbolic=True).output_shape == (None, 4)
    with pytest.raises(ValueError, match=r"classes must be at most 10, .* not 11"):
        course.build("lenet5_sparse", classes=11)


# CapsNet


@pytest.fixture(scope="module")
def small_capsnet():
    keras.utils.set_random_seed(0)
    return course.build("capsnet", shape=(19, 21, 1), classes=3, filters=4, capsules=2, dimensions=(4, 5))


def test_capsnet_has_the_papers_parameters():
    conv1 = 9 * 9 * 1 * 256 + 256
    primary = 9 * 9 * 256 * (32 * 8) + 32 * 8
    digit = (6 * 6 * 32) * 8 * 10 * 16
    decoder = (160 * 512 + 512) + (512 * 1024 + 1024) + (1024 * 784 + 784)
    with symbolic_scope():
        model = course.build("capsnet", symbolic=True)
        assert params(model) == {"conv1": conv1, "primary_capsules": primary, "digit_capsules": digit}
        assert conv1 + primary + digit == 6_804_224  # the paper: 6.8M
        whole = capsules.with_decoder(model)
    assert sum(params(whole).values()) == conv1 + primary + digit + decoder == 8_215_568  # the paper: 8.2M


def test_capsnet_routes_as_the_paper_says(small_capsnet):
    x = random(2, 19, 21, 1)
    u = numpy(course.features(small_capsnet, "primary_capsules")(x)).reshape(2, -1, 4)
    u_hat = np.einsum("bid,idje->bije", u, small_capsnet.get_layer("digit_capsules").kernel)
    b = np.zeros(u_hat.shape[:3])
    for _ in range(3):
        c = np.exp(b) / np.exp(b).sum(2, keepdims=True)
        s = (c[..., None] * u_hat).sum(1)
        length = np.linalg.norm(s, axis=-1, keepdims=True)
        v = length**2 / (1 + length**2) * s / length
        b += (u_hat * v[:, None]).sum(-1)
    np.testing.assert_allclose(numpy(small_capsnet(x)), np.linalg.norm(v, axis=-1), rtol=1e-4)


def test_more_routing_makes_agreement_louder():
    """Of two capsules that hear the same lower ones, the one whose predictions agree grows longer."""
    kernel = np.zeros((6, 1, 2, 2), "float32")
    kernel[:, 0, 0] = (1, 0)  # all six predict the same for capsule 0
    kernel[::2, 0, 1], kernel[1::2, 0, 1] = (1, 0.2), (-1, 0.2)  # and nearly cancel for capsule 1
    lengths = []
    for routings in (1, 2, 3):
        layer = course.layers.DigitCapsules(2, 2, routings)
        layer.build((None, 6, 1))
        layer.kernel.assign(kernel)
        lengths.append(np.linalg.norm(numpy(layer(np.ones((1, 6, 1)))), axis=-1)[0])
    agreed, disagreed = np.transpose(lengths)
    assert agreed[0] < agreed[1] < agreed[2]
    assert disagreed[0] > disagreed[1] > disagreed[2]


def test_lengths_are_below_one(small_capsnet):
    lengths = numpy(small_capsnet(100 * random(4, 19, 21, 1)))
    assert ((lengths >= 0) & (lengths < 1)).all()


@pytest.mark.parametrize(
    ("present", "lengths", "loss"),
    [
        ([1, 0, 0], [0.5, 0.3, 0.05], 0.4**2 + 0.5 * 0.2**2),
        ([1, 0, 0], [0.95, 0.1, 0.0], 0),
        ([0, 1, 1], [1.0, 0.9, 0.0], 0.5 * 0.9**2 + 0.9**2),
        ([0, 0, 0], [0.1, 0.2, 0.0], 0.5 * 0.1**2),
    ],
)
def test_margin_loss_by_hand(present, lengths, loss):
    computed = capsules.margin_loss(np.array([present]), keras.ops.convert_to_tensor([lengths]))
    np.testing.assert_allclose(numpy(computed), [loss], atol=1e-7)


def test_decoder_sees_the_labelled_capsule_alone(small_capsnet):
    model = capsules.with_decoder(small_capsnet)
    image = np.repeat(random(1, 19, 21, 1), 3, 0)
    masked = keras.Model(model.input, model.get_layer("masked").output)([image, np.eye(3)])
    capsule = numpy(course.features(small_capsnet, "digit_capsules")(image))
    np.testing.assert_allclose(numpy(masked), capsule * np.eye(3)[..., None], rtol=1e-5)

    lengths, reconstruction = map(numpy, model([image, np.eye(3)]))
    np.testing.assert_allclose(lengths, numpy(small_capsnet(image)), rtol=1e-5)
    assert reconstruction.shape == image.shape
    assert len(np.unique(reconstruction, axis=0)) == 3  # another label, another image


def test_decoder_shares_layers_and_learns(small_capsnet, tmp_path):
    model = capsules.with_decoder(small_capsnet)
    assert all(layer in model.layers for layer in small_capsnet.layers)
    model.compile(
        "adam",
        loss=[capsules.margin_loss, capsules.reconstruction_loss],
        loss_weights=[1, capsules.RECONSTRUCTION_WEIGHT],
    )
    images, labels = random(4, 19, 21, 1), np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    lengths, reconstruction = map(numpy, model([images, labels]))
    margin = numpy(capsules.margin_loss(labels, keras.ops.convert_to_tensor(lengths))).mean()
    squares = ((images - reconstruction) ** 2).sum((1, 2, 3)).mean()
    loss = model.evaluate([images, labels], [labels, images], verbose=0)[0]
    np.testing.assert_allclose(loss, margin + 0.0005 * squares, rtol=1e-4)

    model.fit([images, labels], [labels, images], epochs=15, verbose=0)
    assert model.evaluate([images, labels], [labels, images], verbose=0)[0] < loss
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy(loaded([images, labels])[1]), numpy(model([images, labels])[1]))


# Stochastic depth


def survivals(model) -> list[float]:
    return [layer.survival for layer in model.layers if isinstance(layer, StochasticDepth)]


def test_survival_falls_linearly():
    p = survivals(course.build("resnet110_stochastic", symbolic=True))
    np.testing.assert_allclose(p, [1 - i / 54 * (1 - 0.5) for i in range(1, 55)])
    np.testing.assert_allclose(sum(p), 40.25)  # (3L - 1) / 4
    assert p[-1] == 0.5
    half = survivals(course.build("resnet110_stochastic", depth=20, survival=0.1, symbolic=True))
    np.testing.assert_allclose(half, [1 - i / 9 * 0.9 for i in range(1, 10)])


def test_survival_of_a_bad_probability_is_named():
    with pytest.raises(ValueError, match="survival must be above 0 and at most 1, not 0"):
        course.build("resnet110_stochastic", survival=0)
    with pytest.raises(ValueError, match=r"depth must be 6n \+ 2 .* not 21"):
        course.build("resnet110_stochastic", depth=21)


def test_certain_survival_is_the_plain_resnet():
    arguments = {"depth": 14, "width": 4, "shape": (9, 11, 3)}
    ours = course.build("resnet110_stochastic", survival=1, **arguments)
    plain = course.build("resnet110_cifar", **arguments)
    plain.set_weights(ours.get_weights())
    x = random(2, 9, 11, 3)
    np.testing.assert_allclose(numpy(ours(x)), numpy(plain(x)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        numpy(ours(x, training=True)), numpy(plain(x, training=True)), rtol=1e-5, atol=1e-6
    )


def test_stochastic_depth_has_the_parameters_of_its_resnet():
    stochastic = course.build("resnet110_stochastic", symbolic=True)
    assert params(stochastic) == params(course.build("resnet110_cifar", symbolic=True))


def test_a_batch_survives_or_falls_as_one():
    layer, x = StochasticDepth(0.7, seed=1), random(3, 2, 2, 1) + 1
    kept = []
    for _ in range(300):
        y = numpy(layer(x, training=True))
        kept.append(y.any())
        np.testing.assert_array_equal(y, x if kept[-1] else 0 * x)
    assert abs(np.mean(kept) - 0.7) < 0.1  # 3.8 standard deviations
    np.testing.assert_allclose(numpy(layer(x)), 0.7 * x)


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (lambda: StochasticDepth(0.5, seed=4), np.ones((1, 2, 2, 1))),
        (lambda: GlobalDropPath(3, seed=4), np.ones((1, 2, 2, 1))),
        (lambda: FractalJoin(0.5, seed=4), [np.ones((1, 2)), np.zeros((1, 2)), np.ones((1, 2))]),
    ],
    ids=["StochasticDepth", "GlobalDropPath", "FractalJoin"],
)
def test_a_seed_repeats_the_draws(layer, inputs):
    first, second = layer(), layer()
    draws = [[numpy(each(inputs, training=True)) for _ in range(40)] for each in (first, second)]
    np.testing.assert_array_equal(*draws)
    assert len(np.unique(np.array(draws[0]).reshape(40, -1), axis=0)) > 1


# FractalNet


def joined(layer, in_use, draws=400) -> np.ndarray:
    """Weights of three inputs in the join's output, draw by draw: (draws, 3)."""
    basis = [
        np.tile(row, (2, 1)) for row in np.eye(3, dtype="float32")
    ]  # input i is the i-th unit vector, twice
    inputs = [*basis, np.tile(np.float32(in_use), (2, 1))]
    outputs = np.array([numpy(layer(inputs, training=True)) for _ in range(draws)])
    np.testing.assert_array_equal(outputs[:, 0], outputs[:, 1])  # one draw a mini-batch
    return outputs[:, 0]


def test_local_drop_path_keeps_at_least_one_and_takes_the_mean():
    weights = joined(FractalJoin(0.4, seed=0), [1, 1, 1])
    survivors = (weights > 0).sum(1)
    assert set(survivors) == {1, 2, 3}
    np.testing.assert_allclose(weights, (weights > 0) / survivors[:, None], rtol=1e-6)
    one_falls = 0.4 * (1 - 0.4**2 / 3)  # unless all fall and it is drawn
    np.testing.assert_allclose((weights == 0).mean(0), one_falls, atol=0.1)  # 4 standard deviations


def test_when_all_fall_each_is_as_likely_to_survive():
    weights = joined(FractalJoin(0.999, seed=0), [1, 1, 1])
    alone = weights[weights.max(1) == 1]
    assert len(alone) > 390
    np.testing.assert_allclose(alone.mean(0), 1 / 3, atol=0.1)


def test_without_drop_path_the_join_is_the_mean():
    np.testing.assert_allclose(joined(FractalJoin(0.0), [1, 1, 1], draws=9), 1 / 3, rtol=1e-6)


def test_global_drop_path_leaves_one_column():
    layer = FractalJoin(0.5)
    np.testing.assert_array_equal(joined(layer, [0, 0, 1], draws=9), [[0, 0, 1]] * 9)
    np.testing.assert_array_equal(joined(layer, [1, 0, 0], draws=9), [[1, 0, 0]] * 9)
    # a network of four columns, whose first does not pass through this join: a mean that nothing reads
    np.testing.assert_allclose(joined(layer, [1, 0, 0, 0], draws=9), 1 / 3, rtol=1e-6)


def test_half_of_the_batches_run_through_one_column():
    layer, x = GlobalDropPath(3, seed=0), random(2, 4, 4, 1)
    rows = np.array([numpy(layer(x, training=True)) for _ in range(400)])
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])  # the same for the whole mini-batch
    alone = rows[rows[:, 0].sum(1) == 1, 0]
    assert abs(len(alone) / 400 - 0.5) < 0.1
    np.testing.assert_allclose(alone.mean(0), 1 / 3, atol=0.13)
    np.testing.assert_array_equal(rows[rows[:, 0].sum(1) != 1], 1)
    np.testing.assert_array_equal(numpy(layer(x)), np.ones((2, 3)))


def small_fractalnet(**arguments) -> keras.Model:
    arguments = {"widths": (4, 6), "dropouts": (0, 0), "shape": (8, 9, 2), "classes": 3} | arguments
    return course.build("fractalnet_cifar", **arguments)


def test_fractalnet_has_the_drawn_columns():
    model = course.build("fractalnet_cifar", symbolic=True)
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [sum(f"_col{c}_" in name for name in convolutions) for c in (1, 2, 3)] == [5, 10, 20]
    joins = {layer.name: len(layer.input) - 1 for layer in model.layers if isinstance(layer, FractalJoin)}
    assert joins == {f"block{b}_join{at}": paths for b in range(1, 6) for at, paths in ((2, 2), (4, 3))}
    widths = (3, 64, 128, 256, 512, 512)
    weights = sum(9 * (3 * a + 4 * b) * b + 7 * 2 * b for a, b in pairwise(widths))
    assert sum(params(model).values()) == weights + 512 * 10 + 10 == 33_724_618


def test_four_columns_meet_as_figure_1_draws_them():
    model = small_fractalnet(columns=4, widths=(4,), dropouts=(0,))
    joins = {layer.name: len(layer.input) - 1 for layer in model.layers if isinstance(layer, FractalJoin)}
    assert joins == {"block1_join2": 2, "block1_join4": 3, "block1_join6": 2, "block1_join8": 4}


def test_a_global_batch_runs_through_one_column():
    """While only one column survives, the network is that column's plain network, deepest included."""
    keras.utils.set_random_seed(0)
    model, x = small_fractalnet(columns=3, global_share=1), random(5, 8, 9, 2)
    plain = [numpy(column(model, number)(x, training=True)) for number in (1, 2, 3)]
    seen = set()
    for _ in range(30):
        y = numpy(model(x, training=True))
        errors = [np.abs(y - each).max() for each in plain]
        assert min(errors) < 1e-5
        seen.add(int(np.argmin(errors)) + 1)
    assert seen == {1, 2, 3}


@tensorflow_only
def test_a_global_batch_trains_one_column():
    import tensorflow as tf

    model = small_fractalnet(columns=3, global_share=1)
    trained = set()
    for _ in range(15):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(random(5, 8, 9, 2), training=True) ** 2)
        kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        gradients = tape.gradient(loss, [kernel.value for kernel in kernels])
        columns = {
            kernel.path.split("_col")[1][0]
            for kernel, gradient in zip(kernels, gradients, strict=True)
            if np.any(gradient)
        }
        assert len(columns) == 1
        trained |= columns
    assert trained == {"1", "2", "3"}


def test_deepest_column_is_a_plain_network_with_shared_layers():
    model = course.build("fractalnet_cifar", symbolic=True)
    with symbolic_scope():
        deepest = column(model, 3)
    convolutions = [layer for layer in deepest.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 20
    assert all(layer is model.get_layer(layer.name) for layer in deepest.layers)
    assert deepest.output_shape == (None, 10)
    with pytest.raises(ValueError, match="has no column 4"):
        column(model, 4)


def test_one_column_is_a_plain_network():
    model, x = small_fractalnet(columns=1), random(2, 8, 9, 2)
    assert not any(isinstance(layer, FractalJoin) for layer in model.layers)
    np.testing.assert_array_equal(numpy(model(x)), numpy(column(model, 1)(x)))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"columns": 0}, "columns must be an integer of at least 1, not 0"),
        ({"dropouts": (0.1,)}, r"dropouts must have a rate for each of the 5 widths, not \(0.1,\)"),
        ({"drop": 1}, "drop must be at least 0 and below 1, not 1"),
        ({"global_share": 1.5}, "share must be from 0 to 1, not 1.5"),
    ],
)
def test_fractalnet_names_a_bad_argument(argument, message):
    with pytest.raises(ValueError, match=message):
        course.build("fractalnet_cifar", symbolic=True, **argument)
