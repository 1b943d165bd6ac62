"""GoogLeNet (Inception-v1), Table 1, with its auxiliary classifiers. Szegedy et al. 2014."""

import keras
from keras import KerasTensor
from keras import layers as L

from course.errors import unknown
from course.layers import LocalResponseNormalization
from course.registry import family, row

TABLE_1 = {  # #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

AUXILIARY_WEIGHT = 0.3  # of each auxiliary loss in the sum that is minimised (section 5)

VARIANTS = {  # printed: Table 3, one network and one crop; the budget of operations in section 1
    "googlenet": row(top5="10.07", macs="1.5G", aliases=("inception_v1",),
                     note={"macs": "1.583G; the paper prints the budget that it was designed for"}),
}  # fmt: skip


def conv(x: KerasTensor, filters: int, kernel: int, strides: int = 1, *, name: str) -> KerasTensor:
    """Convolution with bias and ReLU, padded so that its size is divided by `strides`, rounded up."""
    return L.Conv2D(filters, kernel, strides, "same", activation="relu", name=name)(x)


def inception(x: KerasTensor, widths: tuple[int, ...], *, name: str) -> KerasTensor:
    """Figure 2(b): (B, H, W, C) to (B, H, W, #1x1 + #3x3 + #5x5 + pool proj).

    `widths` is a row of Table 1. Where a reduction or the projection is 0 it is left out; with all three
    0 that is the naive module, figure 2(a).
    """
    one, reduce3, three, reduce5, five, projection = widths
    x3 = conv(x, reduce3, 1, name=f"{name}_3x3_reduce") if reduce3 else x
    x5 = conv(x, reduce5, 1, name=f"{name}_5x5_reduce") if reduce5 else x
    pool = L.MaxPooling2D(3, 1, "same", name=f"{name}_pool")(x)
    return L.Concatenate(name=name)(
        [
            conv(x, one, 1, name=f"{name}_1x1"),
            conv(x3, three, 3, name=f"{name}_3x3"),
            conv(x5, five, 5, name=f"{name}_5x5"),
            conv(pool, projection, 1, name=f"{name}_pool_proj") if projection else pool,
        ]
    )


def halve(x: KerasTensor, *, name: str) -> KerasTensor:
    """3x3 max pooling, stride 2: (B, H, W, C) to (B, H/2, W/2, C), rounded up."""
    return L.MaxPooling2D(3, 2, "same", name=name)(x)


@family(paper="szegedy2014googlenet", variants=VARIANTS)
def googlenet(
    modules=TABLE_1, stem="imagenet", width=1.0, shape=(224, 224, 3), classes=1000, name="googlenet"
):
    """A stem that makes the image eight times smaller, nine inception modules, one dense layer.

    Input (224, 224, 3), output (1000,) logits. `modules` are rows of Table 1 by name, pooled where the
    first character of the name changes. For small images `stem="cifar"` is one 3x3 convolution that
    keeps the size. `width` multiplies every number of filters.
    """
    if stem not in ("imagenet", "cifar"):
        raise ValueError(f"stem must be 'imagenet' (for large images) or 'cifar' (for small), not {stem!r}.")
    if not width > 0:
        raise ValueError(f"width must be above 0, the factor on every number of filters, not {width!r}.")

    def scaled(filters):
        return max(1, round(filters * width)) if filters else 0

    x = image = keras.Input(shape, name="image")
    if stem == "imagenet":
        x = conv(x, scaled(64), 7, 2, name="conv1")  # (B, 112, 112, 64)
        x = halve(x, name="pool1")
        x = LocalResponseNormalization(name="norm1")(x)
        x = conv(x, scaled(64), 1, name="conv2_reduce")
        x = conv(x, scaled(192), 3, name="conv2")  # (B, 56, 56, 192)
        x = LocalResponseNormalization(name="norm2")(x)
        x = halve(x, name="pool2")
    else:
        x = conv(x, scaled(192), 3, name="conv2")  # (B, 32, 32, 192)
    stage = ""
    for module, filters in modules.items():
        x = halve(x, name=f"pool{stage}") if stage and module[0] != stage else x
        stage = module[0]
        x = inception(x, tuple(map(scaled, filters)), name=f"inception_{module}")
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)  # (B, 1024)
    x = L.Dropout(0.4, name="dropout")(x)
    return keras.Model(image, L.Dense(classes, name="linear")(x), name=name)


def with_auxiliary_heads(
    model: keras.Model, after: tuple[str, ...] = ("inception_4a", "inception_4d")
) -> keras.Model:
    """A second model that shares the layers of a GoogLeNet and also classifies from inside it.

    For training only: the outputs are the logits of `model`, then those of one head on each layer in
    `after`, named `aux_4a` and `aux_4d`. Compile it with loss_weights=[1, AUXILIARY_WEIGHT,
    AUXILIARY_WEIGHT]; what it learns is in `model`, which keeps no head.

    Source: section 5. Raises ValueError where `model` has no layer of such a name, and where its output
    is too small for the heads' 5x5 pooling.
    """
    classes = model.output.shape[-1]
    heads = []
    for layer in after:
        if layer not in [each.name for each in model.layers]:
            raise unknown(f"layer in {model.name}", layer, [each.name for each in model.layers])
        name = f"aux_{layer.removeprefix('inception_')}"
        x = model.get_layer(layer).output
        if None in x.shape[1:] or min(x.shape[1:3]) < 5:
            raise ValueError(
                f"{layer} is {x.shape[1]}x{x.shape[2]} and an auxiliary head needs 5x5 at least: build the "
                "model for larger images."
            )
        x = L.AveragePooling2D(5, 3, name=f"{name}_pool")(x)  # (B, 4, 4, 512)
        x = conv(x, 128, 1, name=f"{name}_conv")
        x = L.Flatten(name=f"{name}_flatten")(x)
        x = L.Dense(1024, activation="relu", name=f"{name}_fc")(x)
        x = L.Dropout(0.7, name=f"{name}_dropout")(x)
        heads.append(L.Dense(classes, name=name)(x))
    return keras.Model(model.input, [model.output, *heads], name=f"{model.name}_auxiliary")
