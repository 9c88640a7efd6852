"""Memories of an elaborated component."""

from amaranth.hdl import Fragment, Shape
from amaranth.hdl._mem import MemoryInstance

__all__ = ["memory_bits"]


def memory_bits(component):
    """Return the bits of all memories in a component."""

    def of(fragment):
        bits = sum(of(part) for part, *_ in fragment.subfragments)
        if isinstance(fragment, MemoryInstance):
            bits += fragment._data.depth * Shape.cast(fragment._data.shape).width
        return bits

    return of(Fragment.get(component, None))
