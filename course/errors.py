"""Errors for people: what is wrong, and the nearest thing that would be right."""

import difflib
from collections.abc import Iterable


def unknown(what: str, name: str, known: Iterable[str]) -> ValueError:
    """A ValueError that says `name` is no `what` and offers the nearest of the known names."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return ValueError(f"There is no {what} called {name!r}.{hint}")


def check_positive_integer(argument: str, value) -> None:
    """Raise a ValueError unless `value` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{argument} must be an integer of at least 1, not {value!r}.")
