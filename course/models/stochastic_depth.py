"""ResNet with stochastic depth. Huang, Sun, Liu, Sedra & Weinberger 2016, sections 3 and 4."""

from course.errors import check_positive_integer
from course.layers import StochasticDepth
from course.models.cifar_resnet import cifar_resnet
from course.registry import family, row

VARIANTS = {  # printed: section 4, test error on CIFAR-10 with flips and shifts
    "resnet110_stochastic": row(depth=110),
    "resnet1202_stochastic": row(depth=1202, top1="4.91"),
}


@family(paper="huang2016stochastic", variants=VARIANTS)
def stochastic_depth(depth, survival=0.5, width=16, shape=(32, 32, 3), classes=10, name="stochastic_depth"):
    """The ResNet for 32x32 images whose units are dropped in training, the later ones more often.

    Input (32, 32, 3), output (10,) logits. Of L units, unit l survives with probability
    p_l = 1 - l / L (1 - p_L), where p_L is `survival` (equation 4). With L = 54 and p_L = 0.5 a
    training step passes through (3L - 1) / 4 = 40.25 units on average.
    """
    check_positive_integer("depth", depth)
    if not 0 < survival <= 1:
        raise ValueError(f"survival must be above 0 and at most 1, not {survival}.")
    units = (depth - 2) // 2

    def drop(number, residual, name):
        return StochasticDepth(1 - number / units * (1 - survival), name=f"{name}_drop")(residual)

    return cifar_resnet(depth, width=width, gate=drop, shape=shape, classes=classes, name=name)
