"""Runs a notebook's cells in a sandboxed kernel that may loop, flood, lie or die, and goes on."""

import asyncio
import copy
import functools
import os
import tempfile
import time
from pathlib import Path
from queue import Empty

import nbformat
import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade, is_solution
from traitlets import Bool, Integer

from autograder import plain
from autograder.provisioner import SandboxProvisioner
from autograder.reading import NOTES
from autograder.sandbox import LostError, SandboxError

KERNEL = "python3"  # the one that every installation of ipykernel has


class Client(AsyncKernelClient):
    """Is ready as soon as the kernel is; jupyter_client's then listens for 0.2 s to what may still come."""

    async def wait_for_ready(self, timeout: float) -> None:
        """Wait for a first answer. Raises RuntimeError where the kernel has died or says nothing."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.kernel_info()
            try:
                await self.get_shell_msg(timeout=1)
                await self.get_iopub_msg(timeout=1)  # outputs will arrive as well
                return
            except Empty:
                if not await self.is_alive():
                    raise RuntimeError("it died") from None
        raise RuntimeError(f"it said nothing for {timeout:g} s")


class Worker(Execute):
    """nbgrader's Execute, in a sandbox, and with limits that end a cell, not the notebook.

    A cell that ends its process, runs or writes too long, or sends what no kernel sends gets an error in
    one sentence as its last output; the kernel is forked anew, and the earlier cells are run again.
    """

    sandbox = Bool(True, help="run submissions in a sandbox; else they can do all that you can").tag(
        config=True
    )
    notebook_timeout = Integer(900, help="seconds for a whole notebook").tag(config=True)
    output_limit = Integer(8 * 2**20, help="bytes of output of a cell, in all formats").tag(config=True)
    message_limit = Integer(32 * 2**20, help="bytes of one message of the kernel").tag(config=True)
    restarts = Integer(4, help="times that a notebook's kernel is started again").tag(config=True)
    # nbclient's: a kernel that does not listen to an interrupt is ended, so all are
    interrupt_on_timeout = Bool(False).tag(config=True)
    store_widget_state = Bool(False).tag(config=True)
    shutdown_kernel = "immediate"

    def preprocess(self, nb, resources=None, km=None):
        """Run a notebook from top to bottom. Adds sentences for the instructor to its metadata's flags.

        Raises:
            LostError: where the kernel was killed from outside; the notebook can be run again.
        """
        self.flags: list[str] = []
        self._killers: set[int] = set()
        self._restarts_left = self.restarts
        self._dead = ""  # why there is no kernel any more
        self._end = time.monotonic() + self.notebook_timeout
        self._context = zmq.asyncio.Context()
        self._context.setsockopt(zmq.MAXMSGSIZE, self.message_limit)
        self._context.setsockopt(zmq.RCVHWM, 20)  # messages that wait here
        try:
            with tempfile.TemporaryDirectory(prefix="kernel-") as self._sockets:
                nb, resources = super().preprocess(nb, resources, km)
        finally:
            self._context.destroy(linger=0)
        nb.metadata.setdefault(NOTES, {})["flags"] = list(dict.fromkeys(self.flags))
        return nb, resources

    def create_kernel_manager(self):
        """A kernel in a sandbox, that talks through files, not ports, and cannot send too much."""
        self.kernel_name = KERNEL
        self.comm_open_handlers = {}  # widgets could redirect the outputs of later cells
        manager = super().create_kernel_manager()
        manager.transport, manager.ip = "ipc", str(Path(self._sockets) / "socket")
        manager.client_factory = Client
        manager.client = functools.partial(manager.client, context=self._context)
        if self.sandbox:
            manager.provisioner = SandboxProvisioner(parent=manager, kernel_spec=manager.kernel_spec)
            if course := self.config.CourseDirectory.get("root"):
                manager.provisioner.hidden = [*manager.provisioner.hidden, os.path.realpath(course)]
        return manager

    def start_new_kernel_client(self):
        """Connect to the kernel. It has run nothing yet: if it dies, it was not a cell that killed it."""
        try:
            return super().start_new_kernel_client()
        except RuntimeError as error:
            raise LostError(f"The kernel did not start: {error}.") from error

    def preprocess_cell(self, cell, resources, index):
        """Run a cell, if there is something to run."""
        if cell.cell_type == "code":
            self.run(cell, index)
        return cell, resources

    def run(self, cell: nbformat.NotebookNode, index: int, **options) -> str:
        """Run a code cell. Returns why the kernel was ended, in a sentence; empty where it was not."""
        if self._dead:
            self._restart(index)
        if not self._dead:
            self._try(cell, index, **options)
            if not self._dead:
                return ""
            self._killers.add(index)
            self.flags.append(f"{name_of(cell, index)}: {self._dead}")
        cell.outputs = [error_output("SubmissionError", self._dead)]
        return self._dead

    def _try(self, cell: nbformat.NotebookNode, index: int, **options) -> None:
        """Run a cell in the kernel that there is; leave in `_dead` why that cannot be used any more."""
        self._received, self._flood = 0, False
        self._most = options.pop("most", self.output_limit)
        if time.monotonic() > self._end:
            self._dead = f"The notebook took longer than {self.notebook_timeout} s."
            self._restarts_left = 0
            return
        try:
            self._disconnected()
            self.execute_cell(cell, index, **options)
            for output in cell.outputs:  # what only the judge may write
                output.get("metadata", {}).pop(NOTES, None)
        except SandboxError:
            raise
        except CellTimeoutError as error:
            if "IOPub" in str(error):
                self._dead = "It sent a message that is too large, or held messages back."
            else:
                self._dead = f"It took longer than {self._get_timeout(cell):g} s."
        except DeadKernelError:
            self._dead = "It ended the process that it runs in, or was ended for want of memory."
        except Exception as error:  # whatever a forged message makes of nbclient
            self._dead = f"It sent a message that no kernel sends ({type(error).__name__})."
        if self._flood:
            self._dead = f"It wrote more than {self._most / 2**20:g} MiB of output."
        if self._dead:
            run_sync(self._end_kernel)()

    async def _end_kernel(self) -> None:
        """End the process, and what nbclient left waiting for it."""
        try:
            await self.km.provisioner.kill()
        finally:
            waiting = asyncio.all_tasks() - {asyncio.current_task()}
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _restart(self, before: int) -> None:
        """Have a new kernel, in which the cells before one have been run again, but for those that end it."""
        while self._dead and self._restarts_left:
            self._restarts_left -= 1
            self._cleanup_kernel()
            self.km = self.create_kernel_manager()
            self.start_new_kernel()
            self.start_new_kernel_client()
            self._dead = ""
            for index in range(before):
                cell = self.nb.cells[index]
                needed = cell.cell_type == "code" and not is_test(cell)
                if index not in self._killers and needed and not self._dead:
                    self._try(copy.deepcopy(cell), index)
                    self.nb.cells[index] = cell  # with the outputs of its first run
                    if self._dead:
                        self._killers.add(index)
        if self._dead:
            self._dead = "It was not run: cells before it ended the process too often or took too long."

    def _disconnected(self):
        """A socket that tells when a connection was closed, as ZeroMQ does on a message that is too large."""
        return self.kc.iopub_channel.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)

    async def _async_check_alive(self):
        """Of nbclient's, every second while a cell runs: raises where there is no use in waiting."""
        if await self._disconnected().poll(0):
            await asyncio.sleep(0.2)  # it may have died, which is another matter
            await super()._async_check_alive()
            self._flood = True
            raise DeadKernelError("It is cut off.")
        await super()._async_check_alive()

    def _get_timeout(self, cell):
        left = max(self._end - time.monotonic(), 1)
        return min(super()._get_timeout(cell) or left, left)

    def process_message(self, msg, cell, cell_index):
        """Count what a cell writes, in all formats, and stop reading when it is too much."""
        self._received += len(str(msg["content"]))
        if self._received > self._most:
            self._flood = True
            self.task_poll_for_reply.cancel()
            return None
        return super().process_message(msg, cell, cell_index)


def is_test(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell is graded by what it shows."""
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def error_output(name: str, sentence: str) -> nbformat.NotebookNode:
    """An error as a cell shows it."""
    return nbformat.v4.new_output("error", ename=name, evalue=sentence, traceback=[f"{name}: {sentence}"])


def name_of(cell: nbformat.NotebookNode, index: int) -> str:
    """What an instructor calls a cell: its grade_id, or its number."""
    return cell.metadata.get("nbgrader", {}).get("grade_id") or f"cell {index + 1}"


def make_valid(notebook: nbformat.NotebookNode) -> None:
    """Take out what a forged message brought in and no notebook may have: it could not be saved."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = nbformat.from_dict(plain.with_whole_characters(cell.outputs))
            count = cell.execution_count
            cell.execution_count = count if type(count) is int and count >= 0 else None
