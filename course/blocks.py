"""Functions from tensor to tensor that two or more families share. Tensors are (B, H, W, C)."""

from string import ascii_lowercase

from keras import KerasTensor
from keras import layers as L


def pad(x: KerasTensor, kernel: int, name: str) -> KerasTensor:
    """Zeros on every side, (kernel - 1) // 2 of them, as Caffe and PyTorch pad.

    At stride 1 that is Keras's "same"; at stride 2 "same" puts the odd zero at the end only, which
    moves every pixel and costs nothing that a count would show.
    """
    return L.ZeroPadding2D((kernel - 1) // 2, name=name)(x)


def conv_bn(
    x: KerasTensor,
    filters: int,
    kernel: int | tuple[int, int] = 1,
    strides: int = 1,
    *,
    name: str,
    padding: str = "same",
    groups: int = 1,
    activation: str | None = "relu",
    epsilon: float = 1e-5,
) -> KerasTensor:
    """Convolution without bias, batch normalisation, activation: layers `name`, `name_bn`, `name_relu`.

    `padding` is "same", "valid" or "symmetric" (see `pad`). Source of the order: Ioffe and Szegedy
    2015, section 3.2, where the normalisation's shift replaces the convolution's bias.
    """
    if padding == "symmetric":
        symmetric_is_same = strides == 1
        padding = "same" if symmetric_is_same else "valid"
        x = x if symmetric_is_same or kernel == 1 else pad(x, kernel, f"{name}_pad")
    x = L.Conv2D(filters, kernel, strides, padding, groups=groups, use_bias=False, name=name)(x)
    x = L.BatchNormalization(epsilon=epsilon, name=f"{name}_bn")(x)
    return L.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def bn_relu(x: KerasTensor, name: str, epsilon: float = 1e-5) -> KerasTensor:
    """Batch normalisation and ReLU, the pre-activation of what follows: layers `name_bn`, `name_relu`."""
    x = L.BatchNormalization(epsilon=epsilon, name=f"{name}_bn")(x)
    return L.Activation("relu", name=f"{name}_relu")(x)


def conv(
    x: KerasTensor,
    filters: int,
    kernel: int = 1,
    strides: int = 1,
    *,
    name: str,
    groups: int = 1,
    use_bias: bool = False,
) -> KerasTensor:
    """Convolution alone, padded symmetrically (see `pad`), which at stride 1 is "same"."""
    x = pad(x, kernel, f"{name}_pad") if strides > 1 and kernel > 1 else x
    padding = "same" if strides == 1 else "valid"
    return L.Conv2D(filters, kernel, strides, padding, groups=groups, use_bias=use_bias, name=name)(x)


def bn_relu_conv(
    x: KerasTensor,
    filters: int,
    kernel: int = 1,
    strides: int = 1,
    *,
    name: str,
    groups: int = 1,
    use_bias: bool = False,
    epsilon: float = 1e-5,
) -> KerasTensor:
    """The order of `conv_bn` reversed: layers `name_bn`, `name_relu`, `name`.

    Source: He, Zhang, Ren and Sun 2016 (identity mappings), section 4.1, "full pre-activation".
    """
    x = bn_relu(x, name, epsilon)
    return conv(x, filters, kernel, strides, name=name, groups=groups, use_bias=use_bias)


def squeeze_excite(
    x: KerasTensor, units: int, *, name: str, activation: str = "relu", gate: str = "sigmoid"
) -> KerasTensor:
    """Scales each channel by a gate in [0, 1] computed from the means of all channels.

    Layers `name_squeeze`, `name_reduce` (`units` outputs, `activation`), `name_expand`, `name_scale`.
    Source: Hu, Shen and Sun 2018, section 3; `units` is C / r.
    """
    channels = x.shape[-1]
    s = L.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)  # (B, 1, 1, C)
    s = L.Dense(units, activation=activation, name=f"{name}_reduce")(s)
    s = L.Dense(channels, activation=gate, name=f"{name}_expand")(s)
    return L.Multiply(name=f"{name}_scale")([x, s])


def depthwise_bn(
    x: KerasTensor,
    kernel: int = 3,
    strides: int = 1,
    *,
    name: str,
    padding: str = "same",
    activation: str | None = "relu",
    epsilon: float = 1e-5,
) -> KerasTensor:
    """One filter a channel, no bias, batch normalisation, activation: named and padded as in `conv_bn`."""
    if padding == "symmetric":
        x = pad(x, kernel, f"{name}_pad") if strides > 1 else x
        padding = "valid" if strides > 1 else "same"
    x = L.DepthwiseConv2D(kernel, strides, padding, use_bias=False, name=name)(x)
    x = L.BatchNormalization(epsilon=epsilon, name=f"{name}_bn")(x)
    return L.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def inverted_residual(
    x: KerasTensor,
    filters: int,
    *,
    name: str,
    expanded: int,
    kernel: int = 3,
    strides: int = 1,
    activation: str = "relu",
    squeeze: int = 0,
    squeeze_activation: str = "relu",
    gate: str = "sigmoid",
    drop: float = 0.0,
    padding: str = "same",
    epsilon: float = 1e-3,
) -> KerasTensor:
    """The mobile bottleneck: wide inside, narrow between blocks, and linear where it narrows.

    A 1x1 convolution to `expanded` channels (none where there are as many already), a depthwise
    convolution, a gate from `squeeze` units (0 for none), a 1x1 projection to `filters` channels
    without activation; plus the input, where it has the shape of the output. While training, `drop` of
    the images skip the block. Layers `name_expand`, `name_depthwise`, `name_se_…`, `name_project`,
    `name_drop`, `name_add`.

    Sources: Sandler et al. 2018, section 3 and table 1 (MobileNetV2); Tan et al. 2019, figure 7, for
    the gate (MnasNet).
    """
    shortcut, channels = x, x.shape[-1]
    if expanded != channels:
        x = conv_bn(x, expanded, name=f"{name}_expand", activation=activation, epsilon=epsilon)
    x = depthwise_bn(
        x, kernel, strides, name=f"{name}_depthwise", padding=padding, activation=activation, epsilon=epsilon
    )
    if squeeze:
        x = squeeze_excite(x, squeeze, name=f"{name}_se", activation=squeeze_activation, gate=gate)
    x = conv_bn(x, filters, name=f"{name}_project", activation=None, epsilon=epsilon)
    if strides > 1 or filters != channels:
        return x
    if drop:
        x = L.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return L.Add(name=f"{name}_add")([shortcut, x])


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, and never more than 10% below it.

    Source: the code published with MobileNetV2 and EfficientNet, which rounds scaled widths so.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def max_pool_ceil(x: KerasTensor, size: int, strides: int, *, name: str) -> KerasTensor:
    """Max pooling whose size is rounded up: the last window may reach past the edge, as in Caffe.

    `strides` - 1 zeros below and on the right do that for every size of image. They never win the
    maximum where x >= 0, after a ReLU.
    """
    edge = (0, strides - 1)
    return L.MaxPooling2D(size, strides, name=name)(L.ZeroPadding2D((edge, edge), name=f"{name}_pad")(x))


def inception_module(x: KerasTensor, branches: tuple, *, name: str) -> KerasTensor:
    """Branches that all start at x, concatenated in their order: a drawing of Inception-v3 or -v4 as data.

    A branch is a list of steps (filters, kernel, strides, padding), of which strides 1 and padding
    "same" may be left out: a convolution with batch normalisation and ReLU, or 3x3 pooling where
    `filters` is "max" or "average". A list of steps in place of a step forks the branch, and the
    results are concatenated.

    Names follow the authors' code: step 1 of branch 0 of mixed_5b, a 1x1, is `mixed_5b_0a_1x1`.
    """

    def step(x, filters, kernel, strides=1, padding="same", *, name):
        if filters == "max":
            return L.MaxPooling2D(kernel, strides, padding, name=f"{name}_pool")(x)
        if filters == "average":
            return L.AveragePooling2D(kernel, strides, padding, name=f"{name}_pool")(x)
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        name = f"{name}_{height}x{width}"
        return conv_bn(x, filters, kernel, strides, name=name, padding=padding, epsilon=1e-3)

    def branch(x, steps, name):
        letters = iter(ascii_lowercase)
        for each in steps:
            if isinstance(each, list):
                forks = [step(x, *fork, name=name + next(letters)) for fork in each]
                x = L.Concatenate(name=f"{name}_fork")(forks)
            else:
                x = step(x, *each, name=name + next(letters))
        return x

    ends = [branch(x, steps, f"{name}_{i}") for i, steps in enumerate(branches)]
    return L.Concatenate(name=name)(ends)
