"""What the datapaths of rows share: their size and their ports."""

from dataclasses import dataclass

from amaranth.lib.wiring import In, Out

__all__ = ["RowShape", "row_ports"]


@dataclass(frozen=True)
class RowShape:
    """Lanes, and widths in bits of a stored element and of a result."""

    lanes: int
    x_bits: int
    out_bits: int


def row_ports(shape, tasks):
    """Return the members of a core.

    - ``task``: ``In``, the task at hand, of ``tasks``;
    - ``step``, ``first``, ``last``: ``In(1)``, a step is issued in this cycle; it is the first,
      the last of its row;
    - ``data``: ``In(lanes * x_bits)``, its elements, one cycle after the step;
    - ``beat_valid``, ``beat``: ``Out(1)``, ``Out(lanes * out_bits)``, results.
    """
    return {
        "task": In(range(max(2, len(tasks)))),
        "step": In(1),
        "first": In(1),
        "last": In(1),
        "data": In(shape.lanes * shape.x_bits),
        "beat_valid": Out(1),
        "beat": Out(shape.lanes * shape.out_bits),
    }
