"""How the lectures train AlexNet, VGG, GoogLeNet and ResNet, value by value with its source.

Where a lecture and the paper contradict each other the paper's value is used; `Recipe.table` shows both.
What is "ours" is in neither.
"""

from course.errors import unknown
from course.registry import find
from course.training.fitting import Recipe, Source
from course.training.schedules import Exponential, Plateau, Step, WarmUp

ALEXNET = Recipe(
    name="alexnet",
    paper="krizhevsky2012alexnet",
    schedule=Plateau(0.01, factor=0.1, patience=5, times=3),
    epochs=90,
    batch=128,
    momentum=0.9,
    decay=5e-4,
    dropout=0.5,
    kernels={"class_name": "RandomNormal", "config": {"stddev": 0.01}},
    ones=("conv2", "conv4", "conv5", "fc6", "fc7"),
    augment=("shift", "flip", "colour"),
    sources={
        "schedule": Source(
            "L2, L3: 0.01; L3: reduced by 10",
            "section 5: 0.01, divided by 10 when the validation error stops improving, three times; the "
            "patience is ours",
        ),
        "epochs": Source(paper="section 5: about 90"),
        "batch": Source("L2, L3: 128", "section 5: 128"),
        "momentum": Source("L2, L3: 0.9", "section 5: 0.9"),
        "decay": Source("L2, L3: 5e-4", "section 5: 0.0005"),
        "dropout": Source(
            "L2: 0.5 for FC layers except the last; L3: 0.5", "section 4.2: 0.5, first two FC layers"
        ),
        "kernels": Source(paper="section 5: normal, deviation 0.01"),
        "ones": Source(paper="section 5: second, fourth and fifth convolution, hidden FC layers"),
        "augment": Source(
            "L2: shifting, flipping, etc.", "section 4.1: crops of 224 out of 256, reflections, colour"
        ),
    },
)

VGG = Recipe(
    name="vgg",
    paper="simonyan2014vgg",
    schedule=Plateau(0.01, factor=0.1, patience=5, times=3),
    epochs=74,
    batch=256,
    momentum=0.9,
    decay=5e-4,
    dropout=0.5,
    kernels="glorot_uniform",
    augment=("shift", "flip", "colour"),
    sources={
        "schedule": Source(
            "L2: 0.01, by 0.1 if validation accuracy plateaus",
            "section 3.1: 0.01, divided by 10 when the validation accuracy stops improving, three times; the "
            "patience is ours",
        ),
        "epochs": Source(paper="section 3.1: 74"),
        "batch": Source("L2: 256", "section 3.1: 256"),
        "momentum": Source("L2: 0.9", "section 3.1: 0.9"),
        "decay": Source("L2: 5e-4", "section 3.1: 5e-4"),
        "dropout": Source("L2: 0.5 for FC layers except the last", "section 3.1: 0.5, first two FC layers"),
        "kernels": Source(
            paper="section 3.1: normal, variance 0.01, in the shallowest network, whose layers start the "
            "deeper ones; Glorot's initialisation does without"
        ),
        "augment": Source(
            "L2: a bit different from AlexNet", "section 3.1: crops of 224, reflections, colour"
        ),
    },
)

GOOGLENET = Recipe(
    name="googlenet",
    paper="szegedy2014googlenet",
    schedule=Exponential(0.01, factor=0.96, every=8),
    epochs=90,
    batch=256,
    momentum=0.9,
    decay=0.0,
    dropout=0.4,
    kernels="glorot_uniform",
    augment=("shift", "flip", "colour"),
    sources={
        "schedule": Source("L2: 0.01, by 0.96 every 8 epochs", "section 6: decreased by 4% every 8 epochs"),
        "epochs": Source(paper="not said; ours"),
        "batch": Source("L2: 256", "not said"),
        "momentum": Source("L2: 0.9", "section 6: 0.9"),
        "decay": Source("not said", "not said"),
        "dropout": Source("L2, L3: 40% before the last FC layer", "Table 1: 40%"),
        "kernels": Source("not said", "not said; Keras's default"),
        "augment": Source(
            "L2: a bit different from VGG",
            "section 6: patches of 8% to 100% of the area and 3:4 to 4:3, photometric distortions; those of "
            "AlexNet in their place are ours",
        ),
    },
)

RESNET = Recipe(
    name="resnet",
    paper="he2015resnet",
    schedule=WarmUp(0.01, epochs=3, then=Plateau(0.1, factor=0.1, patience=5, times=3)),
    epochs=120,
    batch=256,
    momentum=0.9,
    decay=1e-4,
    dropout=0.0,
    kernels="he_normal",
    augment=("shift", "flip", "colour"),
    sources={
        "schedule": Source(
            "L2: 0.01 for a few warmup epochs, then 0.1, by 0.1 at plateaus; L3: 0.1, by 0.1 at plateaus",
            "section 3.4: 0.1, divided by 10 when the error plateaus; warm-up only in section 4.2, for "
            "ResNet-110; its length and the patience are ours",
        ),
        "epochs": Source(paper="section 3.4: up to 600,000 steps, which are 120"),
        "batch": Source("L2, L3: 256", "section 3.4: 256"),
        "momentum": Source("L2, L3: 0.9", "section 3.4: 0.9"),
        "decay": Source("L2, L3: 1e-5", "section 3.4: 0.0001, ten times the lectures'"),
        "dropout": Source("L3: none", "section 3.4: none"),
        "kernels": Source("L3: Xavier/2, from He et al.", "section 3.4: He et al. 2015"),
        "augment": Source("L2: as inception", "section 3.4: crops of 224, flips, colour"),
    },
)

RESNET_CIFAR = Recipe(
    name="resnet_cifar",
    paper="he2015resnet",
    schedule=Step(0.1, at=(91, 136), factor=0.1),
    epochs=182,
    batch=128,
    momentum=0.9,
    decay=1e-4,
    dropout=0.0,
    kernels="he_normal",
    augment=("shift", "flip"),
    sources={
        "schedule": Source(
            paper="section 4.2: 0.1, divided by 10 at 32,000 and 48,000 steps, which are epochs 91 and 136 "
            "of 45,000 images"
        ),
        "epochs": Source(paper="section 4.2: 64,000 steps, which are 182"),
        "batch": Source(paper="section 4.2: 128"),
        "momentum": Source(paper="section 4.2: 0.9"),
        "decay": Source(paper="section 4.2: 0.0001"),
        "dropout": Source(paper="section 4.2: none"),
        "kernels": Source(paper="section 4.2: He et al. 2015"),
        "augment": Source(paper="section 4.2: 4 pixels of padding, crops of 32, flips"),
    },
)

SMALL = Recipe(
    name="small",
    paper="",
    schedule=Step(0.05, at=(6, 8), factor=0.2),
    epochs=10,
    batch=32,
    momentum=0.9,
    augment=(),
    sources={
        each: Source("ours", "ours, for small networks on small images")
        for each in ("schedule", "epochs", "batch", "momentum", "decay", "kernels", "augment")
    },
)

RECIPES = {each.name: each for each in (ALEXNET, VGG, GOOGLENET, RESNET, RESNET_CIFAR, SMALL)}

BY_FAMILY = {  # whose networks are trained by it where nothing is said
    "alexnet": ALEXNET,
    "cifar_resnet": RESNET_CIFAR,
    "googlenet": GOOGLENET,
    "resnet": RESNET,
    "vgg": VGG,
}


def recipe(name: str) -> Recipe:
    """The recipe of this name. Raises ValueError with the nearest names."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]


def recipe_for(network: str) -> Recipe:
    """The recipe of a network's own paper, or "small". Raises ValueError for an unknown network."""
    return BY_FAMILY.get(find(network).family, SMALL)
