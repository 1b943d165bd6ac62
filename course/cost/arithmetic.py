"""The closed forms of the lectures, as small functions that a student could have written.

Sizes are one side of a square, in pixels; kernels likewise. All results are exact integers.
"""

from collections.abc import Iterable

from course.errors import check_positive_integer


def conv_output(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Output size of a convolution, floor((size - kernel + 2 padding) / stride) + 1.

    Source: first lecture, AlexNet's conv1. Raises ValueError where the kernel does not fit.
    """
    for argument, value in (("size", size), ("kernel", kernel), ("stride", stride)):
        check_positive_integer(argument, value)
    if padding < 0:
        raise ValueError(f"padding must be 0 or more, not {padding}.")
    if kernel > size + 2 * padding:
        raise ValueError(
            f"A kernel of {kernel} does not fit into {size} pixels with {padding} of padding on each side: "
            "use a smaller kernel or more padding."
        )
    return (size - kernel + 2 * padding) // stride + 1


def pool_output(size: int, kernel: int, stride: int) -> int:
    """Output size of unpadded pooling, floor((size - kernel) / stride) + 1 (first lecture, pool1)."""
    return conv_output(size, kernel, stride)


def same_output(size: int, stride: int = 1) -> int:
    """Output size under TensorFlow's SAME padding, ceil(size / stride), whatever the kernel."""
    check_positive_integer("size", size)
    check_positive_integer("stride", stride)
    return -(-size // stride)


def conv_params(kernel: int, in_channels: int, filters: int, bias: bool = True, groups: int = 1) -> int:
    """Weights of a convolution, kernel² · in_channels / groups · filters, and one bias a filter."""
    _check_groups(in_channels, filters, groups)
    check_positive_integer("kernel", kernel)
    return kernel**2 * (in_channels // groups) * filters + bias * filters


def conv_macs(output: int, kernel: int, in_channels: int, filters: int, groups: int = 1) -> int:
    """MACs of a convolution: output² · filters outputs of kernel² · in_channels / groups each.

    `output` is the output's size, as `conv_output` gives it.
    """
    check_positive_integer("output", output)
    return output**2 * conv_params(kernel, in_channels, filters, bias=False, groups=groups)


def separable_params(kernel: int, in_channels: int, filters: int) -> int:
    """Weights of a depthwise separable convolution without biases: kernel² · C + C · filters."""
    return conv_params(kernel, in_channels, in_channels, False, groups=in_channels) + conv_params(
        1, in_channels, filters, False
    )


def separable_macs(output: int, kernel: int, in_channels: int, filters: int) -> int:
    """MACs of a depthwise separable convolution: output² · (kernel² · C + C · filters) (fourth lecture)."""
    check_positive_integer("output", output)
    return output**2 * separable_params(kernel, in_channels, filters)


def bottleneck_params(in_channels: int, width: int, filters: int, kernel: int, bias: bool = True) -> int:
    """Weights of a 1x1 reduction to `width` channels followed by a kernel x kernel convolution.

    Source: third lecture, GoogLeNet's bottleneck: 64 -> 32 -> 64 channels with 5x5 has 53,344.
    """
    return conv_params(1, in_channels, width, bias) + conv_params(kernel, width, filters, bias)


def bottleneck_macs(output: int, in_channels: int, width: int, filters: int, kernel: int) -> int:
    """MACs of the same pair of layers on an output x output map."""
    return conv_macs(output, 1, in_channels, width) + conv_macs(output, kernel, width, filters)


def dense_params(inputs: int, outputs: int, bias: bool = True) -> int:
    """Weights of a fully connected layer, and one bias an output."""
    check_positive_integer("inputs", inputs)
    check_positive_integer("outputs", outputs)
    return inputs * outputs + bias * outputs


def dense_macs(inputs: int, outputs: int) -> int:
    """MACs of a fully connected layer."""
    return dense_params(inputs, outputs, bias=False)


def receptive_field_of_stack(layers: Iterable[tuple[int, int]]) -> int:
    """Receptive field, in pixels of the input, of a stack of (kernel, stride) layers, the first one first.

    Each layer adds (kernel - 1) times the product of the strides before it. With stride 1 throughout
    that is the first lecture's 1 + L (K - 1).
    """
    field, jump = 1, 1
    for kernel, stride in layers:
        check_positive_integer("kernel", kernel)
        check_positive_integer("stride", stride)
        field += (kernel - 1) * jump
        jump *= stride
    return field


def _check_groups(in_channels: int, filters: int, groups: int) -> None:
    for argument, value in (("in_channels", in_channels), ("filters", filters), ("groups", groups)):
        check_positive_integer(argument, value)
    if in_channels % groups or filters % groups:
        raise ValueError(f"groups={groups} must divide in_channels={in_channels} and filters={filters}.")
