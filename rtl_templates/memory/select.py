"""Constants of the task at hand."""

from amaranth.hdl import Const, Signal, signed, unsigned

__all__ = ["TaskField", "shape_for"]


def shape_for(low, high):
    """Return the narrowest shape that holds every integer in ``[low, high]``."""
    if low >= 0:
        return unsigned(max(1, high.bit_length()))
    return signed(max((-low - 1).bit_length(), max(high, 0).bit_length()) + 1)


class TaskField:
    """Makes per-task constants available: plain constants for one task, else a small ROM.

    The ROM's output is registered, so that it is right from the second cycle after ``task``
    changes.

    Parameters
    ----------
    m : Module
        Module to build in.
    task : Signal
        Index of the task, or None if there is only one.
    """

    def __init__(self, m, task):
        self._m = m
        self._task = task

    def __call__(self, values, name):
        """Return a value that is ``values[task]``."""
        values = [int(value) for value in values]
        shape = shape_for(min(values), max(values))
        if len(set(values)) == 1:
            return Const(values[0], shape)
        field = Signal(shape, name=name)
        with self._m.Switch(self._task):
            for index, value in enumerate(values):
                with self._m.Case(index):
                    self._m.d.sync += field.eq(value)
        return field
