"""A process that has imported TensorFlow and Keras, and forks what needs them: judges, and sandboxed kernels.

`provisioner` starts it and asks it for one or the other, by sending over the socket that is its standard
input the end of a connection, over which the fork is told what to be. A fork lives as long as its
connection; kernels also end with this process, which ends when nobody is left who could ask.

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
import signal
import socket
import sys
from multiprocessing.connection import Connection, wait
from pathlib import Path

from autograder import sandbox

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
PARENT_DEATH = 1  # of prctl
READY = "ready"  # the last that the provisioner reads when this process can fork
INTERRUPT, KILL = b"interrupt", b"kill"  # what the provisioner says to a watcher
STARTED, ENDED = b"started", b"ended"  # what that says of its kernel, unless this process has died
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


def serve() -> None:
    """Import, then fork for each that asks, until there is nobody left who could."""
    _import()
    print(READY, flush=True)
    for output in (1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), output)
    with socket.socket(fileno=0) as asked:
        while descriptors := socket.recv_fds(asked, 1, 2)[1]:
            if os.fork() == 0:
                _answer(*descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            _reap(os.WNOHANG)
        _reap()  # they end with who asked for them


def _reap(options: int = 0) -> None:
    """Let the forks go that have ended, and count their time as this process's."""
    with contextlib.suppress(ChildProcessError):
        while any(os.waitpid(-1, options)):
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


def _answer(descriptor: int, asking: int) -> None:
    """Be what is asked for over a connection, a judge or the watcher of a kernel. Does not return.

    Args:
        descriptor: the connection.
        asking: the other end of this process's standard input, for a judge, who asks for kernels.
    """
    connection = Connection(descriptor)
    try:
        os.dup2(1, 0)  # nobody here sees what others ask for
        request = json.loads(connection.recv_bytes())
        if "kernel" in request:
            os.close(asking)
            try:
                _watch(connection, **request["kernel"])
            except BaseException as error:
                connection.send_bytes(str(error).encode())
        else:
            with contextlib.suppress(OSError):  # for `top`, where there is such a file
                Path("/proc/self/comm").write_text("judge")
            pool = importlib.import_module("autograder.pool")
            pool.serve(connection, socket.socket(fileno=asking), request["judge"])
    finally:
        os._exit(0)


def _watch(connection: Connection, ports: dict, visible: list, hidden: list, limits: dict) -> None:
    """Start a kernel; interrupt or end it when told so, or when the connection closes; say that it ended."""
    sandbox.LIBC.prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
    listening = _listen(ports)
    sandbox.separate()
    kernel = os.fork()
    if kernel == 0:
        sandbox.LIBC.prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
        sandbox.enter(os.path.dirname(ports["ip"]), visible, hidden, **limits)
        connection.send_bytes(STARTED)
        connection.close()
        _run_kernel(ports, listening)
        os._exit(0)
    ended = os.pidfd_open(kernel)
    with contextlib.suppress(EOFError, OSError):
        while ended not in wait([connection, ended]) and connection.recv_bytes() == INTERRUPT:
            os.kill(kernel, signal.SIGINT)
    os.kill(kernel, signal.SIGKILL)
    os.waitpid(kernel, 0)
    connection.send_bytes(ENDED)


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

    zmq.Socket.bind = use_bound
    names = {"HOME": sandbox.HOME, "IPYTHONDIR": "/tmp/.ipython", "USER": "student", "LOGNAME": "student"}
    os.environ.update(names)
    sys.argv = ["kernel"]
    config = Config()
    config.HistoryManager.enabled = False
    file = Path("/tmp/.connection.json")
    file.write_text(json.dumps(connection))
    kernel = IPKernelApp.instance(config=config, connection_file=str(file))
    kernel.initialize([])
    kernel.start()
