"""Constants of the task at hand."""

from amaranth.hdl import Array, Const, Signal, signed, unsigned
from amaranth.lib.wiring import In

__all__ = ["TaskField", "by_length", "length_port", "per_length", "shape_for"]


def shape_for(low, high):
    """Return the narrowest shape that holds every integer in ``[low, high]``."""
    if low >= 0:
        return unsigned(max(1, high.bit_length()))
    return signed(max((-low - 1).bit_length(), max(high, 0).bit_length()) + 1)


def per_length(value):
    """Return the values of a parameter that is one number, or one for each length of a tensor."""
    return (value,) if isinstance(value, int) else tuple(value)


def length_port(values):
    """Return the member ``length`` of a component with so many values of :func:`per_length`."""
    return {"length": In(range(max(2, len(values))))}


def by_length(values, length):
    """Return the value of the length at hand; a constant if it is the same for all.

    Parameters
    ----------
    values : sequence
        Integers, or values of equal meaning; one for each length.
    length : Value
        Index of the length; not looked at if there is one.
    """
    if len(values) == 1:
        return values[0]
    if all(isinstance(value, int) for value in values):
        values = [Const(value, shape_for(min(values), max(values))) for value in values]
    return Array(values)[length]


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
