"""The table of every architecture: `row` and `@family` fill it, `names` and `facts` read it."""

import fnmatch
import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from course.errors import unknown

PAPERS = Path(__file__).with_name("papers.bib")


@dataclass(frozen=True)
class Row:
    """One line of a paper's table: what the builder needs, and the facts as the paper prints them."""

    arguments: Mapping
    printed: Mapping[str, str]
    note: Mapping[str, str]
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Architecture:
    """A registered network: its name, family (the file in course/models), paper, builder and row."""

    name: str
    family: str
    paper: str
    builder: Callable = field(repr=False)
    row: Row = field(repr=False)


MODELS: dict[str, Architecture] = {}
ALIASES: dict[str, str] = {}


def row(
    *,
    params: str | None = None,
    macs: str | None = None,
    top1: str | None = None,
    top5: str | None = None,
    note: Mapping[str, str] | None = None,
    aliases: tuple[str, ...] = (),
    **arguments,
) -> Row:
    """One variant: printed facts by name, everything else goes to the builder.

    Facts are strings exactly as printed: params and macs with their unit (`"138M"`, `"3.6G"`), top1
    and top5 as error in percent. `note` says, fact by fact, why our own number differs from the print.
    """
    printed = {"params": params, "macs": macs, "top1": top1, "top5": top5}
    return Row(arguments, {k: v for k, v in printed.items() if v is not None}, note or {}, aliases)


def family(*, paper: str, variants: Mapping[str, Row]) -> Callable:
    """Register the builder that this decorates under every name of `variants`.

    `paper` is a key of papers.bib. Raises ValueError where a name or an alias is taken.
    """

    def register(builder: Callable) -> Callable:
        module = builder.__module__.rpartition(".")[2]
        for name, variant in variants.items():
            for taken in (name, *variant.aliases):
                if taken in MODELS or taken in ALIASES:
                    raise ValueError(f"{taken!r} is registered twice, the second time in {module}.py.")
            MODELS[name] = Architecture(name, module, paper, builder, variant)
            ALIASES.update(dict.fromkeys(variant.aliases, name))
        return builder

    return register


def load_models() -> dict[str, Architecture]:
    """MODELS of every file in course/models, file by file in alphabetical order."""
    import course.models

    for module in pkgutil.iter_modules(course.models.__path__):
        importlib.import_module(f"course.models.{module.name}")
    return {each.name: each for each in sorted(MODELS.values(), key=lambda each: each.family)}


def find(name: str) -> Architecture:
    """The architecture with this name or alias. Raises ValueError with the nearest names."""
    models = load_models()
    name = ALIASES.get(name, name)
    if name not in models:
        raise unknown("architecture", name, [*models, *ALIASES])
    return models[name]


def names(pattern: str = "*") -> list[str]:
    """The registered names that match a shell-style pattern, such as `"resnet*"`."""
    return [name for name in load_models() if fnmatch.fnmatch(name, pattern)]


def facts(name: str) -> dict:
    """What the paper prints of an architecture: family, paper, title, year, and the row's figures."""
    architecture = find(name)
    paper = papers()[architecture.paper]
    return {
        "name": architecture.name,
        "family": architecture.family,
        "paper": architecture.paper,
        "title": paper["title"],
        "year": int(paper["year"]),
        **architecture.row.printed,
        "note": dict(architecture.row.note),
    }


@cache
def papers() -> dict[str, dict[str, str]]:
    """papers.bib as a table: key -> fields. One field a line, as that file is written."""
    entries = re.findall(r"^@\w+\{(\S+),\n(.*?)^\}", PAPERS.read_text(), flags=re.MULTILINE | re.DOTALL)
    return {
        key: dict(re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", body, re.MULTILINE)) for key, body in entries
    }


UNITS = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}


def format_like(value: float, printed: str) -> str:
    """`value` in the unit and to the precision of a printed figure: (15.47e9, "15.5G") -> "15.5G"."""
    match = re.fullmatch(r"([\d,]+)(?:\.(\d+))?\s*([kKMG]?)", printed)
    if match is None:
        raise ValueError(f"{printed!r} is not a figure such as 138M, 15.5G or 61,706.")
    _, decimals, unit = match.groups()
    comma = "," if "," in printed else ""
    text = f"{value / UNITS[unit]:{comma}.{len(decimals or '')}f}"
    return text + printed[len(printed.rstrip("kKMG ")) :]
