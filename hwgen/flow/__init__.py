"""The verbs as Python functions, and the build folder.

Each verb is imported when it is first used: ``check`` does not load what ``bitstream`` needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwgen.flow.builder import build, check
    from hwgen.flow.catalog import boards, doctor, ops, schema
    from hwgen.flow.hardware import bitstream, flash, run
    from hwgen.flow.report import report
    from hwgen.flow.simulate import csim, sim
    from hwgen.flow.starters import init

# No module has the name of a verb: importing it would hide the function.
_PLACES = {
    "bitstream": "hardware",
    "boards": "catalog",
    "build": "builder",
    "check": "builder",
    "csim": "simulate",
    "doctor": "catalog",
    "flash": "hardware",
    "init": "starters",
    "ops": "catalog",
    "report": "report",
    "run": "hardware",
    "schema": "catalog",
    "sim": "simulate",
}

__all__ = [
    "bitstream",
    "boards",
    "build",
    "check",
    "csim",
    "doctor",
    "flash",
    "init",
    "ops",
    "report",
    "run",
    "schema",
    "sim",
]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"hwgen.flow.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'hwgen.flow' has no attribute {name!r}")
