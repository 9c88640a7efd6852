"""Pipeline registers that carry flags beside the data."""

from amaranth.hdl import Signal

__all__ = ["delay"]


def delay(m, value, cycles, name):
    """Return ``value`` as it was ``cycles`` cycles ago (0 before that many have passed)."""
    for k in range(cycles):
        later = Signal(value.shape(), name=f"{name}_{k + 1}")
        m.d.sync += later.eq(value)
        value = later
    return value
