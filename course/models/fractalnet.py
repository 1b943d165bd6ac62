"""FractalNet. Larsson, Maire & Shakhnarovich 2017, sections 2 to 4, figure 1."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.errors import check_positive_integer
from course.layers import FractalJoin, GlobalDropPath
from course.registry import family, row


def fractal_block(
    x: KerasTensor,
    in_use: KerasTensor,
    columns: int,
    filters: int,
    *,
    dropout: float,
    drop: float,
    name: str,
) -> KerasTensor:
    """(B, H, W, C) to (B, H/2, W/2, filters) by columns of 1, 2, 4, … convolutions that meet in means.

    As in the authors' code, dropout stands between convolution and normalisation, and each column is
    pooled before the last join; figure 1 joins first. Layers `name_col1_conv1`, … (column 1 is the
    shallowest) and `name_join2`, … after as many of the deepest column's convolutions.
    """

    def conv(x, level, start):
        number = start // 2 ** (level - 1) + 1
        layer = f"{name}_col{columns - level + 1}_conv{number}"
        x = L.Conv2D(filters, 3, padding="same", use_bias=False, name=layer)(x)
        x = L.Dropout(dropout, name=f"{layer}_drop")(x) if dropout else x
        x = L.BatchNormalization(epsilon=1e-5, name=f"{layer}_bn")(x)
        return L.Activation("relu", name=f"{layer}_relu")(x)

    def join(paths, name):
        return FractalJoin(drop, name=name)([*paths, in_use]) if len(paths) > 1 else paths[0]

    def fractal(x, level, start):
        """f_1(z) = conv(z) and f_C+1(z) = (f_C ∘ f_C)(z) ⊕ conv(z), the last join ⊕ still to be made.

        So joins that meet are one. A fractal is 2 ** (level - 1) convolutions deep; `start` counts
        those before it.
        """
        shallowest = conv(x, level, start)
        if level == 1:
            return [shallowest]
        middle = start + 2 ** (level - 2)
        x = join(fractal(x, level - 1, start), f"{name}_join{middle}")
        return [shallowest, *fractal(x, level - 1, middle)]

    ends = enumerate(fractal(x, columns, start=0), start=1)
    pooled = [L.MaxPooling2D(2, name=f"{name}_col{column}_pool")(end) for column, end in ends]
    return join(pooled, f"{name}_join{2 ** (columns - 1)}")


WIDTHS = (64, 128, 256, 512, 512)  # filters of each block
DROPOUTS = (0.0, 0.1, 0.2, 0.3, 0.4)  # dropout rate of each block

VARIANTS = {  # printed: Table 1, test error on CIFAR-10 with flips and shifts, whole network
    "fractalnet_cifar": row(params="38.6M", top1="4.60", aliases=("fractalnet",),
                            note={"params": "33.7M; what else it counts the paper does not say"}),
}  # fmt: skip


@family(paper="larsson2017fractalnet", variants=VARIANTS)
def fractalnet(
    widths=WIDTHS, dropouts=DROPOUTS, columns=3, drop=0.15, global_share=0.5,
    shape=(32, 32, 3), classes=10, name="fractalnet",
):  # fmt: skip
    """Blocks of `columns` columns, of which column c is 2 ** (c - 1) convolutions deep, and one dense layer.

    Input (32, 32, 3), output (10,) logits. While training, `global_share` of the mini-batches run
    through a single column (global drop-path); in the others each join drops an input with probability
    `drop` (local drop-path). One column makes a plain network.
    """
    check_positive_integer("columns", columns)
    if len(widths) != len(dropouts):
        raise ValueError(f"dropouts must have a rate for each of the {len(widths)} widths, not {dropouts!r}.")
    x = image = keras.Input(shape, name="image")
    in_use = GlobalDropPath(columns, global_share, name="drop_path")(image)  # (B, columns)
    for i, (filters, dropout) in enumerate(zip(widths, dropouts, strict=True), start=1):
        x = fractal_block(x, in_use, columns, filters, dropout=dropout, drop=drop, name=f"block{i}")
    x = L.Flatten(name="flatten")(x)  # (B, 512)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)


def column(model: keras.Model, number: int) -> keras.Model:
    """The plain network of one column of a FractalNet, layers shared; the last column is the deepest.

    Raises ValueError where the network has no such column.
    """
    mine = [layer for layer in model.layers if f"_col{number}_" in layer.name]
    if not mine:
        raise ValueError(f"{model.name} has no column {number!r}; they are numbered from 1.")
    x = model.input
    for layer in (*mine, model.get_layer("flatten"), model.get_layer("fc")):
        x = layer(x)
    return keras.Model(model.input, x, name=f"{model.name}_col{number}")
