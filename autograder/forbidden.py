"""Does an answer use what the exercise asks it to write? By its source, and by the objects it reaches."""

import ast
import functools
import gc
import sys
import types
from collections.abc import Iterable, Iterator

from autograder.source import LARGEST, parse

EVALUATING = frozenset({"exec", "eval", "compile", "__import__", "globals", "vars"})  # functions of Python's
ROUNDABOUT = frozenset({
    "gc", "ctypes", "importlib", "inspect", "builtins", "pickle", "marshal", "autograder", "get_ipython",
    "__import__", "__builtins__", "__subclasses__", "__globals__", "__dict__", "__self__",
    "modules", "_getframe", "f_globals", "f_back", "attrgetter",
})  # fmt: skip
UNCLEAR = {"code that cannot be looked through"}
DATA = {int, float, complex, bool, str, bytes, type(None)}  # of which a list may have millions
# types of which all that an object holds is looked at, beside those that a student writes
CONTAINERS = (
    *(dict, list, tuple, set, frozenset, property, staticmethod, classmethod),
    *(functools.partial, types.CellType, types.MethodType),
)


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
        own = "__main__" in (getattr(reached, "__module__", None), type(reached).__module__)
        if isinstance(reached, types.FunctionType):
            if own:
                todo += _attributes(reached.__globals__, _names(reached.__code__))
                todo += [reached.__closure__, reached.__defaults__, reached.__kwdefaults__]
        elif isinstance(reached, type):
            todo += [*reached.__bases__, *vars(reached).values()] if own else []
        else:
            todo.append(type(reached))
            if own or isinstance(reached, CONTAINERS):  # by Python's own account, not by a student's methods
                todo += (each for each in gc.get_referents(reached) if type(each) not in DATA)
    return found


def mentions(source: str, forbidden: Iterable[str]) -> set[str]:
    """The forbidden dotted names that a cell's source imports or spells out."""
    tree = parse(source)
    if tree is None:
        return set()  # it cannot run either, or is `roundabout`
    spelled = set(_spelled(tree))
    spelled |= {name.removeprefix("tensorflow.") for name in spelled}  # tensorflow.keras is keras
    return {name for name in forbidden if any(f"{each}.".startswith(f"{name}.") for each in spelled)}


def roundabout(source: str) -> set[str]:
    """The names in a cell through which forbidden things can be had without naming them.

    A variable of the student's own may have such a name, and `re.compile` is not Python's `compile`.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    if len(source) > LARGEST:
        return UNCLEAR
    try:  # as the kernel reads it: a magic is a call of get_ipython
        tree = ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError):  # a mistake: it cannot run either
        return set()
    except (RuntimeError, MemoryError):  # nested too deeply, or too many magics
        return UNCLEAR
    names, own, parts, texts = set(), set(), set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=context):
                names.add(name)
                own |= {name} if isinstance(context, ast.Store) else set()
            case ast.Attribute(attr=name):
                parts.add(name)
            case ast.alias(name=name) | ast.ImportFrom(module=str(name)):
                parts.update(name.split("."))
            case ast.Constant(value=str(text)):  # getattr(builtins, "exec")
                texts.add(text)
    return ((parts | texts | (names - own)) & ROUNDABOUT) | ((names | texts) & EVALUATING)


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
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                yield module + alias.name
                aliases[alias.asname or alias.name] = module + alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root, _, rest = ast.unparse(node).partition(".")
            yield f"{aliases.get(root, root)}.{rest}"
