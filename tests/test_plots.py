"""Figures: each draws without pyplot, with axes that say what they show; and what some of them must say."""

import subprocess
import sys
import warnings
from pathlib import Path

import keras
import matplotlib
import numpy as np
import pytest
from keras import layers as L
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import course
from course import cost, plots
from course.plots import diagrams, style
from course.plots.learning import _backpropagate
from course.plots.results import CHALLENGE, COMPRESSION


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("name", plots.FIGURES)
def test_every_figure_draws_with_labelled_axes(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # a glyph that the font lacks, a layout that does not fit
        figure = plots.FIGURES[name]()
        figure.canvas.draw()
    assert isinstance(figure, Figure)
    for axes in filter(is_chart, figure.axes):
        place = axes.get_subplotspec()
        assert axes.get_xlabel() or axes.get_title() or not place.is_last_row() or has_names(axes.xaxis)
        assert axes.get_ylabel() or has_names(axes.yaxis) or not place.is_first_col()
    width, height = figure.get_size_inches()
    assert width <= 10
    assert height <= 7


def is_chart(axes) -> bool:
    return axes.axison and len(axes.get_xticks()) > 0


def has_names(axis) -> bool:
    """Whether its ticks are words."""
    return any(label.get_text().strip("0123456789.−") for label in axis.get_ticklabels())


def test_figures_leave_no_trace_in_pyplot_and_in_the_users_settings():
    before = dict(matplotlib.rcParams)
    plots.grouped_kernel()
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_jupyter_shows_a_returned_figure():
    assert plots.grouped_kernel()._repr_png_().startswith(b"\x89PNG")


def test_importing_the_course_does_not_import_matplotlib():
    code = "import sys, course; sys.exit('matplotlib' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_series_differ_without_colour():
    looks = [style.series(i) for i in range(7)]
    assert len({look["marker"] for look in looks}) == 7
    assert len({str(look["linestyle"]) for look in looks}) == 7
    grey = [np.dot(to_rgb(colour), (0.299, 0.587, 0.114)) for colour in (style.BLUE, style.ORANGE)]
    assert abs(grey[0] - grey[1]) > 0.2  # the two of every comparison


def test_sliding_window_computes_the_lectures_map():
    expected = [[-5, -4, 3, 5], [-10, -2, 2, 3], [0, -2, -4, -7], [-3, -2, -3, -16]]
    shown = texts(plots.sliding_window(step=15))
    assert [str(value).replace("-", "−") for value in np.ravel(expected)] == shown[-19:-3]
    for step, value in enumerate(np.ravel(expected)):
        sentence = texts(plots.sliding_window(step=step))[-1]
        assert sentence.endswith(f"= {value}".replace("-", "−"))
        assert sentence.count("·") == 9


def test_sliding_window_takes_any_image_and_refuses_the_impossible():
    image = np.arange(12).reshape(3, 4)
    assert "output 2×3" in texts(plots.sliding_window(image, np.eye(2), step=5))
    with pytest.raises(ValueError, match="step must be from 0 to 5"):
        plots.sliding_window(image, np.eye(2), step=6)
    with pytest.raises(ValueError, match="does not fit"):
        plots.sliding_window(image, np.eye(4))


def test_the_animation_plays_and_saves(tmp_path):
    film = plots.sliding_window_animation([[1, 2], [3, 4]], [[1]])
    assert "<script" in film._repr_html_()
    path = plots.save("sliding_window", tmp_path / "window.gif")
    assert path.read_bytes().startswith(b"GIF8")


def test_receptive_fields():
    assert "7 px" in texts(plots.receptive_field_cone([(3, 1)] * 3))
    legend = plots.receptive_field_growth(["vgg16", [(7, 2), (3, 2)]]).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["vgg16: 212", "7×7/2 + 3×3/2: 11"]


def test_grouped_kernel_fills_the_diagonal_blocks():
    axes = plots.grouped_kernel(8, 4, groups=2).axes[0]
    filled = [patch for patch in axes.patches if to_rgb(patch.get_facecolor()) != (1, 1, 1)]
    assert len(axes.patches) == 32
    assert len(filled) == 16
    with pytest.raises(ValueError, match="groups=3"):
        plots.grouped_kernel(8, 4, groups=3)


def test_bars_are_the_cost_table():
    figure = plots.cost_bars("alexnet")
    memory, params, macs = ([bar.get_height() for bar in axes.patches] for axes in figure.axes)
    assert memory[0] == 784
    assert sum(params) == pytest.approx(61_100.840)
    assert sum(macs) == pytest.approx(716.767232)


def test_comparison_sums_to_the_totals():
    figure = plots.cost_comparison("alexnet", "vgg16")
    for axes, column, unit in zip(figure.axes, ("bytes", "params", "macs"), (2**20, 1e6, 1e6), strict=True):
        first, second = (sum(bar.get_height() for bar in bars) for bars in axes.containers)
        assert first == pytest.approx(getattr(cost.total("alexnet"), column) / unit)
        assert second == pytest.approx(getattr(cost.total("vgg16"), column) / unit)


def test_bubbles_need_a_printed_error():
    with pytest.raises(ValueError, match="prints no top-1 error of lenet5"):
        plots.accuracy_against_operations(["lenet5"])


def test_results_agree_with_the_networks():
    depth = {entry.name: entry.layers for entry in CHALLENGE}
    for name, entry in (
        ("alexnet_2012", "AlexNet"),
        ("zfnet", "ZFNet"),
        ("vgg19", "VGG"),
        ("resnet152", "ResNet"),
    ):
        rows = cost.table(name)
        counted = rows["kind"].isin(["Conv2D", "Dense"]) & ~rows["name"].str.endswith("shortcut")
        assert counted.sum() == depth[entry]
    reduction = [round(COMPRESSION[0].megabytes / row.megabytes) for row in COMPRESSION]
    assert reduction == [1, 5, 9, 35, 50, 364, 511]  # the paper cuts the last two to 363 and 510


def test_gradients_vanish_with_sigmoids_and_not_with_shortcuts():
    from course.plots.learning import _initial_norms

    ratio = {label: values[0] / values[-1] for label, values in _initial_norms().items()}
    assert ratio["sigmoid, Glorot"] < 1e-4
    assert all(value > 0.05 for label, value in ratio.items() if "sigmoid" not in label)


def test_gradient_norms_are_those_of_keras():
    """Two layers, written out with the network's own operations, against numeric differences."""
    random = np.random.default_rng(0)
    inputs, targets = random.standard_normal((2, 256, 3))
    weights = random.standard_normal((2, 3, 3)) * np.sqrt(1 / 3)

    def loss(weights):
        hidden = inputs
        for weight in weights:
            hidden = np.tanh(hidden @ weight) + hidden
        return 0.5 * np.sum((hidden - targets) ** 2) / len(inputs)

    numeric = np.zeros_like(weights)
    for index in np.ndindex(weights.shape):
        step = np.zeros_like(weights)
        step[index] = 1e-5
        numeric[index] = (loss(weights + step) - loss(weights - step)) / 2e-5
    ours = _backpropagate(np.tanh, lambda a: 1 - a**2, variance=1, shortcut=True, layers=2, units=3)
    np.testing.assert_allclose(ours, [np.linalg.norm(each) for each in numeric], rtol=1e-5)


def test_kernels_and_maps_of_a_model():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, L.Conv2D(5, 3, name="conv")(image))
    assert len(plots.first_layer_kernels(model).axes) == 5
    maps = plots.feature_maps(model, np.random.default_rng(0).random((8, 8, 3)), "conv")
    assert len([axes for axes in maps.axes if axes.images]) == 6


def test_diagram_folds_stages_and_shows_shapes():
    shown = texts(plots.architecture("googlenet"))
    assert {"inception_4a … 4e   × 5", "14×14×832", "224×224×3", "7×7 conv, 64, /2"} <= set(shown)
    shown = texts(plots.architecture("resnet50"))
    assert {"conv4_1 … 6   × 6", "1×1, 3×3, 1×1; add shortcut", "14×14×1024"} <= set(shown)
    assert "× " not in "".join(texts(plots.architecture("lenet5")))


def test_module_shows_its_branches():
    shown = texts(plots.module("googlenet", "inception_3a"))
    assert {"28×28×192", "5×5 conv, 32", "3×3 max pool", "28×28×256"} <= set(shown)
    with pytest.raises(ValueError, match="Did you mean inception_3"):
        plots.module("googlenet", "inception_3")


def test_parts_cut_where_everything_passes():
    from course.cost.graph import walk

    image = keras.Input((8, 8, 4))
    a = L.Conv2D(4, 1, name="a")(image)
    b = L.Conv2D(4, 1, name="b")(a)
    c = L.Add(name="c")([a, b])
    model = keras.Model(image, L.Flatten(name="d")(c))
    parts = [[node.name for node in part] for part in diagrams._parts(walk(model))]
    assert parts == [["a"], ["b", "c"], ["d"]]


def test_diagram_of_a_model_of_ones_own():
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(2, 3, name="mine"), L.Flatten(), L.Dense(5)])
    assert "mine" in texts(plots.architecture(model))
    assert course.build("lenet5", symbolic=True).name == "lenet5"


def test_save(tmp_path):
    path = plots.save("grouped_kernel", tmp_path / "new" / "kernel.svg")
    assert "<svg" in Path(path).read_text()
    with pytest.raises(ValueError, match=r"no figure called 'gruped_kernel'.* Did you mean grouped_kernel"):
        plots.save("gruped_kernel", tmp_path / "x.svg")
    with pytest.raises(ValueError, match="not supported"):
        plots.save("grouped_kernel", tmp_path / "x.xyz")


def test_save_all_writes_every_figure(tmp_path, monkeypatch):
    monkeypatch.setattr("course.plots.gallery.FIGURES", {"grouped_kernel": plots.grouped_kernel})
    monkeypatch.setattr("course.plots.gallery.ANIMATIONS", {})
    assert [path.name for path in plots.save_all(tmp_path)] == ["grouped_kernel.png"]
