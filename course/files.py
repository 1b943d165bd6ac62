"""Files that are there whole or not at all."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The path of a file to write, which takes the place of `path` when it is complete and on the disk.

    Whatever goes wrong before, `path` is as it was: a full disk, an exception, a killed process.

    Raises:
        OSError: where it cannot be written, in a sentence.
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        why = "the disk is full" if full else error.strerror or error
        kept = "; what it held before is unharmed" if path.exists() else ""
        raise OSError(f"{path} could not be written: {why}{kept}.") from error
    finally:
        partial.unlink(missing_ok=True)
