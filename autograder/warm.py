"""A process that has imported TensorFlow and Keras, and forks what needs them: judges, and sandboxed kernels.

`provisioner` starts it and asks it, over a Unix socket, for one or the other, which lives as long as the
connection that asked for it; kernels also end with this process, which ends when its standard input does.

A judge (see `pool`) imports the exercises once it is forked: this process never does, so that no kernel
has them. One kernel is two processes: a watcher, which passes signals on and tells how it ended, and its
child, process 1 of the sandbox, in which the student's code runs.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
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
        with socket.socket(fileno=listening) as listener, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ, "listener")
            selector.register(sys.stdin.fileno(), selectors.EVENT_READ, "end")
            os.write(1, READY)
            _go_quiet()
            while _step(selector, folder):
                pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import() -> None:
    sys.modules["debugpy"] = None  # no debugger in kernels: it would take a third of their start
    sys.modules["rfc3987_syntax"] = None  # jsonschema would import it, and it reads a grammar for a second
    for name in IMPORTS:
        importlib.import_module(name)
    for name in PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(name).__path__):
            importlib.import_module(f"{name}.{module.name}")
    gc.collect()
    gc.freeze()  # what is shared with the forks stays shared


def _go_quiet() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _step(selector: selectors.BaseSelector, folder: str) -> bool:
    """Handle what has happened; False when it is time to go."""
    for key, _ in selector.select():
        match key.data:
            case "end":
                return False
            case "listener":
                connection, _ = key.fileobj.accept()
                selector.register(connection, selectors.EVENT_READ, ("request", connection))
            case ("request", connection):
                selector.unregister(connection)
                request = json.loads(_read_line(connection) or "{}")
                if "kernel" in request:
                    watcher = _fork_kernel(connection, request["kernel"], f"{folder}/root")
                    selector.register(connection, selectors.EVENT_READ, ("orders", watcher))
                    _await_end(selector, watcher, connection)
                else:
                    if "judge" in request:
                        _await_end(selector, _fork_judge(connection, folder))
                    connection.close()
            case ("orders", watcher):  # a byte for an interrupt, the end of the connection for the end
                if key.fileobj.fileno() < 0:
                    continue  # it has ended at the same moment
                if not _read_order(key.fileobj):
                    selector.unregister(key.fileobj)
                    os.kill(watcher, signal.SIGTERM)
                else:
                    os.kill(watcher, signal.SIGINT)
            case ("ended", watcher, connection):
                selector.unregister(key.fd)
                os.close(key.fd)
                os.waitpid(watcher, 0)
                if connection:
                    if connection in selector.get_map():
                        selector.unregister(connection)
                    with contextlib.suppress(OSError):  # the provisioner has gone
                        connection.send(ENDED)
                    connection.close()
    return True


def _read_line(connection: socket.socket) -> bytes:
    with connection.makefile("rb", buffering=0) as file:  # what follows is for a judge
        return file.readline()


def _read_order(connection: socket.socket) -> bytes:
    with contextlib.suppress(ConnectionError):
        return connection.recv(1)
    return b""


def _await_end(selector: selectors.BaseSelector, child: int, connection: socket.socket | None = None) -> None:
    if hasattr(os, "pidfd_open"):  # elsewhere there are no kernels, and judges are few
        selector.register(os.pidfd_open(child), selectors.EVENT_READ, ("ended", child, connection))


def _fork_judge(connection: socket.socket, folder: str) -> int:
    """Start a judge. Returns its process id."""
    judge = os.fork()
    if judge:
        return judge
    try:
        _close_all_but(connection.fileno())
        with contextlib.suppress(OSError):  # for `top`, where there is such a file
            Path("/proc/self/comm").write_text("judge")
        pool = importlib.import_module("autograder.pool")
        pool.serve(Connection(connection.detach()), folder)
    finally:
        os._exit(0)


def _fork_kernel(connection: socket.socket, request: dict, root: str) -> int:
    """Start a watcher, whose child becomes the kernel. Returns the watcher's process id."""
    watcher = os.fork()
    if watcher:
        return watcher
    try:
        sandbox.LIBC.prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
        _close_all_but(connection.fileno())
        listening = _listen(request["connection"])
        sandbox.separate()
        kernel = os.fork()
        if kernel == 0:
            sandbox.LIBC.prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
            limits = sandbox.Limits(**request["limits"])
            sandbox.enter(root, request["visible"], request["hidden"], limits)
            connection.sendall(b"\n")
            connection.close()
            _run_kernel(request["connection"], listening)
        connection.close()
        _watch(kernel)
    except BaseException as error:
        with contextlib.suppress(OSError):
            connection.sendall(f"{error}\n".encode())
    finally:
        os._exit(0)


def _close_all_but(kept: int) -> None:
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))


def _listen(connection: dict) -> dict[str, socket.socket]:
    """The kernel's sockets by endpoint, bound while their directory can still be written to."""
    listening = {}
    for port in PORTS:
        path = f"{connection['ip']}-{connection[port]}"
        listening[f"ipc://{path}"] = made = socket.socket(socket.AF_UNIX)
        made.bind(path)
        made.listen(64)
    return listening


def _watch(kernel: int) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        os.kill(kernel, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, lambda number, frame: os.kill(kernel, signal.SIGINT))
    os.waitpid(kernel, 0)


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
