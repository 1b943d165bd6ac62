"""Does an answer use what the exercise asks it to write? By its source, and by the objects it reaches."""

import ast
import inspect
import sys
import types
from collections.abc import Iterable, Iterator


def uses(answers: Iterable, forbidden: Iterable[str]) -> set[str]:
    """The forbidden dotted names that functions and classes reach through their globals, under any alias."""
    found, seen = set(), set()
    todo = list(answers)
    while todo:
        reached = todo.pop()
        if id(reached) in seen:
            continue
        seen.add(id(reached))
        found |= {name for name in forbidden if _belongs(reached, name)}
        if isinstance(reached, types.FunctionType) and reached.__module__ == "__main__":
            names = _names(reached.__code__)
            todo += _attributes(reached.__globals__, names)
            todo += inspect.getclosurevars(reached).nonlocals.values()
        elif isinstance(reached, type) and reached.__module__ == "__main__":
            todo += [*reached.__bases__, *map(_inner, vars(reached).values())]
    return found


def mentions(source: str, forbidden: Iterable[str]) -> set[str]:
    """The forbidden dotted names that a cell's source imports or spells out."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()  # it cannot run either
    spelled = set(_spelled(tree))
    spelled |= {name.removeprefix("tensorflow.") for name in spelled}  # tensorflow.keras is keras
    return {name for name in forbidden if any(s == name or s.startswith(f"{name}.") for s in spelled)}


def _belongs(reached, name: str) -> bool:
    home = reached.__name__ if isinstance(reached, types.ModuleType) else getattr(reached, "__module__", None)
    inside = isinstance(home, str) and (home == name or home.startswith(f"{name}."))
    return inside or (reached is not None and reached is _named(name))


def _named(name: str):
    """What a dotted name stands for in the modules that have been imported; None where it is not there."""
    root, *rest = name.split(".")
    value = sys.modules.get(root)
    for part in rest:
        value = getattr(value, "__dict__", {}).get(part)  # without an import that getattr could start
    return value


def _inner(attribute):
    """The function in a method, static method or property."""
    return getattr(attribute, "__func__", None) or getattr(attribute, "fget", None) or attribute


def _attributes(namespace: dict, names: set[str]) -> Iterator:
    """What the names stand for, and what they stand for inside modules: np.linalg.norm, step by step."""
    for name in names & namespace.keys():
        value = namespace[name]
        yield value
        if isinstance(value, types.ModuleType):
            yield from _attributes(vars(value), names - {name})


def _names(code: types.CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*(_names(each) for each in inner))


def _spelled(tree: ast.AST) -> Iterator[str]:
    """Every dotted name in the source; those that begin with the alias of an import, also in full."""
    aliases = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
                aliases |= {alias.asname: alias.name for alias in names if alias.asname}
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
                aliases |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root, _, rest = ast.unparse(node).partition(".")
            yield f"{aliases.get(root, root)}.{rest}"
