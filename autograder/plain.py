"""Plain data in and out: JSON for structure, npz for arrays, never pickle.

Everything that crosses from a student's process to the judge, and every compiled case, goes through here.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np

ARRAY = "$array"  # {"$array": "3"} in the JSON stands for the array "3" of the npz
NUMBERS = "biuf"  # kinds of NumPy's types that pass
LARGEST = 20 * 2**20  # bytes of one message: as text a third more, which a kernel may still send


class NotPlainError(ValueError):
    """A value that is neither a number, text, array nor a container of them, or is too large."""


def pack(value) -> tuple[str, bytes]:
    """`value` as JSON text and, if there are arrays in it, npz bytes. Tuples become lists.

    Raises NotPlainError for anything that is not data, TypeError for keys that JSON does not know.
    """
    arrays: dict[str, np.ndarray] = {}

    def packed(other):
        """What JSON has no word for: NumPy's numbers, arrays, tensors."""
        array = np.asarray(other)
        if array.dtype.kind not in NUMBERS:
            raise NotPlainError(f"A {type(other).__name__} is no number, text, list or array.")
        if isinstance(other, np.generic):
            return float(other) if array.dtype.kind == "f" else other.item()
        arrays[str(len(arrays))] = array
        return {ARRAY: str(len(arrays) - 1)}

    text = json.dumps(value, ensure_ascii=False, default=packed)
    if sum(array.nbytes for array in arrays.values()) + len(text) > LARGEST:
        raise NotPlainError(f"The value is larger than {LARGEST // 2**20} MiB.")
    stream = io.BytesIO()
    if arrays:
        np.savez(stream, **arrays)
    return text, stream.getvalue()


def unpack(text: str, npz: bytes = b""):
    """The value that `pack` packed. Raises NotPlainError for anything else; nothing in it is executed."""
    if len(text) > LARGEST or len(npz) > LARGEST + 2**20:
        raise NotPlainError(f"The message is larger than {LARGEST // 2**20} MiB.")
    try:
        arrays = _load(npz) if npz else {}
        whole = json.dumps(json.loads(text), ensure_ascii=False).encode()  # no file can hold half a character
        return json.loads(whole, object_hook=lambda each: arrays[each[ARRAY]] if ARRAY in each else each)
    except Exception as error:  # zipfile, zlib, NumPy and json raise many kinds
        raise NotPlainError(f"The message is no plain data: {error}.") from None


def as_plain(value):
    """`value` as it arrives on the other side: tensors are arrays, tuples lists. Raises NotPlainError."""
    return unpack(*pack(value))


def to_text(value) -> str:
    """`pack` in one line of ASCII, to pass through a notebook's messages."""
    text, npz = pack(value)
    return f"{base64.b64encode(text.encode()).decode()}.{base64.b64encode(npz).decode()}"


def from_text(line: str):
    """The value that `to_text` wrote. Raises NotPlainError for anything else."""
    text, _, npz = line.partition(".")
    try:
        return unpack(base64.b64decode(text, validate=True).decode(), base64.b64decode(npz, validate=True))
    except ValueError as error:  # bad base64, bad UTF-8, NotPlainError
        raise NotPlainError(str(error)) from None


def write(path: Path, value) -> None:
    """Write `value` to path.json and, if there are arrays in it, path.npz."""
    text, npz = pack(value)
    indented = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    path.with_suffix(".json").write_text(indented + "\n", encoding="utf-8")
    path.with_suffix(".npz").unlink(missing_ok=True)
    if npz:
        path.with_suffix(".npz").write_bytes(npz)


def read(path: Path):
    """The value that `write` wrote to path.json and path.npz."""
    npz = path.with_suffix(".npz")
    return unpack(path.with_suffix(".json").read_text("utf-8"), npz.read_bytes() if npz.exists() else b"")


def with_whole_characters(value):
    """What JSON can hold, with a question mark for each half of a character, which no file can hold."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _load(npz: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(npz), allow_pickle=False) as archive:
        if sum(member.file_size for member in archive.zip.infolist()) > LARGEST + 2**20:
            raise NotPlainError("The arrays are too large.")
        arrays = {key: archive[key] for key in archive.files}
    if any(array.dtype.kind not in NUMBERS for array in arrays.values()):
        raise NotPlainError("An array is not of numbers.")
    return arrays
