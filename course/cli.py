"""`course …`: what the package knows, on the command line.

Tables go to stdout, as csv or json on request; an error is one sentence on stderr and exit code 2.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from course.silence import silence

if TYPE_CHECKING:
    import pandas as pd


class Commands(typer.core.TyperGroup):
    """Errors that the user can correct are one sentence, without a traceback."""

    def invoke(self, ctx):
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader, such as `head`, has enough
            raise
        except (ValueError, OSError, ImportError) as error:
            typer.echo(error, err=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="CNN architectures of a deep-learning course, and what each of them costs.",
)

Name = Annotated[str, typer.Argument(help="An architecture; `course models` lists them.")]
Shape = Annotated[str | None, typer.Option(help="Input as height,width,channels; the paper's by default.")]
Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated values.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, one object a row.")]


@app.command("models")
def list_models(
    pattern: Annotated[str, typer.Argument(help="Such as 'resnet*'.")] = "*",
    csv: Csv = False,
    json: Json = False,
) -> None:
    """List the architectures, with parameters and multiply-accumulates."""
    import pandas as pd

    from course import golden

    rows = golden.models(pattern)
    if not rows:
        raise ValueError(f"No architecture matches {pattern!r}; `course models` lists them all.")
    columns = ["name", "family", "year", "params", "macs", "top5"]
    _show(pd.DataFrame(rows)[columns].fillna(""), csv, json, title="Architectures")


@app.command()
def cost(
    name: Name,
    shape: Shape = None,
    lecture: Annotated[bool, typer.Option("--lecture", help="The first lecture's table.")] = False,
    csv: Csv = False,
    json: Json = False,
) -> None:
    """Cost of each layer: output, parameters, multiply-accumulates, memory, receptive field."""
    _start_keras()
    from course.cost import counting, slide

    size = _shape(shape)
    rows = slide.lecture(name, size) if lecture else counting.table(name, size)
    if csv or json or lecture:
        _show(rows, csv, json, title=name)
        return
    page = rows[["name", "kind"]].assign(output=_output(rows))
    for column in ("params", "macs", "bytes", "receptive_field"):
        page[column] = rows[column]
    total = counting.sums(rows)
    page = page.astype(object)
    page.loc[len(page)] = ["total", "", "", total.params, total.macs, total.bytes, ""]
    _show(page, title=name)


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(help="Architectures.")], csv: Csv = False, json: Json = False
) -> None:
    """Totals of several networks, and how they compare with the first."""
    _start_keras()
    from course.cost import counting

    rows = counting.compare(names).rename_axis("name").reset_index()
    if not (csv or json):
        for column in ("params", "macs", "bytes"):
            ratio = rows[column] / rows[column].iloc[0]
            rows.insert(rows.columns.get_loc(column) + 1, f"{column} ×", ratio.map("{:.2f}".format))
    _show(rows, csv, json, title="Whole networks, one image")


@app.command()
def receptive_field(
    name: Name,
    layer: Annotated[str | None, typer.Argument(help="A layer's name; the last map by default.")] = None,
) -> None:
    """Side, in pixels of the input, of what one output of a layer depends on."""
    _start_keras()
    from course.cost import counting

    print(counting.receptive_field(name, layer))


@app.command()
def errata(csv: Csv = False, json: Json = False) -> None:
    """What the lectures' slides print wrongly, and what is right."""
    import pandas as pd

    from course.cost.errata import ERRATA

    _show(pd.DataFrame(ERRATA), csv, json, title="Errata")


@app.command()
def summary(name: Name, csv: Csv = False, json: Json = False) -> None:
    """What the paper prints of a network, beside what ours measures."""
    _start_keras()
    from course.summaries import summary as facts

    _show(facts(name).rename_axis("fact").reset_index(), csv, json, title=name)


@app.command()
def plot(
    name: Annotated[str | None, typer.Argument(help="A figure; without one, their names.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File (.svg, .png, .pdf), or folder with --all.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every figure, into the folder OUTPUT.")] = False,
) -> None:
    """Draw a figure of the lectures into a file."""
    _start_keras()
    from course import plots

    if not every and name is None:
        print("\n".join(plots.FIGURES))
        return
    if output is None:
        raise ValueError("Say where to with -o: a file such as figure.svg, or with --all a folder.")
    for path in plots.save_all(output) if every else [plots.save(name, output)]:
        print(path)


@app.command()
def train(
    name: Name,
    data: Annotated[str, typer.Option(help="A dataset, such as cifar100, digits or shapes100.")],
    epochs: Annotated[int | None, typer.Option(min=1, help="In all; the recipe's by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/NAME-DATA by default.")] = None,
    recipe: Annotated[str | None, typer.Option(help="The network's own by default.")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Images in a step; the recipe's by default.")
    ] = None,
    shape: Shape = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many epochs without a better accuracy.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="Such as mixed_float16, on a GPU.")] = None,
    devices: Annotated[int, typer.Option(min=1, help="GPUs to divide each step among.")] = 1,
) -> None:
    """Train a network by a recipe of the lectures; after an interruption the same command goes on."""
    _start_keras()
    from course.training import placing, runs

    folder = out or Path("runs") / f"{name}-{data}"
    config = runs.configure(
        name, data, recipe, batch=batch, shape=_shape(shape), seed=seed, precision=precision
    )
    try:
        runs.train(config, folder, epochs, patience=patience, distribution=placing.mirrored(devices))
    except KeyboardInterrupt:
        typer.echo(f"\nStopped; the same command goes on from the last epoch kept in {folder}.", err=True)
        raise typer.Exit(130) from None
    print(f"{folder}: {folder / runs.WEIGHTS}")


@app.command()
def evaluate(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of finished runs.")],
    crops: Annotated[str, typer.Option(help="Views of each image: one, ten or multi.")] = "one",
    csv: Csv = False,
    json: Json = False,
) -> None:
    """Accuracy on the test images, of each run and of all of them as an ensemble."""
    _start_keras()
    from course.training import runs

    rows = runs.evaluate(folders, crops).reset_index()
    if not (csv or json):
        for column in rows.columns[2:]:
            rows[column] = rows[column].map("{:.2%}".format)
    _show(rows, csv, json, title="Test images")


def _shape(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        height, width, channels = map(int, text.split(","))
    except ValueError:
        raise ValueError(f"--shape takes height,width,channels, such as 224,224,3, not {text!r}.") from None
    return height, width, channels


def _output(rows: "pd.DataFrame") -> list[str]:
    """56×56×64, or 1000 for a vector."""
    sizes = zip(rows["out_h"], rows["out_w"], rows["out_c"], strict=True)
    return [f"{c}" if h == w == 1 else f"{h}×{w}×{c}" for h, w, c in sizes]


def _show(rows: "pd.DataFrame", csv: bool = False, json: bool = False, title: str = "") -> None:
    if csv and json:
        raise ValueError("--csv and --json exclude each other: choose one.")
    if csv:
        print(rows.to_csv(index=False), end="")
    elif json:
        print(rows.to_json(orient="records", indent=1, force_ascii=False, default_handler=str))
    else:
        _print(rows, title)


def _print(rows: "pd.DataFrame", title: str) -> None:
    """A table for people: thousands with commas, no number broken, as wide as that takes."""
    page = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    columns = []
    for i, name in enumerate(rows):
        values = [value for value in rows[name] if value != ""]
        numeric = all(isinstance(value, int) for value in values)
        cells = [f"{v:,}" if isinstance(v, int) and v > 9999 else str(v) for v in rows[name]]
        header = str(name).replace(" (", "\n(")
        widest = max(map(len, [*header.split("\n"), *cells])) if numeric or i == 0 else None
        page.add_column(header, justify="right" if numeric else "left", min_width=widest)
        columns.append(cells)
    for row in zip(*columns, strict=True):
        page.add_row(*row)
    console = Console()
    needed = Console(width=1000).measure(page).minimum
    console.width = max(console.width if console.is_terminal else 120, needed)
    console.print(page)


def _start_keras() -> None:
    """Import Keras, and TensorFlow behind it, without the lines that it logs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence():
        import keras  # noqa: F401


def main() -> None:
    """The entry point of the `course` command."""
    app()


if __name__ == "__main__":
    main()
