"""RTLIL to Verilog with the native Yosys of the ``pyosys`` wheel."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

__all__ = ["verilog_of"]

_STRIP = (
    "attrmap -remove src -remove generator -remove full_case -remove parallel_case",
    "setattr -mod -unset src -unset generator -unset top *",
)
"""Leave the attributes of memories, which say how they may be built, and no others."""

_INIT = re.compile(r"^ *\(\* init = .* \*\)\n", flags=re.MULTILINE)
"""Which is also where the signal is declared."""

_NUMBER = re.compile(r"(?<=dump_module)\$1\d{9}\b")


def verilog_of(rtlil: str, *, readable: bool = True) -> str:
    """Return Verilog-2001 text of an RTLIL design.

    Parameters
    ----------
    readable
        Keep decisions as always blocks with if and case, and of attributes those of memories.
        Else decisions become multiplexers, and all attributes stay: a vendor primitive has
        settings among them.
    """
    import pyosys.libyosys as ys

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "design.il"), Path(folder, "design.v")
        # Yosys numbers what it adds, on and on through the calls of a process, and sorts by name:
        # numbers of one length keep the order, and so the text, the same.
        source.write_text(f"autoidx {10**9}\n{rtlil}")
        design = ys.Design()
        for command in (
            f"read_rtlil {source}",
            f"proc -noopt -norom {'-nomux' if readable else ''}",
            "opt_clean -purge",
            "memory_collect",
            *(_STRIP if readable else ()),
            f"write_verilog {'-norename' if readable else ''} {target}",
        ):
            design.run_pass(f"tee -q {command}")
        text = target.read_text()
    if readable:
        text = _INIT.sub("", text)
    # The first line names the Yosys build; the design must not depend on it.
    return _NUMBER.sub("", text.split("\n", 1)[1])
