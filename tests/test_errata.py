"""Every erratum is recomputed: what is right follows from the library or by arithmetic, not from the row."""

import functools
import math

import keras
import numpy as np
import pytest
from keras import layers as L

import course
from course import cost
from course.cost import ERRATA, arithmetic
from course.plots.results import CHALLENGE
from course.registry import papers

MIB, MB = 2**20, 1e6
FLOAT = 4  # bytes

CHECKS = {}


def right(place: str):
    """Register the function that computes what must stand in the `right` of the row with this place."""

    def register(function):
        CHECKS[place] = function
        return function

    return register


@pytest.mark.parametrize("row", ERRATA, ids=lambda row: f"{row.lecture}: {row.place}")
def test_what_is_right_is_recomputed(row):
    for text in CHECKS[row.place]():
        assert text in row.right or text in row.why


def test_rows_and_checks_belong_together():
    places = [row.place for row in ERRATA]
    assert len(set(places)) == len(places)
    assert set(CHECKS) == set(places)


def test_rows_name_the_five_lectures():
    assert {lecture for row in ERRATA for lecture in row.lecture.split(", ")} == {
        "L0",
        "L1",
        "L2",
        "L3",
        "L4",
    }


@functools.cache
def rows(name):
    """The cost table of a network, by layer."""
    return cost.table(name).set_index("name")


def convolutions(table):
    return table[table["kind"].str.contains("Conv")]


def values(table, *kinds) -> int:
    """Activations that layers of these kinds put out."""
    return int(table[table["kind"].isin(kinds)]["bytes"].sum()) // FLOAT


def down_to_28(name):
    """The first lecture's stem: from 224 to 28 pixels, pooling included."""
    table = rows(name)
    last = table.index[(table["out_h"] == 28) & table["kind"].eq("MaxPooling2D")][0]
    return table.loc[:last]


@right("AlexNet table, parameters of fc6")
def _():
    return [f"{rows('alexnet').loc['fc6', 'params']:,}"]


@right("AlexNet table, flop of fc6")
def _():
    fc6 = rows("alexnet").loc["fc6"]
    return [f"{fc6['in_c']} · {fc6['filters']} = {fc6['macs']:,}"]


@right("AlexNet table, flop (M) of conv4")
def _():
    conv4 = cost.lecture("alexnet").set_index("layer").loc["conv4"]
    return [str(conv4["flop (M)"]), f"{conv4['flop']:,}"]


@right("AlexNet table, params (k) of fc6, fc7, fc8")
def _():
    page = cost.lecture("alexnet").set_index("layer")
    return ["; ".join(f"{page.loc[fc, 'params (k)']:,}" for fc in ("fc6", "fc7", "fc8"))]


@right("AlexNet and VGG-16, memory of AlexNet")
def _():
    table = rows("alexnet")
    kinds = ["Conv2D", "MaxPooling2D", "Dense"]
    conv, pooled, dense = (values(table, *kinds[:n]) * FLOAT / MIB for n in (1, 2, 3))
    return [f"{conv:.2f} MiB for the convolutions alone", f"{pooled:.2f} with pooling", f"{dense:.2f} with"]


@right("VGG design, stage 3")
def _():
    def stage(name, number):
        return [layer for layer in rows(name).index if layer.startswith(f"conv{number}_")]

    assert len(stage("vgg16", 3)) == 3
    assert [len(stage("vgg19", number)) for number in (3, 4, 5)] == [4, 4, 4]
    counts = len(convolutions(rows("vgg16"))), len(convolutions(rows("vgg19")))
    on_the_slide = sum((2, 2, 2, 3, 3))
    return ["conv-conv-conv-pool in VGG-16", "{} and {} convolutions".format(*counts), f"hold {on_the_slide}"]


@right("AlexNet and VGG-16, totals of VGG-16; ResNet-34 against VGG-16")
def _():
    vgg, alexnet = rows("vgg16"), rows("alexnet")
    memory, its_memory = values(vgg, "Conv2D") * FLOAT / MIB, values(alexnet, "Conv2D") * FLOAT / MIB
    macs, its_macs = vgg["macs"].sum(), alexnet["macs"].sum()
    missing = vgg.loc["conv3_3"]
    printed = memory - missing["bytes"] / MIB, (macs - missing["macs"]) / 1e9
    assert [f"{each:.1f}" for each in printed] == ["48.6", "13.6"]
    return [
        f"{memory:.1f} MiB ({memory / its_memory:.1f}x), {macs / 1e9:.2f} GFLOP ({macs / its_macs:.1f}x)",
        f"{missing['bytes'] / MIB:.2f} MiB and {missing['macs'] / 1e9:.2f} GFLOP",
    ]


@right("GoogLeNet's stem, compared with VGG-16")
def _():
    stem = down_to_28("vgg16")
    conv = values(stem, "Conv2D") * FLOAT / MIB
    both = values(stem, "Conv2D", "MaxPooling2D") * FLOAT / MIB
    printed = stem.drop("conv3_3")
    assert f"{values(printed, 'Conv2D') * FLOAT / MIB:.1f}" == "42.9"
    assert [int(printed["macs"].sum() / 1e6), int(printed["params"].sum() / 1e5)] == [7485, 11]
    assert f"{values(down_to_28('googlenet'), 'Conv2D', 'MaxPooling2D') * FLOAT / MIB:.1f}" == "7.5"
    return [
        f"{conv:.1f} MiB ({both:.1f} with pooling)",
        f"{stem['params'].sum() / 1e6:.3f}M, {stem['macs'].sum() / 1e6:.0f} MFLOP",
    ]


@right("GoogLeNet's stem, total")
def _():
    mine, vgg = down_to_28("googlenet"), down_to_28("vgg16")
    shown = mine[mine["kind"].isin(["Conv2D", "MaxPooling2D"])]
    flop = ((shown["macs"] + shown["other"]) / 1e6).round().sum()
    assert flop == sum((118, 2, 13, 347, 1))
    memory, its_memory = (values(each, "Conv2D", "MaxPooling2D") for each in (mine, vgg))
    return [
        f"{flop:.0f} MFLOP",
        f"{its_memory / memory:.1f}x the memory",
        f"{vgg['params'].sum() / mine['params'].sum():.1f}x the parameters",
        f"{vgg['macs'].sum() / 1e6 / flop:.1f}x the operations",
    ]


@right("GoogLeNet's tail, memory (KB) of fc")
def _():
    fc = cost.lecture("googlenet").iloc[-2]
    assert fc["out C"] == 1000
    return [str(fc["memory (KB)"]), f"{fc['bytes'] / 1024:.1f} KB"]


@right("GoogLeNet's tail against VGG-16, params (k) of fc6, fc7, fc8")
def _():
    page = cost.lecture("vgg16").set_index("layer")
    assert [int(page.loc[fc, "params"] - page.loc[fc, "out C"]) // 1000 for fc in ("fc6", "fc7", "fc8")] == [
        102760,
        16777,
        4096,
    ]
    tail = str(cost.lecture("googlenet").iloc[-2]["params (k)"])
    return ["; ".join(str(page.loc[fc, "params (k)"]) for fc in ("fc6", "fc7", "fc8")), tail]


@right("VGG-16, total memory")
def _():
    total = math.prod((224, 224, 3)) + values(rows("vgg16"), "Conv2D", "MaxPooling2D", "Dense")
    return [f"{total / 1e6:.2f}M values, {total * FLOAT / MB:.2f} MB", f"{total / 1e6:.1f}M"]


@right("GoogLeNet at a glance")
def _():
    table = rows("googlenet")
    dense = table[table["kind"] == "Dense"]
    assert len(dense) == 1
    total, fc = table["params"].sum(), dense.iloc[0]
    return [f"{fc['in_c']} to {fc['filters']}", f"{total:,} parameters", f"{total - fc['params']:,}"]


@right("ResNet at a glance")
def _():
    dense = rows("resnet50").query("kind == 'Dense'")
    assert len(dense) == 1
    return [f"{dense['params'].iloc[0]:,} parameters"]


@right("GoogLeNet, parameters against AlexNet")
def _():
    alexnet, googlenet = (cost.total(name).params for name in ("alexnet_2012", "googlenet"))
    return [f"{alexnet / googlenet:.1f}x fewer", f"{alexnet:,} / {googlenet:,}"]


@right("VGG, parameters and MACs of VGG-16 / 19")
def _():
    d, e = cost.total("vgg16"), cost.total("vgg19")
    return [
        f"{d.params / 1e6:.1f} / {e.params / 1e6:.1f} million",
        f"{d.macs / 1e9:.1f}G / {e.macs / 1e9:.1f}G",
    ]


@right("Summary tables, MACs of AlexNet")
def _():
    torchvision = cost.total("alexnet", (224, 224, 3)).macs
    return [f"{cost.total('alexnet_2012').macs / 1e6:.1f} M", f"does {torchvision / 1e6:.0f}"]


@right("Summary tables, GoogLeNet")
def _():
    from course.models.googlenet import with_auxiliary_heads

    trunk = course.build("googlenet", symbolic=True)
    with course.building.symbolic_scope():
        heads = with_auxiliary_heads(trunk)
    one, three = cost.total(trunk), cost.total(heads)
    return [
        f"{one.params * FLOAT / MIB:.1f} MiB; {one.macs / 1e9:.3f} G",
        f"{three.params * FLOAT / MIB:.1f} MiB counts both auxiliary heads, {three.params:,} parameters",
    ]


@right("Second summary table, LeNet 5")
def _():
    lecun = rows("lenet5")
    assert [int(lecun.loc[name, "filters"]) for name in ("C1", "C3")] == [6, 16]
    conv, dense = lecun.loc[["C1", "C3"], "params"].sum(), lecun.loc[["C5", "F6"], "params"].sum()
    caffe = keras.Sequential(
        [keras.Input((28, 28, 1)), L.Conv2D(20, 5), L.MaxPooling2D(), L.Conv2D(50, 5), L.MaxPooling2D(),
         L.Flatten(), L.Dense(500), L.Dense(10)]
    )  # fmt: skip
    return [f"{conv:,} + {dense:,} weights", f"{cost.total(caffe).params:,} parameters"]


@right("Memory in MB; MACs of ResNet-34 and 50")
def _():
    sizes = [f"{cost.total(n).params * FLOAT / MIB:.0f}" for n in ("vgg16", "vgg19", "resnet18", "resnet34")]
    macs = [f"{cost.total(n).macs / 1e9:.2f}" for n in ("resnet34", "resnet50", "resnet50_v15")]
    return ["{} / {} MiB, {} / {} MiB; ".format(*sizes) + "{} and {} G ({} G".format(*macs)]


@right("Size of AlexNet")
def _():
    params = cost.total("alexnet_2012").params
    return [f"{params * FLOAT / MB:.1f} MB = {params * FLOAT / MIB:.1f} MiB", f"{params:,}"]


@right("SqueezeNet, reduction against AlexNet")
def _():
    alexnet, squeezenet = (cost.total(name).params for name in ("alexnet_2012", "squeezenet"))
    assert f"{squeezenet * FLOAT / MIB:.1f}" == "4.8"
    return [
        f"{alexnet / squeezenet:.1f}x",
        f"{alexnet * FLOAT / MB:.1f} MB / {squeezenet * FLOAT / MB:.2f} MB",
    ]


@right("GoogLeNet's table, first convolution")
def _():
    weights = arithmetic.conv_params(7, 3, 64, bias=False)
    return [f"{weights / 1e3:.1f}K, {arithmetic.conv_macs(112, 7, 3, 64) / 1e6:.0f}M"]


@right("GoogLeNet's table, parameters of the second convolution and the linear layer")
def _():
    second = arithmetic.bottleneck_params(64, 64, 192, kernel=3, bias=False)
    return [f"{second / 1e3:.0f}K, {arithmetic.dense_params(1024, 1000, bias=False) / 1e3:.0f}K"]


def module_weights(module: str) -> int:
    """Weights of an inception module without its biases."""
    inside = convolutions(rows("googlenet")).filter(like=f"inception_{module}_", axis=0)
    return int((inside["params"] - inside["filters"]).sum())


@right("GoogLeNet's table, parameters of the inception modules")
def _():
    modules = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    return ["; ".join(f"{module_weights(module):,}" for module in modules)]


@right("GoogLeNet's table, operations of inception 5a")
def _():
    weights = module_weights("5a")
    assert rows("googlenet").filter(like="inception_5a_", axis=0)["macs"].sum() == weights * 7**2
    return [f"{weights * 7**2 / 1e6:.0f}M", f"{weights:,}"]


@right("VGG's table, column E")
def _():
    table = rows("vgg19")
    stages = [sum(name.startswith(f"conv{stage}_") for name in table.index) for stage in (3, 4, 5)]
    assert set(stages) == {4}
    counts = len(convolutions(table)), (table["kind"] == "Dense").sum()
    return [str(stages[0]), "{} convolutions and".format(*counts), f"the {sum(counts)} weight layers"]


@right("Why only 3x3 filters")
def _():
    channels = 64
    stack, single = (
        n * arithmetic.conv_params(k, channels, channels, bias=False) // channels**2
        for n, k in ((2, 3), (1, 5))
    )
    assert arithmetic.receptive_field_of_stack([(3, 1), (3, 1)]) == 5
    return [f"{stack}C² against {single}C²"]


@right("AlexNet's table, maps of C1")
def _():
    same, valid = arithmetic.same_output(224, 4), arithmetic.conv_output(227, 11, 4)
    return [f"{same}x{same}", f"{valid} needs a 227 image"]


def fourth_lectures_alexnet(last_pool: bool) -> keras.Model:
    x = image = keras.Input((224, 224, 3))
    x = L.MaxPooling2D(3, 2)(L.Conv2D(96, 11, 4, "same")(x))
    x = L.MaxPooling2D(3, 2)(L.Conv2D(256, 5, padding="same")(x))
    for filters in (384, 384, 256):
        x = L.Conv2D(filters, 3, padding="same")(x)
    x = L.Flatten()(L.MaxPooling2D(3, 2)(x) if last_pool else x)
    for units in (4096, 4096, 1000):
        x = L.Dense(units)(x)
    return keras.Model(image, x)


@right("AlexNet's table, between C7 and F8")
def _():
    with course.building.symbolic_scope():
        counts = [cost.total(fourth_lectures_alexnet(pool)).params for pool in (True, False)]
    return ["with it {:,} parameters, without it {:,}".format(*counts)]


@right("LeNet, text beside the drawing")
def _():
    kinds = set(rows("lenet5")["kind"])
    assert "AveragePooling2D" in kinds
    assert "MaxPooling2D" not in kinds
    return ["average pooling", f"{cost.total('lenet5_sparse').params:,} parameters"]


@right("AlexNet, order of layers")
def _():
    table = rows("alexnet_2012")
    order = list(table.index[:3])
    sizes = table.loc[["norm1", "pool1"], "bytes"] // FLOAT
    return [" - ".join(name.capitalize() for name in order), "{:,} values and not {:,}".format(*sizes)]


@right("ResNet, every residual block")
def _():
    def count(name):  # the stem's 7x7 and the shortcuts' 1x1 are none of these
        table = rows(name)
        return (table["kernel"].eq(3) & table["kind"].eq("Conv2D")).sum(), table["kind"].eq("Add").sum()

    return [
        "ResNet-34 has {} 3x3 convolutions in {} blocks".format(*count("resnet34")),
        "ResNet-50 has {} in {}".format(*count("resnet50")),
    ]


@right("ResNet-34, dotted lines")
def _():
    table = convolutions(rows("resnet34"))
    projections = table[table["kernel"] == 1]
    assert (projections["out_h"] < projections["in_h"]).all()
    return [f"{len(projections)} in ResNet-34"]


@right("ResNet, end")
def _():
    return [f"FC {rows('resnet50')['out_c'].iloc[-1]}"]


@right("ResNet, labels under Y = F(x, {W}) + W_s x")
def _():
    return [f"{arithmetic.conv_params(1, 64, 96, bias=False):,} weights"]


@right("DenseNet-264, depth")
def _():
    def depth(name):
        table = rows(name)
        return len(convolutions(table)) + (table["kind"] == "Dense").sum()

    assert [depth(f"densenet{n}") for n in (121, 169, 201)] == [121, 169, 201]
    return [str(depth("densenet264"))]


@right("First summary table, small (<= 3) kernels")
def _():
    def kernels(name):
        return {str(kernel) for kernel in convolutions(rows(name))["kernel"]}

    assert kernels("vgg16") == {"3"}
    assert all(
        kernels(name) & {"5", "7", "11"} for name in ("alexnet", "googlenet", "resnet50", "densenet121")
    )
    first = {convolutions(rows(name))["kernel"].iloc[0] for name in ("resnet50", "densenet121")}
    v3 = sorted(kernels("inception_v3") - {"1", "3", "1x3", "3x1"}, reverse=True)
    assert v3 == ["7x1", "5", "1x7"]
    return [f"begin with {k}x{k}" for k in first] + ["V3 has 1x7, 7x1 and 5x5"]


@right("History of Inception, papers")
def _():
    first, second = (papers()[key]["journal"] for key in ("szegedy2014googlenet", "ioffe2015batchnorm"))
    return [f"V1 = {first.split()[-1]}", f"V2 = {second.split()[-1]}"]


@right("MobileNet's table of resources, Mult-Adds of Conv 3x3")
def _():
    table = rows("mobilenet")
    macs, total = (
        table.loc[table["kind"].eq("Conv2D") & table["kernel"].eq(3), "macs"].sum(),
        table["macs"].sum(),
    )
    return [f"{macs / total:.2%}", f"{macs:,} of {total / 1e6:.1f}M"]


@right("MobileNet's body, last depthwise convolution")
def _():
    last = rows("mobilenet").query("kind == 'DepthwiseConv2D'").iloc[-1]
    assert last["in_h"] == last["out_h"] == 7
    return [f"s{last['stride']}"]


@right("MobileNet's tables 4 and 7, Mult-Adds of Conv MobileNet and of 160 pixels")
def _():
    full, small = (
        cost.total("mobilenet_full_conv").macs / 1e6,
        cost.total("mobilenet", (160, 160, 3)).macs / 1e6,
    )
    return [f"{full:.0f}, {small:.0f}", f"{full:,.1f}M and {small:.1f}M"]


@right("Batch normalisation, and its comparison with LRN")
def _():
    channels = 64
    counts = set()
    for size in (8, 32):
        image = keras.Input((size, size, channels))
        counts.add(cost.total(keras.Model(image, L.BatchNormalization()(image)))[:2])
    ((trainable, moving),) = counts
    assert (trainable, moving) == (2 * channels, 2 * channels)
    return [f"{channels} channels: {trainable} and {moving}"]


@right("The convolution operator")
def _():
    from course.plots.convolution import IMAGE, KERNEL

    image, kernel = np.array(IMAGE), np.array(KERNEL)
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    as_printed, flipped = (np.einsum("ijkl,kl", windows, k) for k in (kernel, kernel[::-1, ::-1]))
    assert as_printed.tolist() == [[-5, -4, 3, 5], [-10, -2, 2, 3], [0, -2, -4, -7], [-3, -2, -3, -16]]
    assert (flipped == -as_printed).all()
    return ["cross-correlation", "flipping it gives the negative"]


@right("ResNet, weight decay")
def _():
    (printed,) = (row.printed for row in ERRATA if row.place == "ResNet, weight decay")
    return [f"{10 * float(printed):.0e}".replace("e-0", "e-"), "0.0001"]


@right("AlexNet's GPUs")
def _():
    (printed,) = (row.printed for row in ERRATA if row.place == "AlexNet's GPUs")
    return [f"{2 * float(printed.split('GB')[0]):.0f} GB"]  # the slide halves what the two have each


@right("AlexNet's top-5 error")
def _():
    (entry,) = (entry for entry in CHALLENGE if entry.name == "AlexNet")
    return [f"{course.facts('alexnet_2012')['top5']} one network", f"{entry.top5} five"]


@right("ZFNet's top-5 error")
def _():
    (entry,) = (entry for entry in CHALLENGE if entry.name == "ZFNet")
    return [f"{entry.top5} without outside training data"]


@right("ImageNet 2016")
def _():
    (entry,) = (entry for entry in CHALLENGE if entry.year == 2016)
    return [f"{entry.name}, {entry.top5:.2f}%"]


@right("Accuracy against operations, size of the circles")
def _():
    vgg, resnet = cost.total("vgg16"), cost.total("resnet152")
    assert vgg.params > resnet.params
    assert vgg.bytes < resnet.bytes
    return [f"{vgg.params / 1e6:.0f}M parameters"]
