"""JSON and content hashes of the pipeline's data: the same value always gives the same text.

Arrays are named by their content, so that a JSON file stays readable and two qgraphs that differ
in one weight differ in their text.  :func:`arrays` collects the arrays themselves, and
:func:`restore` puts both together again.
"""

from __future__ import annotations

import hashlib
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from hwgen.errors import Mark

__all__ = ["arrays", "digest", "dumps", "file_digest", "restore", "to_json"]

Array = npt.NDArray[Any]
T = typing.TypeVar("T")


def to_json(obj: object) -> Any:
    """Return ``obj`` as dicts, lists, strings and numbers.

    Dataclasses and pydantic models become objects in field order, arrays
    ``{"shape", "dtype", "sha256"}``, tuples and sets (sorted) lists, paths POSIX strings, and
    floats that JSON cannot hold ``"nan"``, ``"inf"`` and ``"-inf"``.  Fields and entries that
    hold a mark are left out: where a thing stands in a spec is not part of what it is.

    Raises
    ------
    TypeError
        If a value has no such form.
    """
    match obj:
        case None | bool() | int() | str():
            return obj.value if isinstance(obj, Enum) else obj
        case float():
            return float(obj) if math.isfinite(obj) else str(float(obj))
        case np.ndarray():
            return _array_name(obj)
        case np.generic():
            return to_json(obj.item())
        case bytes():
            return {"bytes": len(obj), "sha256": hashlib.sha256(obj).hexdigest()}
        case PurePath():
            return obj.as_posix()
        case BaseModel():
            return {name: to_json(getattr(obj, name)) for name in type(obj).model_fields}
        case Mapping():
            return _object((str(key), value) for key, value in obj.items())
        case Set():
            return sorted(to_json(item) for item in obj)
        case Sequence():
            return [to_json(item) for item in obj]
    if is_dataclass(obj) and not isinstance(obj, type):
        return _object((field.name, getattr(obj, field.name)) for field in fields(obj))
    raise TypeError(f"A {type(obj).__name__} has no JSON form")


def dumps(obj: object) -> str:
    """Return the JSON text of ``obj`` for a file: indented, with a final newline."""
    return json.dumps(to_json(obj), indent=1, ensure_ascii=False) + "\n"


def digest(*objs: object) -> str:
    """Return the SHA-256 of the values, 64 hex digits; the order of a mapping's keys is all one."""
    text = json.dumps(to_json(objs), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def arrays(obj: object) -> dict[str, Array]:
    """Return every array inside ``obj`` by the ``sha256`` that :func:`to_json` gives it."""
    found: dict[str, Array] = {}
    _collect(obj, found)
    return dict(sorted(found.items()))


def restore(kind: type[T], data: Any, stored: Mapping[str, Array]) -> T:
    """Return the dataclass of type ``kind`` that :func:`to_json` turned into ``data``.

    Parameters
    ----------
    stored
        The arrays by content, from :func:`arrays`.

    Raises
    ------
    ValueError
        If the data does not fit the type, or an array is missing.
    """
    value: T = _restore(kind, data, stored)
    return value


def _array_name(array: Array) -> dict[str, Any]:
    # The byte order and layout of the machine must not show in the hash.
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    head = f"{plain.dtype.str}{plain.shape}".encode()
    content = hashlib.sha256(head + plain.tobytes()).hexdigest()
    return {"shape": list(array.shape), "dtype": array.dtype.name, "sha256": content}


def _object(items: Iterable[tuple[str, object]]) -> dict[str, Any]:
    return {key: to_json(value) for key, value in items if not isinstance(value, Mark)}


def _collect(obj: object, found: dict[str, Array]) -> None:
    if isinstance(obj, np.ndarray):
        found[_array_name(obj)["sha256"]] = obj
    elif isinstance(obj, Mapping):
        for value in obj.values():
            _collect(value, found)
    elif isinstance(obj, tuple | list):
        for value in obj:
            _collect(value, found)
    elif is_dataclass(obj) and not isinstance(obj, type):
        for field in fields(obj):
            _collect(getattr(obj, field.name), found)


def _restore(kind: Any, data: Any, stored: Mapping[str, Array]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in arguments:
            return None
        (kind,) = (item for item in arguments if item is not type(None))
        return _restore(kind, data, stored)
    if isinstance(data, dict) and "sha256" in data:
        if data["sha256"] not in stored:
            raise ValueError(f"Array {data['sha256']} is not stored")
        return stored[data["sha256"]]
    if kind is Any:
        # An op's attributes hold tuples, never lists.
        if isinstance(data, list):
            return tuple(_restore(Any, item, stored) for item in data)
        return data
    if origin is tuple:
        items = arguments[:1] * len(data) if arguments[-1] is Ellipsis else arguments
        return tuple(_restore(*pair, stored) for pair in zip(items, data, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {key: _restore(arguments[1], value, stored) for key, value in data.items()}
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        values = {f.name: _restore(hints[f.name], data[f.name], stored) for f in fields(kind)}
        return kind(**values)  # type: ignore[operator]
    if kind is float and isinstance(data, str):
        return float(data)
    return data
