"""The residual families: parameters by hand, shortcuts, where strides and gates are, bad arguments."""

from functools import cache

import keras
import numpy as np
import pytest
from keras import layers as L

import course
from course.cost import receptive_field, table, total
from course.layers import ChannelPadding, StochasticDepth
from course.models.resnet import basic, unit


@cache
def symbolic(name, **arguments):
    return course.build(name, symbolic=True, **arguments)


@cache
def params(name, **arguments):
    return total(symbolic(name, **arguments)).params


def names(model):
    return [layer.name for layer in model.layers]


def conv(kernel, channels, filters, groups=1):
    return kernel**2 * channels * filters // groups


def conv_bn(kernel, channels, filters, groups=1):
    return conv(kernel, channels, filters, groups) + 2 * filters


def dense(inputs, outputs):
    return inputs * outputs + outputs


def imagenet_resnet(depths, expansion, inside=lambda width: width, groups=1, project=True):
    """Parameters by the paper's table: stem, units of each stage, projections, classifier."""
    count, channels = conv_bn(7, 3, 64), 64
    for stage, depth in enumerate(depths):
        width = 64 * 2**stage
        filters, middle = expansion * width, inside(width)
        if project and channels != filters:
            count += conv_bn(1, channels, filters)
        for _ in range(depth):
            if expansion == 1:
                count += conv_bn(3, channels, width) + conv_bn(3, width, width)
            else:
                count += conv_bn(1, channels, middle) + conv_bn(3, middle, middle, groups)
                count += conv_bn(1, middle, filters)
            channels = filters
    return count + dense(channels, 1000)


SHALLOW, D50, D101, D152 = (2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)


@pytest.mark.parametrize(
    ("name", "depths", "expansion", "published"),
    [
        ("resnet18", SHALLOW, 1, 11_689_512),
        ("resnet34", D50, 1, 21_797_672),
        ("resnet50", D50, 4, 25_557_032),
        ("resnet101", D101, 4, 44_549_160),
        ("resnet152", D152, 4, 60_192_808),
        ("resnet200", (3, 24, 36, 3), 4, 64_673_832),
        ("resnet50_v15", D50, 4, 25_557_032),
        ("resnet101_v15", D101, 4, 44_549_160),
        ("resnet152_v15", D152, 4, 60_192_808),
    ],
)
def test_resnet_parameters_by_hand(name, depths, expansion, published):
    assert params(name) == imagenet_resnet(depths, expansion) == published


@pytest.mark.parametrize(("name", "depths"), [("plain18", SHALLOW), ("plain34", D50)])
def test_plain_network_is_the_residual_one_without_shortcuts(name, depths):
    assert params(name) == imagenet_resnet(depths, 1, project=False)
    assert not [layer for layer in symbolic(name).layers if isinstance(layer, L.Add)]
    assert params(name) == params(name.replace("plain", "resnet"), option="A")


@pytest.mark.parametrize("depth", ["50", "101", "152"])
def test_v15_moves_the_stride_from_the_1x1_into_the_3x3(depth):
    v1, v15 = f"resnet{depth}", f"resnet{depth}_v15"
    extra = 0  # the first 1x1 of stages 3 to 5 sees four times the pixels, the 3x3 as many as before
    for size, channels, width in ((28, 256, 128), (14, 512, 256), (7, 1024, 512)):
        extra += 3 * size**2 * channels * width
    assert total(symbolic(v15)).macs - total(symbolic(v1)).macs == extra == 231_211_008
    assert symbolic(v1).get_layer("conv3_1_a").strides == (2, 2)
    assert symbolic(v15).get_layer("conv3_1_b").strides == (2, 2)


@pytest.mark.parametrize(
    ("name", "pixels"), [("resnet50", 483), ("resnet101", 1027), ("resnet152", 1507), ("resnet50_v15", 427)]
)
def test_receptive_field(name, pixels):
    assert receptive_field(symbolic(name), "conv5_3_c") == pixels


PROJECTIONS = conv_bn(1, 64, 128) + conv_bn(1, 128, 256) + conv_bn(1, 256, 512)
ALL_PROJECTIONS = sum(2 * conv_bn(1, 64 * 2**s, 64 * 2**s) for s in range(4)) + sum(
    conv_bn(1, 32 * 2**s, 64 * 2**s) - conv_bn(1, 64 * 2**s, 64 * 2**s) for s in (1, 2, 3)
)


@pytest.mark.parametrize(
    ("option", "weights", "projected"), [("A", 0, 0), ("B", PROJECTIONS, 3), ("C", ALL_PROJECTIONS, 8)]
)
def test_shortcut_options_of_resnet18(option, weights, projected):
    model = symbolic("resnet18", option=option)
    assert total(model).params == params("plain18") + weights
    assert sum(name.endswith("_shortcut") for name in names(model)) == projected
    padded = [layer for layer in model.layers if isinstance(layer, ChannelPadding)]
    assert len(padded) == (3 if option == "A" else 0)


def test_option_a_takes_every_second_pixel_and_appends_zeros():
    image = keras.Input((5, 6, 2))
    model = keras.Model(image, unit(image, basic, 3, 2, name="unit", option="A"))
    model.get_layer("unit_b_bn").gamma.assign([0, 0, 0])  # the residual is zero: the shortcut alone is left
    x = np.random.default_rng(0).random((1, 5, 6, 2), dtype="float32")
    y = np.asarray(model(x))
    np.testing.assert_array_equal(y[..., :2], x[:, ::2, ::2])
    np.testing.assert_array_equal(y[..., 2], np.zeros((1, 3, 3)))


def test_shortcut_comes_first_and_relu_after_the_addition():
    model = symbolic("resnet50")
    added = [tensor._keras_history.operation.name for tensor in model.get_layer("conv2_2_add").input]
    assert added == ["conv2_1_relu", "conv2_2_c_bn"]
    assert model.get_layer("conv2_2_relu").input is model.get_layer("conv2_2_add").output


def cifar_basic(n, width=16):
    count, channels = conv_bn(3, 3, width), width
    for filters in (width, 2 * width, 4 * width):
        for _ in range(n):
            count += conv_bn(3, channels, filters) + conv_bn(3, filters, filters)
            channels = filters
    return count + dense(channels, 10)


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        *((f"{kind}{depth}_cifar", depth) for kind in ("resnet", "plain") for depth in (20, 32, 44, 56, 110)),
        pytest.param("resnet1202_cifar", 1202, marks=pytest.mark.slow),
    ],
)
def test_cifar_resnet_has_6n_plus_2_layers_with_weights(name, depth):
    model = symbolic(name)
    assert len([layer for layer in model.layers if isinstance(layer, (L.Conv2D, L.Dense))]) == depth
    assert total(model).params == cifar_basic((depth - 2) // 6)


def test_a_small_cifar_resnet_for_teaching():
    assert params("resnet44_cifar", width=8) == cifar_basic(7, width=8)


def test_expected_depth_of_stochastic_depth():
    survivals = [
        e.survival for e in symbolic("resnet110_stochastic").layers if isinstance(e, StochasticDepth)
    ]
    assert survivals[0] == pytest.approx(1 - 0.5 / 54)
    assert survivals[-1] == 0.5
    assert sum(survivals) == pytest.approx((3 * 54 - 1) / 4)  # 40.25


def cifar_preact_bottleneck(n):
    count, channels = conv(3, 3, 16), 16
    for width in (16, 32, 64):
        count += conv(1, channels, 4 * width)
        for _ in range(n):
            count += 2 * channels + conv(1, channels, width) + 2 * width + conv(3, width, width)
            count += 2 * width + conv(1, width, 4 * width)
            channels = 4 * width
    return count + 2 * channels + dense(channels, 10)


@pytest.mark.parametrize(
    ("name", "n"),
    [("preresnet164_cifar", 18), pytest.param("preresnet1001_cifar", 111, marks=pytest.mark.slow)],
)
def test_preactivated_bottlenecks_by_hand(name, n):
    model = symbolic(name)
    assert total(model).params == cifar_preact_bottleneck(n)
    layers = [e for e in model.layers if isinstance(e, (L.Conv2D, L.Dense)) and "shortcut" not in e.name]
    assert len(layers) == 9 * n + 2


def test_preresnet110_normalises_as_often_as_resnet110():
    assert params("preresnet110_cifar") == cifar_basic(18)
    assert not [name for name in names(symbolic("preresnet110_cifar")) if name.endswith("_shortcut")]


def test_nothing_follows_the_addition_of_a_preactivated_unit():
    model = symbolic("preresnet164_cifar")
    added = model.get_layer("conv2_2_add").output
    readers = [e.name for e in model.layers if any(t is added for t in keras.tree.flatten(e.input))]
    assert sorted(readers) == ["conv2_3_add", "conv2_3_preact_bn"]
    # the first unit, and those that add channels, put their shortcut after the activation
    assert model.get_layer("conv2_1_shortcut").input is model.get_layer("conv2_1_preact_relu").output


def test_the_first_preactivated_unit_activates_before_it_splits():
    model = symbolic("preresnet110_cifar")
    shortcut, _ = model.get_layer("conv2_1_add").input
    assert shortcut is model.get_layer("conv2_1_preact_relu").output


@pytest.mark.parametrize(
    ("name", "trainable"),
    [("resnet50_v2", 25_568_360), ("resnet101_v2", 44_577_896), ("resnet152_v2", 60_236_904)],
)
def test_imagenet_v2_is_that_of_keras_applications(name, trainable):
    assert params(name) == trainable
    sizes = [symbolic(name).get_layer(f"conv{stage}_1_add").output.shape[1] for stage in (2, 3, 4, 5)]
    assert sizes == [56, 28, 14, 7]
    assert symbolic(name).get_layer("conv2_3_b").strides == (2, 2)  # the end of stage 2, not the start of 3


def cifar_wide(n, widen):
    count, channels = conv(3, 3, 16), 16
    for filters in (16 * widen, 32 * widen, 64 * widen):
        count += conv(1, channels, filters)
        for _ in range(n):
            count += 2 * channels + conv(3, channels, filters) + 2 * filters + conv(3, filters, filters)
            channels = filters
    return count + 2 * channels + dense(channels, 10)


@pytest.mark.parametrize(
    ("name", "depth", "widen", "published"),
    [("wrn16_8", 16, 8, 10_961_370), ("wrn28_10", 28, 10, 36_479_194), ("wrn40_4", 40, 4, 8_949_210)],
)
def test_wide_resnet_has_6n_plus_4_convolutions(name, depth, widen, published):
    assert params(name) == cifar_wide((depth - 4) // 6, widen) == published
    assert len([layer for layer in symbolic(name).layers if isinstance(layer, L.Conv2D)]) == depth


def test_wide_resnet_drops_between_the_convolutions_of_each_unit():
    plain, dropped = symbolic("wrn16_8"), symbolic("wrn16_8", dropout=0.3)
    assert not [layer for layer in plain.layers if isinstance(layer, L.Dropout)]
    drops = [layer for layer in dropped.layers if isinstance(layer, L.Dropout)]
    assert [layer.rate for layer in drops] == [0.3] * 6
    assert dropped.get_layer("conv2_1_b").input is drops[0].output


@pytest.mark.parametrize(
    ("name", "depths", "published"),
    [("wide_resnet50_2", D50, 68_883_240), ("wide_resnet101_2", D101, 126_886_696)],
)
def test_wide_bottlenecks_by_hand(name, depths, published):
    assert params(name) == imagenet_resnet(depths, 4, inside=lambda width: 2 * width) == published


CARDINALITIES = {"1x64d": (1, 64), "2x40d": (2, 40), "4x24d": (4, 24), "8x14d": (8, 14), "32x4d": (32, 4)}


@pytest.mark.parametrize(
    ("name", "depths", "template"),
    [
        *((f"resnext50_{each}", D50, template) for each, template in CARDINALITIES.items()),
        *((f"resnext101_{each}", D101, template) for each, template in CARDINALITIES.items()),
        ("resnext101_64x4d", D101, (64, 4)),
    ],
)
def test_resnext_parameters_by_hand(name, depths, template):
    cardinality, group_width = template
    inside = lambda width: cardinality * group_width * width // 64  # noqa: E731
    assert params(name) == imagenet_resnet(depths, 4, inside, groups=cardinality)


@pytest.mark.parametrize(
    ("template", "weights"),
    [("1x64d", 69_632), ("2x40d", 69_760), ("4x24d", 69_888), ("8x14d", 71_456), ("32x4d", 70_144)],
)
def test_resnext_blocks_of_equal_size(template, weights):
    rows = table(symbolic(f"resnext50_{template}")).set_index("name")
    assert rows.loc[["conv2_2_a", "conv2_2_b", "conv2_2_c"], "params"].sum() == weights
    cardinality, group_width = CARDINALITIES[template]
    assert 256 * cardinality * group_width * 2 + 9 * cardinality * group_width**2 == weights


def test_one_group_of_64_is_resnet_v15():
    assert total(symbolic("resnext50_1x64d")) == total(symbolic("resnet50_v15"))


def gates(channels, reduction=16):
    return sum(dense(c, c // reduction) + dense(c // reduction, c) for c in channels)


BN_INCEPTION = (256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024)
INCEPTION_RESNET = (320,) * 10 + (1088,) * 20 + (2080,) * 10
VGG16 = (64,) * 2 + (128,) * 2 + (256,) * 3 + (512,) * 6


@pytest.mark.parametrize(
    ("name", "base", "channels"),
    [
        ("se_resnet18", "resnet18", (64, 64, 128, 128, 256, 256, 512, 512)),
        ("se_resnet50", "resnet50", (256,) * 3 + (512,) * 4 + (1024,) * 6 + (2048,) * 3),
        ("se_resnet101", "resnet101", (256,) * 3 + (512,) * 4 + (1024,) * 23 + (2048,) * 3),
        ("se_resnet152", "resnet152", (256,) * 3 + (512,) * 8 + (1024,) * 36 + (2048,) * 3),
        ("se_resnext50_32x4d", "resnext50_32x4d", (256,) * 3 + (512,) * 4 + (1024,) * 6 + (2048,) * 3),
        ("se_resnext101_32x4d", "resnext101_32x4d", (256,) * 3 + (512,) * 4 + (1024,) * 23 + (2048,) * 3),
        ("se_vgg16", "vgg16_bn", VGG16),
        ("se_inception_v2", "inception_v2", BN_INCEPTION),
        ("se_inception_resnet_v2", "inception_resnet_v2", INCEPTION_RESNET),
    ],
)
def test_what_the_gates_add(name, base, channels):
    assert params(name) - params(base) == gates(channels)


def test_gates_of_se_resnet50():
    model = symbolic("se_resnet50")
    assert params("se_resnet50") - params("resnet50") == 2_530_992
    shortcut, residual = model.get_layer("conv2_1_add").input
    assert shortcut is model.get_layer("conv2_1_shortcut_bn").output
    assert residual is model.get_layer("conv2_1_se_scale").output  # gated before the addition
    assert model.get_layer("conv5_1_se_reduce").units == 2048 // 16


@pytest.mark.parametrize(
    ("name", "padding"),
    [("resnet50", 1), ("se_resnet50", (0, 1)), ("senet154", (0, 1)), ("resnext50_32x4d", 1)],
)
def test_padding_of_the_stems_pooling_is_that_of_the_authors_library(name, padding):
    expected = keras.layers.ZeroPadding2D(padding if padding == 1 else (padding, padding)).padding
    assert symbolic(name).get_layer("pool1_pad").padding == expected


def test_gates_of_the_other_families():
    inception, vgg = symbolic("se_inception_v2"), symbolic("se_vgg16")
    assert inception.get_layer("inception_3a_se_scale").input[0] is inception.get_layer("inception_3a").output
    assert vgg.get_layer("conv1_1_se_scale").input[0] is vgg.get_layer("conv1_1_relu").output
    residual = symbolic("se_inception_resnet_v2")
    assert residual.get_layer("block35_1_scale").input is residual.get_layer("block35_1_se_scale").output


def test_a_small_se_network_for_teaching():
    small = {"width": 8, "depths": (1, 1)}
    gated = course.build("se_resnet18", symbolic=True, reduction=4, changes=small)
    assert total(gated).params == params("resnet18", **small) + gates((8, 16), reduction=4)


def test_senet154_by_hand():
    count, channels = conv_bn(3, 3, 64) + conv_bn(3, 64, 64) + conv_bn(3, 64, 128), 128
    for stage, depth in enumerate(D152):
        filters = 256 * 2**stage
        count += conv_bn(1 if stage == 0 else 3, channels, filters)
        for _ in range(depth):
            count += conv_bn(1, channels, filters // 2) + conv_bn(3, filters // 2, filters, groups=64)
            count += conv_bn(1, filters, filters) + gates([filters])
            channels = filters
    assert params("senet154") == count + dense(channels, 1000) == 115_088_984
    weighted = [e for e in symbolic("senet154").layers if isinstance(e, (L.Conv2D, L.Dense))]
    chain = [e for e in weighted if "shortcut" not in e.name and "_se_" not in e.name]
    assert len(chain) == 154


def densenet(depths, growth, kernel=7, classes=1000):
    channels = 2 * growth
    count = conv(kernel, 3, channels) + (2 * channels if kernel == 7 else 0)
    for block, depth in enumerate(depths):
        if block:
            count += 2 * channels + conv(1, channels, channels // 2)
            channels //= 2
        for _ in range(depth):
            count += 2 * channels + conv(1, channels, 4 * growth)
            count += 2 * 4 * growth + conv(3, 4 * growth, growth)
            channels += growth
    return count + 2 * channels + dense(channels, classes)


@pytest.mark.parametrize(
    ("name", "by_hand", "published"),
    [
        ("densenet121", densenet((6, 12, 24, 16), 32), 7_978_856),
        ("densenet169", densenet((6, 12, 32, 32), 32), 14_149_480),
        ("densenet201", densenet((6, 12, 48, 32), 32), 20_013_928),
        ("densenet264", densenet((6, 12, 64, 48), 32), 33_337_704),
        ("densenet_bc_100_12", densenet((16, 16, 16), 12, 3, 10), 769_162),
        ("densenet_bc_190_40", densenet((31, 31, 31), 40, 3, 10), 25_624_430),
    ],
)
def test_densenet_parameters_by_hand(name, by_hand, published):
    assert params(name) == by_hand == published


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("densenet121", 121),
        ("densenet169", 169),
        ("densenet201", 201),
        ("densenet264", 265),  # the paper's own blocks make one more than its name says
        ("densenet_bc_100_12", 100),
        ("densenet_bc_190_40", 190),
    ],
)
def test_densenet_depth(name, layers):
    assert len([e for e in symbolic(name).layers if isinstance(e, (L.Conv2D, L.Dense))]) == layers


def test_a_dense_layer_appends_and_a_transition_compresses():
    model = symbolic("densenet121")
    assert model.get_layer("dense1_6").output.shape == (None, 56, 56, 64 + 6 * 32)
    assert model.get_layer("transition1_pool").output.shape == (None, 28, 28, 128)
    assert symbolic("densenet121", compression=1.0).get_layer("transition1").filters == 256


def dpn(stem, depths, growth, inside, groups, residual):
    filters, kernel = stem
    count, channels = conv_bn(kernel, 3, filters), filters
    for depth, grow in zip(depths, growth, strict=True):
        count += 2 * channels + conv(1, channels, residual + 2 * grow)  # one 1x1, sliced into two paths
        for block in range(depth):
            count += 2 * channels + conv(1, channels, inside)
            count += 2 * inside + conv(3, inside, inside, groups)
            count += 2 * inside + conv(1, inside, residual + grow)
            channels = residual + (3 + block) * grow
        residual, inside = 2 * residual, 2 * inside
    return count + 2 * channels + dense(channels, 1000)


@pytest.mark.parametrize(
    ("name", "by_hand", "published"),
    [
        ("dpn68", dpn((10, 3), (3, 4, 12, 3), (16, 32, 32, 64), 128, 32, 64), 12_611_602),
        ("dpn92", dpn((64, 7), (3, 4, 20, 3), (16, 32, 24, 128), 96, 32, 256), 37_668_392),
        ("dpn98", dpn((96, 7), (3, 6, 20, 3), (16, 32, 32, 128), 160, 40, 256), 61_570_728),
    ],
)
def test_dpn_parameters_by_hand(name, by_hand, published):
    assert params(name) == by_hand == published


def test_dual_paths_add_and_append():
    model = symbolic("dpn92")
    assert model.get_layer("conv2_3_add").output.shape == (None, 56, 56, 256)
    assert model.get_layer("conv2_3_append").output.shape == (None, 56, 56, (2 + 3) * 16)
    assert model.get_layer("conv5_3").output.shape == (None, 7, 7, 2048 + (2 + 3) * 128)


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("resnet18", {"option": "D"}, "option must be one of 'A', 'B', 'C', None, not 'D'"),
        ("resnet18", {"width": 0}, "width must be an integer of at least 1, not 0"),
        ("resnet18", {"depths": (2, 0)}, "Each of depths must be an integer of at least 1, not 0"),
        ("resnet20_cifar", {"depth": 21}, r"depth must be 6n \+ 2 .* not 21"),
        ("resnet20_cifar", {"depth": 2}, r"depth must be 6n \+ 2 .* not 2"),
        ("resnet20_cifar", {"option": "a"}, "option must be one of"),
        ("preresnet110_cifar", {"option": "C"}, "option must be one of 'A', 'B', not 'C'"),
        ("preresnet110_cifar", {"depth": 109}, r"depth must be 6n \+ 2"),
        ("preresnet164_cifar", {"depth": 165}, r"depth must be 9n \+ 2"),
        ("resnet50_v2", {"depths": (3, -1)}, "Each of depths"),
        ("wrn28_10", {"depth": 26}, r"depth must be 6n \+ 4 .* not 26"),
        ("wrn28_10", {"widen": 0}, "widen must be"),
        ("wrn28_10", {"dropout": 1.0}, "dropout must be at least 0 and below 1, not 1.0"),
        ("wide_resnet50_2", {"widen": 1.5}, "widen must be"),
        ("resnext50_32x4d", {"cardinality": 0}, "cardinality must be"),
        ("resnext50_32x4d", {"width": 8}, "group_width=4 leaves no channel in the groups of conv2_1_b"),
        ("se_resnet50", {"reduction": 257}, "reduction=257 leaves no unit for conv2_1_se_reduce"),
        ("se_resnet50", {"changes": {"widht": 8}}, "no argument of resnet50 called 'widht'"),
        ("senet154", {"groups": 48}, "groups=48 must divide 2 . width=128, the channels of conv2_1_a"),
        ("densenet121", {"growth": 0}, "growth must be"),
        ("densenet121", {"compression": 0}, "compression must be above 0 and at most 1, not 0"),
        ("densenet121", {"stem": "5x5"}, "stem must be '7x7' or '3x3', not '5x5'"),
        ("densenet121", {"shape": (16, 16, 3)}, "too small for densenet121: .* layer 'transition"),
        ("dpn92", {"groups": 36}, "groups=36 must divide inside=96, the channels of conv2_1_b"),
        ("dpn92", {"growth": (16, 32)}, "growth must have one number for each of the 4 stages"),
    ],
)  # fmt: skip
def test_bad_arguments(name, arguments, says):
    with pytest.raises(ValueError, match=says):
        course.build(name, symbolic=True, **arguments)
