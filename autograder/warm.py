"""A process that has imported TensorFlow and Keras, and forks what needs them: judges, and sandboxed kernels.

`provisioner` starts it and asks it, over a Unix socket, for one or the other, which lives as long as the
connection that asked for it; kernels also end with this process, which ends when its standard input does.

A judge (see `pool`) imports the exercises once it is forked: this process never does, so that no kernel
has them. One kernel is two processes: a watcher, which has the connection, and its child, process 1 of the
sandbox, in which the student's code runs.
"""

import contextlib
import gc
import importlib
import inspect
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from autograder import sandbox

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
PARENT_DEATH = 1  # of prctl
READY = b"ready\n"  # what the provisioner reads when this process can fork
ENDED = b"e"  # what the provisioner reads when a kernel has ended, and not if this process has
# What forks would otherwise spend seconds on. No operation of TensorFlow's may run before them.
IMPORTS = (
    *("numpy", "pandas", "matplotlib.pyplot", "tensorflow", "keras", "autograder.probe", "autograder.pool"),
    *("matplotlib.backends.backend_agg", "PIL.PngImagePlugin", "ipywidgets", "sklearn.datasets"),
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger"),
    *("IPython.core.completerlib", "IPython.core.debugger", "IPython.extensions.storemagic"),
    *("tornado.platform.asyncio", "tornado.queues"),
    *("stack_data", "pygments.lexers.python", "pygments.formatters.terminal256"),  # tracebacks
)
PACKAGES = (
    "course.cost",
    "course.data",
    "course.models",
    "course.plots",
    "course.training",
)  # with all their modules


def serve(folder: str, listening: int) -> None:
    """Import, then answer requests until standard input closes; remove the folder.

    Args:
        folder: a new directory that only this user can enter.
        listening: file descriptor of the socket in it.
    """
    try:
        _import()
        os.mkdir(f"{folder}/root")
        signal.signal(signal.SIGCHLD, _reap)
        with socket.socket(fileno=listening) as listener:
            os.write(1, READY)
            _go_quiet()
            while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
                connection, _ = listener.accept()
                if os.fork() == 0:
                    _answer(connection, folder)
                connection.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reap(number: int, frame: FrameType | None) -> None:
    """Let the forks go that have ended, and count their time as this process's."""
    with contextlib.suppress(ChildProcessError):
        while any(os.waitpid(-1, os.WNOHANG)):
            pass


def _import() -> None:
    sys.modules["debugpy"] = None  # no debugger in kernels: it would take a third of their start
    sys.modules["rfc3987_syntax"] = None  # jsonschema would import it, and it reads a grammar for a second
    for name in IMPORTS:
        importlib.import_module(name)
    for name in PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(name).__path__):
            importlib.import_module(f"{name}.{module.name}")
    inspect.getmodule(_import.__code__.replace(co_filename=""))  # fills its cache, for tracebacks
    gc.collect()
    gc.freeze()  # what is shared with the forks stays shared


def _go_quiet() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _answer(connection: socket.socket, folder: str) -> None:
    """Be what is asked for over a connection, a judge or the watcher of a kernel. Does not return."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.closerange(3, connection.fileno())
        os.closerange(connection.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        with connection.makefile("rb", buffering=0) as file:  # what follows is for a judge
            request = json.loads(file.readline() or "{}")
        if "kernel" in request:
            _watch(connection, request["kernel"], f"{folder}/root")
        elif "judge" in request:
            with contextlib.suppress(OSError):  # for `top`, where there is such a file
                Path("/proc/self/comm").write_text("judge")
            pool = importlib.import_module("autograder.pool")
            pool.serve(Connection(connection.detach()), folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            connection.sendall(f"{error}\n".encode())
    finally:
        os._exit(0)


def _watch(connection: socket.socket, request: dict, root: str) -> None:
    """Start a kernel; interrupt it for each byte that comes; end it with the connection, or say it ended."""
    sandbox.LIBC.prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
    listening = _listen(request["connection"])
    sandbox.separate()
    kernel = os.fork()
    if kernel == 0:
        sandbox.LIBC.prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
        sandbox.enter(root, request["visible"], request["hidden"], **request["limits"])
        connection.sendall(b"\n")
        connection.close()
        _run_kernel(request["connection"], listening)
        os._exit(0)
    ended = os.pidfd_open(kernel)
    with contextlib.suppress(ConnectionError):
        while ended not in select.select([connection, ended], [], [])[0] and connection.recv(1):
            os.kill(kernel, signal.SIGINT)
    os.kill(kernel, signal.SIGKILL)
    os.waitpid(kernel, 0)
    connection.sendall(ENDED)


def _listen(connection: dict) -> dict[str, socket.socket]:
    """The kernel's sockets by endpoint, bound while their directory can still be written to."""
    listening = {}
    for port in PORTS:
        path = f"{connection['ip']}-{connection[port]}"
        Path(path).unlink(missing_ok=True)  # of a kernel whose start broke off
        listening[f"ipc://{path}"] = made = socket.socket(socket.AF_UNIX)
        made.bind(path)
        made.listen(64)
    return listening


def _run_kernel(connection: dict, listening: dict[str, socket.socket]) -> None:
    """Be an IPython kernel, on sockets that are bound already."""
    import zmq
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    bind = zmq.Socket.bind

    def use_bound(self: zmq.Socket, endpoint: str):
        if endpoint in listening:
            self.setsockopt(zmq.USE_FD, listening[endpoint].detach())
        return bind(self, endpoint)

    class Kernel(IPKernelApp):
        """Gets the connection as data: its key is in no file."""

        def init_connection_file(self) -> None:
            self.load_connection_info(connection)

        def write_connection_file(self, **kwargs) -> None:
            pass

    zmq.Socket.bind = use_bound
    names = {"HOME": sandbox.HOME, "IPYTHONDIR": "/tmp/.ipython", "USER": "student", "LOGNAME": "student"}
    os.environ.update(names)
    sys.argv = ["kernel"]
    config = Config()
    config.HistoryManager.enabled = False
    kernel = Kernel.instance(config=config)
    kernel.initialize([])
    kernel.start()
