"""09 What a bottleneck costs: 1x1 reductions in Inception modules and residual blocks, and global pooling."""

import math

import numpy as np

from autograder.exercise import Answer, Assignment, Case, Exercise, Misconception

# 1. (a) and (b) of the third lecture


def direct_params(kernel, in_channels, filters):
    return kernel**2 * in_channels * filters + filters


def direct_params_by_filter(kernel, in_channels, filters):
    return filters * (kernel * kernel * in_channels + 1)


def direct_params_by_shapes(kernel, in_channels, filters):
    return math.prod([kernel, kernel, in_channels, filters]) + filters


def direct_params_without_bias(kernel, in_channels, filters):
    return kernel**2 * in_channels * filters


def direct_macs(size, kernel, in_channels, filters):
    return size**2 * kernel**2 * in_channels * filters


def direct_macs_by_elements(size, kernel, in_channels, filters):
    elements = size * size * filters
    return elements * kernel * kernel * in_channels


def direct_macs_by_shapes(size, kernel, in_channels, filters):
    return int(np.prod([size, size, kernel, kernel, in_channels, filters], dtype=np.int64))


def direct_macs_with_biases(size, kernel, in_channels, filters):
    return size**2 * filters * (kernel**2 * in_channels + 1)


def reduced_params(kernel, in_channels, width, filters):
    reduction = in_channels * width + width
    return reduction + kernel**2 * width * filters + filters


def reduced_params_by_filter(kernel, in_channels, width, filters):
    return width * (in_channels + 1) + filters * (kernel * kernel * width + 1)


def reduced_params_by_layers(kernel, in_channels, width, filters):
    layers = [(1, in_channels, width), (kernel, width, filters)]
    return sum(k * k * before * after + after for k, before, after in layers)


def reduced_params_with_the_first_bias(kernel, in_channels, width, filters):
    return in_channels * width + width + kernel**2 * width * filters


def reduced_params_with_the_last_bias(kernel, in_channels, width, filters):
    return in_channels * width + kernel**2 * width * filters + filters


def reduced_params_of_the_large_kernel(kernel, in_channels, width, filters):
    return kernel**2 * width * filters + filters


def reduced_macs(size, kernel, in_channels, width, filters):
    return size**2 * (in_channels * width + kernel**2 * width * filters)


def reduced_macs_by_layers(size, kernel, in_channels, width, filters):
    layers = [(1, in_channels, width), (kernel, width, filters)]
    return sum(size * size * k * k * before * after for k, before, after in layers)


def reduced_macs_by_elements(size, kernel, in_channels, width, filters):
    first = size * size * width * in_channels
    second = size * size * filters * width * kernel * kernel
    return first + second


def reduced_macs_of_the_large_kernel(size, kernel, in_channels, width, filters):
    return size**2 * kernel**2 * width * filters


def reduced_macs_unchanged(size, kernel, in_channels, width, filters):
    return size**2 * kernel**2 * in_channels * filters


def whole(rng, *ranges):
    """Whole numbers, one from each range."""
    return tuple(int(rng.integers(low, high)) for low, high in ranges)


KERNEL, CHANNELS, SIZE = (2, 8), (20, 600), (4, 60)


def hidden_pairs(rng):
    cases = []
    for _ in range(4):
        kernel, in_channels, filters = whole(rng, KERNEL, CHANNELS, CHANNELS)
        (width,) = whole(rng, (2, 19))
        (size,) = whole(rng, SIZE)
        cases += [
            Case("direct_params", (kernel, in_channels, filters)),
            Case("direct_macs", (size, kernel, in_channels, filters)),
            Case("reduced_params", (kernel, in_channels, width, filters)),
            Case("reduced_macs", (size, kernel, in_channels, width, filters)),
        ]
    return cases


# 2. 120 million against 12.4


def two_steps(size, kernel, in_channels, width, filters):
    return size**2 * in_channels * width, size**2 * kernel**2 * width * filters


def two_steps_as_a_list(size, kernel, in_channels, width, filters):
    reduced = size * size * width  # numbers between the two layers
    return [reduced * in_channels, reduced * kernel * kernel * filters]


def two_steps_as_an_array(size, kernel, in_channels, width, filters):
    return np.array([in_channels, kernel**2 * filters]) * (size**2 * width)


def two_steps_of_full_depth(size, kernel, in_channels, width, filters):
    return size**2 * in_channels * width, size**2 * kernel**2 * in_channels * filters


def saving(size, kernel, in_channels, width, filters):
    direct = size**2 * kernel**2 * in_channels * filters
    reduced = size**2 * (in_channels * width + kernel**2 * width * filters)
    return direct / reduced


def saving_without_the_size(size, kernel, in_channels, width, filters):
    return kernel**2 * in_channels * filters / (width * (in_channels + kernel**2 * filters))


def saving_by_fractions(size, kernel, in_channels, width, filters):
    reduction = width / (kernel**2 * filters)
    large = width / in_channels
    return 1 / (reduction + large)


def saving_without_the_reduction(size, kernel, in_channels, width, filters):
    return in_channels / width


def saving_upside_down(size, kernel, in_channels, width, filters):
    return width * (in_channels + kernel**2 * filters) / (kernel**2 * in_channels * filters)


def saving_of_parameters_alone(size, kernel, in_channels, width, filters):
    return 1.0


def hidden_savings(rng):
    cases = []
    for _ in range(4):
        size, kernel, in_channels, filters = whole(rng, SIZE, KERNEL, CHANNELS, CHANNELS)
        arguments = (size, kernel, in_channels, int(rng.integers(2, 19)), filters)
        cases += [Case("two_steps", arguments), Case("saving", arguments)]
    return cases


# 3. an Inception module, naive and reduced


def naive_depth(in_channels, n1, n3, n5):
    return n1 + n3 + n5 + in_channels


def naive_depth_as_a_sum(in_channels, n1, n3, n5):
    branches = {"1x1": n1, "3x3": n3, "5x5": n5, "pool": in_channels}
    return sum(branches.values())


def naive_depth_by_concatenation(in_channels, n1, n3, n5):
    maps = [np.zeros((1, 1, depth)) for depth in (n1, n3, n5, in_channels)]
    return np.concatenate(maps, axis=-1).shape[-1]


def naive_depth_without_pool(in_channels, n1, n3, n5):
    return n1 + n3 + n5


def naive_macs(size, in_channels, n1, n3, n5):
    return size**2 * in_channels * (n1 + 9 * n3 + 25 * n5)


def naive_macs_by_branches(size, in_channels, n1, n3, n5):
    return sum(size * size * k * k * in_channels * n for k, n in ((1, n1), (3, n3), (5, n5)))


def naive_macs_by_elements(size, in_channels, n1, n3, n5):
    total = 0
    for kernel, filters in zip((1, 3, 5), (n1, n3, n5), strict=True):
        elements = size**2 * filters
        total += elements * kernel**2 * in_channels
    return total


def naive_macs_with_pooling(size, in_channels, n1, n3, n5):
    return size**2 * in_channels * (n1 + 9 * n3 + 25 * n5 + 9)


def module_macs(size, in_channels, n1, r3, n3, r5, n5, pool):
    weights = in_channels * (n1 + r3 + r5 + pool) + 9 * r3 * n3 + 25 * r5 * n5
    return size**2 * weights


def module_macs_by_layers(size, in_channels, n1, r3, n3, r5, n5, pool):
    layers = [
        (1, in_channels, n1),
        (1, in_channels, r3), (3, r3, n3),
        (1, in_channels, r5), (5, r5, n5),
        (1, in_channels, pool),
    ]  # fmt: skip
    return sum(size * size * k * k * before * after for k, before, after in layers)


def module_macs_by_branches(size, in_channels, n1, r3, n3, r5, n5, pool):
    positions = size * size
    small = positions * in_channels * n1
    three = positions * r3 * (in_channels + 9 * n3)
    five = positions * r5 * (in_channels + 25 * n5)
    return small + three + five + positions * pool * in_channels


def module_macs_without_reductions(size, in_channels, n1, r3, n3, r5, n5, pool):
    return size**2 * (in_channels * n1 + 9 * r3 * n3 + 25 * r5 * n5 + in_channels * pool)


def module_macs_without_any_added_1x1(size, in_channels, n1, r3, n3, r5, n5, pool):
    return size**2 * (in_channels * n1 + 9 * r3 * n3 + 25 * r5 * n5)


def module_macs_without_projection(size, in_channels, n1, r3, n3, r5, n5, pool):
    return size**2 * (in_channels * (n1 + r3 + r5) + 9 * r3 * n3 + 25 * r5 * n5)


def module_depth(in_channels, n1, r3, n3, r5, n5, pool):
    return n1 + n3 + n5 + pool


def module_depth_by_branches(in_channels, n1, r3, n3, r5, n5, pool):
    branches = [[n1], [r3, n3], [r5, n5], [in_channels, pool]]
    return sum(layers[-1] for layers in branches)


def module_depth_by_concatenation(in_channels, n1, r3, n3, r5, n5, pool):
    return len(np.concatenate([np.zeros(depth) for depth in (n1, n3, n5, pool)]))


def module_depth_with_unprojected_pool(in_channels, n1, r3, n3, r5, n5, pool):
    return n1 + n3 + n5 + in_channels


def module_depth_without_pool(in_channels, n1, r3, n3, r5, n5, pool):
    return n1 + n3 + n5


def hidden_modules(rng):
    cases = []
    for _ in range(3):
        size, in_channels, n1, n3, n5, pool = whole(rng, (5, 60), *[(30, 600)] * 5)
        r3, r5 = whole(rng, (4, 29), (4, 29))
        cases += [
            Case("naive_depth", (in_channels, n1, n3, n5)),
            Case("naive_macs", (size, in_channels, n1, n3, n5)),
            Case("module_depth", (in_channels, n1, r3, n3, r5, n5, pool)),
            Case("module_macs", (size, in_channels, n1, r3, n3, r5, n5, pool)),
        ]
    return cases


# 4. the bottleneck of ResNet


def chain_weights(channels, kernels):
    pairs = zip(channels[:-1], channels[1:], kernels, strict=True)
    return sum(kernel**2 * before * after for before, after, kernel in pairs)


def chain_weights_by_index(channels, kernels):
    total = 0
    for i in range(len(kernels)):
        total += kernels[i] * kernels[i] * channels[i] * channels[i + 1]
    return total


def chain_weights_with_numpy(channels, kernels):
    channels, kernels = np.array(channels), np.array(kernels)
    return (kernels**2 * channels[1:] * channels[:-1]).sum()


def chain_weights_with_biases(channels, kernels):
    pairs = zip(channels[:-1], channels[1:], kernels, strict=True)
    return sum((kernel**2 * before + 1) * after for before, after, kernel in pairs)


def chain_weights_of_the_outputs(channels, kernels):
    return sum(kernel**2 * after**2 for after, kernel in zip(channels[1:], kernels, strict=True))


def basic_weights(channels):
    return 18 * channels**2


def basic_weights_of_two_layers(channels):
    return sum(3 * 3 * channels * channels for _ in range(2))


def basic_weights_by_shape(channels):
    return 2 * int(np.prod((3, 3, channels, channels)))


def bottleneck_weights(channels):
    return 17 * channels**2


def bottleneck_weights_of_three_layers(channels):
    outside = 4 * channels
    return outside * channels + 9 * channels * channels + channels * outside


def bottleneck_weights_by_shapes(channels):
    shapes = [(1, 1, 4 * channels, channels), (3, 3, channels, channels), (1, 1, channels, 4 * channels)]
    return sum(math.prod(shape) for shape in shapes)


def bottleneck_weights_wide_inside(channels):
    inside = 4 * channels
    return channels * inside + 9 * inside**2 + inside * channels


def bottleneck_weights_wide_throughout(channels):
    wide = 4 * channels
    return wide**2 + 9 * wide**2 + wide**2


def bottleneck_weights_of_the_middle(channels):
    return 9 * channels**2


def hidden_blocks(rng):
    cases = []
    for depth in (2, 3, 4):
        channels = [int(c) for c in rng.integers(8, 500, depth + 1)]
        kernels = [int(k) for k in rng.integers(1, 6, depth)]
        (width,) = whole(rng, (5, 700))
        cases += [
            Case("chain_weights", (channels, kernels)),
            Case("basic_weights", (width,)),
            Case("bottleneck_weights", (width,)),
        ]
    return cases


# 5. global average pooling against dense layers


def global_average_pool(maps):
    return maps.mean(axis=(0, 1))


def global_average_pool_by_sums(maps):
    height, width, _ = maps.shape
    return np.einsum("yxc->c", maps) / (height * width)


def global_average_pool_with_lists(maps):
    height, width, channels = maps.shape
    pixels = [(y, x) for y in range(height) for x in range(width)]
    return [sum(maps[y, x, c] for y, x in pixels) / len(pixels) for c in range(channels)]


def global_pool_over_channels(maps):
    return maps.mean(axis=-1)


def global_max_pool(maps):
    return maps.max(axis=(0, 1))


def dense_head(size, channels, widths):
    inputs, total = size**2 * channels, 0
    for outputs in widths:
        total += inputs * outputs + outputs
        inputs = outputs
    return total


def dense_head_by_pairs(size, channels, widths):
    counts = [size * size * channels, *widths]
    return sum((before + 1) * after for before, after in zip(counts[:-1], widths, strict=True))


def dense_head_with_numpy(size, channels, widths):
    outputs = np.array(widths)
    inputs = np.array([size**2 * channels, *widths[:-1]])
    return int(inputs @ outputs + outputs.sum())


def dense_head_without_biases(size, channels, widths):
    counts = [size * size * channels, *widths]
    return sum(before * after for before, after in zip(counts[:-1], widths, strict=True))


def dense_head_of_one_pixel(size, channels, widths):
    counts = [channels, *widths]
    return sum((before + 1) * after for before, after in zip(counts[:-1], widths, strict=True))


def pooled_head(size, channels, classes):
    return channels * classes + classes


def pooled_head_by_class(size, channels, classes):
    return (channels + 1) * classes


def pooled_head_by_shapes(size, channels, classes):
    kernel, bias = (channels, classes), (classes,)
    return math.prod(kernel) + math.prod(bias)


def pooled_head_of_all_pixels(size, channels, classes):
    return (size**2 * channels + 1) * classes


def hidden_heads(rng):
    cases = []
    for shape in ((3, 4, 5), (7, 2, 3), (2, 2, 6)):
        size, channels, classes = whole(rng, (2, 9), (10, 600), (5, 300))
        widths = [int(width) for width in rng.integers(10, 900, len(cases) // 3 + 1)]
        cases += [
            Case("global_average_pool", (rng.normal(0, 5, shape).round(3),)),
            Case("dense_head", (size, channels, [*widths, classes])),
            Case("pooled_head", (size, channels, classes)),
        ]
    return cases


# 6. which reduction, and how narrow?


def saves_most(in_channels, branches, width):
    def saved(branch):
        kernel, filters = branches[branch]
        return kernel**2 * in_channels * filters - (in_channels * width + kernel**2 * width * filters)

    return max(branches, key=saved)


def saves_most_in_a_loop(in_channels, branches, width):
    best, most = None, None
    for name, (kernel, filters) in branches.items():
        weights = kernel * kernel * filters
        saved = weights * (in_channels - width) - in_channels * width
        if most is None or saved > most:
            best, most = name, saved
    return best


def saves_most_by_sorting(in_channels, branches, width):
    # the reduction costs the same for each: the largest direct cost saves the most, if width < in_channels
    return sorted(branches, key=lambda name: branches[name][0] ** 2 * branches[name][1])[-1]


def saves_most_by_kernel(in_channels, branches, width):
    return max(branches, key=lambda name: branches[name][0])


def saves_most_by_filters(in_channels, branches, width):
    return max(branches, key=lambda name: branches[name][1])


def widest(size, kernel, in_channels, filters, budget):
    return budget // (size**2 * (in_channels + kernel**2 * filters))


def widest_by_trying(size, kernel, in_channels, filters, budget):
    width = 0
    while size**2 * (in_channels * (width + 1) + kernel**2 * (width + 1) * filters) <= budget:
        width += 1
    return width


def widest_by_floor(size, kernel, in_channels, filters, budget):
    per_pixel = budget / size**2
    return math.floor(round(per_pixel / (in_channels + kernel**2 * filters), 9))


def widest_for_the_large_kernel(size, kernel, in_channels, filters, budget):
    return budget // (size**2 * kernel**2 * filters)


def widest_below(size, kernel, in_channels, filters, budget):
    return (budget - 1) // (size**2 * (in_channels + kernel**2 * filters))


def widest_rounded_up(size, kernel, in_channels, filters, budget):
    return math.ceil(budget / (size**2 * (in_channels + kernel**2 * filters)))


def hidden_budgets(rng):
    cases = []
    for exact in (True, True, False, False):
        size, kernel, in_channels, filters = whole(rng, (4, 60), (2, 6), (50, 500), (50, 500))
        width, step = int(rng.integers(10, 99)), size**2 * (in_channels + kernel**2 * filters)
        budget = width * step + (0 if exact else int(rng.integers(step // 10, 9 * step // 10)))
        cases.append(Case("widest", (size, kernel, in_channels, filters, budget)))
        n1, n3, n5 = whole(rng, (10, 500), (100, 500), (10, 30))
        if exact:
            n5 = n3  # now 5x5 costs most
        branches = {"1x1": [1, n1], "3x3": [3, n3], "5x5": [5, n5]}
        cases.append(Case("saves_most", (in_channels, branches, int(rng.integers(4, 40)))))
    return cases


READY_MADE = ("course.cost", "tensorflow", "keras", "torch", "scipy")

ASSIGNMENT = Assignment(
    name="09_bottleneck_cost",
    title="What a bottleneck costs",
    budget=30,
    exercises=(
        Exercise(
            id="bottleneck_pair",
            title="With and without a bottleneck",
            points=4,
            answers={
                "direct_params": Answer(
                    direct_params,
                    (direct_params_by_filter, direct_params_by_shapes),
                    "kernel x kernel x in_channels weights and one bias a filter.",
                ),
                "direct_macs": Answer(
                    direct_macs,
                    (direct_macs_by_elements, direct_macs_by_shapes),
                    "each of size x size x filters outputs costs kernel x kernel x in_channels.",
                ),
                "reduced_params": Answer(
                    reduced_params,
                    (reduced_params_by_filter, reduced_params_by_layers),
                    "two layers: 1x1 from in_channels to width, kernel x kernel from width to filters.",
                ),
                "reduced_macs": Answer(
                    reduced_macs,
                    (reduced_macs_by_layers, reduced_macs_by_elements),
                    "add up both layers; both have size x size positions.",
                ),
            },
            public=[
                Case("direct_params", (5, 64, 64)),
                Case("direct_params", (3, 256, 192)),
                Case("direct_macs", (1, 5, 64, 64)),
                Case("direct_macs", (28, 5, 192, 32)),
                Case("reduced_params", (5, 64, 32, 64)),
                Case("reduced_params", (3, 192, 96, 128)),
                Case("reduced_macs", (1, 5, 64, 32, 64)),
                Case("reduced_macs", (28, 3, 192, 96, 128)),
            ],
            hidden=hidden_pairs,
            misconceptions=[
                Misconception(
                    "ONE_BIAS_ONLY",
                    "reduced_params",
                    "Both layers have biases: the lecture's (b) has 53,344 parameters, not 53,280 or 53,312.",
                    (reduced_params_with_the_first_bias, reduced_params_with_the_last_bias),
                ),
                Misconception(
                    "FORGOT_BIAS",
                    "direct_params",
                    "You left the biases out: one a filter.",
                    (direct_params_without_bias,),
                ),
                Misconception(
                    "COUNTS_BIAS_AS_MAC",
                    "direct_macs",
                    "Adding the bias is no multiply-accumulate: 102,400 for each pixel, not 102,464.",
                    (direct_macs_with_biases,),
                ),
                Misconception(
                    "FORGOT_THE_1X1",
                    "reduced_macs",
                    "The reduction is a layer too, with size² · in_channels · width multiply-accumulates.",
                    (reduced_macs_of_the_large_kernel,),
                ),
                Misconception(
                    "SAVES_ONLY_PARAMETERS",
                    "reduced_macs",
                    "This is the work without the bottleneck. The large kernel sees width channels now: "
                    "fewer weights at every pixel are less work too.",
                    (reduced_macs_unchanged,),
                ),
            ],
            forbidden=READY_MADE,
        ),
        Exercise(
            id="ten_times_less",
            title="120 million against 12.4",
            points=3,
            answers={
                "two_steps": Answer(
                    two_steps,
                    (two_steps_as_a_list, two_steps_as_an_array),
                    "multiply-accumulates of the 1x1 layer, then of the large kernel on its output.",
                ),
                "saving": Answer(
                    saving,
                    (saving_without_the_size, saving_by_fractions),
                    "work without the bottleneck, divided by the work of both layers with it.",
                ),
            },
            public=[
                Case("two_steps", (28, 5, 192, 16, 32)),
                Case("two_steps", (14, 3, 480, 96, 208)),
                Case("saving", (28, 5, 192, 16, 32)),
                Case("saving", (28, 3, 192, 96, 128)),
                Case("saving", (28, 5, 64, 32, 64)),
            ],
            hidden=hidden_savings,
            misconceptions=[
                Misconception(
                    "FULL_DEPTH_AFTER_THE_1X1",
                    "two_steps",
                    "After the reduction the large kernel sees width channels, not in_channels.",
                    (two_steps_of_full_depth,),
                ),
                Misconception(
                    "FORGOT_THE_1X1",
                    "saving",
                    "It would be 12 times less if the reduction were free. With its 2.4 million it is 9.7.",
                    (saving_without_the_reduction,),
                ),
                Misconception(
                    "UPSIDE_DOWN",
                    "saving",
                    "You divided the other way round: a saving of 9.7 means 9.7 times less work.",
                    (saving_upside_down,),
                ),
                Misconception(
                    "SAVES_ONLY_PARAMETERS",
                    "saving",
                    "The work shrinks with the parameters: each weight works once at every pixel.",
                    (saving_of_parameters_alone,),
                ),
            ],
            forbidden=READY_MADE,
        ),
        Exercise(
            id="inception_module",
            title="An Inception module",
            points=4,
            answers={
                "naive_depth": Answer(
                    naive_depth,
                    (naive_depth_as_a_sum, naive_depth_by_concatenation),
                    "four branches are laid on each other; pooling keeps the depth of its input.",
                ),
                "naive_macs": Answer(
                    naive_macs,
                    (naive_macs_by_branches, naive_macs_by_elements),
                    "three convolutions on in_channels channels; pooling multiplies nothing.",
                ),
                "module_depth": Answer(
                    module_depth,
                    (module_depth_by_branches, module_depth_by_concatenation),
                    "only the last layer of each branch is laid on the pile.",
                ),
                "module_macs": Answer(
                    module_macs,
                    (module_macs_by_layers, module_macs_by_branches),
                    "six convolutions, four of them 1x1 on in_channels channels.",
                ),
            },
            public=[
                Case("naive_depth", (256, 128, 192, 96)),
                Case("naive_depth", (192, 64, 128, 32)),
                Case("naive_macs", (28, 256, 128, 192, 96)),
                Case("naive_macs", (28, 192, 64, 128, 32)),
                Case("module_depth", (256, 128, 64, 192, 64, 96, 64)),
                Case("module_depth", (192, 64, 96, 128, 16, 32, 32)),
                Case("module_macs", (28, 256, 128, 64, 192, 64, 96, 64)),
                Case("module_macs", (28, 192, 64, 96, 128, 16, 32, 32)),
            ],
            hidden=hidden_modules,
            misconceptions=[
                Misconception(
                    "POOL_KEEPS_NO_DEPTH",
                    "naive_depth",
                    "The pooling branch is laid on the pile as well, as deep as its input: 672, not 416.",
                    (naive_depth_without_pool,),
                ),
                Misconception(
                    "COUNTS_POOLING",
                    "naive_macs",
                    "Max pooling compares, it multiplies nothing.",
                    (naive_macs_with_pooling,),
                ),
                Misconception(
                    "POOL_NOT_PROJECTED",
                    "module_depth",
                    "The 1x1 convolution after the pooling decides how deep that branch is.",
                    (module_depth_with_unprojected_pool,),
                ),
                Misconception(
                    "POOL_FORGOTTEN",
                    "module_depth",
                    "The pooling branch is laid on the pile as well, as deep as its 1x1 convolution.",
                    (module_depth_without_pool,),
                ),
                Misconception(
                    "FORGOT_THE_1X1",
                    "module_macs",
                    "Every 1x1 convolution that was added works too: two reductions and a projection.",
                    (
                        module_macs_without_reductions,
                        module_macs_without_any_added_1x1,
                        module_macs_without_projection,
                    ),
                ),
            ],
            forbidden=READY_MADE,
        ),
        Exercise(
            id="residual_bottleneck",
            title="The bottleneck of ResNet",
            points=3,
            answers={
                "chain_weights": Answer(
                    chain_weights,
                    (chain_weights_by_index, chain_weights_with_numpy),
                    "layer i has kernels[i]² · channels[i] · channels[i + 1] weights, no biases.",
                ),
                "basic_weights": Answer(
                    basic_weights,
                    (basic_weights_of_two_layers, basic_weights_by_shape),
                    "two 3x3 layers from channels to channels.",
                ),
                "bottleneck_weights": Answer(
                    bottleneck_weights,
                    (bottleneck_weights_of_three_layers, bottleneck_weights_by_shapes),
                    "4 · channels outside, channels inside: 1x1, 3x3, 1x1.",
                ),
            },
            public=[
                Case("chain_weights", ([256, 64, 64, 256], [1, 3, 1])),
                Case("chain_weights", ([64, 64, 64], [3, 3])),
                Case("chain_weights", ([192, 16, 32], [1, 5])),
                Case("basic_weights", (64,)),
                Case("basic_weights", (256,)),
                Case("bottleneck_weights", (64,)),
                Case("bottleneck_weights", (512,)),
            ],
            hidden=hidden_blocks,
            misconceptions=[
                Misconception(
                    "FOUR_C_INSIDE",
                    "bottleneck_weights",
                    "You put the 3x3 layer on 4C channels. It is the other way round: 4C outside, C inside.",
                    (bottleneck_weights_wide_inside, bottleneck_weights_wide_throughout),
                ),
                Misconception(
                    "FORGOT_THE_1X1",
                    "bottleneck_weights",
                    "The two 1x1 layers have 4C² weights each: with them it is 17C².",
                    (bottleneck_weights_of_the_middle,),
                ),
                Misconception(
                    "COUNTS_BIASES",
                    "chain_weights",
                    "These layers have no biases: batch normalisation follows each of them.",
                    (chain_weights_with_biases,),
                ),
                Misconception(
                    "FORGOT_INPUT_CHANNELS",
                    "chain_weights",
                    "A layer leads from channels[i] to channels[i + 1]: multiply the two.",
                    (chain_weights_of_the_outputs,),
                ),
            ],
            forbidden=READY_MADE,
        ),
        Exercise(
            id="global_pooling",
            title="Global average pooling against dense layers",
            points=3,
            answers={
                "global_average_pool": Answer(
                    global_average_pool,
                    (global_average_pool_by_sums, global_average_pool_with_lists),
                    "one number a channel: the mean of all its pixels.",
                ),
                "dense_head": Answer(
                    dense_head,
                    (dense_head_by_pairs, dense_head_with_numpy),
                    "flattening gives size x size x channels inputs; every layer has a bias an output.",
                ),
                "pooled_head": Answer(
                    pooled_head,
                    (pooled_head_by_class, pooled_head_by_shapes),
                    "after the pooling there are channels numbers left, whatever the size was.",
                ),
            },
            public=[
                Case("global_average_pool", (np.arange(12.0).reshape(2, 2, 3),)),
                Case("global_average_pool", (np.array([[[1.0, 2], [3, 4], [5, 9]]]),)),
                Case("dense_head", (7, 512, [4096, 4096, 1000])),
                Case("dense_head", (6, 256, [4096, 4096, 1000])),
                Case("pooled_head", (7, 1024, 1000)),
                Case("pooled_head", (7, 2048, 1000)),
            ],
            hidden=hidden_heads,
            misconceptions=[
                Misconception(
                    "POOLS_OVER_CHANNELS",
                    "global_average_pool",
                    "You averaged the channels of each pixel. One number a channel is asked for.",
                    (global_pool_over_channels,),
                ),
                Misconception(
                    "MAX_NOT_AVERAGE",
                    "global_average_pool",
                    "You took the largest pixel of each channel. The mean is asked for.",
                    (global_max_pool,),
                ),
                Misconception(
                    "FORGOT_BIAS",
                    "dense_head",
                    "You left the biases out, as the first lecture's slide does: one an output.",
                    (dense_head_without_biases,),
                ),
                Misconception(
                    "FLATTEN_IS_CHANNELS",
                    "dense_head",
                    "Flattening keeps every pixel: size x size x channels inputs.",
                    (dense_head_of_one_pixel,),
                ),
                Misconception(
                    "POOLING_KEEPS_PIXELS",
                    "pooled_head",
                    "After global pooling no pixels are left: channels inputs, whatever the size.",
                    (pooled_head_of_all_pixels,),
                ),
            ],
            forbidden=READY_MADE,
        ),
        Exercise(
            id="best_reduction",
            title="Which reduction, and how narrow?",
            points=3,
            answers={
                "saves_most": Answer(
                    saves_most,
                    (saves_most_in_a_loop, saves_most_by_sorting),
                    "work without a reduction minus work with it, for each branch; the largest wins.",
                ),
                "widest": Answer(
                    widest,
                    (widest_by_trying, widest_by_floor),
                    "each channel of width costs size² · (in_channels + kernel² · filters).",
                ),
            },
            public=[
                Case("saves_most", (256, {"1x1": [1, 128], "3x3": [3, 192], "5x5": [5, 96]}, 64)),
                Case("saves_most", (192, {"1x1": [1, 64], "3x3": [3, 128], "5x5": [5, 32]}, 64)),
                Case("saves_most", (480, {"1x1": [1, 192], "3x3": [3, 208], "5x5": [5, 48]}, 16)),
                Case("saves_most", (64, {"1x1": [1, 300], "5x5": [5, 20], "7x7": [7, 5]}, 8)),
                Case("widest", (28, 5, 192, 32, 12_443_648)),
                Case("widest", (28, 5, 192, 32, 12_443_647)),
                Case("widest", (1, 5, 64, 64, 53_248)),
                Case("widest", (28, 3, 192, 128, 100_000_000)),
                Case("widest", (28, 5, 192, 32, 700_000)),
            ],
            hidden=hidden_budgets,
            misconceptions=[
                Misconception(
                    "LARGEST_KERNEL",
                    "saves_most",
                    "The largest kernel is not always the most expensive layer: it may have few filters.",
                    (saves_most_by_kernel,),
                ),
                Misconception(
                    "MOST_FILTERS",
                    "saves_most",
                    "The branch with the most filters need not cost most: the kernel counts squared.",
                    (saves_most_by_filters,),
                ),
                Misconception(
                    "FORGOT_THE_1X1",
                    "widest",
                    "You spent the whole budget on the large kernel. The 1x1 layer grows with the width too.",
                    (widest_for_the_large_kernel,),
                ),
                Misconception(
                    "BELOW_THE_BUDGET",
                    "widest",
                    "Spending exactly the budget is allowed.",
                    (widest_below,),
                ),
                Misconception(
                    "ROUNDED_UP",
                    "widest",
                    "You rounded up: the last channel costs more than is left.",
                    (widest_rounded_up,),
                ),
            ],
            forbidden=READY_MADE,
        ),
    ),
)
