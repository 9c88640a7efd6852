"""A work as a C++ constant."""

from __future__ import annotations

from hwgen.emit.hls.constants import reduce_loops
from hwgen.ops.work import Loop, Work

__all__ = ["work_text"]


def work_text(work: Work) -> str:
    """Return the initialiser of a ``hwgen::work``; the layout is that of port 0."""
    outer, inner = reduce_loops(work)
    loops = (work.row, work.column, work.channel, outer, inner)
    port = work.ports[0]
    y, x = work.origin
    return (
        f"{{{port.rows}, {port.row}, {', '.join(map(_loop, loops))}, "
        f"{work.outputs}, {work.elements}, {y}, {x}, {work.pad}, {port.history}, {port.missing}, "
        f"{work.mirror}, {'true' if work.own_columns else 'false'}}}"
    )


def _loop(loop: Loop) -> str:
    return f"{{{loop.count}, {loop.dy}, {loop.dx}}}"
