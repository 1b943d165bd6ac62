"""01 Convolution arithmetic: the first three lectures' sums, from one feature map to a receptive field."""

import math

import numpy as np

from autograder.exercise import Answer, Assignment, Case, Exercise, Misconception

# The first lecture's 6x6 matrix and its vertical-edge kernel.
M = np.array(
    [[3, 0, 1, 2, 4, 7], [1, 5, 8, 9, 3, 1], [2, 7, 2, 5, 1, 3],
     [0, 1, 3, 1, 7, 8], [4, 2, 1, 6, 2, 8], [2, 4, 5, 2, 3, 9]]
)  # fmt: skip
F = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]])

VGG16_TO_CONV5_3 = (
    [[3, 1]] * 2 + [[2, 2]] + [[3, 1]] * 2 + [[2, 2]] + ([[3, 1]] * 3 + [[2, 2]]) * 2 + [[3, 1]] * 3
)
ALEXNET_TO_POOL5 = [[11, 4], [3, 2], [5, 1], [3, 2], [3, 1], [3, 1], [3, 1], [3, 2]]


# 1. the feature map


def convolve(image, kernel):
    rows = image.shape[0] - kernel.shape[0] + 1
    columns = image.shape[1] - kernel.shape[1] + 1
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = image[i : i + kernel.shape[0], j : j + kernel.shape[1]]
            result[i, j] = np.sum(window * kernel)
    return result


def convolve_with_windows(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, kernel)


def convolve_with_lists(image, kernel):
    image, kernel = image.tolist(), kernel.tolist()
    height, width = len(kernel), len(kernel[0])
    return [
        [
            sum(image[i + a][j + b] * kernel[a][b] for a in range(height) for b in range(width))
            for j in range(len(image[0]) - width + 1)
        ]
        for i in range(len(image) - height + 1)
    ]


def convolve_flipped(image, kernel):
    flipped = kernel[::-1, ::-1]
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, flipped)


def hidden_maps(rng):
    shapes = [((6, 6), (3, 3)), ((7, 5), (3, 3)), ((5, 8), (2, 4)), ((4, 4), (1, 1)), ((5, 5), (5, 5))]
    return [
        Case("convolve", (rng.integers(-9, 10, image), rng.integers(-3, 4, kernel)))
        for image, kernel in shapes
    ]


# 2. output sizes


def conv_output(size, kernel, stride, padding):
    return (size - kernel + 2 * padding) // stride + 1


def conv_output_with_floor(size, kernel, stride, padding):
    return int(np.floor((size + 2 * padding - kernel) / stride)) + 1


def conv_output_by_counting(size, kernel, stride, padding):
    return len(range(0, size + 2 * padding - kernel + 1, stride))


def conv_output_rounded(size, kernel, stride, padding):
    return round((size - kernel + 2 * padding) / stride + 1)


def conv_output_rounded_half_up(size, kernel, stride, padding):
    return int((size - kernel + 2 * padding) / stride + 1 + 0.5)


def pool_output(size, kernel, stride):
    return (size - kernel) // stride + 1


def pool_output_as_float(size, kernel, stride):
    return np.floor((size - kernel) / stride + 1)


def pool_output_by_counting(size, kernel, stride):
    count, start = 0, 0
    while start + kernel <= size:
        count += 1
        start += stride
    return count


def pool_output_with_ceil(size, kernel, stride):
    return math.ceil((size - kernel) / stride + 1)


def pool_output_rounded(size, kernel, stride):
    return round((size - kernel) / stride + 1)


def same_output(size, stride):
    return math.ceil(size / stride)


def same_output_with_integers(size, stride):
    return (size + stride - 1) // stride


def same_output_by_counting(size, stride):
    return len(range(0, size, stride))


def hidden_sizes(rng):
    cases = []
    for _ in range(5):
        stride, kernel, padding = int(rng.integers(2, 6)), int(rng.integers(1, 8)), int(rng.integers(0, 4))
        steps, rest = int(rng.integers(3, 40)), int(rng.integers(1, stride))
        cases.append(
            Case("conv_output", (kernel - 2 * padding + steps * stride + rest + 8, kernel, stride, padding))
        )
        cases.append(Case("pool_output", (kernel + steps * stride + rest, kernel, stride)))
        cases.append(Case("same_output", (steps * stride + rest, stride)))
    return cases


# 3. parameters


def conv_params(kernel, in_channels, filters):
    return filters * (kernel * kernel * in_channels + 1)


def conv_params_by_shape(kernel, in_channels, filters):
    weights = (kernel, kernel, in_channels, filters)
    return int(np.prod(weights)) + filters


def conv_params_by_filter(kernel, in_channels, filters):
    total = 0
    for _ in range(filters):
        total += kernel**2 * in_channels
        total += 1
    return total


def conv_params_without_bias(kernel, in_channels, filters):
    return kernel**2 * in_channels * filters


def conv_params_of_one_channel(kernel, in_channels, filters):
    return kernel**2 * filters + filters


def hidden_layers(rng):
    return [
        Case(
            "conv_params", tuple(int(rng.integers(low, high)) for low, high in ((1, 12), (2, 600), (2, 600)))
        )
        for _ in range(5)
    ]


# 4. multiply-accumulates


def conv_macs(size, kernel, stride, padding, in_channels, filters):
    output = (size - kernel + 2 * padding) // stride + 1
    return output**2 * filters * kernel**2 * in_channels


def conv_macs_by_elements(size, kernel, stride, padding, in_channels, filters):
    positions = len(range(0, size + 2 * padding - kernel + 1, stride))
    elements = positions * positions * filters
    return elements * (kernel * kernel * in_channels)


def conv_macs_by_filters(size, kernel, stride, padding, in_channels, filters):
    side = math.floor((size + 2 * padding - kernel) / stride) + 1
    per_filter = side * side * in_channels * kernel * kernel
    return sum(per_filter for _ in range(filters))


def conv_macs_doubled(size, kernel, stride, padding, in_channels, filters):
    output = (size - kernel + 2 * padding) // stride + 1
    return 2 * output**2 * filters * kernel**2 * in_channels


def conv_macs_with_additions(size, kernel, stride, padding, in_channels, filters):
    output = (size - kernel + 2 * padding) // stride + 1
    return output**2 * filters * (2 * kernel**2 * in_channels - 1)


def hidden_convolutions(rng):
    return [
        Case(
            "conv_macs",
            (
                int(rng.integers(20, 230)), int(rng.integers(1, 12)), int(rng.integers(1, 5)),
                int(rng.integers(0, 4)), int(rng.integers(1, 300)), int(rng.integers(1, 300)),
            ),
        )
        for _ in range(5)
    ]  # fmt: skip


# 5. convolution or cross-correlation


def true_convolution(image, kernel):
    flipped = kernel[::-1, ::-1]
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, flipped)


def true_convolution_by_definition(image, kernel):
    height, width = kernel.shape
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            for a in range(height):
                for b in range(width):
                    result[i, j] += kernel[a, b] * image[i + height - 1 - a, j + width - 1 - b]
    return result


def true_convolution_rotated(image, kernel):
    turned = np.rot90(kernel, 2)
    rows, columns = image.shape[0] - turned.shape[0] + 1, image.shape[1] - turned.shape[1] + 1
    total = np.zeros((rows, columns))
    for a in range(turned.shape[0]):
        for b in range(turned.shape[1]):
            total = total + turned[a, b] * image[a : a + rows, b : b + columns]
    return total


def true_convolution_one_axis(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, kernel[:, ::-1])


def true_convolution_other_axis(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, kernel[::-1, :])


def flip_test(image, kernel, result):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    correlated = np.allclose(result, np.einsum("ijkl,kl->ij", windows, kernel))
    convolved = np.allclose(result, np.einsum("ijkl,kl->ij", windows, kernel[::-1, ::-1]))
    if correlated and convolved:
        return "both"
    if correlated:
        return "cross-correlation"
    return "convolution" if convolved else "neither"


def flip_test_by_table(image, kernel, result):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    as_is = np.array_equal(np.tensordot(windows, kernel, 2), result)
    turned = np.array_equal(np.tensordot(windows, np.rot90(kernel, 2), 2), result)
    table = {(True, True): "both", (True, False): "cross-correlation", (False, True): "convolution"}
    return table.get((as_is, turned), "neither")


def flip_test_by_loops(image, kernel, result):
    def slide(weights):
        height, width = weights.shape
        return [
            [
                (image[i : i + height, j : j + width] * weights).sum()
                for j in range(image.shape[1] - width + 1)
            ]
            for i in range(image.shape[0] - height + 1)
        ]

    answers = []
    if np.allclose(slide(kernel), result):
        answers.append("cross-correlation")
    if np.allclose(slide(np.flip(kernel)), result):
        answers.append("convolution")
    return {0: "neither", 1: answers[0] if answers else "", 2: "both"}[len(answers)]


EDGE = np.array([[2, 1], [0, -1]])
SYMMETRIC = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def hidden_flips(rng):
    image = rng.integers(-9, 10, (7, 6))
    kernel = rng.integers(1, 4, (3, 3)) * np.array([[1, 1, 1], [1, 1, 1], [1, 1, -1]])  # never symmetric
    square = rng.integers(-4, 5, (2, 2))
    symmetric = square + np.flip(square) + 1
    return [
        Case("true_convolution", (image, kernel)),
        Case("true_convolution", (image, rng.integers(-3, 4, (2, 3)) + np.array([[9, 0, 0], [0, 0, 0]]))),
        Case("flip_test", (image, kernel, convolve(image, kernel))),
        Case("flip_test", (image, kernel, true_convolution(image, kernel))),
        Case("flip_test", (image, symmetric, convolve(image, symmetric))),
        Case("flip_test", (image, kernel, convolve(image, kernel.T + 5))),
    ]


# 6. the receptive field


def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def receptive_field_backwards(layers):
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return field


def receptive_field_by_products(layers):
    strides = [stride for _, stride in layers]
    return 1 + sum((kernel - 1) * math.prod(strides[:i]) for i, (kernel, _) in enumerate(layers))


def receptive_field_without_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def receptive_field_of_convolutions_alone(layers):
    return 1 + sum(kernel - 1 for kernel, stride in layers if stride == 1)


def hidden_stacks(rng):
    stacks = [[[int(rng.integers(1, 8)), int(rng.integers(1, 4))] for _ in range(n)] for n in (3, 4, 5, 7)]
    return [Case("receptive_field", ([*stack, [3, 2], [3, 1]],)) for stack in stacks]


CLOSED_FORMS = ("course.cost", "tensorflow", "keras", "torch", "scipy")

ASSIGNMENT = Assignment(
    name="01_conv_arithmetic",
    title="Convolution arithmetic",
    budget=20,
    exercises=(
        Exercise(
            id="feature_map",
            title="The feature map",
            points=3,
            answers={
                "convolve": Answer(
                    convolve,
                    (convolve_with_windows, convolve_with_lists),
                    "result[i, j] is the sum of window * kernel; the window's top left pixel is image[i, j].",
                ),
            },
            public=[
                Case("convolve", (M, F)),
                Case("convolve", (M, np.array([[1, 2], [3, 4]]))),
                Case("convolve", (M[:4], np.array([[0, 1, 2]]))),
            ],
            hidden=hidden_maps,
            misconceptions=[
                Misconception(
                    "FLIPPED_KERNEL",
                    "convolve",
                    "You turned the kernel by 180 degrees. Mathematicians do; deep learning does not.",
                    (convolve_flipped,),
                ),
            ],
            forbidden=CLOSED_FORMS,
        ),
        Exercise(
            id="output_size",
            title="Output sizes",
            points=4,
            answers={
                "conv_output": Answer(
                    conv_output,
                    (conv_output_with_floor, conv_output_by_counting),
                    "padding is on both sides, and the kernel stops where it no longer fits.",
                ),
                "pool_output": Answer(
                    pool_output,
                    (pool_output_as_float, pool_output_by_counting),
                    "a window that hangs over the edge is not used.",
                ),
                "same_output": Answer(
                    same_output,
                    (same_output_with_integers, same_output_by_counting),
                    "SAME padding adds the zeros it takes for every stride-th pixel to have an output.",
                ),
            },
            public=[
                Case("conv_output", (227, 11, 4, 2)),
                Case("conv_output", (227, 11, 4, 0)),
                Case("conv_output", (224, 7, 2, 3)),
                Case("conv_output", (14, 3, 4, 0)),
                Case("conv_output", (13, 3, 4, 0)),
                Case("conv_output", (32, 3, 1, 1)),
                Case("pool_output", (56, 3, 2)),
                Case("pool_output", (55, 3, 2)),
                Case("pool_output", (12, 3, 4)),
                Case("pool_output", (16, 2, 4)),
                Case("same_output", (224, 4)),
                Case("same_output", (7, 2)),
                Case("same_output", (13, 1)),
            ],
            hidden=hidden_sizes,
            misconceptions=[
                Misconception(
                    "ROUND_NOT_FLOOR",
                    "conv_output",
                    "You rounded. 27.5 positions are 27: in the last half the kernel hangs over the edge.",
                    (conv_output_rounded, conv_output_rounded_half_up),
                ),
                Misconception(
                    "CEIL_POOL",
                    "pool_output",
                    "You rounded up, as Caffe's pooling does. The lectures, Keras and TensorFlow round down.",
                    (pool_output_with_ceil,),
                ),
            ],
            forbidden=CLOSED_FORMS,
        ),
        Exercise(
            id="parameters",
            title="Parameters of a convolution",
            points=3,
            answers={
                "conv_params": Answer(
                    conv_params,
                    (conv_params_by_shape, conv_params_by_filter),
                    "one filter is kernel x kernel x in_channels weights and one bias.",
                ),
            },
            public=[
                Case("conv_params", (11, 3, 64)),
                Case("conv_params", (5, 64, 192)),
                Case("conv_params", (1, 1024, 1000)),
            ],
            hidden=hidden_layers,
            misconceptions=[
                Misconception(
                    "FORGOT_BIAS",
                    "conv_params",
                    "You left the biases out: one a filter, so 23,232 should be 23,296.",
                    (conv_params_without_bias,),
                ),
                Misconception(
                    "FORGOT_INPUT_CHANNELS",
                    "conv_params",
                    "A filter is as deep as its input: 11 x 11 x 3 weights on a colour image, not 11 x 11.",
                    (conv_params_of_one_channel,),
                ),
            ],
            forbidden=CLOSED_FORMS,
        ),
        Exercise(
            id="multiply_accumulates",
            title="Multiply-accumulates",
            points=3,
            answers={
                "conv_macs": Answer(
                    conv_macs,
                    (conv_macs_by_elements, conv_macs_by_filters),
                    "every number of the output costs kernel x kernel x in_channels multiply-accumulates.",
                ),
            },
            public=[
                Case("conv_macs", (227, 11, 4, 2, 3, 64)),
                Case("conv_macs", (27, 5, 1, 2, 64, 192)),
                Case("conv_macs", (227, 11, 4, 0, 3, 96)),
            ],
            hidden=hidden_convolutions,
            misconceptions=[
                Misconception(
                    "COUNTS_MULTIPLY_AND_ADD",
                    "conv_macs",
                    "You counted the multiplication and the addition as two. One multiply-accumulate "
                    "is both: 72,855,552, not 145,711,104.",
                    (conv_macs_doubled, conv_macs_with_additions),
                ),
            ],
            forbidden=CLOSED_FORMS,
        ),
        Exercise(
            id="flip_test",
            title="Convolution or cross-correlation?",
            points=3,
            answers={
                "true_convolution": Answer(
                    true_convolution,
                    (true_convolution_by_definition, true_convolution_rotated),
                    "turn the kernel by 180 degrees, then do what you did before.",
                ),
                "flip_test": Answer(
                    flip_test,
                    (flip_test_by_table, flip_test_by_loops),
                    'compute both and compare: "convolution", "cross-correlation", "both" or "neither".',
                ),
            },
            public=[
                Case("true_convolution", (M, F)),
                Case("true_convolution", (M, EDGE)),
                Case("true_convolution", (M[:4], np.array([[1, 2, 3], [4, 5, 6]]))),
                Case("flip_test", (M, EDGE, convolve(M, EDGE))),
                Case("flip_test", (M, EDGE, true_convolution(M, EDGE))),
                Case("flip_test", (M, SYMMETRIC, convolve(M, SYMMETRIC))),
                Case("flip_test", (M, EDGE, convolve(M, EDGE.T + 1))),
            ],
            hidden=hidden_flips,
            misconceptions=[
                Misconception(
                    "FLIPS_ONE_AXIS",
                    "true_convolution",
                    "You mirrored the kernel in one direction. A turn by 180 degrees mirrors it in both.",
                    (true_convolution_one_axis, true_convolution_other_axis),
                ),
            ],
            forbidden=CLOSED_FORMS,
        ),
        Exercise(
            id="receptive_field",
            title="The receptive field",
            points=4,
            answers={
                "receptive_field": Answer(
                    receptive_field,
                    (receptive_field_backwards, receptive_field_by_products),
                    "a layer adds (kernel - 1) steps; a step is the product of all strides before it.",
                ),
            },
            public=[
                Case("receptive_field", ([[3, 1], [3, 1], [3, 1]],)),
                Case("receptive_field", ([[5, 1], [2, 2], [5, 1], [2, 2], [5, 1]],)),
                Case("receptive_field", (ALEXNET_TO_POOL5,)),
                Case("receptive_field", (VGG16_TO_CONV5_3,)),
            ],
            hidden=hidden_stacks,
            misconceptions=[
                Misconception(
                    "RF_IGNORES_STRIDE",
                    "receptive_field",
                    "You added kernel - 1 for every layer, which is right only while all strides are 1: "
                    "after a stride of 2 each step is two pixels of the input.",
                    (receptive_field_without_strides, receptive_field_of_convolutions_alone),
                ),
            ],
            forbidden=CLOSED_FORMS,
        ),
    ),
)
