"""Arrays of a ``.safetensors`` file.

Format: https://github.com/huggingface/safetensors (README, "Format"): eight bytes of header
length, little endian; the header, a JSON object; then the data of all tensors.
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hwgen.graph.npz import ArrayFile, ArrayHeader, Unreadable

__all__ = ["SafetensorsFile"]

_MOST_HEADER: Final = 1 << 24
_TYPES = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U64": ("uint64", 8),
    "U32": ("uint32", 4),
    "U16": ("uint16", 2),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}


class SafetensorsFile(ArrayFile):
    """A ``.safetensors`` file.

    Raises
    ------
    Unreadable
        If it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.headers = {}
        self._path = path
        self._ranges: dict[str, tuple[int, int]] = {}
        try:
            size = path.stat().st_size
            with path.open("rb") as stream:
                length = int.from_bytes(stream.read(8), "little")
                if length > min(_MOST_HEADER, size - 8):
                    raise _damaged(path, f"a header of {length} bytes")
                entries = json.loads(stream.read(length), object_pairs_hook=_unique)
        except OSError as error:
            raise _damaged(path, str(error)) from None
        except (RecursionError, ValueError) as error:  # not JSON, or not UTF-8
            raise _damaged(path, str(error)) from None
        if not isinstance(entries, dict):
            raise _damaged(path, "the header is not an object")
        for name, entry in entries.items():
            if name != "__metadata__":
                self._add(name, entry, 8 + length, size)

    def _add(self, name: str, entry: Any, base: int, size: int) -> None:
        match entry:
            case {"dtype": str(kind), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
                pass
            case _:
                raise _damaged(self._path, f"the entry of {name[:80]!r}")
        if kind not in _TYPES or not all(type(n) is int and n >= 0 for n in shape):
            raise _damaged(self._path, f"type or shape of {name[:80]!r}")
        dtype, itemsize = _TYPES[kind]
        if not (0 <= start <= end <= size - base and end - start == prod(shape) * itemsize):
            raise _damaged(self._path, f"the data range of {name[:80]!r}")
        self.headers[name] = ArrayHeader(tuple(shape), dtype)
        self._ranges[name] = (base + start, end - start)

    def load(self, name: str) -> npt.NDArray[np.float64]:
        """Return a real array."""
        header = self.headers[name]
        start, length = self._ranges[name]
        try:
            with self._path.open("rb") as stream:
                stream.seek(start)
                data = stream.read(length)
        except OSError as error:
            raise _damaged(self._path, str(error)) from None
        if len(data) != length:
            raise _damaged(self._path, f"the data of {name!r} is cut off")
        if header.dtype == "bfloat16":  # the upper half of a float32
            halves = np.frombuffer(data, "<u2").astype(np.uint32)
            values: npt.NDArray[Any] = (halves << 16).view(np.float32)
        else:
            values = np.frombuffer(data, np.dtype(header.dtype).newbyteorder("<"))
        return values.reshape(header.shape).astype(np.float64)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _damaged(path: Path, reason: str) -> Unreadable:
    message = f"{path.name!r} is not a sound .safetensors file: {reason[:120]}"
    return Unreadable("HG210", message, "write it with the safetensors package")
