"""A process that has imported TensorFlow and Keras, and forks a sandboxed kernel for each submission.

`provisioner` starts it and asks it, over a Unix socket, for kernels. A kernel lives as long as the
connection that asked for it, and all of them as long as the standard input of this process is open. One
kernel is two processes: a watcher, which passes signals on and tells how it ended, and its child,
process 1 of the sandbox, in which the student's code runs.
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
from types import FrameType

from autograder import sandbox

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
PARENT_DEATH = 1  # of prctl
READY = b"ready\n"  # what the provisioner reads when kernels can be had
ENDED = b"e"  # what the provisioner reads when a kernel has ended, and not if this process has
# What kernels would otherwise spend seconds on. No operation of TensorFlow's may run before the forks.
IMPORTS = (
    *("numpy", "pandas", "matplotlib.pyplot", "tensorflow", "keras", "autograder.probe"),
    *("matplotlib.backends.backend_agg", "PIL.PngImagePlugin", "ipywidgets"),
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell"),
    *("stack_data", "pygments.lexers.python", "pygments.formatters.terminal256"),  # tracebacks
)
PACKAGES = ("course.cost", "course.models", "course.plots")  # of which all modules are imported as well


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
            while _step(selector, f"{folder}/root"):
                pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import() -> None:
    sys.modules["debugpy"] = None  # no debugger in kernels: it would take a third of their start
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


def _step(selector: selectors.BaseSelector, root: str) -> bool:
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
                if request := _read_line(connection):
                    watcher = _fork(connection, json.loads(request), root)
                    selector.register(connection, selectors.EVENT_READ, ("orders", watcher))
                    selector.register(
                        os.pidfd_open(watcher), selectors.EVENT_READ, ("ended", watcher, connection)
                    )
                else:
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
                if connection in selector.get_map():
                    selector.unregister(connection)
                with contextlib.suppress(OSError):  # the provisioner has gone
                    connection.send(ENDED)
                connection.close()
    return True


def _read_line(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.readline()


def _read_order(connection: socket.socket) -> bytes:
    with contextlib.suppress(ConnectionError):
        return connection.recv(1)
    return b""


def _fork(connection: socket.socket, request: dict, root: str) -> int:
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
