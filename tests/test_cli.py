"""The `course` command: tables, machine formats, errors in one sentence."""

import json
import os
import subprocess
import sys
from io import StringIO

import pandas as pd
import pytest
from typer.testing import CliRunner

from course import golden
from course.cli import app
from course.cost import ERRATA


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def read(*arguments) -> pd.DataFrame:
    result = run(*arguments, "--csv")
    assert result.exit_code == 0, result.output
    return pd.read_csv(StringIO(result.stdout))


def test_the_first_lectures_table():
    lines = run("cost", "alexnet", "--lecture").stdout.splitlines()
    (conv1,) = (line.split() for line in lines if line.startswith("conv1"))
    assert conv1[:12] == ["conv1", "3", "227", "64", "11", "4", "2", "64", "56", "784", "23", "73"]
    assert conv1[12:] == ["802,816", "23,296", "72,855,552"]
    (total,) = (line.split() for line in lines if line.startswith("total"))
    assert total == ["total", "2303", "61,101", "718", "2,358,432", "61,100,840", "717,562,112"]


def test_cost_of_every_layer():
    output = run("cost", "lenet5").stdout
    assert "28×28×6" in output
    assert "61,706" in output
    rows = read("cost", "lenet5")
    assert rows["params"].sum() == 61_706
    assert json.loads(run("cost", "lenet5", "--json").stdout)[0]["macs"] == 117_600


def test_cost_takes_a_shape():
    rows = read("cost", "mobilenet", "--shape", "128,128,3")
    assert round(rows["macs"].sum() / 1e6) == 186


def test_models():
    rows = read("models", "resnet*")
    assert {"resnet50", "resnet152"} <= set(rows["name"])
    assert rows["name"].str.startswith("resnet").all()
    assert len(read("models")) == len(golden.read())


def test_compare():
    output = run("compare", "alexnet", "vgg16").stdout
    assert "138,357,544" in output
    assert "21.58" in output
    assert read("compare", "alexnet", "vgg16")["macs"].tolist() == [716_767_232, 15_470_264_320]


@pytest.mark.parametrize(
    ("arguments", "pixels"),
    [
        (("vgg16", "conv5_3"), "196"),
        (("alexnet", "pool5"), "195"),
        (("resnet50",), "483"),
        (("resnet152",), "1507"),
    ],
)
def test_receptive_field(arguments, pixels):
    assert run("receptive-field", *arguments).stdout == f"{pixels}\n"


def test_errata():
    assert len(read("errata")) == len(ERRATA)
    assert "37,752,832" in run("errata").stdout
    assert json.loads(run("errata", "--json").stdout)[0]["right"] == "37,752,832"


def test_summary():
    output = run("summary", "vgg16").stdout
    assert "138M" in output
    assert "138,357,544" in output


def test_plot(tmp_path):
    assert "cost_bars" in run("plot").stdout.split()
    path = tmp_path / "kernel.svg"
    assert run("plot", "grouped_kernel", "-o", str(path)).stdout == f"{path}\n"
    assert path.stat().st_size > 1000


def test_plot_all(tmp_path, monkeypatch):
    from course import plots

    monkeypatch.setattr("course.plots.gallery.FIGURES", {"grouped_kernel": plots.grouped_kernel})
    monkeypatch.setattr("course.plots.gallery.ANIMATIONS", {})
    assert run("plot", "--all", "-o", str(tmp_path)).stdout == f"{tmp_path / 'grouped_kernel.png'}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("cost", "alexnt"), "There is no architecture called 'alexnt'. Did you mean alexnet"),
        (("cost", "vgg16", "--shape", "10,10,3"), "The least size is 32x32."),
        (("cost", "vgg16", "--shape", "224"), "--shape takes height,width,channels"),
        (("cost", "lenet5", "--csv", "--json"), "--csv and --json exclude each other"),
        (("compare", "alexnet", "nonsense"), "There is no architecture called 'nonsense'."),
        (("receptive-field", "vgg16", "conv9_9"), "There is no layer in this network called 'conv9_9'."),
        (("models", "zzz"), "No architecture matches 'zzz'"),
        (("plot", "cost_bar", "-o", "x.svg"), "There is no figure called 'cost_bar'. Did you mean cost_bars"),
        (("plot", "cost_bars"), "Say where to with -o"),
        (("plot", "grouped_kernel", "-o", "/proc/nowhere/x.svg"), "/proc/nowhere"),
    ],
)
def test_errors_are_a_sentence_on_stderr(arguments, sentence):
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_the_command_starts_without_a_line_of_tensorflow(tmp_path):
    """In a process of its own: nothing on stderr, and errata without Keras."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}

    def course(*arguments):
        command = [sys.executable, "-c", "from course.cli import main; main()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    result = course("receptive-field", "lenet5", "C5")
    assert (result.stdout, result.stderr, result.returncode) == ("32\n", "", 0)
    result = course("cost", "alexnt")
    assert (result.stdout, result.stderr.count("\n"), result.returncode) == ("", 1, 2)
    code = "import sys\nfrom course.cli import app\napp(['errata', '--json'], standalone_mode=False)\n"
    code += "assert not {'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
