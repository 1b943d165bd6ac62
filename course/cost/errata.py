"""What the lectures' slides print wrongly, and what is right."""

from typing import NamedTuple


class Erratum(NamedTuple):
    """One mistake. L0 to L4 are the five lectures in order; `place` names the slide."""

    lecture: str
    place: str
    printed: str
    right: str
    why: str


ERRATA = (
    Erratum("L0", "AlexNet table, fc6 parameters", "37,725,832", "37,752,832",
            "9216 · 4096 + 4096; two digits changed places"),
    Erratum("L0", "AlexNet table, fc6 flop", "9216 * 6409", "9216 * 4096",
            "fc6 has 4096 outputs; the product shown, 37,748,736, is right"),
    Erratum("L0", "AlexNet table, conv4 flop (M)", "145", "150",
            "256 · 13² · 384 · 3² = 149,520,384"),
    Erratum("L0", "AlexNet table, fc6 to fc8 params (k)", "37,749; 16,777; 4,096", "37,753; 16,781; 4,097",
            "the convolution rows count biases, these three do not"),
    Erratum("L0", "AlexNet against VGG-16, memory of AlexNet (MB)", "1.9", "1.88",
            "the five convolutions alone; 2.21 with pooling, 2.25 with the dense layers"),
    Erratum("L1", "AlexNet, parameters of conv1", "(11 x 11 x 3) x 96 = 34,848", "34,944",
            "one bias a filter"),
    Erratum("L2", "Summary table, MACs of AlexNet (M)", "727", "724",
            "the grouped network does 724,406,816"),
    Erratum("L4", "AlexNet table, maps of C1", "55x55", "56x56",
            "224 pixels, stride 4 and SAME padding give ceil(224 / 4) = 56"),
)  # fmt: skip
