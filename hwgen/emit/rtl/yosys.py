"""RTLIL to Verilog with the native Yosys of the ``pyosys`` wheel."""

from __future__ import annotations

import tempfile
from pathlib import Path

__all__ = ["verilog_of"]


def verilog_of(rtlil: str, *, readable: bool = True) -> str:
    """Return Verilog-2001 text of an RTLIL design.

    Parameters
    ----------
    readable
        Keep decisions as always blocks with if and case.  Else they become multiplexers, and
        the attributes stay: a vendor primitive has settings among them.
    """
    import pyosys.libyosys as ys

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "design.il"), Path(folder, "design.v")
        source.write_text(rtlil)
        design = ys.Design()
        for command in (
            f"read_rtlil {source}",
            f"proc -noopt -norom {'-nomux' if readable else ''}",
            "opt_clean -purge",
            "memory_collect",
            f"write_verilog {'-noattr' if readable else ''} -norename {target}",
        ):
            design.run_pass(f"tee -q {command}")
        text = target.read_text()
    # The first line names the Yosys build; the design must not depend on it.
    return text.split("\n", 1)[1]
