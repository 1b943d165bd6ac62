"""Functions from tensor to tensor that two or more families share. Tensors are (B, H, W, C)."""

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


def squeeze_excite(x: KerasTensor, units: int, *, name: str, gate: str = "sigmoid") -> KerasTensor:
    """Scales each channel by a gate in [0, 1] computed from the means of all channels.

    Layers `name_squeeze`, `name_reduce` (`units` outputs, ReLU), `name_expand`, `name_scale`. Source:
    Hu, Shen and Sun 2018, section 3; `units` is C / r.
    """
    channels = x.shape[-1]
    s = L.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)  # (B, 1, 1, C)
    s = L.Dense(units, activation="relu", name=f"{name}_reduce")(s)
    s = L.Dense(channels, activation=gate, name=f"{name}_expand")(s)
    return L.Multiply(name=f"{name}_scale")([x, s])


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, and never more than 10% below it.

    Source: the code published with MobileNetV2 and EfficientNet, which rounds scaled widths so.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
