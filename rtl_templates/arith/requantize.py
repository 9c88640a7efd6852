"""Requantisation: from accumulators to the codes of the next tensor."""

from dataclasses import dataclass

from amaranth.hdl import Mux

__all__ = ["Scale", "finish"]


@dataclass(frozen=True)
class Scale:
    """The constants of ``y = clamp((scaled >> shift) + zero_point, low, high)``.

    ``scaled`` already has ``2**(shift - 1)`` added, so that the shift rounds half up.
    """

    shift: int
    zero_point: int
    low: int
    high: int

    @property
    def half(self):
        """What rounds half up."""
        return (1 << self.shift) >> 1


def finish(field, scales, scaled):
    """Return the clamped code of ``scaled`` as a signed value.

    Parameters
    ----------
    field : TaskField
        Source of the task's constants.
    scales : sequence of Scale
        One per task.
    scaled : Value
        Multiplied and rounded, signed.
    """
    shifts = sorted({scale.shift for scale in scales})
    value = scaled >> shifts[0]
    for shift in shifts[1:]:
        here = field([scale.shift == shift for scale in scales], f"shift_is_{shift}")
        value = Mux(here, scaled >> shift, value)
    value = value + field([scale.zero_point for scale in scales], "zero_point")
    low = field([scale.low for scale in scales], "low")
    high = field([scale.high for scale in scales], "high")
    return Mux(value < low, low, Mux(value > high, high, value))
