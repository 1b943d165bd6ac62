"""Takes what only a live notebook understands out of a cell: shell commands, magics, google.colab.

The grading kernel would run them (and has neither network nor Colab), or stop at them; a student needed
them once, for the session. Each such line becomes a comment behind a `pass`, so indentation stays valid.
"""

import ast
import re

from autograder.source import LARGEST, bound_by, parse

# a line that IPython reads and Python does not; only looked at where Python cannot parse the cell
MAGIC = re.compile(r"^(?!\s*(?:pass  )?#)(?:\s*[%!?]|[^#'\"]*=\s*[%!]\w|.*\?\s*$)")
PYTHON_BODY = {"%%time", "%%timeit", "%%capture", "%%prun"}  # cell magics whose body is Python
TIMED = re.compile(r"^(\s*)%time\s+(?=\S)")
COLAB = re.compile(r"\bgoogle(?:\.| import .*\b)colab\b")
MOST = 200  # lines that are looked at in one cell: each takes a parse


def neutralise(source: str) -> tuple[str, list[str]]:
    """The cell's source as plain Python, and the lines that were turned into comments.

    A cell that Python understands, with no google.colab in it, comes back as it is; so does one with a
    mistake of the student's own.
    """
    if len(source) > LARGEST:
        return source, []
    lines, removed = source.split("\n"), []
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        last = first if lines[first].split()[0] in PYTHON_BODY else len(lines) - 1
        _comment(lines, range(first, last + 1), removed)
    for _ in range(MOST):
        number = _line_that_fails(lines)
        if number is None or not MAGIC.match(lines[number]):
            break
        if TIMED.match(lines[number]):
            removed.append(lines[number].strip())
            lines[number] = TIMED.sub(r"\1", lines[number])
        else:
            end = number + 1
            while end < len(lines) and lines[end - 1].endswith("\\"):
                end += 1
            _comment(lines, range(number, end), removed)
    tree = parse("\n".join(lines))
    for statement in _of_a_session(tree) if tree else ():
        _comment(lines, range(statement.lineno - 1, statement.end_lineno), removed)
    return "\n".join(lines), removed


def _line_that_fails(lines: list[str]) -> int | None:
    try:
        ast.parse("\n".join(lines))
    except SyntaxError as error:
        return error.lineno - 1 if error.lineno and error.lineno <= len(lines) else None
    except (ValueError, RecursionError, MemoryError):
        pass
    return None


def _comment(lines: list[str], numbers: range, removed: list[str]) -> None:
    """Comment lines out. The first becomes a `pass`: it may be all that its block has."""
    removed.append(lines[numbers.start].strip())
    indent = re.match(r"\s*", lines[numbers.start]).group()
    for number in numbers:
        start = f"{indent}pass  # " if number == numbers.start else f"{indent}# "
        lines[number] = start + lines[number].strip()


def _of_a_session(tree: ast.Module) -> list[ast.stmt]:
    """Statements that import google.colab, use what they imported, or call get_ipython()."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    imports = [node for node in imports if COLAB.search(ast.unparse(node))]
    bound = {"get_ipython"}.union(*map(bound_by, imports))
    return imports + [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr | ast.Assign)
        and any(isinstance(part, ast.Name) and part.id in bound for part in ast.walk(node.value))
    ]
