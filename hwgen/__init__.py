"""hwgen: neural-network accelerators for FPGAs from a YAML spec.

Every verb of the command line is a function here, imported when it is first used::

    import hwgen

    result = hwgen.sim("digits.yaml", vectors=16)
    result.trace()["conv1"]
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwgen.flow import (
        bitstream,
        boards,
        build,
        check,
        csim,
        doctor,
        flash,
        init,
        ops,
        report,
        run,
        schema,
        sim,
    )

__all__ = [
    "__version__",
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
    if name == "__version__":
        return metadata.version("hwgen")
    if name in __all__:
        return getattr(import_module("hwgen.flow"), name)
    raise AttributeError(f"module 'hwgen' has no attribute {name!r}")
