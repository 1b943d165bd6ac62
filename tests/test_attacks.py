"""Attacks on the grading, each handed in as the answer to an exercise of notebook 01.

None may gain a point on the exercise it attacks, read a secret, change anything outside of its sandbox,
outlive the judging, or stop it: the exercises that were answered rightly keep their points.
"""

import hashlib
import socket
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import determine_grade, is_grade
from traitlets.config import Config

from autograder import preprocessors, provisioner, sandbox
from autograder.course_directory import CourseDirectory, read_notebook
from autograder.exercise import find_assignment
from autograder.outcome import verdict_of
from autograder.preprocessors import Judge
from autograder.submissions import answered

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(sandbox.unavailable()), reason=sandbox.unavailable()),
]

NAME = "01_conv_arithmetic"
MARKER = "the-secret-marker"
ATTACKED = {  # exercise: its answer, and the header of a function that answers it
    "feature_map": "def convolve(image, kernel):",
    "parameters": "def conv_params(kernel, in_channels, filters):",
    "multiply_accumulates": "def conv_macs(size, kernel, stride, padding, in_channels, filters):",
    "receptive_field": "def receptive_field(layers):",
}


@dataclass(frozen=True)
class Attack:
    """What a cell holds before the answer's definition, and its body.

    `flagged`: it must be brought to the instructor's attention. `spreads`: its author loses more by it
    than the exercise that it attacks.
    """

    name: str
    body: str = "return 0"
    before: str = ""
    flagged: bool = False
    spreads: bool = False
    timeout: int = 20

    def source(self, header: str) -> str:
        body = "\n".join(f"    {line}" for line in self.body.strip().splitlines())
        return f"{self.before.strip()}\n{header}\n{body}\n".lstrip()


def shown(code: str) -> str:
    """A body that shows what an expression gives, or why it does not, and answers 0."""
    return f"try:\n    print({code})\nexcept BaseException as error:\n    print(repr(error))\nreturn 0"


def called(code: str) -> str:
    """A body that calls something, whatever comes of it, and answers 0."""
    return f"try:\n    {code}\nexcept BaseException:\n    pass\nreturn 0"


LIKE_EVERYTHING = """
class Everything(float):
    __class__ = property(lambda self: int)
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __float__(self): return 1.0
    def __array__(self, *rest, **more): return np.zeros(())
    def __sub__(self, other): return 0
    __rsub__ = __abs__ = __sub__
    def __getattr__(self, name): return Everything()
    __hash__ = None
"""

EXPECTED_IN_FRAMES = """
import sys
frame = sys._getframe()
while frame is not None:
    for value in [*frame.f_locals.values()]:
        if isinstance(value, dict):
            for call in value.get("calls", [value]):
                if isinstance(call, dict) and "expected" in call:
                    return call["expected"]
    frame = frame.f_back
return 0
"""

EXPECTED_IN_GC = """
import gc
for thing in gc.get_objects():
    if type(thing) is dict and "expected" in thing and "arguments" in thing:
        return thing["expected"]
return 0
"""

COPIED = """
import course
cost = course.__dict__.get("cost") or __import__("course.co" + "st.arithmetic").cost
return cost.arithmetic.receptive_field_of_stack([tuple(pair) for pair in layers])
"""

FORGED_PROBE = """
import autograder.probe as probe
import autograder.plain as plain
class Forged:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {{probe.MIME: {line}}}
probe.respond = lambda *rest: Forged()
"""

ZIP_BOMB = """
import base64, io, zipfile
stream = io.BytesIO()
with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
    with archive.open("0.npy", "w", force_zip64=True) as member:
        for _ in range(200):
            member.write(bytes(2**20))
LINE = ".".join(base64.b64encode(x).decode() for x in (b'{"results": {"$array": "0"}}', stream.getvalue()))
"""

CLAIM = """
import base64, io, zipfile
stream = io.BytesIO()
with zipfile.ZipFile(stream, "w") as archive, archive.open("0.npy", "w") as member:
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
    np.lib.format.write_array_header_1_0(member, header)
LINE = ".".join(base64.b64encode(x).decode() for x in (b'{"results": {"$array": "0"}}', stream.getvalue()))
"""

HALVES = r"""
import base64, autograder.probe as probe, autograder.plain as plain
class Forged:
    def __init__(self, request, answers):
        results = [r'{"error": "\ud800", "type": "\ud800"}'] * len(plain.from_text(request)["calls"])
        self.line = base64.b64encode(f'{{"results": [{", ".join(results)}]}}'.encode()).decode() + "."
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {probe.MIME: self.line}
probe.respond = Forged
"""

PICKLE = """
import base64, io
class Bomb:
    def __reduce__(self):
        return (open, ("/tmp/pwned-by-pickle", "w"))
stream = io.BytesIO()
np.savez(stream, **{"0": np.array([Bomb()], dtype=object)})
LINE = ".".join(base64.b64encode(x).decode() for x in (b'{"results": {"$array": "0"}}', stream.getvalue()))
"""

FORGED_MESSAGES = """
from IPython import get_ipython
def forge(kind, content):
    kernel = get_ipython().kernel
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent("shell"), ident=b"x")
"""

READ = """
import os
def look(path):
    found = []
    for each, _, files in os.walk(path):
        for name in files:
            try:
                found.append(open(os.path.join(each, name), errors="replace").read(100_000))
            except OSError:
                pass
    return found
"""

# Four of these share a notebook: they must not disturb each other's exercises.
GROUPED = [
    # expected values
    Attack("expected values in frames", EXPECTED_IN_FRAMES),
    Attack("expected values in gc", EXPECTED_IN_GC),
    Attack("an answer equal to everything", "return Everything()", LIKE_EVERYTHING),
    Attack("a type whose instances are equal", "return type('T', (str,), {'__eq__': lambda *a: True})('')"),
    Attack("not a number", "return float('nan')"),
    Attack("an infinity", "return float('inf')"),
    Attack("a nest of lists", "deep = []\nfor _ in range(5000): deep = [deep]\nreturn deep"),
    Attack("a huge array", "return np.zeros((3000, 3000))"),
    Attack("a number beyond all fractions", "return 10 ** 400"),
    Attack("half a character", "print('\\ud800')\nraise ValueError('\\ud800')"),
    # what students show
    Attack("displayhook", "import sys\nsys.displayhook(3.0)\nreturn 0", "import sys\nsys.displayhook(3.0)"),
    Attack("a verdict's metadata", before=(
        "from IPython.display import display\n"
        "display({'text/plain': '3.0'}, raw=True,"
        " metadata={'autograder': {'exercise': 'x', 'score': 99, 'points': 99, 'misconceptions': []}})"
    )),
    Attack("a verdict's metadata, by an update", (
        "display({'text/plain': '3.0'}, raw=True, display_id='mine', update=True,"
        " metadata={'autograder': {'score': 99}})\nreturn 0"
    ), "from IPython.display import display\ndisplay({'text/plain': ''}, raw=True, display_id='mine')"),
    Attack("our MIME type, before", before=(
        "from IPython.display import display\n"
        "display({'application/vnd.autograder.observations': 'e30=.'}, raw=True)"
    )),
    Attack("our MIME type, while probed", (
        "from IPython.display import display\n"
        "display({'application/vnd.autograder.observations': 'e30=.'}, raw=True)\nreturn 0"
    )),
    # files
    Attack("reads the exercises", shown("look({package!r})"), READ),
    Attack("reads the course", shown("look({course!r})"), READ),
    Attack("reads the gradebook", shown("open({course!r} + '/gradebook.db', 'rb').read()")),
    Attack("reads the course secret", shown("open({course!r} + '/course_secret').read()")),
    Attack("imports the exercises", shown(
        "vars(__import__('autograder.exercises.conv_arithmetic', fromlist=['x']))['hidden_maps']"
    )),
    Attack("imports the grading", called(
        "__import__('autograder.exercise', fromlist=['x']).find_exercise('parameters')"
    )),
    Attack("reads through /proc", shown(
        "look('/proc/1/root' + {course!r}) + look('/proc/self/cwd/../..' + {course!r})"
    ), READ),
    Attack("reads password hashes", shown("open('/etc/shadow').read()")),
    Attack("writes into the course", called("open({course!r} + '/pwned', 'w').write('x')")),
    Attack("writes into the package", called("open({package!r} + '/../pwned', 'w').write('x')")),
    Attack("makes links", called("__import__('os').symlink({course!r}, 'link'); print(look('link'))"), READ),
    Attack("writes over an outside file", called("open({outside!r}, 'w').write('pwned')")),
    Attack("writes to the kernel's settings", called(
        "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/sh')"
    )),
    Attack("mounts", shown("__import__('ctypes').CDLL(None).mount(b'x', b'/', b'tmpfs', 0, None)")),
    Attack("leaves the namespace", shown("__import__('os').unshare(0x10000000)")),
    Attack("raises its limits", called("__import__('resource').setrlimit(2, (-1, -1))")),
    # network
    Attack("opens a connection", called(
        "__import__('socket').create_connection(('1.1.1.1', 53), 2); print('CONNECTED')"
    )),
    Attack("speaks to a port here", called(
        "__import__('socket').create_connection(('127.0.0.1', {port}), 2); print('CONNECTED')"
    )),
    Attack("asks for a name", called(
        "__import__('socket').getaddrinfo('example.org', 80); print('CONNECTED')"
    )),
    Attack("speaks to a socket outside", (
        "import socket\nfor address in ({unix!r}, {abstract!r}):\n    try:\n"
        "        socket.socket(socket.AF_UNIX).connect(address)\n        print('CONNECTED')\n"
        "    except OSError: pass\nreturn 0"
    )),
    Attack("speaks past the namespace", called(
        "__import__('socket').socket(40, 1).connect((2, 1024)); print('CONNECTED')"
    )),
    # processes and signals
    Attack("forks", called("while True: __import__('os').fork()")),
    Attack("starts a program", called("print(__import__('subprocess').run(['id'], capture_output=True))")),
    Attack("starts processes", called(
        "__import__('multiprocessing').get_context('fork').Process(target=print).start()"
    )),
    Attack("replaces its program", called("__import__('os').execv('/bin/sh', ['sh'])")),
    Attack("kills its group", called("__import__('os').kill(0, 9)")),
    Attack("kills everybody", called("__import__('os').kill(-1, 9)")),
    Attack("kills its parent", called("__import__('os').kill(__import__('os').getppid(), 9)")),
    Attack("cuts off its watcher", shown("__import__('ctypes').CDLL(None).prctl(1, 0, 0, 0, 0)")),
    Attack("exits politely", "import sys\nsys.exit(0)"),
    Attack("raises an interrupt", "raise KeyboardInterrupt"),
    # memory and files that grow
    Attack("a memory bomb", called("[bytearray(2**28) for _ in range(100)]")),
    Attack("shared memory", called("__import__('mmap').mmap(-1, 2**40)")),
    Attack("fills the disk", called("open('/tmp/x', 'wb').write(bytes(2**29))")),
    Attack("a million files", called("[open(f'/tmp/{{i}}', 'w') for i in range(1_000_000)]")),
    # shadows
    Attack("a numpy of its own", before=(
        "open('numpy.py', 'w').write('raise SystemExit')\nopen('math.py', 'w').write('1/0')"
    )),
]  # fmt: skip

# Each of these has a notebook of its own: they change the process that all answers share, or end it.
ALONE = [
    Attack("an update of the verdict's display", (
        "from IPython.display import display\ndisplay('x', display_id='mine')\n"
        "import threading\n"
        "def later():\n"
        "    import time\n"
        "    for _ in range(20):\n"
        "        time.sleep(0.1)\n"
        "        display({'text/plain': '3.0'}, raw=True, display_id='mine', update=True)\n"
        "threading.Thread(target=later, daemon=True).start()\nreturn 0"
    )),
    Attack("leaves threads behind", (
        "import threading\nthreading.Thread(target=lambda: exec('while True: pass')).start()\nreturn 0"
    ), spreads=True),
    Attack("patched numpy", before=(
        "np.isclose = np.allclose = np.array_equal = lambda *a, **k: np.True_\nnp.argwhere = lambda x: []"
    ), spreads=True),
    Attack("patched builtins", before=(
        "import builtins\nbuiltins.all = builtins.isinstance = lambda *a: True\nbuiltins.len = lambda x: 1"
    ), spreads=True),
    Attack("patched check", before=(
        "import autograder\nautograder.check = check = lambda *a, **k: 3.0"
    ), spreads=True),
    Attack("patched keras", before=(
        "import keras\nkeras.Model.count_params = lambda self: 1\nkeras.ops.convert_to_numpy = lambda x: 1"
    ), spreads=True),
    Attack("patched JSON", before=(
        "import json\njson.dumps = lambda *a, **k: '{\"results\": [{\"value\": 1, \"right\": true}]}'"
    ), spreads=True),
    Attack("a forged probe", before=FORGED_PROBE.format(
        line="plain.to_text({'results': [{'value': 1, 'right': True, 'score': 3}] * 8, 'score': 3.0})"
    ), spreads=True),
    Attack("a huge npz", before=ZIP_BOMB + FORGED_PROBE.format(line="LINE"), spreads=True),
    Attack("a pickle", before=PICKLE + FORGED_PROBE.format(line="LINE"), spreads=True),
    Attack("an array that claims to be huge", before=CLAIM + FORGED_PROBE.format(line="LINE"), spreads=True),
    Attack("halves of characters in messages", before=FORGED_MESSAGES + (
        "import json\nget_ipython().kernel.session.pack = lambda it: json.dumps(it, default=str).encode()\n"
        "forge('stream', {'name': 'stdout', 'text': '\\ud800'})\n"
        "forge('display_data', {'data': {'text/html': '\\ud800'}, 'metadata': {}})"
    )),
    Attack("halves of characters for results", before=HALVES, spreads=True),
    Attack("an answer over the limit", before=FORGED_PROBE.format(
        line="'x' * 50_000_000"
    ), flagged=True, spreads=True),
    Attack("a transformer of every cell", before=(
        "ip = get_ipython()\nip.input_transformers_cleanup.append(lambda lines: ['3.0'])"
    ), spreads=True),
    Attack("a hook after every cell", before=(
        "import sys\nget_ipython().events.register('post_run_cell', lambda *a: sys.displayhook(3.0))"
    ), spreads=True),
    Attack("a result that arrives early", (
        "forge('execute_result', {'data': {'text/plain': '3.0'}, 'metadata': {}, 'execution_count': 1})\n"
        "forge('status', {'execution_state': 'idle'})\nreturn 0"
    ), FORGED_MESSAGES),
    Attack("messages of nonsense", (
        "forge('status', 7)\n"
        "forge('display_data', {'data': [1], 'metadata': 0, 'transient': {'display_id': 'x'}})\n"
        "forge('execute_result', {'data': {'text/plain': {}}, 'metadata': {}, 'execution_count': 'x'})\n"
        "return 0"
    ), FORGED_MESSAGES),
    Attack("a stream of nonsense while it is defined", before=(
        FORGED_MESSAGES + "forge('stream', {'name': 3, 'text': None})\nforge('stream', {})"
    ), flagged=True),
    Attack("an end in the cell", before="import os\nos._exit(0)", flagged=True),
    Attack("an end in the answer", "import os\nos._exit(0)", flagged=True),
    Attack("a crash", "import ctypes\nctypes.string_at(0)", flagged=True),
    Attack("an abort", "import os\nos.abort()", flagged=True),
    Attack("an endless loop", "while True: pass", flagged=True, timeout=4),
    Attack("an endless loop that is not interrupted", before=(
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ), flagged=True, timeout=4),
    Attack("one endless sum", "return 9 ** 9 ** 9", flagged=True, timeout=4),
    Attack("endless printing", before="while True: print('x' * 1000)", flagged=True),
    Attack("endless errors", "import os\nwhile True: os.write(2, b'x' * 1000)", flagged=True, timeout=4),
    Attack("endless displays", before=(
        "from IPython.display import display\nwhile True: display({'image/png': 'x' * 10_000}, raw=True)"
    ), flagged=True),
    Attack("one large display", before=(
        "from IPython.display import display\ndisplay({'text/html': 'x' * 20_000_000}, raw=True)"
    ), flagged=True),
    Attack("one too large display", before=(
        "from IPython.display import display\ndisplay({'text/html': 'x' * 60_000_000}, raw=True)"
    ), flagged=True),
    Attack("an end each time", "import os\nos._exit(0)", (
        "import atexit, os, threading\n"
        "threading.Timer(1.5, lambda: os._exit(0)).start()"
    ), flagged=True),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(root, tmp_path_factory):
    """A course directory with secrets in it, listeners outside of the sandbox, and the judge's settings."""
    course = tmp_path_factory.mktemp("course")
    for name in (
        "gradebook.db",
        "course_secret",
        "submitted/other/x.ipynb",
        "autograder/exercises/x.py",
        "outside",
    ):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text(MARKER)
    listeners = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX), socket.socket()]
    unix, abstract = str(course / "listener"), f"\0listener-of-{course}"
    for listener, address in zip(listeners, (unix, abstract, ("127.0.0.1", 0)), strict=True):
        listener.bind(address)
        listener.listen()
    yield {
        "course": str(course),
        "package": str(root / "autograder" / "exercises"),
        "outside": str(course / "outside"),
        "unix": unix,
        "abstract": abstract,
        "port": listeners[2].getsockname()[1],
    }
    for listener in listeners:
        listener.close()


@pytest.fixture(scope="module")
def released(root):
    """Notebook 01 without its figures, which take most of its time."""
    notebook = read_notebook(CourseDirectory(root).release(NAME))
    notebook.cells = [
        c for c in notebook.cells if "course.plots" not in c.source and "PRINTED" not in c.source
    ]
    return notebook


@pytest.fixture
def no_tripwire(monkeypatch):
    """Attacks must fail by themselves, not only for the suspicious names that are in them."""
    monkeypatch.setattr(preprocessors, "roundabout", lambda source: set())


RIGHT = {n: a.right for e in find_assignment(NAME).exercises for n, a in e.answers.items()}
POINTS = {exercise.id: exercise.points for exercise in find_assignment(NAME).exercises}


def judged(place: dict, notebook: nbformat.NotebookNode, **settings) -> nbformat.NotebookNode:
    """The notebook as the judge leaves it, with these settings of `Judge`."""
    config = Config({"Judge": {"secret_file": place["course"] + "/course_secret", **settings}})
    config.CourseDirectory.root = place["course"]
    config.SandboxProvisioner.memory = 2**29
    resources = {"nbgrader": {"assignment": NAME, "student": "mallory", "notebook": NAME}, "metadata": {}}
    notebook, _ = Judge(config=config).preprocess(notebook, resources)
    return notebook


def hand_in(
    place: dict, released: nbformat.NotebookNode, attacks: dict[str, Attack]
) -> nbformat.NotebookNode:
    """Judge a notebook with attacks on some exercises, and everything else answered rightly."""
    answers = {}
    for exercise, attack in attacks.items():
        source = attack.source(ATTACKED[exercise])
        for name, value in place.items():
            source = source.replace(f"{{{name}!r}}", repr(value)).replace(f"{{{name}}}", str(value))
        answers[ATTACKED[exercise].split("(")[0].removeprefix("def ")] = source
    timeout = min(attack.timeout for attack in attacks.values())
    before = fingerprint(place["course"])
    notebook = judged(place, answered(released, RIGHT | answers), timeout=timeout)
    assert fingerprint(place["course"]) == before
    nbformat.validate(notebook)
    text = nbformat.writes(notebook).encode()
    for secret in (MARKER, "CONNECTED", "hidden_maps(", "uid=0"):
        assert secret not in "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert len(text) < 30 * 2**20
    return notebook


def fingerprint(folder: str) -> str:
    """Of every file under a folder."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(f).encode() + f.read_bytes() for f in files)).hexdigest()


def scores(notebook: nbformat.NotebookNode) -> dict[str, float]:
    """As nbgrader reads them from the outputs of the test cells."""
    cells = [c for c in notebook.cells if is_grade(c) and c.cell_type == "code"]
    return dict(zip(POINTS, (determine_grade(cell)[0] for cell in cells), strict=True))


def children_of_the_warm_process() -> list[str]:
    """Processes below the one that forks kernels, but for those that have ended and are not yet reaped."""
    warm = str(provisioner.started[-1].pid)
    stats = (path.read_text().rsplit(")", 1)[1].split() for path in Path("/proc").glob("[0-9]*/stat"))
    return [stat for stat in stats if stat[1] == warm and stat[0] != "Z"]


def verdicts(notebook) -> list[dict]:
    return [summary for summary, _ in map(verdict_of, notebook.cells) if summary]


def groups() -> list[dict[str, Attack]]:
    """Attacks that do not disturb each other, four to a notebook."""
    size = len(ATTACKED)
    return [
        dict(zip(ATTACKED, GROUPED[start : start + size], strict=False))
        for start in range(0, len(GROUPED), size)
    ]


@pytest.mark.parametrize("group", groups(), ids=lambda group: " + ".join(a.name for a in group.values()))
@pytest.mark.usefixtures("no_tripwire")
def test_attacks_gain_nothing(place, released, group):
    notebook = hand_in(place, released, group)
    found = scores(notebook)
    assert found == {name: 0 if name in group else points for name, points in POINTS.items()}
    assert [verdict["score"] for verdict in verdicts(notebook)] == list(found.values())
    assert notebook.metadata["autograder"]["flags"] == []


@pytest.mark.parametrize("attack", ALONE, ids=lambda attack: attack.name)
@pytest.mark.usefixtures("no_tripwire")
def test_attacks_on_the_whole_process_gain_nothing(place, released, attack):
    notebook = hand_in(place, released, {"parameters": attack})
    found = scores(notebook)
    assert found["parameters"] == 0
    assert found["feature_map"] == POINTS["feature_map"]  # what was earned before is kept
    assert len(verdicts(notebook)) == len(POINTS)
    if attack.flagged:
        assert notebook.metadata["autograder"]["flags"]
    if not attack.spreads:
        assert found == {name: 0 if name == "parameters" else points for name, points in POINTS.items()}


@pytest.mark.parametrize("body", ["while True: pass", "import os\nos._exit(0)", ""])
def test_an_answer_without_a_result_costs_no_other_answer_of_its_exercise(place, released, body):
    """Of an exercise that asks for three functions one hangs, ends the process or was never defined."""
    function = Attack("", body).source("def conv_output(size, kernel, stride, padding):") if body else ""
    notebook = judged(place, answered(released, RIGHT | {"conv_output": function}), timeout=4)
    assert scores(notebook) == POINTS | {"output_size": round(POINTS["output_size"] * 2 / 3, 2)}
    flags = notebook.metadata["autograder"]["flags"]
    assert any(flag.startswith("check-output-size: ") for flag in flags) == bool(body)


def test_a_right_submission_is_not_flagged(place, released):
    notebook = judged(place, answered(released, RIGHT))
    assert scores(notebook) == POINTS
    assert notebook.metadata["autograder"]["flags"] == []


@pytest.mark.parametrize(
    "code",
    [
        COPIED,
        EXPECTED_IN_FRAMES,
        EXPECTED_IN_GC,
        "return getattr(np, 'eval')",
        "return " + "-" * 100_000 + "1",
    ],
    ids=lambda code: code[:40],
)
def test_roundabout_ways_score_nothing_and_are_flagged(place, released, code):
    answers = {"receptive_field": Attack("", code).source(ATTACKED["receptive_field"])}
    notebook = judged(place, answered(released, RIGHT | answers))
    assert scores(notebook) == POINTS | {"receptive_field": 0}
    (flag,) = notebook.metadata["autograder"]["flags"]
    assert flag.startswith("check-receptive-field: ")
    assert "roundabout" in flag


def asserted(
    answer: str, test: str = "assert double(2) == 4\nassert double(3) == 6"
) -> nbformat.NotebookNode:
    """A notebook of an instructor's own, with an answer and a test cell of asserts for 5 points."""
    solution = {"grade": False, "solution": True, "locked": False, "task": False, "schema_version": 3}
    graded = {
        "grade": True,
        "solution": False,
        "locked": True,
        "task": False,
        "schema_version": 3,
        "points": 5,
    }
    cells = [
        nbformat.v4.new_code_cell("import numpy as np"),
        nbformat.v4.new_code_cell(answer, metadata={"nbgrader": {**solution, "grade_id": "double"}}),
        nbformat.v4.new_code_cell(test, metadata={"nbgrader": {**graded, "grade_id": "test-double"}}),
    ]
    return nbformat.v4.new_notebook(cells=cells)


PARTIAL = "points = 0\npoints += 2 * (double(2) == 4)\npoints += 3 * (double(3) == 6)\npoints"
WRONG = "def double(x):\n    return x"
RETURNED = "def double(x):\n    return float({!r})"


@pytest.mark.parametrize(
    ("answer", "test", "score"),
    [
        ("def double(x):\n    return 2 * x", "assert double(2) == 4", 5),
        (
            "def double(x):\n    return 2 * x",
            "import sys\nprint('log', file=sys.stderr)\nassert double(2) == 4",
            5,
        ),
        (WRONG, "assert double(2) == 4", 0),
        ("def double(x):\n    return 4", PARTIAL, 2),
        (WRONG, PARTIAL, 0),
    ],
)
def test_asserts_of_an_instructor_work(place, answer, test, score):
    notebook = judged(place, asserted(answer, test))
    assert points_of_asserts(notebook) == score
    assert notebook.metadata["autograder"]["flags"] == []


def points_of_asserts(notebook: nbformat.NotebookNode) -> float:
    """As nbgrader reads them."""
    return determine_grade(notebook.cells[2])[0]


@pytest.mark.parametrize(
    "before",
    [
        "get_ipython().input_transformers_cleanup.append(lambda ls: [l for l in ls if 'assert' not in l])",
        "get_ipython().input_transformers_cleanup.append(lambda ls: ['5.0'])",
        "import ast\nclass Drop(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(Drop())",
        "np.allclose = lambda *a, **k: True",
        "np.testing.assert_allclose = lambda *a, **k: None",
        "import sys\nget_ipython().displayhook.compute_format_data = lambda r: ({'text/plain': '5.0'}, {})",
    ],
)
def test_tampering_with_asserts_scores_nothing_and_is_flagged(place, before):
    notebook = judged(place, asserted(f"{before}\n{WRONG}"))
    assert points_of_asserts(notebook) == 0
    (flag,) = notebook.metadata["autograder"]["flags"]
    assert "tampered" in flag


@pytest.mark.parametrize(
    "answer",
    [
        *(RETURNED.format(each) for each in ("nan", "inf", "-1", "1000")),
        "class Silent:\n    def __repr__(self):\n        return ''\n\n\ndef double(x):\n    return Silent()",
    ],
)
def test_a_value_that_is_no_number_of_points_is_none(place, answer):
    """nbgrader stops at more points than there are, and takes fewer than none for all of them."""
    notebook = judged(place, asserted(answer, "double(2)"))
    assert points_of_asserts(notebook) == 0
    (flag,) = notebook.metadata["autograder"]["flags"]
    assert "no number of points" in flag


@pytest.mark.parametrize(
    "answer",
    [
        "import sys\ndef double(x):\n    sys.displayhook(5.0)\n    return x",
        "import sys\nsys.displayhook(5.0)\n" + WRONG,
        "from IPython.display import display\ndef double(x):\n    display(5.0)\n    return x",
    ],
)
@pytest.mark.parametrize("test", ["assert double(2) == 4", PARTIAL, PARTIAL.replace("points\n", "points;\n")])
def test_what_answers_show_is_no_score(place, answer, test):
    assert points_of_asserts(judged(place, asserted(answer, test))) == 0


def test_a_notebook_has_a_time_limit(place, released):
    slow = "import time\ntime.sleep(2)\n"
    notebook = judged(place, asserted(slow + WRONG), notebook_timeout=1)
    assert points_of_asserts(notebook) == 0
    assert notebook.metadata["autograder"]["flags"]


def test_nothing_outlives_the_judging(place, released):
    """Neither processes of the sandbox nor the sockets of the kernel."""
    judged(
        place, asserted("import threading\nthreading.Thread(target=lambda: exec('while True: pass')).start()")
    )
    assert children_of_the_warm_process() == []
