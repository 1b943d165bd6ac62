"""Gives forks of one warm process (see `warm`): judges, and, to Jupyter, sandboxed kernels."""

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Integer, List, Unicode

from autograder import sandbox
from autograder.sandbox import LostError, SandboxError
from autograder.warm import ENDED, READY

START = """
import sys
sys.path += sys.argv[3:]
from autograder.warm import serve
serve(sys.argv[1], int(sys.argv[2]))
"""
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
started: list[subprocess.Popen] = []  # keeps their standard input open, and with that, them alive
folders: list[str] = []  # of warm processes; the last is the one to ask


class SandboxProvisioner(KernelProvisionerBase):
    """A kernel in a sandbox, forked from the warm process.

    Jupyter finds it by the name "autograder-sandbox"; the kernel manager must use the transport "ipc".
    """

    memory = Integer(4 * 2**30, help="bytes of memory a submission may allocate").tag(config=True)
    disk = Integer(256 * 2**20, help="bytes of temporary files a submission may write").tag(config=True)
    threads = Integer(512, help="threads a submission may have").tag(config=True)
    visible = List(Unicode(), help="directories that submissions may read, such as data").tag(config=True)
    hidden = List(Unicode(), help="directories that submissions never see").tag(config=True)

    _connection: socket.socket | None = None

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
        connection = {**self.connection_info, "key": self.connection_info["key"].decode()}
        visible = [*visible_paths(), *self.visible, str(Path(connection["ip"]).parent)]
        request = {
            "connection": connection,
            "visible": visible,
            "hidden": [*self.hidden, str(PACKAGE / "exercises")],
            "limits": {"memory": self.memory, "disk": self.disk, "threads": self.threads},
        }
        for _ in range(TRIES):
            self._connection, answer = _ask({"kernel": request}), b""
            with contextlib.suppress(ConnectionError):  # it died with the request unread
                answer = self._connection.makefile("rb").readline()
            if answer == b"\n":
                return self.connection_info
            self._close()
            if answer.endswith(b"\n"):
                raise SandboxError(answer.decode().strip())
            wait_until_ready()  # which says why, where it never came to answering
        raise LostError(LOST)

    async def poll(self) -> int | None:
        """None as long as the kernel lives."""
        if self._connection is None:
            return 0
        ended, _, _ = select.select([self._connection], [], [], 0)
        return 0 if ended else None

    async def wait(self) -> int:
        """Wait until the kernel and everything it started is gone.

        Raises:
            LostError: where it did not end, and was not ended, but went with the warm process.
        """
        if self._connection is not None:
            ended = b""
            with contextlib.suppress(ConnectionError):  # it died with an order unread
                ended = self._connection.recv(1)
                self._connection.recv(1)  # until the watcher has gone as well
            self._close()
            if ended != ENDED:
                raise LostError(LOST)
        return 0

    async def send_signal(self, signum: int) -> None:
        """Any signal that is sent here is an interrupt."""
        if self._connection is not None:
            with contextlib.suppress(OSError):  # it has just ended
                self._connection.send(b"i")

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything it started."""
        if self._connection is not None:
            with contextlib.suppress(OSError):  # it has just ended
                self._connection.shutdown(socket.SHUT_WR)
            await self.wait()

    async def terminate(self, restart: bool = False) -> None:
        """The same as `kill`: there is nothing to save."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Nothing is left that is not gone with the kernel."""

    def _close(self) -> None:
        self._connection.close()
        self._connection = None


def fork_judge() -> Connection:
    """A judge, in a process of its own that ends with the connection: `autograder.pool.serve`."""
    connection = _ask({"judge": True})
    wait_until_ready()
    return Connection(connection.detach())


def launch() -> str:
    """Start a warm process, for this process and those it starts from now on. Returns its folder.

    It takes seconds until it answers; whoever asks it for a kernel waits.
    """
    folder = tempfile.mkdtemp(prefix="autograder-warm-")
    packages = sorted({str(path.parent) for path in _packages()})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen(64)
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", START, folder, str(listener.fileno()), *packages],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
            cwd="/",
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | SETTINGS,
            start_new_session=True,  # an interrupt at the keyboard is for the grading process
        )
    started.append(process)
    folders.append(folder)
    return folder


def wait_until_ready() -> None:
    """Wait until the warm processes that were started here answer.

    Raises:
        SandboxError: where one has ended instead.
    """
    for process in started:
        if process.stdout.closed:
            continue
        with process.stdout:
            last = b"it was killed."
            for line in process.stdout:
                if line == READY:
                    break
                last = line.strip() or last
            else:
                raise SandboxError(f"{NOT_STARTED}: {last.decode(errors='replace')}")


def visible_paths() -> list[str]:
    """What Python reads in the sandbox: its installation, the packages, data that Keras has downloaded."""
    installed = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    data = Path.home() / ".keras" / "datasets"
    paths = [sys.prefix, sys.base_prefix, *installed, *map(str, _packages()), str(data)]
    return [path for each in paths for path in dict.fromkeys((each, os.path.realpath(each)))]


def _packages() -> list[Path]:
    import course

    return [PACKAGE, Path(course.__file__).parent]


def _ask(request: dict) -> socket.socket:
    """A connection to the warm process, over which that has been asked for something.

    A warm process that has died, or was never there, is started.
    """
    for _ in range(2):
        folder = folders[-1] if folders else launch()
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(f"{folder}/socket")
        except OSError:
            connection.close()
            shutil.rmtree(folders.pop(), ignore_errors=True)
            continue
        with contextlib.suppress(ConnectionError):  # it dies just now, which the answer will show
            connection.sendall(json.dumps(request).encode() + b"\n")
        return connection
    raise SandboxError("The process that judges and kernels are forked from cannot be reached.")
