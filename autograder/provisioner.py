"""Gives forks of one warm process (see `warm`): judges, and, to Jupyter, sandboxed kernels."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Integer, List, Unicode

from autograder import sandbox
from autograder.sandbox import LostError, SandboxError
from autograder.warm import ENDED, INTERRUPT, KILL, READY, STARTED

START = "import sys; sys.path += sys.argv[1:]; from autograder.warm import serve; serve()"
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "LD_LIBRARY_PATH", "KERAS_BACKEND", "OMP_NUM_THREADS")
SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
LOST = "The process that kernels are forked from died."
NOT_STARTED = "The process that judges and kernels are forked from did not start"
TRIES = 3  # for a kernel that has run nothing yet
PACKAGE = Path(__file__).parent
started: list[subprocess.Popen] = []
asking: list[socket.socket] = []  # sockets to warm processes; the last is the one to ask


class SandboxProvisioner(KernelProvisionerBase):
    """A kernel in a sandbox, forked from the warm process.

    Jupyter finds it by the name "autograder-sandbox"; the kernel manager must use the transport "ipc".
    """

    memory = Integer(4 * 2**30, help="bytes of memory a submission may allocate").tag(config=True)
    disk = Integer(256 * 2**20, help="bytes of temporary files a submission may write").tag(config=True)
    threads = Integer(512, help="threads a submission may have").tag(config=True)
    visible = List(Unicode(), help="directories that submissions may read, such as data").tag(config=True)
    hidden = List(Unicode(), help="directories that submissions never see").tag(config=True)

    _connection: Connection | None = None

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel that has not been seen to end."""
        return self._connection is not None

    async def pre_launch(self, **kwargs):
        """Choose sockets for the kernel. Raises SandboxError where this machine has no sandbox."""
        if reason := sandbox.unavailable():
            raise SandboxError(reason)
        self.parent.write_connection_file()
        self.connection_info = self.parent.get_connection_info()
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd, **kwargs):
        """Have a kernel forked. Raises SandboxError where the machine refuses; LostError: try again."""
        ports = {**self.connection_info, "key": self.connection_info["key"].decode()}
        request = {
            "ports": ports,
            "visible": [*visible_paths(), *self.visible],
            "hidden": [*self.hidden, str(PACKAGE / "exercises")],
            "limits": {"memory": self.memory, "disk": self.disk, "threads": self.threads},
        }
        for _ in range(TRIES):
            connection = fork({"kernel": request})
            with contextlib.suppress(EOFError, OSError):  # it died with the request unread
                answer = connection.recv_bytes()
                if answer == STARTED:
                    self._connection = connection
                    return self.connection_info
                if answer != ENDED:  # but says why there is no sandbox
                    raise SandboxError(answer.decode())
        raise LostError(LOST)

    async def poll(self) -> int | None:
        """None as long as the kernel lives."""
        return 0 if self._connection is None or self._connection.poll() else None

    async def wait(self) -> int:
        """Wait until the kernel and everything it started is gone.

        Raises:
            LostError: where it did not end, and was not ended, but went with the warm process.
        """
        if self._connection is not None:
            with self._connection as connection:
                self._connection, ended = None, b""
                with contextlib.suppress(EOFError, OSError):  # it died with an order unread
                    ended = connection.recv_bytes()
                    connection.recv_bytes()  # until the watcher has gone as well
            if ended != ENDED:
                raise LostError(LOST)
        return 0

    async def send_signal(self, signum: int) -> None:
        """Any signal that is sent here is an interrupt."""
        self._tell(INTERRUPT)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything it started."""
        self._tell(KILL)
        await self.wait()

    async def terminate(self, restart: bool = False) -> None:
        """The same as `kill`: there is nothing to save."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Nothing is left that is not gone with the kernel."""

    def _tell(self, order: bytes) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):  # it has just ended
                self._connection.send_bytes(order)


def launch() -> socket.socket:
    """Start a warm process, for this process and those it starts from now on. Returns the socket to it.

    It takes seconds until it answers; whoever asks it for a fork waits.
    """
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", START, *sorted({str(path.parent) for path in _packages()})],
            stdin=its,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | SETTINGS,
            start_new_session=True,  # an interrupt at the keyboard is for the grading process
        )
    started.append(process)
    asking.append(ours)
    return ours


def fork(request: dict) -> Connection:
    """A connection to a new fork of the warm process, which has been told what to be (see `warm`).

    A warm process that has died, or was never there, is started.

    Raises:
        SandboxError: where it ends instead.
    """
    ours, its = Pipe()
    with its:
        for _ in range(TRIES):
            warm = asking[-1] if asking else launch()
            try:
                socket.send_fds(warm, [b"f"], [its.fileno(), warm.fileno()])
                break
            except OSError:
                asking.pop().close()
    with contextlib.suppress(OSError):  # it dies just now, which the answer will show
        ours.send_bytes(json.dumps(request).encode())
    wait_until_ready()
    return ours


def wait_until_ready() -> None:
    """Wait until the warm processes that were started here answer.

    Raises:
        SandboxError: where one has ended instead.
    """
    for process in started:
        if not process.stdout.closed:
            with process.stdout:
                said = process.stdout.read().split("\n")  # all until it can fork, or has ended
            if READY not in said:
                killed = process.wait() < 0  # what it logged before is not the reason
                last = [] if killed else [line.strip() for line in said if line.strip()]
                raise SandboxError(f"{NOT_STARTED}: {last[-1] if last else 'it was killed.'}")


def visible_paths() -> list[str]:
    """What Python reads in the sandbox: its installation, the packages, data that Keras has downloaded."""
    installed = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    data = Path.home() / ".keras" / "datasets"
    paths = [sys.prefix, sys.base_prefix, *installed, *map(str, _packages()), str(data)]
    return [path for each in paths for path in dict.fromkeys((each, os.path.realpath(each)))]


def _packages() -> list[Path]:
    import course

    return [PACKAGE, Path(course.__file__).parent]
