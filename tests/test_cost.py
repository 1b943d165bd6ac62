"""Costs: closed forms, any functional model of the user's own, and TensorFlow's own profiler."""

import keras
import pytest
from keras import layers as L
from keras import ops

import course
from course import cost
from course.building import symbolic_scope
from course.cost import arithmetic
from course.cost.rules import Work, work


def table(model, **options):
    return cost.table(model, **options).set_index("name")


# Closed forms: the figures that the lectures print


def test_output_sizes():
    assert arithmetic.conv_output(227, 11, stride=4, padding=2) == 56
    assert arithmetic.conv_output(227, 11, stride=4) == 55
    assert arithmetic.pool_output(56, 3, 2) == 27  # 27.5, rounded down
    assert arithmetic.same_output(224, 4) == 56
    assert arithmetic.same_output(5, 2) == 3


def test_parameters():
    assert arithmetic.conv_params(11, 3, 64) == 23_296
    assert arithmetic.conv_params(11, 3, 96, bias=False) == 34_848
    assert arithmetic.conv_params(11, 3, 96) == 34_944
    assert arithmetic.conv_params(5, 64, 64) == 102_464
    assert arithmetic.bottleneck_params(64, 32, 64, kernel=5) == 53_344
    assert arithmetic.dense_params(9216, 4096) == 37_752_832
    grouped = [
        arithmetic.conv_params(*layer, False) for layer in ((5, 96, 256), (3, 384, 384), (3, 384, 256))
    ]
    halved = [
        arithmetic.conv_params(*layer, False, 2) for layer in ((5, 96, 256), (3, 384, 384), (3, 384, 256))
    ]
    assert sum(grouped) - sum(halved) == 1_413_120


def test_multiply_accumulates():
    assert arithmetic.conv_macs(56, 11, 3, 64) == 72_855_552
    assert arithmetic.conv_macs(55, 11, 3, 96) == 105_415_200
    assert arithmetic.conv_macs(1, 5, 64, 64) == 102_400  # for each of i² positions
    assert arithmetic.bottleneck_macs(1, 64, 32, 64, kernel=5) == 53_248
    assert arithmetic.conv_macs(28, 5, 192, 32) == 120_422_400
    assert arithmetic.bottleneck_macs(28, 192, 16, 32, kernel=5) == 12_443_648
    assert arithmetic.conv_macs(8, 5, 3, 128) == 614_400
    assert arithmetic.separable_macs(8, 5, 3, 128) == 4_800 + 24_576 == 29_376
    assert arithmetic.separable_params(3, 32, 64) == 288 + 2_048
    assert arithmetic.dense_macs(9216, 4096) == 37_748_736


def test_receptive_field_of_a_stack():
    assert arithmetic.receptive_field_of_stack([(3, 1)] * 3) == 7
    assert arithmetic.receptive_field_of_stack([]) == 1
    assert arithmetic.receptive_field_of_stack([(7, 2), (3, 2), (3, 1)]) == 19


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: arithmetic.conv_output(10, 11), "kernel of 11"),
        (lambda: arithmetic.conv_output(10, 3, stride=0), "stride"),
        (lambda: arithmetic.conv_output(10, 3, padding=-1), "padding"),
        (lambda: arithmetic.conv_output(0, 3), "size"),
        (lambda: arithmetic.conv_output(10.0, 3), "size"),
        (lambda: arithmetic.same_output(0), "size"),
        (lambda: arithmetic.conv_params(3, 10, 8, groups=4), "groups=4"),
        (lambda: arithmetic.conv_params(0, 10, 8), "kernel"),
        (lambda: arithmetic.conv_macs(0, 3, 8, 8), "output"),
        (lambda: arithmetic.separable_macs(0, 3, 8, 8), "output"),
        (lambda: arithmetic.dense_params(0, 8), "inputs"),
        (lambda: arithmetic.dense_macs(8, True), "outputs"),
        (lambda: arithmetic.receptive_field_of_stack([(3, 0)]), "stride"),
    ],
)
def test_impossible_sizes_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()


# Any functional model


def test_layers_of_every_dimension():
    image = keras.Input((32, 32, 4))
    x = L.Conv2D(8, (1, 7), padding="same", name="conv")(image)
    x = L.Conv2D(8, 3, dilation_rate=2, groups=4, name="grouped")(x)
    x = L.DepthwiseConv2D(3, 2, depth_multiplier=2, padding="same", name="depthwise")(x)
    x = L.SeparableConv2D(8, 3, padding="same", use_bias=False, name="separable")(x)
    x = L.Conv2DTranspose(4, 4, 2, padding="same", name="transposed")(x)
    x = L.Dense(3, name="dense")(x)
    rows = table(keras.Model(image, x))
    assert rows["macs"].to_dict() == {
        "conv": 32 * 32 * 8 * 7 * 4,
        "grouped": 28 * 28 * 8 * 9 * 2,
        "depthwise": 14 * 14 * 16 * 9,
        "separable": 14 * 14 * (9 * 16 + 16 * 8),
        "transposed": 14 * 14 * 8 * 4 * 16,
        "dense": 28 * 28 * 3 * 4,
    }
    assert rows["receptive_field"].to_dict() == {
        "conv": "1x7",
        "grouped": "5x11",
        "depthwise": "7x13",
        "separable": "11x17",
        "transposed": "13x19",
        "dense": "13x19",
    }
    assert rows.loc["separable", "jump"] == 2
    assert rows.loc["transposed", "jump"] == 1
    assert rows.loc["conv", "pad"] == "0x3"
    sequence = keras.Input((100, 6))
    rows = table(keras.Model(sequence, L.MaxPooling1D(2)(L.Conv1D(5, 3, name="conv")(sequence))))
    assert rows.loc["conv", ["macs", "out_h", "out_w"]].tolist() == [98 * 5 * 3 * 6, 98, 1]


def test_zero_padding_belongs_to_the_layer_that_it_pads():
    image = keras.Input((224, 224, 3))
    x = L.Conv2D(64, 7, 2, name="conv")(L.ZeroPadding2D(3)(image))
    rows = table(keras.Model(image, x))
    assert list(rows.index) == ["conv"]
    assert rows.loc["conv", ["in_h", "pad", "out_h", "receptive_field"]].tolist() == [224, 3, 112, 7]


def nested(shape=(16, 16, 3)):
    inside = keras.Input(shape)
    x = L.Conv2D(3, 3, padding="same", name="conv")(inside)
    block = keras.Model(inside, L.Add(name="add")([inside, x]), name="block")
    image = keras.Input(shape)
    return keras.Model(image, block(block(image)))


def test_nested_models_are_opened_and_left_as_they_were():
    model = nested()
    block = model.get_layer("block")
    before = [len(operation._inbound_nodes) for operation in (block, *block.operations)]
    rows = cost.table(model)
    assert rows["name"].tolist() == ["block/conv", "block/add"] * 2
    assert rows["params"].tolist() == [84, 0, 0, 0]  # weights are counted once,
    assert rows["macs"].tolist() == [16 * 16 * 3 * 27, 0] * 2  # work at every call
    assert rows["receptive_field"].tolist() == [3, 3, 5, 5]
    assert [len(operation._inbound_nodes) for operation in (block, *block.operations)] == before


def test_a_nested_model_takes_the_size_that_it_is_called_with():
    inside = keras.Input((None, None, 3))
    block = keras.Sequential([inside, L.Conv2D(4, 3, 2, name="conv"), L.Rescaling(2.0)], name="block")
    image = keras.Input((33, 17, 3))
    rows = table(keras.Model(image, block(image)))
    assert rows.loc["block/conv", ["out_h", "out_w", "macs"]].tolist() == [16, 8, 16 * 8 * 4 * 27]


def test_shared_layers_several_inputs_and_outputs():
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 3), name="right")
    conv = L.Conv2D(4, 3, name="conv")
    a, b = conv(left), conv(right)
    joined = L.Concatenate(name="joined")([a, b])
    model = keras.Model([left, right], {"map": joined, "class": L.Dense(2)(L.Flatten()(b))})
    assert cost.total(model).params == 112 + (6 * 6 * 4 + 1) * 2
    assert cost.total(model).macs == 2 * 6 * 6 * 4 * 27 + 6 * 6 * 4 * 2
    assert cost.receptive_field(model, "joined") == 3


def test_operations_on_tensors():
    image = keras.Input((8, 8, 4))
    x = ops.relu(image + 1.0) * image
    x = ops.reshape(x[:, ::2], (-1, 32, 4))
    attention = ops.matmul(x, ops.transpose(x, (0, 2, 1)))  # (B, 32, 32)
    total = cost.total(keras.Model(image, ops.mean(attention, axis=(1, 2))))
    assert total.macs == 32 * 32 * 4
    assert total.other == 8 * 8 * 4 + 32 * 32


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "elu", "celu", "gelu", "silu", "tanh", "hard_tanh", "softmax"]
)
def test_activation_functions_on_tensors_are_free(name):
    x = keras.Input((4, 4, 8))
    model = keras.Model(x, getattr(keras.activations, name)(L.Conv2D(8, 1)(x)))
    assert cost.total(model).macs == 4 * 4 * 8 * 8


def test_a_product_with_a_constant_has_no_rule():
    image = keras.Input((8, 4))
    product = ops.matmul(ops.ones((3, 8)), image)  # which of its sides is summed over cannot be seen
    with pytest.raises(TypeError, match="Matmul"):
        cost.total(keras.Model(image, product))


def test_padding_before_a_layer_without_a_window():
    image = keras.Input((8, 8, 3))
    x = L.Add(name="add")([L.ZeroPadding2D(1)(image), L.ZeroPadding2D(((2, 0), (2, 0)))(image)])
    assert table(keras.Model(image, x)).loc["add", ["in_h", "pad", "out_h"]].tolist() == [10, 0, 10]


def test_frozen_layers_are_not_trainable():
    model = nested()
    model.trainable = False
    assert cost.total(model)[:2] == (0, 84)


def test_sequential():
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(2, 3), L.Flatten(), L.Dense(5)])
    assert cost.total(model).params == model.count_params()


def test_a_gate_sees_the_whole_map_and_keeps_its_stride():
    image = keras.Input((32, 32, 3))
    x = L.Conv2D(8, 3, 2, padding="same")(image)
    gate = L.Dense(8)(L.GlobalAveragePooling2D(keepdims=True)(x))
    x = L.Multiply(name="scale")([x, gate])
    rows = table(keras.Model(image, L.Conv2D(8, 3, name="after")(x)))
    assert rows.loc["scale", ["receptive_field", "jump", "other"]].tolist() == [3 + 15 * 2, 2, 16 * 16 * 8]
    assert rows.loc["after", "receptive_field"] == 33 + 2 * 2


APPLICATIONS = {
    "ConvNeXtTiny": (28_589_128, 4_455_531_264),
    "DenseNet121": (8_062_504, 2_834_161_664),
    "EfficientNetV2B0": (7_200_312, 718_086_176),
    "InceptionResNetV2": (55_873_736, 13_155_794_016),
    "MobileNetV3Small": (2_554_968, 56_510_400),
    "ResNet50V2": (25_613_800, 3_482_255_360),
    "Xception": (22_910_480, 8_357_403_496),
}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_keras_applications(name):
    with symbolic_scope():
        model = getattr(keras.applications, name)(weights=None)
    unknown = None in model.input_shape[1:]
    total = cost.total(model, shape=(224, 224, 3) if unknown else None)
    assert (total.params + total.non_trainable, total.macs) == APPLICATIONS[name]
    assert total.params + total.non_trainable == model.count_params()


# What it cannot see


def test_unknown_sizes_ask_for_a_shape():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, L.Conv2D(4, 3)(image), name="anysize")
    with pytest.raises(ValueError, match=r"'anysize' takes images of \?×\?×3.*pass shape="):
        cost.total(model)
    assert cost.total(model, shape=(10, 12, 3)).macs == 8 * 10 * 4 * 27
    with pytest.raises(ValueError, match=r"shape=\(10, 12, 1\) does not fit 'anysize'"):
        cost.total(model, shape=(10, 12, 1))
    with pytest.raises(ValueError, match="leaves a size open"):
        cost.total("vgg16", shape=(None, None, 3))


def test_shape_fits_one_input_only():
    inputs = [keras.Input((4, 4, 1)), keras.Input((4, 4, 1))]
    with pytest.raises(ValueError, match="one input"):
        cost.total(keras.Model(inputs, L.Add()(inputs)), shape=(4, 4, 1))


def test_models_without_a_graph():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__(name="mine")
            self.conv = L.Conv2D(3, 3)

        def call(self, x):
            return self.conv(x)

    with pytest.raises(ValueError, match=r"'mine' is a Mine whose layers are called in Python"):
        cost.table(Mine())
    with pytest.raises(ValueError, match=r"begin it with keras\.Input"):
        cost.table(keras.Sequential([L.Dense(3)], name="late"))
    with pytest.raises(ValueError, match=r"neither a functional keras\.Model nor the name"):
        cost.table(L.Dense(3))
    image = keras.Input((8, 8, 3))
    with pytest.raises(TypeError, match=r"'mine', a Mine, hides its layers in call\(\)"):
        cost.table(keras.Model(image, Mine()(image)))


def test_an_unknown_layer_raises_until_it_has_a_rule():
    @keras.saving.register_keras_serializable()
    class Shift(L.Layer):
        def call(self, x):
            return x + 1

    image = keras.Input((8, 8, 3))
    model = keras.Model(image, Shift(name="shift")(image))
    with pytest.raises(TypeError, match=r"'shift', a Shift, .*@course.cost.rules.work.register"):
        cost.table(model)
    work.register(Shift, lambda layer, inputs, outputs: Work(other=7))
    assert cost.total(model).other == 7


def test_channels_first_is_refused():
    image = keras.Input((3, 8, 8))
    model = keras.Model(image, L.ZeroPadding2D(data_format="channels_first", name="pad")(image))
    with pytest.raises(ValueError, match="channels_first"):
        cost.table(model)


def test_unknown_names_offer_the_nearest():
    with pytest.raises(ValueError, match="Did you mean alexnet"):
        cost.total("alexnt")
    with pytest.raises(ValueError, match="Did you mean conv5_3"):
        cost.receptive_field("vgg16", "conv5-3")


# Receptive fields, as the papers and the lectures have them

RECEPTIVE_FIELDS = {
    ("lenet5", "C5"): 32,
    ("alexnet", "conv5"): 163,
    ("alexnet", "pool5"): 195,
    ("zfnet", "conv5"): 139,
    ("zfnet", "pool5"): 171,
    ("vgg16", "conv5_3"): 196,
    ("vgg16", "pool5"): 212,
    ("googlenet", "pool2"): 27,
    ("resnet50", None): 483,
    ("resnet101", None): 1027,
    ("resnet152", None): 1507,
}


@pytest.mark.parametrize(("name", "layer"), RECEPTIVE_FIELDS)
def test_receptive_field(name, layer):
    assert cost.receptive_field(name, layer) == RECEPTIVE_FIELDS[name, layer]


# TensorFlow's profiler

# Networks without SE gates: those are dense layers on maps, which TensorFlow multiplies by an operation that
# the profiler knows in some versions only
PROFILED = (
    "alexnet_2012", "zfnet", "nin_imagenet", "vgg11", "googlenet", "inception_v3", "resnet50",
    "resnext50_32x4d", "squeezenet", "mobilenet", "mobilenet_v2", "xception", "shufflenet_v2_x1_0",
)  # fmt: skip


def profiled_macs(graph) -> int:
    """Half the floating-point operations of a graph's convolutions and matrix products."""
    from tensorflow.compat.v1 import profiler

    builder = profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    node, flops = profiler.profile(graph, cmd="op", options=options), 0
    while node.children:  # one operation a node, each the only child of the one before
        (node,) = node.children
        if node.name in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
            flops += node.float_ops
    return flops // 2


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow's graphs")
@pytest.mark.parametrize("name", PROFILED)
def test_macs_are_half_of_what_the_profiler_counts(name):
    import tensorflow as tf

    model = course.build(name, symbolic=True)
    rows = cost.table(model)
    with tf.Graph().as_default() as graph, symbolic_scope():
        model(tf.compat.v1.placeholder("float32", (1, *model.input_shape[1:])), training=False)
        # Keras compiles grouped convolutions with XLA, where the profiler does not see them
        for row in rows[rows["groups"] > 1].itertuples():
            x = tf.zeros((1, row.in_h, row.in_w, row.in_c))
            kernel = tf.zeros((row.kernel, row.kernel, row.in_c // row.groups, row.filters))
            tf.nn.conv2d(x, kernel, row.stride, "SAME")
    assert profiled_macs(graph) == rows.loc[rows["kind"].str.contains("Conv|Dense"), "macs"].sum()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow's graphs")
def test_the_frozen_graph_of_a_model_with_weights_counts_the_same():
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model = course.build("lenet5")
    function = tf.function(model).get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:])))
    frozen = convert_variables_to_constants_v2(function)
    assert profiled_macs(frozen.graph) == cost.total("lenet5").macs == 416_520
