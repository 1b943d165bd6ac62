"""Runs a notebook's cells in a sandboxed kernel that may loop, flood, lie or die, and goes on."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from queue import Empty

import nbformat
import zmq
from jupyter_client import KernelManager
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Bool, Integer

from autograder import plain
from autograder.provisioner import SandboxProvisioner
from autograder.reading import NOTES
from autograder.sandbox import LostError

KERNEL = "python3"  # the one that every installation of ipykernel has
TO_START = 60  # seconds
DIED = "It ended the process that it runs in, or was ended for want of memory."
# Messages that become outputs. Widgets are not run, and updates of displays would reach into other cells.
OUTPUTS = ("stream", "display_data", "execute_result", "error")


class EndedError(Exception):
    """The kernel cannot be used any more, and why."""


class Worker(NbGraderPreprocessor):
    """nbgrader's step that runs a notebook, in a sandbox, and with limits that end a cell, not the notebook.

    A cell that ends its process, runs or writes too long, or sends what no kernel sends gets an error in
    one sentence as its last output; the kernel is forked anew, and the earlier cells are run again. Where the
    process died the cell has a second try: it may be the machine that was short of memory.
    """

    sandbox = Bool(True, help="run submissions in a sandbox; else they can do all that you can").tag(
        config=True
    )
    timeout = Integer(120, help="seconds for a cell").tag(config=True)
    notebook_timeout = Integer(900, help="seconds for a whole notebook").tag(config=True)
    output_limit = Integer(8 * 2**20, help="bytes of output of a cell, in all formats").tag(config=True)
    message_limit = Integer(32 * 2**20, help="bytes of one message of the kernel").tag(config=True)
    restarts = Integer(16, help="times that a notebook's kernel is started again").tag(config=True)

    def preprocess(self, nb, resources):
        """Run a notebook from top to bottom. Adds sentences for the instructor to its metadata's flags.

        Raises:
            LostError: where the kernel was killed from outside; the notebook can be run again.
        """
        self.nb = nb
        self.flags: list[str] = []
        self._folder = resources.get("metadata", {}).get("path")
        self._killers: set[int] = set()
        self._died: set[int] = set()  # cells in which the process died once
        self._restarts_left = self.restarts
        self._dead = ""  # why there is no kernel any more
        self._end = time.monotonic() + self.notebook_timeout
        self._start_kernel()
        try:
            for index, cell in enumerate(nb.cells):
                nb.cells[index], resources = self.preprocess_cell(cell, resources, index)
        finally:
            self._kernel.close()
        nb.metadata.setdefault(NOTES, {})["flags"] = list(dict.fromkeys(self.flags))
        return nb, resources

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
            cell.outputs = self._try(cell.source, **options)
            if not self._dead:
                return ""
            self._blame(index)
            if index not in self._killers:
                return self.run(cell, index, **options)
        cell.outputs = [error_output("SubmissionError", self._dead)]
        return self._dead

    def _blame(self, index: int) -> None:
        """Note that a cell ended the kernel: it is not run again, or once more where the process died."""
        if self._dead == DIED and index not in self._died:
            self._died.add(index)
        else:
            self._killers.add(index)
            self.flags.append(f"{name_of(self.nb.cells[index], index)}: {self._dead}")

    def _try(self, source: str, most: int = 0, store_history: bool = True) -> list[nbformat.NotebookNode]:
        """Run code in the kernel that there is, and return its outputs. If that ends it: `_dead` says why."""
        outputs: list[nbformat.NotebookNode] = []
        try:
            for message in self._messages(source, most or self.output_limit, store_history):
                if message["msg_type"] == "clear_output":
                    outputs.clear()
                elif message["msg_type"] in OUTPUTS:
                    outputs.append(nbformat.v4.output_from_msg(message))
                    outputs[-1].get("metadata", {}).pop(NOTES, None)  # what only the judge may write
        except EndedError as error:
            self._dead = str(error)
        except Exception as error:  # whatever a forged message lacks
            self._dead = f"It sent a message that no kernel sends ({type(error).__name__})."
        if self._dead:
            self._kernel.close()
        return outputs

    def _messages(self, source: str, most: int, store_history: bool) -> Iterator[dict]:
        """What the kernel says while it runs code. Raises EndedError where there is no use in waiting."""
        left = self._end - time.monotonic()
        if left <= 0:
            self._restarts_left = 0
            raise EndedError(f"The notebook took longer than {self.notebook_timeout} s.")
        seconds = min(self.timeout, left)
        end, received, idle = time.monotonic() + seconds, 0, False
        asked = self.kc.execute(source, store_history=store_history, stop_on_error=False)
        while not idle:
            message = None
            with contextlib.suppress(Empty):
                message = self.kc.iopub_channel.get_msg(timeout=min(max(end - time.monotonic(), 0), 1))
            if message and message["parent_header"].get("msg_id") == asked:
                received += len(str(message["content"]))
                idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
                yield message
            cut_off = (idle or not message) and self._cut_off.poll(0)
            if cut_off:
                time.sleep(0.2)  # it may have died, which is another matter
            if (idle or not message) and not self._manager.is_alive():
                raise EndedError(DIED)
            if cut_off or received > most:
                raise EndedError(f"It wrote more than {most / 2**20:g} MiB of output.")
            if time.monotonic() > end:
                raise EndedError(f"It took longer than {seconds:g} s.")

    def _start_kernel(self) -> None:
        """Have a kernel in a sandbox, that talks through files, not ports, and cannot send too much.

        It has run nothing yet: if it dies, it was not a cell that killed it.
        """
        with contextlib.ExitStack() as stack:
            sockets = stack.enter_context(tempfile.TemporaryDirectory(prefix="kernel-"))
            manager = KernelManager(kernel_name=KERNEL, config=self.config)
            manager.transport, manager.ip = "ipc", f"{sockets}/socket"
            if self.sandbox:
                manager.provisioner = SandboxProvisioner(parent=manager, kernel_spec=manager.kernel_spec)
                if course := self.config.CourseDirectory.get("root"):
                    manager.provisioner.hidden = [*manager.provisioner.hidden, os.path.realpath(course)]
            manager.start_kernel(cwd=self._folder)
            stack.callback(manager.shutdown_kernel, now=True)
            context = zmq.Context()
            stack.callback(context.destroy, linger=0)
            context.setsockopt(zmq.MAXMSGSIZE, self.message_limit)
            context.setsockopt(zmq.RCVHWM, 20)  # messages that wait here
            self.kc = manager.client(context=context)
            self.kc.start_channels(stdin=False, hb=False, control=False)
            # tells when a connection was closed, as ZeroMQ does on a message that is too large
            self._cut_off = self.kc.iopub_channel.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            for _ in range(TO_START):
                self.kc.kernel_info()
                with contextlib.suppress(Empty):
                    self.kc.iopub_channel.get_msg(timeout=1)  # what it says arrives here
                    break
                if not manager.is_alive():
                    raise LostError("The kernel did not start: it died.")
            else:
                raise LostError(f"The kernel did not start: it said nothing for {TO_START} s.")
            self._manager, self._kernel = manager, stack.pop_all()

    def _restart(self, before: int) -> None:
        """Have a new kernel, in which the cells before one have been run again, but for those that end it."""
        while self._dead and self._restarts_left:
            self._restarts_left -= 1
            self._start_kernel()
            self._dead = ""
            for index, cell in enumerate(self.nb.cells[:before]):
                needed = cell.cell_type == "code" and not is_test(cell)
                if index not in self._killers and needed and not self._dead:
                    self._try(cell.source)
                    if self._dead:
                        self._blame(index)
        if self._dead:
            self._dead = "It was not run: cells before it ended the process too often or took too long."


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
