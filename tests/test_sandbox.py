"""The sandbox from inside: what can be seen, written, reached and used up; and where there is none."""

import json
import multiprocessing
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from traitlets.config import Config

from autograder import provisioner, sandbox, warm
from autograder.preprocessors import Judge
from autograder.sandbox import SandboxError
from autograder.worker import Worker

needs_sandbox = pytest.mark.skipif(bool(sandbox.unavailable()), reason=sandbox.unavailable())
SECRET = "of-the-grading-process"


def run(*sources: str, config: dict | None = None, **settings) -> tuple[list[str], list[str]]:
    """What cells print, show or raise in the sandbox, each as one text, and the flags."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    worker = Worker(config=Config({"Worker": {"timeout": 20, **settings}, **(config or {})}))
    notebook, _ = worker.preprocess(nbformat.v4.new_notebook(cells=cells), {})
    return [text(cell) for cell in notebook.cells], notebook.metadata["autograder"]["flags"]


def text(cell: nbformat.NotebookNode) -> str:
    def of(output):
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"
        return output.get("text") or output.data.get("text/plain", "")

    return "".join(of(output) for output in cell.outputs)


def raised(statement: str) -> str:
    """A cell that prints the name of what a statement raises."""
    return f"try:\n    {statement}\nexcept BaseException as error:\n    print(type(error).__name__)"


@pytest.fixture(scope="module")
def inside():
    """Facts that one cell finds out about the sandbox."""
    os.environ["NBGRADER_SECRET_OF_THE_TEST"] = SECRET
    cell = """
import json, os, resource, sys, time
def listing(path):
    return sorted(os.listdir(path)) if os.path.exists(path) else None
def writable():
    found = []
    for path, folders, _ in os.walk("/", onerror=None):
        if path.startswith(("/proc", "/sys")):
            folders.clear()
            continue
        try:
            open(os.path.join(path, ".probe"), "w").close()
            os.unlink(os.path.join(path, ".probe"))
            found.append(path)
        except OSError:
            pass
    return found
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "root": listing("/"), "here": os.getcwd(), "mine": listing("."), "home": listing(os.path.expanduser("~")),
    "writable": writable(), "environment": dict(os.environ),
    "processes": [path for path in listing("/proc") if path.isdigit()],
    "capabilities": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "filter": status["Seccomp"].strip(), "no_new_privileges": status["NoNewPrivs"].strip(),
    "interfaces": open("/proc/net/dev").read(), "devices": listing("/dev"), "etc": listing("/etc"),
    "input": os.readlink("/proc/self/fd/0"),
    "exercises": listing(os.path.dirname(sys.modules["autograder"].__file__) + "/exercises"),
    "course": listing(os.path.dirname(os.path.dirname(sys.modules["autograder"].__file__))),
    "data": resource.getrlimit(resource.RLIMIT_DATA), "modules": list(sys.modules),
}))
"""
    (found,), flags = run(cell, timeout=120)  # it looks at every folder there is
    assert flags == []
    return json.loads(found)


@needs_sandbox
def test_only_what_python_needs_is_seen(inside, root):
    assert not {"home", "mnt", "media", "srv", "run", "boot", "old_root"} & set(inside["root"])
    assert inside["mine"] == inside["home"] == []
    assert inside["exercises"] == []
    prefixes = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix)]
    environment = {prefix.name for prefix in prefixes if prefix.parent == root}
    assert set(inside["course"]) == {"autograder", "course"} | environment
    assert {"null", "urandom"} <= set(inside["devices"]) <= {*sandbox.DEVICES, "fd", "shm"}
    assert set(inside["etc"]) <= {*sandbox.SETTINGS, "passwd"}


@needs_sandbox
def test_only_temporary_files_can_be_written(inside):
    assert inside["here"] == sandbox.HOME
    assert all(path == "/tmp" or path.startswith("/tmp/") for path in inside["writable"])
    for path in provisioner.visible_paths():
        assert path not in inside["writable"]


@needs_sandbox
def test_the_environment_is_a_short_list(inside):
    assert SECRET not in str(inside["environment"])
    assert not [name for name in inside["environment"] if name.startswith(("NBGRADER", "AUTOGRADER"))]


@needs_sandbox
def test_nothing_of_the_answers_is_in_memory(inside):
    assert "autograder.probe" in inside["modules"]
    assert not [name for name in inside["modules"] if name.startswith("autograder.exercises")]


@needs_sandbox
def test_it_is_alone_and_has_no_privileges(inside):
    assert inside["processes"] == ["1"]
    assert inside["input"] == os.devnull  # not the socket over which the warm process is asked for forks
    assert {int(each, 16) for each in inside["capabilities"]} == {0}
    assert (inside["filter"], inside["no_new_privileges"]) == ("2", "1")
    assert [line.split(":")[0].strip() for line in inside["interfaces"].splitlines()[2:]] == ["lo"]


@needs_sandbox
def test_what_is_refused():
    refused = {
        "open('/usr/x', 'w')": "OSError",
        "open('/proc/sys/kernel/hostname', 'w')": "OSError",
        "open('/etc/shadow')": "FileNotFoundError",
        "os.fork()": "PermissionError",
        "os.execv('/bin/sh', ['sh'])": "PermissionError",
        "os.posix_spawn('/bin/sh', ['sh'], {})": "PermissionError",
        "os.memfd_create('x')": "PermissionError",
        "socket.create_connection(('1.1.1.1', 53), 2)": "OSError",
        "socket.create_connection(('127.0.0.1', 22), 2)": "OSError",
        "socket.socket(40, socket.SOCK_STREAM)": "PermissionError",
        "socket.socket(99, socket.SOCK_STREAM)": "PermissionError",  # all that are not known are refused
        "mmap.mmap(-1, 4096)": "PermissionError",
        "bytearray(2 * 10**9)": "MemoryError",
        "open('/tmp/x', 'wb').write(bytes(5 * 10**8))": "OSError",
        "os.mkfifo('/usr/x')": "OSError",
        "os.chroot('/tmp')": "PermissionError",
        "os.setuid(65534)": "OSError",
        "resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))": "ValueError",
    }
    texts, flags = run(
        "import os, socket, mmap, resource",
        *map(raised, refused),
        "import threading as t, numpy as np\nt.Thread(target=print).start()\nnp.linalg.inv(np.eye(9)).sum()",
        config={"SandboxProvisioner": {"memory": 10**9}},
    )
    assert dict(zip(refused, map(str.strip, texts[1:-1]), strict=True)) == refused
    assert "9.0" in texts[-1]
    assert flags == []


@needs_sandbox
@pytest.mark.slow
def test_what_courses_need_works():
    texts, flags = run(
        "import tensorflow as tf, keras, numpy as np, matplotlib.pyplot as plt",
        "model = keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)])\n"
        "model.compile('sgd', 'mse')\n"
        "model.fit(np.ones((8, 8, 8, 1)), np.ones((8, 6, 6, 2)), verbose=0)\n"
        "model.save('m.keras')\n"
        "keras.saving.load_model('m.keras').count_params()",
        "plt.plot([1, 2])\nplt.show()",
        "open('notes.txt', 'w').write('x')\nopen('notes.txt').read()",
        "input()",
        "1 / 0",
    )
    assert texts[1] == "20"
    assert texts[2].startswith("<Figure")
    assert texts[3] == "'x'"
    assert texts[4].startswith("StdinNotImplementedError")
    assert texts[5] == "ZeroDivisionError: division by zero"
    assert flags == []


@needs_sandbox
def test_a_dead_process_costs_its_own_cell_alone():
    ended = "SubmissionError: It ended the process that it runs in, or was ended for want of memory."
    texts, flags = run("import os\na = 1", "a", "os._exit(0)", "a += 1", "a", "os.abort()", "a")
    assert texts == ["", "1", ended, "", "2", ended, "2"]
    assert [flag.split(":")[0] for flag in flags] == ["cell 3", "cell 6"]


@needs_sandbox
def test_cells_have_limits_of_time_and_output():
    loop = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    texts, flags = run(loop, "while True: print('x' * 10_000)", "1", timeout=4, output_limit=2**20)
    assert texts == [
        "SubmissionError: It took longer than 4 s.",
        "SubmissionError: It wrote more than 1 MiB of output.",
        "1",
    ]
    assert len(flags) == 2


@needs_sandbox
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or (os.geteuid() == 0 and sandbox._kernel() < sandbox.OWN_PID_MAX),
    reason="root's threads can be counted since Linux 6.14 only",
)
def test_threads_have_a_limit():
    thread = "threading.Thread(target=time.sleep, args=(3,))"
    bomb = f"threading.stack_size(65536)\nfor _ in range(2000): {thread}.start()"
    texts, _ = run("import threading, time", bomb, "threading.active_count() < 600")
    assert texts[1:] == ["RuntimeError: can't start new thread", "True"]


@needs_sandbox
def test_after_too_many_deaths_the_rest_is_not_run():
    texts, _ = run(*["import os\nos._exit(0)"] * 3, "print('reached')", restarts=1)
    assert texts[2] == texts[3]
    assert texts[3].startswith("SubmissionError: It was not run")


@needs_sandbox
def test_the_warm_process_is_shared_and_started_again_when_it_died():
    run("1")
    before = provisioner.started[-1]
    assert run("2") == (["2"], [])
    assert provisioner.started[-1] is before
    before.kill()
    before.wait()
    assert run("3") == (["3"], [])
    assert provisioner.started[-1] is not before


@needs_sandbox
def test_a_warm_process_that_dies_with_a_request_unread_is_started_again():
    run("1")
    before = provisioner.started[-1]
    before.send_signal(signal.SIGSTOP)  # it listens, and does not answer
    killing = threading.Timer(2, before.kill)
    killing.start()
    assert run("3") == (["3"], [])
    assert provisioner.started[-1] is not before
    before.wait()


@needs_sandbox
def test_a_kernel_that_is_killed_as_it_starts_is_forked_again(monkeypatch):
    """For want of memory the machine ends kernels before all else."""
    fork, (killed, its) = provisioner.fork, multiprocessing.Pipe()
    its.send_bytes(warm.ENDED)
    forks = [killed]
    monkeypatch.setattr(provisioner, "fork", lambda request: forks.pop() if forks else fork(request))
    assert run("3") == (["3"], [])
    assert not forks


@needs_sandbox
def test_everything_ends_with_the_grading_process(root):
    """Even when that is killed, with a kernel running."""
    script = (
        "import nbformat, threading, time\n"
        "from autograder import provisioner\n"
        "from autograder.worker import Worker\n"
        "provisioner.launch()\n"
        "provisioner.wait_until_ready()\n"
        "cells = [nbformat.v4.new_code_cell('while True: pass')]\n"
        "def tell():\n"
        "    time.sleep(3)\n"
        "    print(provisioner.started[-1].pid, flush=True)\n"
        "threading.Thread(target=tell, daemon=True).start()\n"
        "Worker().preprocess(nbformat.v4.new_notebook(cells=cells), {})\n"
    )
    grading = subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True)
    warm = grading.stdout.readline()
    below = descendants(int(warm))
    assert len(below) == 2  # the watcher and the kernel
    grading.send_signal(signal.SIGKILL)
    grading.wait()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in (int(warm), *below)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in (int(warm), *below) if Path(f"/proc/{pid}").exists()]


def descendants(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        child, parent = int(path.parent.name), int(path.read_text().rsplit(")", 1)[1].split()[1])
        if parent == pid:
            found += [child, *descendants(child)]
    return found


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((sys, "platform", "darwin"), r"needs Linux, and this is \w+\.$"),
        ((platform, "machine", lambda: "riscv64"), "and this is riscv64"),
        ((platform, "release", lambda: "5.10.0-9-amd64"), r"needs Linux 5\.14, and this is 5\.10"),
        ((sandbox, "_setting", lambda name: "0"), "User namespaces are switched off"),
    ],
)
def test_where_there_is_no_sandbox_it_says_why_and_refuses(monkeypatch, change, sentence):
    if sys.platform != "linux":
        monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "release", lambda: "6.8.0")
    monkeypatch.setattr(*change)
    assert re.search(sentence, sandbox.unavailable())
    with pytest.raises(SandboxError, match=sentence):
        run("1")


def test_apparmor_that_forbids_namespaces_is_named(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sandbox, "_setting", lambda name: "1")
    assert "AppArmor" in sandbox.unavailable() or sys.platform != "linux"


@needs_sandbox
def test_what_the_kernel_refuses_is_a_sentence():
    with pytest.raises(SandboxError, match=r"This machine refuses a sandbox: .* says '.*'"):
        run("1", config={"SandboxProvisioner": {"disk": -1}})


def test_without_a_sandbox_it_runs_in_the_open():
    assert run("import os\nos.path.exists(os.devnull) and os.getpid() > 1", sandbox=False) == (["True"], [])


@needs_sandbox
@pytest.mark.parametrize("given_figures", [False, True])
@pytest.mark.parametrize(
    "source",
    [
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "from course.plots import sliding_window\nsliding_window()",
    ],
)
def test_answers_show_their_figures_and_given_cells_those_that_are_asked_for(source, given_figures):
    settings = {"grade_id": "answer", "solution": True, "grade": False, "locked": False, "schema_version": 3}
    given = nbformat.v4.new_code_cell(source)
    answer = nbformat.v4.new_code_cell(source, metadata={"nbgrader": settings})
    notebook = nbformat.v4.new_notebook(cells=[given, answer, nbformat.v4.new_code_cell(source)])
    judge = Judge(config=Config({"Judge": {"given_figures": given_figures}}))
    notebook, _ = judge.preprocess(notebook, {"nbgrader": {"assignment": "", "student": ""}})
    shown = [[set(output.data) for output in cell.outputs] for cell in notebook.cells]
    picture, text_alone = [{"text/plain", "image/png"}], [{"text/plain"}]
    assert shown == [picture if given_figures else text_alone, picture, *shown[:1]]


def test_a_limit_of_memory_is_never_raised():
    code = (
        "import resource\nfrom autograder.sandbox import limit_memory\n"
        "limit_memory(2**28)\nlow = resource.getrlimit(resource.RLIMIT_DATA)\n"
        "limit_memory(2**30)\nassert resource.getrlimit(resource.RLIMIT_DATA) == low\n"
        "bytearray(2**27)\n"
        "try:\n    bytearray(2**29)\nexcept MemoryError:\n    print('refused')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "refused\n"


def test_a_start_that_broke_off_does_not_stand_in_the_way_of_the_next(tmp_path):
    connection = {"ip": str(tmp_path / "socket"), **{port: i for i, port in enumerate(warm.PORTS)}}
    for _ in range(2):
        for listening in warm._listen(connection).values():
            listening.close()  # the file stays, as that of a process that was killed
    assert len(list(tmp_path.iterdir())) == len(warm.PORTS)
