"""The plan as Verilog, through Amaranth."""

from hwgen.emit.rtl.top import build_top
from hwgen.emit.rtl.verilog import emit_verilog

__all__ = ["build_top", "emit_verilog"]
