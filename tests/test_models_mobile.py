"""The mobile families: their papers' tables, parameters by hand, how blocks are wired, bad arguments."""

import math
from collections import Counter
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers as L

import course
from course.blocks import depthwise_bn, inverted_residual, make_divisible
from course.cost import table, total
from course.models import efficientnet, ghostnet, mnasnet, mobilenet_v2, mobilenet_v3, nasnet, shufflenet_v2


@cache
def symbolic(name, **arguments):
    return course.build(name, symbolic=True, **arguments)


@cache
def costs(name, **arguments):
    return total(symbolic(name, **arguments))


def counts(name, **arguments):
    """Parameters and multiply-accumulates."""
    ours = costs(name, **arguments)
    return ours.params, ours.macs


@cache
def layers(name, **arguments):
    return {layer.name: layer for layer in symbolic(name, **arguments).layers}


def million(value, digits=1):
    return round(value / 1e6, digits)


def conv_bn(kernel, channels, filters, groups=1):
    return kernel**2 * channels * filters // groups + 2 * filters


def dense(inputs, outputs):
    return inputs * outputs + outputs


def gate(channels, units):
    return dense(channels, units) + dense(units, channels)


def mobile_bottleneck(kernel, channels, expanded, filters, units=0):
    expand = conv_bn(1, channels, expanded) if expanded != channels else 0
    depthwise = conv_bn(kernel, expanded, expanded, expanded)
    return expand + depthwise + (gate(expanded, units) if units else 0) + conv_bn(1, expanded, filters)


# MobileNet


def test_mobilenet_table_1():
    rows = table(symbolic("mobilenet"))
    rows = rows[rows["kind"].isin(["Conv2D", "DepthwiseConv2D", "Dense"])]
    ours = list(rows[["kernel", "stride", "in_c", "out_c", "in_h"]].itertuples(index=False, name=None))
    printed = [(3, 2, 3, 32, 224)]
    for stride, channels, filters, size in [
        (1, 32, 64, 112), (2, 64, 128, 112), (1, 128, 128, 56), (2, 128, 256, 56), (1, 256, 256, 28),
        (2, 256, 512, 28), *[(1, 512, 512, 14)] * 5, (2, 512, 1024, 14), (1, 1024, 1024, 7),
    ]:  # fmt: skip
        printed += [(3, stride, channels, channels, size), (1, 1, channels, filters, size // stride)]
    assert ours == [*printed, (0, 0, 1024, 1000, 1)]


def test_mobilenet_table_2():
    """Shares of mult-adds and of weights, but 3x3: the paper prints 1.19% where its rows make 1.91%."""
    rows = table(symbolic("mobilenet"))
    rows["weights"] = rows["params"] - 1000 * (rows["kind"] == "Dense")
    rows = rows[rows["kind"] != "BatchNormalization"]
    kind = rows["kind"] + rows["kernel"].astype(str)
    shares = rows[["macs", "weights"]].groupby(kind).sum() / rows[["macs", "weights"]].sum() * 100
    printed = {"Conv2D1": (94.86, 74.59), "DepthwiseConv2D3": (3.06, 1.06), "Conv2D3": (1.91, 0.02),
               "Dense0": (0.18, 24.33)}  # fmt: skip
    for layer, (macs, weights) in printed.items():
        assert shares.loc[layer].round(2).tolist() == [macs, weights]


@pytest.mark.parametrize(
    ("arguments", "macs", "weights"),
    [
        ({"separable": False}, 462.4, 2.36),
        ({}, 52.3, 0.267),
        ({"alpha": 0.75}, 29.6, 0.151),
        ({"alpha": 0.75, "rho": 0.714}, 15.1, 0.151),
    ],
)
def test_mobilenet_table_3(arguments, macs, weights):
    """A layer of 512 filters on 14x14 maps, here the ninth."""
    rows = table(symbolic("mobilenet", **arguments)).set_index("name")
    ninth = [name for name in ("conv_dw_9", "conv_pw_9", "conv_full_9") if name in rows.index]
    assert million(rows.loc[ninth, "macs"].sum()) == macs
    assert million(rows.loc[ninth, "params"].sum(), 3 if weights < 1 else 2) == weights


@pytest.mark.parametrize(
    ("name", "arguments", "params", "macs"),
    [
        ("mobilenet", {}, 4_231_976, 568_740_352),
        ("mobilenet_full_conv", {}, 29_294_088, 4_867_293_184),  # Table 4
        ("mobilenet_shallow", {}, 2_887_976, 307_323_392),  # Table 5
        ("mobilenet", {"alpha": 0.75}, 2_585_560, 325_400_448),  # Table 6
        ("mobilenet", {"alpha": 0.5}, 1_331_592, 149_497_088),
        ("mobilenet", {"alpha": 0.25}, 470_072, 41_030_272),
        ("mobilenet", {"rho": 6 / 7}, 4_231_976, 418_121_728),  # Table 7
        ("mobilenet", {"rho": 5 / 7}, 4_231_976, 290_675_200),
        ("mobilenet", {"rho": 4 / 7}, 4_231_976, 186_400_768),
    ],
)
def test_mobilenet_tables_4_to_7(name, arguments, params, macs):
    assert counts(name, **arguments) == (params, macs)
    alpha, rho = arguments.get("alpha", 1), arguments.get("rho", 1)
    depths = (1, 2, 2, 1, 2) if name == "mobilenet_shallow" else (1, 2, 2, 6, 2)
    channels = int(32 * alpha)
    size = round(224 * rho) // 2
    weights, products = conv_bn(3, 3, channels), size**2 * 27 * channels
    for stage, depth in enumerate(depths):
        filters = int(64 * 2**stage * alpha)
        for i in range(depth):
            size //= 2 if stage and not i else 1
            if name == "mobilenet_full_conv":
                weights += conv_bn(3, channels, filters)
                products += size**2 * 9 * channels * filters
            else:
                weights += conv_bn(3, channels, channels, channels) + conv_bn(1, channels, filters)
                products += size**2 * (9 * channels + channels * filters)
            channels = filters
    assert (weights + dense(channels, 1000), products + 1000 * channels) == (params, macs)


def test_resolution_multiplier_scales_the_image():
    assert symbolic("mobilenet", rho=4 / 7).input_shape == (None, 128, 128, 3)
    assert symbolic("mobilenet", rho=0.5, shape=(64, None, 3)).input_shape == (None, 32, None, 3)
    assert costs("mobilenet", rho=5 / 7) == costs("mobilenet", shape=(160, 160, 3))


def test_mobilenet_last_depthwise_has_stride_1():
    assert layers("mobilenet")["conv_dw_13"].strides == (1, 1)
    assert layers("mobilenet")["conv_pw_13"].output.shape == (None, 7, 7, 1024)


# MobileNetV2 and V3, MnasNet, EfficientNet: one block, four tables


def test_mobilenet_v2_by_hand():
    count, channels = conv_bn(3, 3, 32), 32
    for expansion, filters, repeats, _ in mobilenet_v2.STAGES:
        for _ in range(repeats):
            count += mobile_bottleneck(3, channels, expansion * channels, filters)
            channels = filters
    assert count + conv_bn(1, 320, 1280) + dense(1280, 1000) == costs("mobilenet_v2").params == 3_504_872


@pytest.mark.parametrize(
    ("name", "stem_to_head", "params"),
    [
        ("mobilenet_v3_large", (16, mobilenet_v3.LARGE, 960, 1280), 5_483_032),
        ("mobilenet_v3_small", (16, mobilenet_v3.SMALL, 576, 1024), 2_542_856),
    ],
)
def test_mobilenet_v3_by_hand(name, stem_to_head, params):
    channels, blocks, last, head = stem_to_head
    count = conv_bn(3, 3, channels)
    for kernel, expanded, filters, squeeze, _, _ in blocks:
        units = make_divisible(expanded / 4) if squeeze else 0
        count += mobile_bottleneck(kernel, channels, expanded, filters, units)
        channels = filters
    count += conv_bn(1, channels, last) + dense(last, head) + dense(head, 1000)
    assert count == costs(name).params == params


@pytest.mark.parametrize(
    ("name", "stages", "params"),
    [("mnasnet_a1", mnasnet.A1, 3_887_038), ("mnasnet_b1", mnasnet.B1, 4_383_312)],
)
def test_mnasnet_by_hand(name, stages, params):
    count, channels = conv_bn(3, 3, 32), 32
    for kernel, expansion, squeeze, filters, repeats, _ in stages:
        for _ in range(repeats):
            units = channels // 4 if squeeze else 0
            count += mobile_bottleneck(kernel, channels, expansion * channels, filters, units)
            channels = filters
    assert count + conv_bn(1, 320, 1280) + dense(1280, 1000) == costs(name).params == params


EFFICIENTNETS = {  # parameters; and, at 224 pixels, multiply-accumulates
    "efficientnet_b0": (5_288_548, 385_814_752),
    "efficientnet_b1": (7_794_184, 569_651_680),
    "efficientnet_b2": (9_109_994, 658_963_440),
    "efficientnet_b3": (12_233_232, 962_708_240),
    "efficientnet_b4": (19_341_616, 1_503_710_432),
    "efficientnet_b5": (30_389_784, 2_356_493_184),
    "efficientnet_b6": (43_040_704, 3_360_166_848),
    "efficientnet_b7": (66_347_960, 5_169_865_152),
}


@pytest.mark.parametrize("name", EFFICIENTNETS)
def test_efficientnet_by_hand(name):
    row = efficientnet.VARIANTS[name].arguments
    width, depth = row["width"], row["depth"]
    channels = make_divisible(32 * width)
    count = conv_bn(3, 3, channels)
    for kernel, expansion, filters, repeats, _ in efficientnet.STAGES:
        filters = make_divisible(filters * width)
        for _ in range(math.ceil(depth * repeats)):
            count += mobile_bottleneck(kernel, channels, expansion * channels, filters, channels // 4)
            channels = filters
    head = make_divisible(1280 * width)
    count += conv_bn(1, channels, head) + dense(head, 1000)
    assert (count, costs(name, shape=(224, 224, 3)).macs) == EFFICIENTNETS[name]


@pytest.mark.parametrize(
    ("name", "alpha", "params", "macs"),
    [
        ("mobilenet_v2", 1.4, 6_108_776, 582_195_824),
        ("mobilenet_v3_large", 0.75, 3_993_528, 154_560_624),  # Table 3: 4.0M, 155M
        ("mnasnet_b1", 0.5, 2_218_512, 104_455_968),  # these three as torchvision
        ("mnasnet_b1", 0.75, 3_170_208, 215_493_104),
        ("mnasnet_b1", 1.3, 6_282_256, 526_362_432),
        ("ghostnet", 0.5, 2_587_292, 42_328_152),  # Table 7: 2.6M, 42M
    ],
)
def test_width_multiplier(name, alpha, params, macs):
    assert counts(name, alpha=alpha) == (params, macs)


@pytest.mark.parametrize(
    ("channels", "width", "rounded"),
    [(32, 1.1, 32), (16, 1.1, 16), (32, 1.2, 40), (32, 1.4, 48), (24, 1.4, 32), (320, 1.6, 512),
     (1280, 1.8, 2304), (16, 0.5, 8), (3, 1, 8), (24, 0.75, 24)],
)  # fmt: skip
def test_widths_round_to_eight_and_lose_a_tenth_at_most(channels, width, rounded):
    assert make_divisible(channels * width) == rounded


def test_bottlenecks_are_linear_and_add_only_equal_shapes():
    shown = layers("mobilenet_v2")
    added = {name.removesuffix("_add") for name in shown if name.endswith("_add")}
    assert added == {f"block_{i}" for i in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)}
    activations = [name for name, layer in shown.items() if isinstance(layer, L.Activation)]
    assert not any("project" in name for name in activations)
    assert "block_0_expand" not in shown


def test_hard_swish_and_hard_sigmoid_are_the_papers():
    x = np.linspace(-5, 5, 101, dtype="float32")
    relu6 = np.clip(x + 3, 0, 6)
    shown = layers("mobilenet_v3_large")
    np.testing.assert_allclose(shown["bneck15_expand_hard_swish"].activation(x), x * relu6 / 6, atol=1e-6)
    np.testing.assert_allclose(shown["bneck15_se_expand"].activation(x), relu6 / 6, atol=1e-6)


def test_dropped_blocks_grow_more_frequent_with_depth():
    drops = {name: layer for name, layer in layers("efficientnet_b0").items() if name.endswith("_drop")}
    assert {name: round(layer.rate * 16 / 0.2) for name, layer in drops.items()} == {
        "block2b_drop": 2, "block3b_drop": 4, "block4b_drop": 6, "block4c_drop": 7, "block5b_drop": 9,
        "block5c_drop": 10, "block6b_drop": 12, "block6c_drop": 13, "block6d_drop": 14,
    }  # fmt: skip
    assert all(layer.noise_shape == (None, 1, 1, 1) for layer in drops.values())


def test_a_dropped_block_is_the_identity_for_that_image():
    image = keras.Input((4, 4, 2))
    block = keras.Model(image, inverted_residual(image, 2, name="block", expanded=4, drop=0.5))
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 4, 4, 2)).astype("float32")
    changed = np.asarray(block(x, training=True)) != x
    whole = changed.all(axis=(1, 2, 3))
    assert np.array_equal(whole, changed.any(axis=(1, 2, 3)))
    assert 16 < whole.sum() < 48


@pytest.mark.parametrize(("padding", "first"), [("symmetric", 0), ("same", 1)])
def test_padding_decides_which_pixels_a_stride_keeps(padding, first):
    image = keras.Input((6, 6, 1))
    y = depthwise_bn(image, 3, 2, name="dw", padding=padding, activation=None)
    model = keras.Model(image, y)
    centre = np.zeros((3, 3, 1, 1))
    centre[1, 1] = math.sqrt(1 + 1e-5)  # undoes the epsilon of an untrained normalisation
    model.get_layer("dw").set_weights([centre])
    x = np.arange(36, dtype="float32").reshape(1, 6, 6, 1)
    np.testing.assert_allclose(model(x), x[:, first::2, first::2], rtol=1e-5)


def test_compound_scaling_doubles_the_work():
    scaling = efficientnet.compound_scaling(1)
    assert scaling == (1.2, 1.1, 1.15)
    assert efficientnet.compound_scaling(0) == (1, 1, 1)
    assert efficientnet.compound_scaling(2) == pytest.approx((1.44, 1.21, 1.3225))
    assert scaling.depth * scaling.width**2 * scaling.resolution**2 == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("name", "phi"), [("efficientnet_b2", 1), ("efficientnet_b3", 2)])
def test_b2_and_b3_are_compound_scaling_rounded(name, phi):
    row, scaling = efficientnet.VARIANTS[name].arguments, efficientnet.compound_scaling(phi)
    assert (row["depth"], row["width"]) == (round(scaling.depth, 1), round(scaling.width, 1))
    assert row["shape"][0] == math.ceil(224 * scaling.resolution / 20) * 20


# ShuffleNet


@pytest.mark.parametrize(("groups", "printed"), [(1, 143), (2, 140), (3, 137), (4, 133), (8, 137)])
def test_shufflenet_table_1_counts_all_but_the_dense_layer(groups, printed):
    model = symbolic(f"shufflenet_g{groups}")
    fc = model.get_layer("fc").input.shape[-1] * 1000
    assert million(total(model).macs - fc, 0) == printed


def test_shufflenet_by_hand():
    groups, channels = 3, 24
    count = conv_bn(3, 3, channels)
    for stage, depth in enumerate((4, 8, 4)):
        filters = 240 * 2**stage
        for i in range(depth):
            inner, made = filters // 4, filters if i else filters - channels
            count += conv_bn(1, channels, inner, groups if stage or i else 1)
            count += conv_bn(3, inner, inner, inner) + conv_bn(1, inner, made, groups)
            channels = filters
    assert count + dense(960, 1000) == costs("shufflenet_g3").params == 1_865_728


def test_shufflenet_scales():
    assert million(costs("shufflenet_g3", width=120, stem=12).macs, 0) == 38  # 0.5x, Table 2
    assert million(costs("shufflenet_g3", width=480, stem=48).macs, 0) == 524  # 2x


def test_shufflenet_groups_all_but_the_first_convolution():
    shown = layers("shufflenet_g8")
    groups = {name: layer.groups for name, layer in shown.items() if type(layer) is L.Conv2D}
    assert {name for name, value in groups.items() if value == 1} == {"conv1", "stage2_1_conv1"}
    assert set(groups.values()) == {1, 8}
    assert not any("shuffle" in name for name in layers("shufflenet_g1"))


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("shufflenet_v2_x0_5", 1_366_792, 40_476_448),
        ("shufflenet_v2_x1_0", 2_278_604, 144_907_992),
        ("shufflenet_v2_x1_5", 3_503_624, 295_759_392),
        ("shufflenet_v2_x2_0", 7_393_996, 583_253_464),
    ],
)
def test_shufflenet_v2_counts_are_torchvisions(name, params, macs):
    assert counts(name) == (params, macs)


def test_half_of_the_channels_pass_a_unit_untouched():
    image = keras.Input((4, 4, 8))
    model = keras.Model(image, shufflenet_v2.unit(image, 8, 1, "unit"))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype("float32")
    np.testing.assert_array_equal(np.asarray(model(x))[..., ::2], x[..., :4])


# GhostNet


def test_ghostnet_by_hand():
    def ghost(channels, filters):
        return conv_bn(1, channels, filters // 2) + conv_bn(3, filters // 2, filters // 2, filters // 2)

    count, channels = conv_bn(3, 3, 16), 16
    for kernel, expanded, filters, squeeze, strides in ghostnet.BOTTLENECKS:
        count += ghost(channels, expanded) + ghost(expanded, filters)
        if strides > 1:
            count += conv_bn(kernel, expanded, expanded, expanded)
        if squeeze:
            count += gate(expanded, make_divisible(expanded / 4, 4))
        if strides > 1 or channels != filters:
            count += conv_bn(kernel, channels, channels, channels) + conv_bn(1, channels, filters)
        channels = filters
    count += conv_bn(1, 160, 960) + dense(960, 1280) + dense(1280, 1000)
    assert count == costs("ghostnet").params == 5_182_508


# NASNet


@pytest.mark.parametrize(
    ("name", "params", "width", "cells"),
    [("nasnet_mobile", 5_289_978, 1056, 4), ("nasnet_large", 88_753_150, 4032, 6)],
)
def test_nasnet_counts_and_width(name, params, width, cells):
    model = symbolic(name)
    assert total(model).params == params
    assert model.get_layer("relu").output.shape[-1] == width
    ends = [layer.name.split("_")[0] for layer in model.layers if layer.name.endswith("_5")]  # fifth blocks
    assert Counter(ends) == {"stem": 2, "normal": 3 * cells, "reduction": 2}


def test_a_cell_joins_every_block_that_no_other_takes():
    """Figure 4: hidden states that are used nowhere else in the cell are concatenated."""
    for cell, unused in ((nasnet.NORMAL, {1, 2, 3, 4, 5}), (nasnet.REDUCTION, {3, 4, 5})):
        sources = {source for block in cell.blocks for _, source in block}
        assert set(range(1, 6)) - sources <= set(cell.outputs)
        assert unused <= set(cell.outputs)


@pytest.mark.parametrize(("name", "skips"), [("nasnet_mobile", False), ("nasnet_large", True)])
def test_second_input_after_a_reduction(name, skips):
    """28 x 28 maps, or with skip_reduction the ones two cells before, at the same size."""
    cells = {"nasnet_mobile": 4, "nasnet_large": 6}[name]
    model = symbolic(name, shape=(224, 224, 3))
    after = model.get_layer(f"normal_{cells + 1}_p_relu").input
    before = f"normal_{cells - 1}_concat" if skips else f"normal_{cells}_concat"
    assert after is model.get_layer(before).output
    assert model.get_layer(f"normal_{cells + 1}_p_concat").output.shape[1:3] == (14, 14)


def test_nasnet_is_smaller_by_arguments():
    small = symbolic("nasnet_mobile", cells=1, penultimate=96, stem=8, shape=(32, 32, 3), classes=10)
    assert small.output_shape == (None, 10)
    assert total(small).params < 100_000


# Bad arguments


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("mobilenet", {"alpha": 0}, "alpha must be at least 1/32, not 0: conv1 would have no filters."),
        ("mobilenet", {"alpha": 0.03}, "alpha must be at least 1/32, not 0.03"),
        ("mobilenet", {"rho": 0}, "rho must be above 0 and at most 1, not 0."),
        ("mobilenet", {"rho": 1.5}, "rho must be above 0 and at most 1, not 1.5."),
        ("mobilenet", {"depths": (1, 2)}, "depths must have one number for each of the widths"),
        ("mobilenet_v2", {"alpha": -1.0}, "alpha must be above 0, not -1.0."),
        ("mobilenet_v3_large", {"alpha": 0}, "alpha must be above 0, not 0."),
        ("mnasnet_a1", {"alpha": math.nan}, "alpha must be above 0, not nan."),
        ("mnasnet_b1", {"padding": "valid"}, "padding must be 'same' or 'symmetric', not 'valid'."),
        ("ghostnet", {"alpha": 0}, "alpha must be above 0, not 0."),
        ("shufflenet_g3", {"groups": 0}, "groups must be an integer of at least 1, not 0."),
        ("shufflenet_g3", {"groups": 7}, r"width must be a multiple of 4 \* groups = 28, not 240: stage2"),
        ("shufflenet_g3", {"stem": 25}, "stem must be below width=240 by a multiple of groups=3, not 25"),
        ("shufflenet_g3", {"stem": 240}, "stem must be below width=240"),
        ("shufflenet_v2_x1_0", {"widths": (116, 231, 464)}, "widths must be even"),
        ("shufflenet_v2_x1_0", {"depths": (4, 8)}, "depths must have one number for each of the widths"),
        ("nasnet_mobile", {"penultimate": 1000}, "penultimate must be a multiple of 96, not 1000"),
        ("nasnet_mobile", {"shape": (None, None, 3)}, "shape must be known"),
        ("efficientnet_b0", {"width": 0}, "width must be above 0, not 0."),
        ("efficientnet_b0", {"depth": -1}, "depth must be above 0, not -1."),
    ],
)
def test_bad_arguments_are_named(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        course.build(name, symbolic=True, **arguments)


def test_compound_scaling_does_not_shrink():
    with pytest.raises(ValueError, match="beta must be at least 1, not 0"):
        efficientnet.compound_scaling(1, beta=0.9)
