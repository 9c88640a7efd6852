"""Arrays of an ``.npz`` file, their headers read before any data: the file is untrusted."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

__all__ = ["ArrayFile", "ArrayHeader", "NpzFile", "Unreadable"]

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,  # a compression method that zipfile does not know
    OSError,
    RuntimeError,  # an encrypted member
    ValueError,
)


class Unreadable(Exception):
    """A file or an array in it cannot be used.

    Parameters
    ----------
    code
        HG210 (not such a file, or damaged), HG216 (pickled objects).
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


@dataclass(frozen=True)
class ArrayHeader:
    """Shape and NumPy-like name of the element type (``float32``, ``bfloat16``)."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def real(self) -> bool:
        """True for a floating-point type of at most 64 bits."""
        return self.dtype in ("bfloat16", "float16", "float32", "float64")


class ArrayFile:
    """A file of named arrays: all headers at once, the data on demand."""

    headers: dict[str, ArrayHeader]

    def load(self, name: str) -> npt.NDArray[np.float64]:
        """Return a real array; its header must have been checked.

        Raises
        ------
        Unreadable
            If its data is damaged.
        """
        raise NotImplementedError


class NpzFile(ArrayFile):
    """An ``.npz`` file: a zip archive of ``.npy`` members, stored or deflated.

    Raises
    ------
    Unreadable
        If it is damaged, or holds anything but arrays of numbers.
    """

    def __init__(self, path: Path) -> None:
        self.headers = {}
        self._members: dict[str, str] = {}
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    self._add(archive, info)
        except _DAMAGE as error:
            raise _damaged(path.name, error) from None

    def _add(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        name = info.filename.removesuffix(".npy")
        if name == info.filename:
            raise Unreadable(
                "HG216" if name.endswith((".pkl", ".pickle")) else "HG210",
                f"the archive holds {name[:80]!r}, which is no array",
                "write the file with numpy.savez",
            )
        if name in self.headers:
            raise Unreadable(
                "HG210", f"array {name!r} is there twice", "write the file with numpy.savez"
            )
        with archive.open(info) as stream:
            header, dtype = _header(stream)
            size = stream.tell() + prod(header.shape) * dtype.itemsize
        if dtype.hasobject:
            raise Unreadable(
                "HG216",
                f"array {name!r} holds pickled Python objects",
                "save plain floating-point arrays; hwgen never unpickles",
            )
        if size != info.file_size:
            message = f"array {name!r} of shape {list(header.shape)} has {info.file_size} bytes"
            raise Unreadable("HG210", f"{message} instead of {size}", "write the file again")
        self.headers[name] = header
        self._members[name] = info.filename

    def load(self, name: str) -> npt.NDArray[np.float64]:
        """Return a real array."""
        try:
            with (
                zipfile.ZipFile(self._path) as archive,
                archive.open(self._members[name]) as stream,
            ):
                array: npt.NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        except _DAMAGE as error:
            raise _damaged(name, error) from None
        return array.astype(np.float64)


def _header(stream: IO[bytes]) -> tuple[ArrayHeader, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):  # NumPy writes others for structured types only; 2.0 has no size limit
        raise ValueError(f"npy version {version[0]}.{version[1]}")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    return ArrayHeader(tuple(shape), dtype.name), dtype


def _damaged(name: str, error: BaseException) -> Unreadable:
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return Unreadable(
        "HG210", f"{name!r} is not a sound .npz file: {reason}", "write it with numpy.savez"
    )
