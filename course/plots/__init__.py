"""Every picture of the lectures. A function returns a matplotlib Figure and shows nothing.

`FIGURES` maps each figure's name to a function that needs no argument; `save` and `save_all` write them.
"""

from course.plots.convolution import (
    grouped_kernel,
    receptive_field_cone,
    receptive_field_growth,
    sliding_window,
    sliding_window_animation,
)
from course.plots.gallery import save, save_all
from course.plots.style import FIGURES

__all__ = [
    "FIGURES",
    "grouped_kernel",
    "receptive_field_cone",
    "receptive_field_growth",
    "save",
    "save_all",
    "sliding_window",
    "sliding_window_animation",
]
