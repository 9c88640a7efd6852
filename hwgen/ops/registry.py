"""The list of ops: adding an op adds its files and one name here."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from hwgen.ops.base import Op

__all__ = ["get_op", "op_names"]

_NAMES = (
    "add",
    "argmax",
    "avg_pool2d",
    "concat",
    "conv2d",
    "flatten",
    "linear",
    "max_pool2d",
    "relu",
    "requantize",
)


def op_names() -> tuple[str, ...]:
    """Return the names of all ops, sorted."""
    return _NAMES


@cache
def get_op(name: str) -> Op:
    """Return the op of this name; KeyError if there is none.

    Each op's module ``hwgen.ops.<name>`` ends with ``OP = <its class>()``.
    """
    if name not in _NAMES:
        raise KeyError(name)
    op: Op = import_module(f"hwgen.ops.{name}").OP
    return op
