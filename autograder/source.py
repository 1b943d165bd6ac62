"""What a cell's source says, without running it: its statements, the names that they bind and use."""

import ast
from typing import NamedTuple

LARGEST = 2**18  # characters of a cell that is looked into: a syntax tree takes hundreds of times as much


class Check(NamedTuple):
    """A `check(...)` call of a test cell: the exercise's id, and the source of each answer."""

    exercise: str
    answers: tuple[str, ...]


def parse(source: str) -> ast.Module | None:
    """The syntax tree; None for what Python cannot parse, whatever the reason."""
    if len(source) > LARGEST:
        return None
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def find_check(source: str) -> Check | None:
    """The first `check("id", answer, ...)` of a cell; None if there is none."""
    tree = parse(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check":
            exercise, *answers = node.args
            return Check(ast.literal_eval(exercise), tuple(ast.unparse(answer) for answer in answers))
    return None


def ends_in_expression(source: str) -> bool:
    """Whether a cell's last statement is an expression, whose value a notebook shows."""
    tree = parse(source)
    return bool(tree and tree.body) and isinstance(tree.body[-1], ast.Expr)


def bound(source: str) -> set[str]:
    """The names that a cell defines, or, where Python cannot parse it, sets out to define."""
    tree = parse(source)
    return set().union(*(bound_by(statement) for statement in tree.body)) if tree else _headers(source)


def used(source: str) -> set[str]:
    """The names that a cell reads, and "*": what `from … import *` binds may be among them."""
    tree = parse(source)
    if tree is None:
        return set()
    return {"*"} | {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement binds outside of functions and classes."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    names = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def text(lines: list[str], statement: ast.stmt) -> str:
    """The lines of a statement, with its decorators, of those of its source."""
    first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", []))])
    return "\n".join(lines[first - 1 : statement.end_lineno])


def _headers(source: str) -> set[str]:
    """What a cell that Python cannot parse sets out to define."""
    words = [line.split("(")[0].split(":")[0].split() for line in source.split("\n")]
    return {line[1] for line in words if len(line) == 2 and line[0] in ("def", "class")}
