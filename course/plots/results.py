"""Results that papers and challenges report, which no network of ours can compute, with their source."""

from typing import NamedTuple


class Entry(NamedTuple):
    """The best classification entry of a group in an ImageNet challenge: top-5 error in percent, test set."""

    year: int
    name: str
    layers: int | None  # None: no deep network
    top5: float
    source: str


RUSSAKOVSKY = "Russakovsky et al. 2015, ImageNet Large Scale Visual Recognition Challenge"

CHALLENGE = (
    Entry(2010, "NEC", None, 28.2, RUSSAKOVSKY),
    Entry(2011, "XRCE", None, 25.8, RUSSAKOVSKY),
    Entry(2012, "AlexNet", 8, 16.4, "Krizhevsky et al. 2012, Table 2: five networks"),
    Entry(2013, "ZFNet", 8, 11.7, "Szegedy et al. 2014, Table 2: Clarifai, without outside data"),
    Entry(2014, "VGG", 19, 7.3, "Simonyan and Zisserman 2014, Table 7"),
    Entry(2014, "GoogLeNet", 22, 6.7, "Szegedy et al. 2014, Table 2"),
    Entry(2015, "ResNet", 152, 3.57, "He et al. 2015, Table 5"),
    Entry(2016, "Trimps-Soushen", None, 2.99, "third lecture's table of the 2016 challenge"),
    Entry(2017, "SENet", 154, 2.25, "Hu et al. 2018"),
)
HUMAN = 5.1  # top-5 error in percent of one trained annotator: Russakovsky et al. 2015


class Compressed(NamedTuple):
    """A line of Table 2 of Iandola et al. 2016 (SqueezeNet): size in MB, top-1 accuracy in percent."""

    network: str
    approach: str
    bits: str
    megabytes: float
    top1: float


COMPRESSION = (
    Compressed("AlexNet", "as trained", "32", 240, 57.2),
    Compressed("AlexNet", "singular values", "32", 48, 56.0),
    Compressed("AlexNet", "pruning", "32", 27, 57.2),
    Compressed("AlexNet", "deep compression", "5-8", 6.9, 57.2),
    Compressed("SqueezeNet", "as trained", "32", 4.8, 57.5),
    Compressed("SqueezeNet", "deep compression, 8 bits", "8", 0.66, 57.5),
    Compressed("SqueezeNet", "deep compression, 6 bits", "6", 0.47, 57.5),
)

# MobileNet's width multiplier, image size and ImageNet top-1 accuracy in percent: Howard et al. 2017,
# Tables 6 and 7, and Table 9 for (0.5, 160)
MOBILENET = (
    (1.0, 224, 70.6), (0.75, 224, 68.4), (0.5, 224, 63.7), (0.25, 224, 50.6),
    (1.0, 192, 69.1), (1.0, 160, 67.2), (1.0, 128, 64.4),
    (0.5, 160, 60.2),
)  # fmt: skip
