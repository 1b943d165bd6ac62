"""The lectures' and the papers' tables, row by row; where a slide is wrong, errata say so."""

import keras
import pytest

import course
from course import cost
from course.registry import format_like

# First lecture, AlexNet: C and H/W in, filters, kernel, stride, pad, C and H/W out, KB, params (k), flop (M).
# As printed, but for four cells in errata: conv4's flop and the parameters of fc6, fc7, fc8.
ALEXNET = """
conv1    3  227   64 11 4 2   64 56 784    23  73
pool1   64   56    .  3 2 0   64 27 182     0   0
conv2   64   27  192  5 1 2  192 27 547   307 224
pool2  192   27    .  3 2 0  192 13 127     0   0
conv3  192   13  384  3 1 1  384 13 254   664 112
conv4  384   13  256  3 1 1  256 13 169   885 150
conv5  256   13  256  3 1 1  256 13 169   590 100
pool5  256   13    .  3 2 0  256  6  36     0   0
flatten 256   6    .  . . . 9216  .  36     0   0
fc6   9216    . 4096  . . . 4096  .  16 37753  38
fc7   4096    . 4096  . . . 4096  .  16 16781  17
fc8   4096    . 1000  . . . 1000  .   4  4097   4
total    .    .    .  . . .    .  . 2303 61101 718
"""

# First lecture, GoogLeNet's stem and tail, whose memory of fc, 0, is in errata
STEM = """
conv1         3 224  64 7 2 3   64 112 3136   9 118
pool1        64 112   . 3 2 1   64  56  784   0   2
conv2_reduce 64  56  64 1 1 0   64  56  784   4  13
conv2        64  56 192 3 1 1  192  56 2352 111 347
pool2       192  56   . 3 2 1  192  28  588   0   1
"""
TAIL = """
avg_pool 1024 7    . . . . 1024 1 4    0 0
linear   1024 . 1000 . . . 1000 . 4 1025 1
"""

# First lecture's ResNet stem.
RESNET_STEM = """
conv1       3 224  64 7 2 3   64 112 3136    9 118
pool1      64 112   . 3 2 1   64  56  784    0   2
"""


def parse(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def check_slide(page, expected: str) -> None:
    shown = page.iloc[:, :12].astype(str).replace("", ".")
    assert [list(row) for row in shown.itertuples(index=False)] == parse(expected)


def test_alexnet_as_in_the_first_lecture():
    page = cost.lecture("alexnet")
    check_slide(page, ALEXNET)
    exact = page.set_index("layer")[["bytes", "params", "flop"]]
    assert exact.loc["conv1"].tolist() == [784 * 1024, 23_296, 72_855_552]
    assert exact.loc["pool1"].tolist() == [182.25 * 1024, 0, 419_904]
    assert exact.loc["conv2", "params"] == 307_392
    assert exact.loc["total"].tolist() == [2_358_432, 61_100_840, 717_562_112]


def test_alexnet_shares():
    rows = cost.table("alexnet")
    dense, conv = rows["kind"].eq("Dense"), rows["kind"].eq("Conv2D")
    assert f"{rows.loc[dense, 'params'].sum() / rows['params'].sum():.1%}" == "96.0%"
    flop = rows["macs"] + rows["other"]
    assert f"{flop[conv].sum() / flop.sum():.1%}" == "91.7%"
    assert rows["macs"].sum() == 716_767_232


def test_alexnet_of_2012():
    rows = cost.table("alexnet_2012").set_index("name")
    assert rows.loc["conv1", ["params", "macs"]].tolist() == [34_944, 105_415_200]
    neurons = rows[rows["kind"].isin(["Conv2D", "Dense"])]["bytes"].sum() // 4
    assert neurons == 659_272  # "650,000" in the paper and the third lecture


def test_googlenet_stem_and_tail_as_in_the_first_lecture():
    page = cost.lecture("googlenet")
    check_slide(page.iloc[:5], STEM)
    check_slide(page.iloc[-3:-1], TAIL)


def test_resnet_stem_as_in_the_first_lecture():
    check_slide(cost.lecture("resnet50").iloc[:2], RESNET_STEM)


def test_vgg_ledger_of_the_third_lecture():
    rows = cost.table("vgg16")
    ledger = rows[rows["kind"].isin(["Conv2D", "MaxPooling2D", "Dense"])]
    values = ["3.2M", "3.2M", "800K", "1.6M", "1.6M", "400K", "800K", "800K", "800K", "200K", "400K", "400K",
              "400K", "100K", "100K", "100K", "100K", "25K", "4096", "4096", "1000"]  # fmt: skip
    weights = [1_728, 36_864, 0, 73_728, 147_456, 0, 294_912, 589_824, 589_824, 0,
               1_179_648, 2_359_296, 2_359_296, 0, 2_359_296, 2_359_296, 2_359_296, 0,
               102_760_448, 16_777_216, 4_096_000]  # fmt: skip
    assert (ledger["params"] - ledger["filters"]).tolist() == weights  # the slide leaves out biases
    for row, printed in zip(ledger.itertuples(), values, strict=True):
        ours = row.bytes / 4
        tolerance = (
            0.005 if printed.isdigit() else 0.025
        )  # the slide rounds 802,816 to 800K, 1,605,632 to 1.6M
        assert float(printed.rstrip("KM")) * {"K": 1e3, "M": 1e6}.get(printed[-1], 1) == pytest.approx(
            ours, tolerance
        )
    assert ledger["bytes"].sum() // 4 + 224 * 224 * 3 == 15_237_608


# Third lecture, GoogLeNet's table: weights (its own column is in errata) and operations in millions, printed
GOOGLENET = {
    "3a": (163_328, 128), "3b": (388_096, 304),
    "4a": (375_552, 73), "4b": (448_512, 88), "4c": (509_440, 100),
    "4d": (604_672, 119), "4e": (867_328, 170),
    "5a": (1_042_432, 51), "5b": (1_442_816, 71),
}  # fmt: skip


@pytest.mark.parametrize("module", GOOGLENET)
def test_googlenet_modules_of_the_third_lecture(module):
    rows = cost.table("googlenet")
    inside = rows[rows["name"].str.startswith(f"inception_{module}_") & rows["kind"].eq("Conv2D")]
    weights, millions = GOOGLENET[module]
    assert (inside["params"] - inside["filters"]).sum() == weights
    assert inside["macs"].sum() / 1e6 == pytest.approx(millions, abs=0.61)  # 4a's 73.6 is cut to 73
    second = rows[rows["name"].isin(["conv2_reduce", "conv2"])]
    assert round(second["macs"].sum() / 1e6) == 360


def naive_module() -> keras.Model:
    from course.models.googlenet import inception

    image = keras.Input((28, 28, 256))
    return keras.Model(image, inception(image, (128, 0, 192, 0, 96, 0), name="naive"))


def test_naive_inception_of_the_second_lecture():
    rows = cost.table(naive_module()).set_index("name")
    assert rows.loc["naive", ["out_h", "out_w", "out_c"]].tolist() == [28, 28, 672]
    assert rows["macs"].sum() == 28**2 * 256 * (128 + 9 * 192 + 25 * 96)


RESNETS = {  # first lecture: layers of the four stages, GFLOP (3.6 and 3.8 are cut, see errata)
    "resnet18": ((4, 4, 4, 4), "1.8G"),
    "resnet34": ((6, 8, 12, 6), "3.7G"),
    "resnet50": ((9, 12, 18, 9), "3.9G"),
    "resnet101": ((9, 12, 69, 9), "7.6G"),
    "resnet152": ((9, 24, 108, 9), "11.3G"),
}


@pytest.mark.parametrize("name", RESNETS)
def test_resnets_of_the_first_lecture(name):
    stages, gflop = RESNETS[name]
    rows = cost.table(name)
    conv = rows[rows["kind"].eq("Conv2D") & ~rows["name"].str.endswith("shortcut")]
    counts = tuple(conv["name"].str.startswith(f"conv{stage}_").sum() for stage in (2, 3, 4, 5))
    assert counts == stages
    assert sum(counts) + 2 == int(name.removeprefix("resnet"))
    assert format_like(rows["macs"].sum(), gflop) == gflop


SE = {  # first lecture's SE table, GFLOPs: the network, its printed figure, the SE network's
    "se_resnet50": ("resnet50", 3.86, 3.87),
    "se_resnet101": ("resnet101", 7.58, 7.60),
    "se_resnet152": ("resnet152", 11.30, 11.32),
    "se_resnext50_32x4d": ("resnext50_32x4d", 4.24, 4.25),
    "se_resnext101_32x4d": ("resnext101_32x4d", 7.99, 8.00),
    "se_vgg16": ("vgg16", 15.47, 15.48),
    "se_inception_v2": ("inception_v2", 2.03, 2.04),
}


@pytest.mark.parametrize("name", SE)
def test_differences_of_the_se_table(name):
    """With its gates' products, an SE network costs as much more as the table prints to two decimals."""
    plain, before, after = SE[name]
    rows, base = cost.table(name), cost.total(plain).macs
    gates = rows.loc[rows["kind"] == "Multiply", "other"].sum()
    ours = (rows["macs"].sum() + gates - base) / 1e9
    assert abs(ours - (after - before)) <= 0.01  # two rounded figures
    assert base / 1e9 == pytest.approx(before, abs=0.021)


def test_parameters_that_se_adds():
    assert cost.total("se_resnet50").params - cost.total("resnet50").params == 2_530_992


RESNEXT_BLOCKS = {(1, 64): 69_632, (2, 40): 69_760, (4, 24): 69_888, (8, 14): 71_456, (32, 4): 70_144}


@pytest.mark.parametrize(("cardinality", "width"), RESNEXT_BLOCKS)
def test_resnext_blocks_of_the_third_lecture(cardinality, width):
    rows = cost.table(f"resnext50_{cardinality}x{width}d")
    block = rows[rows["name"].str.startswith("conv2_2") & rows["kind"].eq("Conv2D")]
    assert block["params"].sum() == RESNEXT_BLOCKS[cardinality, width]


# Third lecture, MobileNet's tables

BODY = """
Conv 3 2 224 3 32
dw 3 1 112 32 32
Conv 1 1 112 32 64
dw 3 2 112 64 64
Conv 1 1 56 64 128
dw 3 1 56 128 128
Conv 1 1 56 128 128
dw 3 2 56 128 128
Conv 1 1 28 128 256
dw 3 1 28 256 256
Conv 1 1 28 256 256
dw 3 2 28 256 256
Conv 1 1 14 256 512
""" + 5 * """
dw 3 1 14 512 512
Conv 1 1 14 512 512
""" + """
dw 3 2 14 512 512
Conv 1 1 7 512 1024
dw 3 1 7 1024 1024
Conv 1 1 7 1024 1024
"""  # fmt: skip


def test_mobilenet_table_1():
    rows = cost.table("mobilenet")
    rows = rows[rows["kernel"] != 0]
    expected = [line.split() for line in BODY.split("\n") if line]
    kinds = rows["kind"].map({"Conv2D": "Conv", "DepthwiseConv2D": "dw"})
    ours = zip(
        kinds, *(rows[column] for column in ("kernel", "stride", "in_h", "in_c", "out_c")), strict=True
    )
    assert [list(map(str, row)) for row in ours] == expected


def test_mobilenet_table_2():
    """Shares by kind of layer; the paper leaves out batch normalisation and the classifier's bias."""
    rows = cost.table("mobilenet")
    rows = rows[rows["macs"] > 0]
    params = rows["params"].where(rows["kind"] != "Dense", rows["macs"])
    label = rows["kind"] + rows["kernel"].astype(str)
    macs, params = (column.groupby(label).sum() / column.sum() for column in (rows["macs"], params))
    shares = {kind: (f"{macs[kind]:.2%}", f"{params[kind]:.2%}") for kind in label}
    assert shares == {
        "Conv2D1": ("94.86%", "74.59%"),
        "DepthwiseConv2D3": ("3.06%", "1.06%"),
        "Conv2D3": ("1.91%", "0.02%"),  # printed 1.19%, see errata
        "Dense0": ("0.18%", "24.33%"),
    }


def test_mobilenet_table_3():
    from course.cost.arithmetic import conv_macs, conv_params, separable_macs, separable_params

    assert f"{conv_macs(14, 3, 512, 512) / 1e6:.1f}" == "462.4"
    assert f"{conv_params(3, 512, 512, bias=False) / 1e6:.2f}" == "2.36"
    assert f"{separable_macs(14, 3, 512, 512) / 1e6:.1f}" == "52.3"
    assert f"{separable_params(3, 512, 512) / 1e6:.3f}" == "0.267"
    assert f"{separable_macs(14, 3, 384, 384) / 1e6:.1f}" == "29.6"  # alpha = 0.75
    assert f"{separable_params(3, 384, 384) / 1e6:.3f}" == "0.151"
    assert f"{separable_macs(10, 3, 384, 384) / 1e6:.1f}" == "15.1"  # rho = 0.714


MOBILENETS = {  # tables 4 to 7: million mult-adds and parameters; 4867 and 291 are printed 4866 and 290
    ("mobilenet_full_conv", 1.0, 224): ("4867", "29.3"),
    ("mobilenet", 1.0, 224): ("569", "4.2"),
    ("mobilenet", 0.75, 224): ("325", "2.6"),
    ("mobilenet_shallow", 1.0, 224): ("307", "2.9"),
    ("mobilenet", 0.5, 224): ("149", "1.3"),
    ("mobilenet", 0.25, 224): ("41", "0.5"),
    ("mobilenet", 1.0, 192): ("418", "4.2"),
    ("mobilenet", 1.0, 160): ("291", "4.2"),
    ("mobilenet", 1.0, 128): ("186", "4.2"),
}


@pytest.mark.parametrize(("name", "alpha", "size"), MOBILENETS)
def test_mobilenet_tables_4_to_7(name, alpha, size):
    model = course.build(name, shape=(size, size, 3), alpha=alpha, symbolic=True)
    total = cost.total(model)
    assert (f"{total.macs / 1e6:.0f}", f"{total.params / 1e6:.1f}") == MOBILENETS[name, alpha, size]


# Second lecture's second summary table: layers, weights and MACs of convolutions, of dense layers, and of
# both; batch normalisation is left out there. LeNet's row and GoogLeNet's MACs are in errata.
SUMMARY = {
    "alexnet_2012": (5, "2.3M", "666M", 3, "58.6M", "58.6M", "61M", "724M"),
    "overfeat_fast": (5, "16M", "2.67G", 3, "130M", "130M", "146M", "2.8G"),
    "vgg16": (13, "14.7M", "15.3G", 3, "124M", "124M", "138M", "15.5G"),
    "googlenet": (57, "6.0M", "1.58G", 1, "1M", "1M", "7M", "1.58G"),
    "resnet50": (53, "23.5M", "3.86G", 1, "2M", "2M", "25.5M", "3.9G"),
}


@pytest.mark.parametrize("name", SUMMARY)
def test_summary_table_of_the_second_lecture(name):
    rows = cost.table(name)
    conv, dense = rows[rows["kind"] == "Conv2D"], rows[rows["kind"] == "Dense"]
    both = (conv["params"].sum() + dense["params"].sum(), conv["macs"].sum() + dense["macs"].sum())
    ours = [len(conv), conv["params"].sum(), conv["macs"].sum(), len(dense)]
    ours += [dense["params"].sum(), dense["macs"].sum(), *both]
    printed = SUMMARY[name]
    assert [
        x if isinstance(p, int) else format_like(x, p) for x, p in zip(ours, printed, strict=True)
    ] == list(printed)


# Second lecture's first summary table, MiB (its MB) with moving statistics. Its rows of AlexNet and GoogLeNet
# and its MACs of VGG are in errata.
PARAMETER_MEMORY = {
    "vgg16": (528, "15G"),
    "vgg19": (548, "20G"),
    "resnet18": (45, "2G"),
    "resnet34": (83, "4G"),
    "densenet121": (31, "3G"),
}


@pytest.mark.parametrize("name", PARAMETER_MEMORY)
def test_parameter_memory_of_the_second_lecture(name):
    total = cost.total(name)
    memory, macs = PARAMETER_MEMORY[name]
    assert round((total.params + total.non_trainable) * 4 / 2**20) == memory
    assert format_like(total.macs, macs) == macs


def test_lecture_view_writes_unequal_sides():
    page = cost.lecture("inception_v3").set_index("layer")
    sides = set(page["kernel"])
    assert {"1x7", "7x1"} <= sides
    assert page.loc["total", "kernel"] == ""


def test_compare():
    rows = cost.compare(["alexnet", course.build("vgg16", symbolic=True)])
    assert rows.index.tolist() == ["alexnet", "vgg16"]
    assert rows["params"].tolist() == [61_100_840, 138_357_544]
