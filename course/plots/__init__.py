"""Every picture of the lectures. A function returns a matplotlib Figure and shows nothing.

`FIGURES` maps each figure's name to a function that needs no argument; `save` and `save_all` write them.
"""

from course.plots.architecture import architecture, module
from course.plots.convolution import (
    dense_connectivity,
    grouped_kernel,
    receptive_field_cone,
    receptive_field_growth,
    sliding_window,
    sliding_window_animation,
)
from course.plots.costs import accuracy_against_operations, cost_bars, cost_comparison
from course.plots.gallery import save, save_all
from course.plots.learning import feature_maps, first_layer_kernels, gradient_norms
from course.plots.papers import (
    cardinality_against_width,
    compression_table,
    densenet_against_resnet,
    imagenet_timeline,
    mobilenet_tradeoffs,
)
from course.plots.scaling import compound_scaling, efficientnet_against_others
from course.plots.style import FIGURES

__all__ = [
    "FIGURES",
    "accuracy_against_operations",
    "architecture",
    "cardinality_against_width",
    "compound_scaling",
    "compression_table",
    "cost_bars",
    "cost_comparison",
    "dense_connectivity",
    "densenet_against_resnet",
    "efficientnet_against_others",
    "feature_maps",
    "first_layer_kernels",
    "gradient_norms",
    "grouped_kernel",
    "imagenet_timeline",
    "mobilenet_tradeoffs",
    "module",
    "receptive_field_cone",
    "receptive_field_growth",
    "save",
    "save_all",
    "sliding_window",
    "sliding_window_animation",
]
