"""Does an answer use what the exercise asks it to write? By its source, and by the objects it reaches."""

import ast
import functools
import inspect
import sys
import types
from collections.abc import Iterable, Iterator

from autograder.source import LARGEST, parse

# What a container holds, read by its own type's methods: those of a student's subclass may say anything.
CONTENTS = {
    dict: dict.values,
    **{kind: kind.__iter__ for kind in (list, tuple, set, frozenset)},
    functools.partial: lambda partial: (partial.func, *partial.args, *partial.keywords.values()),
    types.MethodType: lambda method: (method.__func__, method.__self__),
}
EVALUATING = frozenset({"exec", "eval", "compile", "__import__", "globals", "vars"})  # functions of Python's
ROUNDABOUT = frozenset({
    "gc", "ctypes", "importlib", "inspect", "builtins", "pickle", "marshal", "autograder", "get_ipython",
    "__import__", "__builtins__", "__subclasses__", "__globals__", "__dict__", "__self__",
    "modules", "_getframe", "f_globals", "f_back", "attrgetter",
})  # fmt: skip
DATA = {int, float, complex, bool, str, bytes, type(None)}  # of which a list may have millions


def uses(answers: Iterable, forbidden: Iterable[str]) -> set[str]:
    """The forbidden dotted names that answers reach, under any alias.

    That is through globals, closures and defaults, bases and attributes, and whatever these hold.
    """
    found, seen = set(), {}  # what was seen is kept, and so its id
    todo = list(answers)
    while todo:
        reached = todo.pop()
        if id(reached) in seen:
            continue
        seen[id(reached)] = reached
        found |= {name for name in forbidden if _belongs(reached, name)}
        if isinstance(reached, types.FunctionType) and reached.__module__ == "__main__":
            names = _names(reached.__code__)
            todo += _attributes(reached.__globals__, names)
            todo += inspect.getclosurevars(reached).nonlocals.values()
            todo += [reached.__defaults__, reached.__kwdefaults__]
        elif isinstance(reached, type) and reached.__module__ == "__main__":
            todo += [*reached.__bases__, *map(_inner, vars(reached).values())]
        else:
            todo += _held(reached)
    return found


def mentions(source: str, forbidden: Iterable[str]) -> set[str]:
    """The forbidden dotted names that a cell's source imports or spells out."""
    tree = parse(source)
    if tree is None:
        return set()  # it cannot run either, or is `roundabout`
    spelled = set(_spelled(tree))
    spelled |= {name.removeprefix("tensorflow.") for name in spelled}  # tensorflow.keras is keras
    return {name for name in forbidden if any(s == name or s.startswith(f"{name}.") for s in spelled)}


def roundabout(source: str) -> set[str]:
    """The names in a cell through which forbidden things can be had without naming them.

    A variable of the student's own may have such a name, and `re.compile` is not Python's `compile`.
    """
    tree = parse(source)
    if tree is None:
        return set() if _is_mistaken(source) else {"code that cannot be looked through"}
    spelled, own = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                own.add(name)
            case ast.Attribute(attr=name):
                spelled |= {name} & ROUNDABOUT
            case ast.Import(names=names):
                spelled |= {alias.name.split(".")[0] for alias in names} & ROUNDABOUT
            case ast.ImportFrom(module=module, names=names):
                spelled |= {(module or "").split(".")[0], *(each.name for each in names)} & ROUNDABOUT
            case ast.Constant(value=str(text)):  # getattr(builtins, "exec")
                spelled |= {text} & (ROUNDABOUT | EVALUATING)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return spelled | (names & EVALUATING) | (names & ROUNDABOUT - own)


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


def _held(reached) -> Iterator:
    """An object's class, what is in it, and the attributes of an instance of a student's class."""
    kind = type(reached)
    yield kind
    for container, contents in CONTENTS.items():
        if issubclass(kind, container):
            yield from (each for each in contents(reached) if type(each) not in DATA)
    if kind.__module__ == "__main__":
        yield from getattr(reached, "__dict__", {}).values()


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


def _is_mistaken(source: str) -> bool:
    """Whether a notebook could not run the source either."""
    from IPython.core.inputtransformer2 import TransformerManager

    if len(source) > LARGEST:
        return False
    try:
        ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError):
        return True
    except (RuntimeError, MemoryError):  # nested too deeply, or too many magics
        pass
    return False


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
