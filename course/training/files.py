"""Files that are there whole or not at all."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` when it is complete and on the disk.

    Whatever goes wrong before, `path` is as it was: a full disk, an exception, a killed process.

    Raises:
        OSError: where it cannot be written, in a sentence.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or error
        raise OSError(f"{path} could not be written, {why}; what it held before is unharmed.") from error
    finally:
        partial.unlink(missing_ok=True)
