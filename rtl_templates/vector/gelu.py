"""Gaussian error linear unit."""

from rtl_templates.vector.table import TableOp

__all__ = ["Gelu"]


class Gelu(TableOp):
    """``y = table[x - x.low]``; the table of ``hwgen.ops.gelu`` makes it bit for bit equal.

    Timing, cost and parameters: :class:`TableOp`.
    """
