"""Dual path networks. Chen, Li, Xiao, Jin, Yan & Feng 2017, Table 1 and figure 2 (d)."""

from functools import partial

import keras
from keras import layers as L

from course import blocks
from course.errors import check_positive_integer
from course.registry import family, row

EPSILON = 1e-3  # of the normalisation: MXNet's, the authors' library

VARIANTS = {  # growth of the dense path in each stage; printed: Tables 1 and 2, DPN-68 by the authors' page
    "dpn68": row(stem=(10, 3), depths=(3, 4, 12, 3), growth=(16, 32, 32, 64), inside=128, groups=32,
                 residual=64, top1="23.57", top5="6.93"),
    "dpn92": row(stem=(64, 7), depths=(3, 4, 20, 3), growth=(16, 32, 24, 128), inside=96, groups=32,
                 residual=256, params="37.8M", macs="6.5G", top1="20.7", top5="5.4",
                 note={"params": "37.67M; 37.8M with the moving means and variances"}),
    "dpn98": row(stem=(96, 7), depths=(3, 6, 20, 3), growth=(16, 32, 32, 128), inside=160, groups=40,
                 residual=256, params="61.7M", macs="11.7G", top1="20.2", top5="5.2",
                 note={"params": "61.57M; 61.7M with the moving means and variances"}),
}  # fmt: skip


@family(paper="chen2017dpn", variants=VARIANTS)
def dpn(stem, depths, growth, inside, groups, residual, shape=(224, 224, 3), classes=1000, name="dpn"):
    """Two paths: one that blocks add to, as in ResNet, and one that they append to, as in DenseNet.

    Input (224, 224, 3), output (1000,) logits. `stem` is the first convolution's filters and kernel;
    stages have `depths` blocks that append `growth` channels each; `residual` channels of the residual
    path and `inside` channels of a block's grouped 3x3 in the first stage double with every stage.

    A 1x1 convolution that the paper slices into the two paths is two convolutions here, of the same
    weights in sum.
    """
    if len(growth) != len(depths):
        raise ValueError(f"growth must have one number for each of the {len(depths)} stages, not {growth!r}.")
    for each in (*stem, *depths, *growth, inside, groups, residual):
        check_positive_integer("Each number of stem, depths, growth, inside, groups and residual", each)
    if inside % groups:
        raise ValueError(f"groups={groups} must divide inside={inside}, the channels of conv2_1_b.")
    bn_relu = partial(blocks.bn_relu, epsilon=EPSILON)
    bn_relu_conv = partial(blocks.bn_relu_conv, epsilon=EPSILON)
    conv = blocks.conv

    filters, kernel = stem
    x = image = keras.Input(shape, name="image")
    x = blocks.conv_bn(x, filters, kernel, 2, name="conv1", padding="symmetric", epsilon=EPSILON)
    x = L.MaxPooling2D(3, 2, name="pool1")(blocks.pad(x, 3, "pool1_pad"))  # (B, 56, 56, 64)
    for stage, (depth, grow) in enumerate(zip(depths, growth, strict=True), start=2):
        for i in range(1, depth + 1):
            block = f"conv{stage}_{i}"
            strides = 2 if i == 1 and stage > 2 else 1
            if i == 1:  # both paths start anew
                start = bn_relu(x, f"{block}_w")
                added = conv(start, residual, 1, strides, name=f"{block}_w_added")
                dense = conv(start, 2 * grow, 1, strides, name=f"{block}_w_dense")
            y = bn_relu_conv(x, inside, 1, name=f"{block}_a")
            y = bn_relu_conv(y, inside, 3, strides, name=f"{block}_b", groups=groups)
            y = bn_relu(y, f"{block}_c")
            added = L.Add(name=f"{block}_add")([added, conv(y, residual, name=f"{block}_c_added")])
            dense = L.Concatenate(name=f"{block}_append")([dense, conv(y, grow, name=f"{block}_c_dense")])
            x = L.Concatenate(name=block)([added, dense])  # (B, H, W, residual + (2 + i) grow)
        residual, inside = 2 * residual, 2 * inside
    x = bn_relu(x, "post")
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, L.Dense(classes, name="fc")(x), name=name)
