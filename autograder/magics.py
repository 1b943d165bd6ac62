"""Takes what only a live notebook understands out of a cell: shell commands, magics, google.colab.

The grading kernel would run them (and has neither network nor Colab), or stop at them; a student needed
them once, for the session. Each such line becomes a comment behind a `pass`, so indentation stays valid.
"""

import ast
import re

from IPython.core import inputtransformer2 as ipython

from autograder.source import LARGEST, bound_by, parse

LINE_MAGICS = (ipython.HelpEnd, ipython.MagicAssign, ipython.SystemAssign, ipython.EscapedCommand)
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
        numbers = _first_magic(lines)
        if not numbers:
            break
        if TIMED.match(lines[numbers.start]):
            removed.append(lines[numbers.start].strip())
            lines[numbers.start] = TIMED.sub(r"\1", lines[numbers.start])
        else:
            _comment(lines, numbers, removed)
    tree = parse("\n".join(lines))
    for statement in _of_a_session(tree) if tree else ():
        _comment(lines, range(statement.lineno - 1, statement.end_lineno), removed)
    return "\n".join(lines), removed


def _first_magic(lines: list[str]) -> range | None:
    """The first lines that IPython reads and Python does not, where Python cannot parse the cell."""
    if parse("\n".join(lines)):
        return None
    ended = [f"{line}\n" for line in lines]
    try:
        tokens = ipython.make_tokens_by_line(ended)
    except SyntaxError:  # IPython does not run such a cell either
        return None
    found = [magic for kind in LINE_MAGICS if (magic := kind.find(tokens))]
    if not found:
        return None
    first = min(magic.start_line for magic in found)
    return range(first, min(ipython.find_end_of_continued_line(ended, first) + 1, len(lines)))


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
