"""Does an answer use what the exercise asks it to write? By its source, and by the objects it reaches."""

import ast
import inspect
import types
from collections.abc import Iterable, Iterator


def uses(answers: Iterable, forbidden: Iterable[str]) -> set[str]:
    """The forbidden dotted names that functions reach through their globals, however they are aliased."""
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
    return found


def mentions(source: str, forbidden: Iterable[str]) -> set[str]:
    """The forbidden dotted names that a cell's source imports or spells out."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()  # it cannot run either
    spelled = set(_spelled(tree))
    return {name for name in forbidden if any(s == name or s.startswith(f"{name}.") for s in spelled)}


def _belongs(reached, name: str) -> bool:
    home = reached.__name__ if isinstance(reached, types.ModuleType) else getattr(reached, "__module__", None)
    return isinstance(home, str) and (home == name or home.startswith(f"{name}."))


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
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)
