"""What timm and torchvision call the layers of our networks: one table a family.

A table leads from the name of our layer to that of the file's module, or to a pair: of the convolution and
of the batch normalisation after it. In a name, {s} stands for a number or a letter (a is 0), {s-1} for that
less one, {_} for the size of a kernel.
"""

from collections.abc import Mapping

Names = Mapping[str, str | tuple[str, str]]


def pair(place: str, convolution: str, normalisation: str) -> tuple[str, str]:
    """The names of both in the module at `place`."""
    return f"{place}.{convolution}", f"{place}.{normalisation}"


UNIT = "layer{s-1}.{i-1}"
RESNET: Names = {  # ResNet, ResNeXt, Wide ResNet, SE-ResNet
    "conv1": ("conv1", "bn1"),
    "conv{s}_{i}_a": pair(UNIT, "conv1", "bn1"),
    "conv{s}_{i}_b": pair(UNIT, "conv2", "bn2"),
    "conv{s}_{i}_c": pair(UNIT, "conv3", "bn3"),
    "conv{s}_{i}_se_reduce": f"{UNIT}.se.fc1",
    "conv{s}_{i}_se_expand": f"{UNIT}.se.fc2",
    "conv{s}_{i}_shortcut": pair(UNIT, "downsample.0", "downsample.1"),
    "fc": "fc",
}

SENET154: Names = {
    **RESNET,
    "conv1_1": ("conv1.0", "conv1.1"),
    "conv1_2": ("conv1.3", "conv1.4"),
    "conv1_3": ("conv1.6", "bn1"),
}

BLOCK = "blocks.{s-1}.{i-1}"
MNASNET: Names = {
    "conv1": ("conv_stem", "bn1"),
    "stage1_1_depthwise": ("blocks.0.0.conv_dw", "blocks.0.0.bn1"),
    "stage1_1_project": ("blocks.0.0.conv_pw", "blocks.0.0.bn2"),
    "stage{s}_{i}_expand": pair(BLOCK, "conv_pw", "bn1"),
    "stage{s}_{i}_depthwise": pair(BLOCK, "conv_dw", "bn2"),
    "stage{s}_{i}_se_reduce": f"{BLOCK}.se.conv_reduce",
    "stage{s}_{i}_se_expand": f"{BLOCK}.se.conv_expand",
    "stage{s}_{i}_project": pair(BLOCK, "conv_pwl", "bn3"),
    "conv2": ("conv_head", "bn2"),
    "fc": "classifier",
}

GHOST_STAGES = (1, 1, 1, 1, 1, 1, 5, 1, 4)  # blocks of each stage, as timm counts
GHOST_BLOCKS = [f"blocks.{stage}.{i}" for stage, blocks in enumerate(GHOST_STAGES) for i in range(blocks)]
GHOSTNET: Names = {
    "conv1": ("conv_stem", "bn1"),
    "conv2": ("blocks.9.0.conv", "blocks.9.0.bn1"),
    "fc1": "conv_head",
    "fc2": "classifier",
}
for i, block in enumerate(GHOST_BLOCKS, start=1):
    GHOSTNET |= {
        f"bneck{i}_ghost{{g}}_primary": pair(block, "ghost{g}.primary_conv.0", "ghost{g}.primary_conv.1"),
        f"bneck{i}_ghost{{g}}_cheap": pair(block, "ghost{g}.cheap_operation.0", "ghost{g}.cheap_operation.1"),
        f"bneck{i}_depthwise": pair(block, "conv_dw", "bn_dw"),
        f"bneck{i}_se_reduce": f"{block}.se.conv_reduce",
        f"bneck{i}_se_expand": f"{block}.se.conv_expand",
        f"bneck{i}_shortcut_depthwise": pair(block, "shortcut.0", "shortcut.1"),
        f"bneck{i}_shortcut_conv": pair(block, "shortcut.2", "shortcut.3"),
    }

INCEPTION_V4: Names = {
    name: pair(module, "conv", "bn")
    for name, module in {
        "conv_1a": "features.0",
        "conv_2a": "features.1",
        "conv_2b": "features.2",
        "mixed_3a_1a_{_}": "features.3.conv",
        "mixed_4a_{n}{j}_{_}": "features.4.branch{n}.{j}",
        "mixed_5a_0a_{_}": "features.5.conv",
        "mixed_5{m}_0a_{_}": "features.{m+5}.branch0",
        "mixed_5{m}_{n}{j}_{_}": "features.{m+5}.branch{n}.{j}",
        "mixed_6{m}_0a_{_}": "features.{m+10}.branch0",
        "mixed_6{m}_{n}{j}_{_}": "features.{m+10}.branch{n}.{j}",
        "mixed_7a_{n}{j}_{_}": "features.18.branch{n}.{j}",
        "mixed_7{m}_0a_{_}": "features.{m+18}.branch0",
        "mixed_7{m}_1a_{_}": "features.{m+18}.branch1_0",
        "mixed_7{m}_1b_{_}": "features.{m+18}.branch1_1a",
        "mixed_7{m}_1c_{_}": "features.{m+18}.branch1_1b",
        "mixed_7{m}_2d_{_}": "features.{m+18}.branch2_3a",
        "mixed_7{m}_2e_{_}": "features.{m+18}.branch2_3b",
        "mixed_7{m}_2{j}_{_}": "features.{m+18}.branch2_{j}",
        "mixed_7{m}_3b_{_}": "features.{m+18}.branch3.1",
    }.items()
} | {"logits": "last_linear"}

LEFT, RIGHT = "stage{s}.{i-1}.branch1", "stage{s}.{i-1}.branch2"
SHUFFLENET_V2: Names = {
    "conv1": ("conv1.0", "conv1.1"),
    "stage{s}_{i}_left_depthwise": pair(LEFT, "0", "1"),
    "stage{s}_{i}_left_conv": pair(LEFT, "2", "3"),
    "stage{s}_{i}_conv1": pair(RIGHT, "0", "1"),
    "stage{s}_{i}_depthwise": pair(RIGHT, "3", "4"),
    "stage{s}_{i}_conv2": pair(RIGHT, "5", "6"),
    "conv5": ("conv5.0", "conv5.1"),
    "fc": "fc",
}

ALEXNET: Names = {
    **{f"conv{i}": f"features.{n}" for i, n in enumerate((0, 3, 6, 8, 10), start=1)},
    "fc6": "classifier.1",
    "fc7": "classifier.4",
    "fc8": "classifier.6",
}


def vgg(*depths: int, batch_norm: bool = False) -> Names:
    """The names of a VGG with these convolutions a stage, where activations and pooling are numbered too."""
    names, n = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}, 0
    for stage, depth in enumerate(depths, start=1):
        for i in range(1, depth + 1):
            names[f"conv{stage}_{i}"] = (f"features.{n}", f"features.{n + 1}")
            n += 3 if batch_norm else 2
        n += 1
    return names


def squeezenet(*fires: int) -> Names:
    """The names of a SqueezeNet whose fire modules 2 to 9 have these numbers."""
    names = {"conv1": "features.0", "conv10": "classifier.1"}
    for i, n in enumerate(fires, start=2):
        names[f"fire{i}_squeeze1x1"] = f"features.{n}.squeeze"
        names[f"fire{i}_expand1x1"] = f"features.{n}.expand1x1"
        names[f"fire{i}_expand3x3"] = f"features.{n}.expand3x3"
    return names
