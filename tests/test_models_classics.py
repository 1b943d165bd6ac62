"""ZFNet to Xception: counts derived by hand, and what is particular to each of these families."""

from functools import cache

import keras
import numpy as np
import pytest

import course
from course.blocks import max_pool_ceil
from course.building import symbolic_scope
from course.cost import receptive_field, table, total
from course.cost.arithmetic import conv_params, dense_params
from course.models.googlenet import AUXILIARY_WEIGHT, inception, with_auxiliary_heads


@cache
def symbolic(name, **arguments):
    return course.build(name, symbolic=True, **arguments)


def shape_of(name, layer, **arguments):
    return symbolic(name, **arguments).get_layer(layer).output.shape[1:]


def stack(*layers):
    """Weights and biases: convolutions as (kernel, in, out), dense layers as (in, out)."""
    return sum(conv_params(*layer) if len(layer) == 3 else dense_params(*layer) for layer in layers)


def normalised(*layers):
    """Convolutions (kernel area, in, out) without bias, each with a scale and a shift for every filter."""
    return sum(area * inputs * filters + 2 * filters for area, inputs, filters in layers)


def zfnet(conv3, conv4, conv5):
    return stack((7, 3, 96), (5, 96, 256), (3, 256, conv3), (3, conv3, conv4), (3, conv4, conv5),
                 (6 * 6 * conv5, 4096), (4096, 4096), (4096, 1000))  # fmt: skip


def bn_inception():
    stem = normalised((49, 3, 64), (1, 64, 64), (9, 64, 192))

    def module(channels, one, reduce, three, reduce_double, double, projection):
        pointwise = (one, reduce, reduce_double, projection)
        return normalised(*[(1, channels, filters) for filters in pointwise]) + normalised(
            (9, reduce, three), (9, reduce_double, double), (9, double, double)
        )

    return (
        stem
        + module(192, 64, 64, 64, 64, 96, 32)  # 64 + 64 + 96 + 32 = 256
        + module(256, 64, 64, 96, 64, 96, 64)  # 320
        + module(320, 0, 128, 160, 64, 96, 0)  # 160 + 96 + 320 passed on = 576
        + module(576, 224, 64, 96, 96, 128, 128)  # 576
        + module(576, 192, 96, 128, 96, 128, 128)  # 576
        + module(576, 160, 128, 160, 128, 160, 128)  # 608
        + module(608, 96, 128, 192, 160, 192, 128)  # 608
        + module(608, 0, 128, 192, 192, 256, 0)  # 192 + 256 + 608 passed on = 1056
        + module(1056, 352, 192, 320, 160, 224, 128)  # 1024
        + module(1024, 352, 192, 320, 192, 224, 128)
        + dense_params(1024, 1000)
    )


def inception_v4():
    stem = normalised(
        (9, 3, 32), (9, 32, 32), (9, 32, 64), (9, 64, 96),
        (1, 160, 64), (9, 64, 96), (1, 160, 64), (7, 64, 64), (7, 64, 64), (9, 64, 96), (9, 192, 192),
    )  # fmt: skip
    a = normalised(
        (1, 384, 96), (1, 384, 64), (9, 64, 96),
        (1, 384, 64), (9, 64, 96), (9, 96, 96), (1, 384, 96),
    )  # fmt: skip
    a_to_b = normalised((9, 384, 384), (1, 384, 192), (9, 192, 224), (9, 224, 256))
    b = normalised(
        (1, 1024, 384), (1, 1024, 192), (7, 192, 224), (7, 224, 256),
        (1, 1024, 192), (7, 192, 192), (7, 192, 224), (7, 224, 224), (7, 224, 256), (1, 1024, 128),
    )  # fmt: skip
    b_to_c = normalised(
        (1, 1024, 192), (9, 192, 192),
        (1, 1024, 256), (7, 256, 256), (7, 256, 320), (9, 320, 320),
    )  # fmt: skip
    c = normalised(
        (1, 1536, 256), (1, 1536, 384), (3, 384, 256), (3, 384, 256),
        (1, 1536, 384), (3, 384, 448), (3, 448, 512), (3, 512, 256), (3, 512, 256), (1, 1536, 256),
    )  # fmt: skip
    return stem + 4 * a + a_to_b + 7 * b + b_to_c + 3 * c + dense_params(1536, 1000)


def inception_resnet_v2():
    stem = normalised((9, 3, 32), (9, 32, 32), (9, 32, 64), (1, 64, 80), (9, 80, 192))
    mixed_5b = normalised(
        (1, 192, 96), (1, 192, 48), (25, 48, 64),
        (1, 192, 64), (9, 64, 96), (9, 96, 96), (1, 192, 64),
    )  # fmt: skip
    block_35 = normalised((1, 320, 32), (1, 320, 32), (9, 32, 32), (1, 320, 32), (9, 32, 48), (9, 48, 64))
    mixed_6a = normalised((9, 320, 384), (1, 320, 256), (9, 256, 256), (9, 256, 384))
    block_17 = normalised((1, 1088, 192), (1, 1088, 128), (7, 128, 160), (7, 160, 192))
    mixed_7a = normalised(
        (1, 1088, 256), (9, 256, 384), (1, 1088, 256), (9, 256, 288),
        (1, 1088, 256), (9, 256, 288), (9, 288, 320),
    )  # fmt: skip
    block_8 = normalised((1, 2080, 192), (1, 2080, 192), (3, 192, 224), (3, 224, 256))
    return (
        stem
        + mixed_5b
        + 10 * (block_35 + conv_params(1, 128, 320))
        + mixed_6a
        + 20 * (block_17 + conv_params(1, 384, 1088))
        + mixed_7a
        + 10 * (block_8 + conv_params(1, 448, 2080))
        + normalised((1, 2080, 1536))
        + dense_params(1536, 1000)
    )


VGG_CONVOLUTIONS = {  # filters in all, to count the normalisation: a scale and a shift in place of one bias
    "vgg11": 64 + 128 + 2 * 256 + 4 * 512,
    "vgg13": 2 * (64 + 128 + 256 + 512 + 512),
    "vgg16": 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512,
    "vgg19": 2 * 64 + 2 * 128 + 4 * 256 + 8 * 512,
}

BY_HAND = {
    "zfnet": (zfnet(512, 1024, 512), 107_627_624),
    "zfnet_384": (zfnet(384, 384, 256), 62_357_608),
    "overfeat_fast": (
        stack((11, 3, 96), (5, 96, 256), (3, 256, 512), (3, 512, 1024), (3, 1024, 1024),
              (6 * 6 * 1024, 3072), (3072, 4096), (4096, 1000)),
        145_920_872,
    ),
    "overfeat_accurate": (
        stack((7, 3, 96), (7, 96, 256), (3, 256, 512), (3, 512, 512), (3, 512, 1024), (3, 1024, 1024),
              (5 * 5 * 1024, 4096), (4096, 4096), (4096, 1000)),
        144_656_488,
    ),
    "nin_cifar10": (
        stack((5, 3, 192), (1, 192, 160), (1, 160, 96), (5, 96, 192), (1, 192, 192), (1, 192, 192),
              (3, 192, 192), (1, 192, 192), (1, 192, 10)),
        966_986,
    ),
    "nin_imagenet": (
        stack((11, 3, 96), (1, 96, 96), (1, 96, 96), (5, 96, 256), (1, 256, 256), (1, 256, 256),
              (3, 256, 384), (1, 384, 384), (1, 384, 384), (3, 384, 1024), (1, 1024, 1024), (1, 1024, 1000)),
        7_595_176,
    ),
    "vgg11_bn": (132_863_336 + VGG_CONVOLUTIONS["vgg11"], 132_866_088),
    "vgg13_bn": (133_047_848 + VGG_CONVOLUTIONS["vgg13"], 133_050_792),
    "vgg16_bn": (138_357_544 + VGG_CONVOLUTIONS["vgg16"], 138_361_768),
    "vgg19_bn": (143_667_240 + VGG_CONVOLUTIONS["vgg19"], 143_672_744),
    "inception_v2": (bn_inception(), 11_285_224),
    "inception_v4": (inception_v4(), 42_679_816),
    "inception_resnet_v2": (inception_resnet_v2(), 55_843_464),
    "squeezenet_complex_bypass": (
        1_248_424 + stack((1, 96, 128), (1, 128, 256), (1, 256, 384), (1, 384, 512)), 1_589_672,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_parameters_derived_by_hand(name):
    derived, known = BY_HAND[name]
    assert derived == known == total(symbolic(name)).params


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("zfnet", "conv1", (110, 110, 96)),
        ("zfnet", "norm1", (55, 55, 96)),
        ("zfnet", "conv2", (26, 26, 256)),
        ("zfnet", "norm2", (13, 13, 256)),
        ("zfnet", "pool5", (6, 6, 512)),
        ("overfeat_fast", "conv1", (56, 56, 96)),
        ("overfeat_fast", "pool5", (6, 6, 1024)),
        ("overfeat_accurate", "pool1", (36, 36, 96)),
        ("overfeat_accurate", "pool2", (15, 15, 256)),
        ("overfeat_accurate", "pool6", (5, 5, 1024)),
        ("nin_cifar10", "drop2", (8, 8, 192)),
        ("nin_imagenet", "drop3", (6, 6, 384)),
        ("vgg16", "pool5", (7, 7, 512)),
        ("googlenet", "norm1", (56, 56, 64)),
        ("googlenet", "pool2", (28, 28, 192)),
        ("googlenet", "inception_4d", (14, 14, 528)),
        ("googlenet", "inception_5b", (7, 7, 1024)),
        ("inception_v2", "inception_3c", (14, 14, 576)),
        ("inception_v2", "inception_4d", (14, 14, 608)),  # its filters, where figure 5 prints 576
        ("inception_v2", "inception_4e", (7, 7, 1056)),  # likewise, for 1024
        ("inception_v3", "mixed_5d", (35, 35, 288)),
        ("inception_v3", "mixed_6e", (17, 17, 768)),
        ("inception_v3", "mixed_7c", (8, 8, 2048)),
        ("inception_v4", "mixed_3a", (73, 73, 160)),
        ("inception_v4", "mixed_4a", (71, 71, 192)),
        ("inception_v4", "mixed_6a", (17, 17, 1024)),
        ("inception_v4", "mixed_7d", (8, 8, 1536)),
        ("inception_resnet_v2", "block35_10_relu", (35, 35, 320)),
        ("inception_resnet_v2", "mixed_7a", (8, 8, 2080)),
        ("xception", "block4_add", (19, 19, 728)),
        ("xception", "block13_add", (10, 10, 1024)),
        ("squeezenet", "conv1", (111, 111, 96)),
        ("squeezenet", "pool4", (27, 27, 256)),
        ("squeezenet", "conv10", (13, 13, 1000)),
    ],
)
def test_sizes_are_the_papers(name, layer, shape):
    assert shape_of(name, layer) == shape


@pytest.mark.parametrize(
    ("name", "layer", "pixels"),
    [("zfnet", "conv5", 139), ("zfnet", "pool5", 171), ("vgg16", "pool5", 212), ("googlenet", "pool2", 27)],
)
def test_receptive_fields(name, layer, pixels):
    assert receptive_field(symbolic(name), layer) == pixels


@pytest.mark.parametrize(("name", "macs"), [("squeezenet", 818_924_576), ("squeezenet1_1", 349_151_936)])
def test_squeezenet_pools_round_up_at_224_pixels(name, macs):
    assert total(symbolic(name, shape=(224, 224, 3))).macs == macs


@pytest.mark.parametrize("size", range(3, 10))
@pytest.mark.parametrize(("window", "strides"), [(3, 2), (2, 2), (3, 3)])
def test_max_pool_ceil_also_pools_the_windows_that_hang_over(size, window, strides):
    image = np.random.default_rng(size).random((1, size, size, 2), dtype="float32")
    x = keras.Input(image.shape[1:])
    pooled = np.asarray(keras.Model(x, max_pool_ceil(x, window, strides, name="pool"))(image))
    steps = range(-(-(size - window) // strides) + 1)
    windows = [[image[:, i * strides :, j * strides :][:, :window, :window] for j in steps] for i in steps]
    expected = np.array([[cut.max(axis=(0, 1, 2)) for cut in line] for line in windows])
    np.testing.assert_array_equal(pooled[0], expected)


def test_vgg_column_c_has_its_1x1_third():
    rows = table(symbolic("vgg16_1x1"))
    pointwise = rows[(rows["kind"] == "Conv2D") & (rows["kernel"] == 1)]
    assert list(pointwise["name"]) == ["conv3_3", "conv4_3", "conv5_3"]


def test_vgg_lrn_follows_the_first_convolution_only():
    kinds = [type(layer).__name__ for layer in symbolic("vgg11_lrn").layers]
    assert kinds.count("LocalResponseNormalization") == 1
    assert kinds[:4] == ["InputLayer", "Conv2D", "LocalResponseNormalization", "MaxPooling2D"]


def test_vgg_of_teaching_size():
    model = symbolic("vgg16", depths=(1, 2), widths=(8, 16), units=32, shape=(32, 32, 3), classes=10)
    expected = stack((3, 3, 8), (3, 8, 16), (3, 16, 16), (8 * 8 * 16, 32), (32, 32), (32, 10))
    assert total(model).params == expected


# Weights without biases, module by module; the paper's table rounds some of them otherwise
GOOGLENET_WEIGHTS = {
    "3a": 163_328, "3b": 388_096, "4a": 375_552, "4b": 448_512, "4c": 509_440,
    "4d": 604_672, "4e": 867_328, "5a": 1_042_432, "5b": 1_442_816,
}  # fmt: skip


def test_googlenet_modules_have_the_tables_weights():
    rows = table(symbolic("googlenet"))
    for module, weights in GOOGLENET_WEIGHTS.items():
        layers = rows[rows["name"].str.startswith(f"inception_{module}_")]
        assert layers["params"].sum() - layers["filters"].sum() == weights
    fifth = rows[rows["name"].str.startswith("inception_5a_")]
    assert fifth["macs"].sum() == 7 * 7 * GOOGLENET_WEIGHTS["5a"] == 51_079_168


def test_googlenet_in_all():
    costs = total(symbolic("googlenet"))
    assert costs.params == 6_998_552
    assert round(costs.macs / 1e6) == 1_583


def test_naive_inception_module_passes_the_pooled_input_on():
    with symbolic_scope():
        x = keras.Input((28, 28, 256))
        model = keras.Model(x, inception(x, (128, 0, 192, 0, 96, 0), name="naive"))
    assert model.output_shape == (None, 28, 28, 672)
    assert total(model).macs == 28 * 28 * (128 + 9 * 192 + 25 * 96) * 256


def test_googlenet_for_small_images():
    model = symbolic("googlenet", stem="cifar", width=0.25, shape=(32, 32, 3), classes=10)
    assert model.get_layer("inception_3b").output.shape == (None, 32, 32, 120)
    assert model.get_layer("inception_5b").output.shape == (None, 8, 8, 256)
    assert model.output_shape == (None, 10)


def test_auxiliary_heads_count():
    with symbolic_scope():
        both = with_auxiliary_heads(course.build("googlenet"))
    rows = table(both).set_index("name")
    assert total(both).params == 13_378_280
    assert [tensor.shape for tensor in both.outputs] == [(None, 1000)] * 3
    assert (rows.loc["aux_4a_pool", "out_h"], rows.loc["aux_4d_pool", "in_c"]) == (4, 528)


@pytest.fixture(scope="module")
def small_googlenet():
    keras.utils.set_random_seed(0)
    model = course.build("googlenet", shape=(80, 80, 3), classes=3, width=0.25)
    return model, with_auxiliary_heads(model)


def images(count):
    rng = np.random.default_rng(0)
    return rng.random((count, 80, 80, 3), dtype="float32"), np.arange(count) % 3


def test_auxiliary_losses_weigh_0_3_and_train_the_layers_before_them(small_googlenet):
    model, both = small_googlenet
    x, y = images(6)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    both.compile(
        keras.optimizers.SGD(0.01), loss=[loss] * 3, loss_weights=[1, AUXILIARY_WEIGHT, AUXILIARY_WEIGHT]
    )
    losses = [float(loss(y, logits)) for logits in both(x, training=False)]
    combined = losses[0] + 0.3 * losses[1] + 0.3 * losses[2]
    assert both.evaluate(x, [y] * 3, verbose=0)[0] == pytest.approx(combined, rel=1e-5)

    weights = [0, AUXILIARY_WEIGHT, AUXILIARY_WEIGHT]  # the heads alone
    both.compile(keras.optimizers.SGD(0.1), loss=[loss] * 3, loss_weights=weights)
    layers = ("conv1", "inception_4a_3x3", "inception_4d_1x1", "inception_5b_1x1")
    before = [np.array(model.get_layer(layer).kernel) for layer in layers]
    both.train_on_batch(x, [y] * 3)
    after = [np.array(model.get_layer(layer).kernel) for layer in layers]
    moved = [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
    assert moved == [True, True, True, False]


def test_the_heads_serve_training_only(small_googlenet, tmp_path):
    model, both = small_googlenet
    x, _ = images(2)
    assert not [layer.name for layer in model.layers if layer.name.startswith("aux")]
    np.testing.assert_allclose(both(x, training=False)[0], model(x, training=False), rtol=1e-5, atol=1e-6)
    both.save(tmp_path / "both.keras")
    loaded = keras.models.load_model(tmp_path / "both.keras")
    for ours, theirs in zip(both(x, training=False), loaded(x, training=False), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "after", "message"),
    [
        ("vgg11", ("inception_4a",), "no layer in vgg11 called 'inception_4a'"),
        ("small", ("inception_4a",), r"inception_4a is 2x2 and an auxiliary head needs 5x5"),
    ],
)
def test_auxiliary_heads_need_a_googlenet_with_room(model, after, message):
    model = symbolic("googlenet", shape=(32, 32, 3)) if model == "small" else symbolic(model)
    with pytest.raises(ValueError, match=message):
        with_auxiliary_heads(model, after)


@pytest.mark.parametrize(("name", "bypasses"), [("squeezenet", ""), ("squeezenet_simple_bypass", "3579"),
                                                ("squeezenet_complex_bypass", "23456789")])  # fmt: skip
def test_squeezenet_bypasses_are_where_figure_2_has_them(name, bypasses):
    added = [layer.name for layer in symbolic(name).layers if isinstance(layer, keras.layers.Add)]
    assert added == [f"fire{number}_bypass" for number in bypasses]


def test_squeezenet_fires_follow_the_metaparameters():
    model = symbolic(
        "squeezenet", fires=4, base=64, increment=32, frequency=1, squeeze_ratio=0.25, share_3x3=0.75
    )
    expected = {2: (16, 16, 48), 3: (24, 24, 72), 4: (32, 32, 96), 5: (40, 40, 120)}
    parts = ("squeeze1x1", "expand1x1", "expand3x3")
    measured = {i: tuple(model.get_layer(f"fire{i}_{part}").filters for part in parts) for i in expected}
    assert measured == expected
    assert model.get_layer("conv6").filters == 1000


def test_inception_resnet_scales_its_residuals_and_leaves_the_last_one_alone():
    model = symbolic("inception_resnet_v2")
    scales = {"block35_1": 0.17, "block17_20": 0.1, "block8_9": 0.2, "block8_10": 1.0}
    assert {name: model.get_layer(f"{name}_scale").scale for name in scales} == scales
    names = [layer.name for layer in model.layers]
    assert "block8_9_relu" in names
    assert "block8_10_relu" not in names


def test_xception_has_no_relu_before_its_first_block():
    names = [layer.name for layer in symbolic("xception").layers]
    assert "block2_sepconv1_relu" not in names
    assert "block3_sepconv1_relu" in names


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("zfnet", {"widths": (96, 256)}, "widths must be the filters of conv1 to conv5"),
        ("zfnet", {"units": 0}, "units must be an integer of at least 1, not 0"),
        ("overfeat_fast", {"units": (0,)}, "Each of units must be"),
        (
            "nin_cifar10",
            {"mlpconvs": ((8, 3, 1, "same", (8,), "min"),)},
            "'max', 'average' or None, not 'min'",
        ),
        ("nin_cifar10", {"mlpconvs": ((8, 3, 1, "same", (0,), None),)}, "Each number of filters in mlpconvs"),
        ("vgg16", {"depths": (1, 1)}, "one number for each stage"),
        ("vgg16", {"depths": (1, 1, 0, 1, 1)}, "must be an integer of at least 1, not 0"),
        ("vgg16", {"third_kernel": 0}, "must be an integer of at least 1, not 0"),
        ("googlenet", {"stem": "mnist"}, "stem must be 'imagenet' .* or 'cifar'"),
        ("googlenet", {"width": 0}, "width must be above 0"),
        ("inception_v4", {"depths": (1, 2)}, "depths must be three numbers"),
        ("inception_v4", {"depths": (4, 7, 0)}, "depths must be three numbers from 1 to 25"),
        ("inception_resnet_v2", {"depths": (1,)}, "depths must be three numbers"),
        (
            "inception_resnet_v2",
            {"depths": (1, 0, 1)},
            "Each of depths must be an integer of at least 1, not 0",
        ),
        ("xception", {"middle": 0}, "middle"),
        ("squeezenet", {"bypass": "double"}, "bypass must be None, 'simple' or 'complex'"),
        ("squeezenet", {"squeeze_ratio": 0}, "squeeze_ratio must be above 0"),
        ("squeezenet", {"share_3x3": 1}, "leaves a kernel of fire2 without any"),
        ("squeezenet", {"increment": -64}, "the filters of fire6,"),
    ],
)
def test_arguments_that_make_no_network(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        course.build(name, symbolic=True, **arguments)
