"""Sigmoid linear unit."""

from rtl_templates.vector.table import TableOp

__all__ = ["Silu"]


class Silu(TableOp):
    """``y = table[x - x.low]``; the table of ``hwgen.ops.silu`` makes it bit for bit equal.

    Timing, cost and parameters: :class:`TableOp`.
    """
