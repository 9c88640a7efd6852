"""What ops without weights share: from geometry and codes to an engine."""

from dataclasses import replace

from rtl_templates.arith.codes import bits_for
from rtl_templates.arith.requantize import Scale
from rtl_templates.memory.fit import bank_count, buffer_depth, granule_of, queue_beats
from rtl_templates.memory.walk import Level, Walk
from rtl_templates.vector.vector_core import VectorCore, VectorShape, VectorTask
from rtl_templates.vector.vector_engine import VectorEngine

__all__ = ["VectorOp", "compare_task", "pointwise_walk", "sum_bits", "sum_task"]


class VectorOp(VectorEngine):
    """A :class:`VectorEngine` made from a walk and plain integers.

    Parameters
    ----------
    x : Codes
        Elements of every input; a narrower input is extended by its driver.
    task : VectorTask
    acc_bits : int
        Width of an accumulator.
    walk : Walk
    out_bits : int
        Width of a result.
    ports : int
        Inputs.
    lanes : int
        Channels at once, a power of two that divides them; also results per beat.
    beat : int
        Elements of a beat on each ``i``, a power of two that divides the tensor.
    depth, queue : int or None
        Elements of each window buffer, beats of the output queue; None: enough for full speed
        of the engine.

    Attributes
    ----------
    cycles : int
        Cycles in which the engine is busy with one tensor: the initiation interval, unless
        the streams are slower.
    """

    def __init__(
        self,
        *,
        x,
        task,
        acc_bits,
        walk,
        out_bits,
        ports=1,
        lanes=1,
        beat=1,
        depth=None,
        queue=None,
    ):
        banks = bank_count(beat, lanes)
        depth = depth or buffer_depth(walk, beat, banks)
        self.walk = walk
        self.cycles = walk.steps
        super().__init__(
            VectorShape(
                lanes=lanes, ports=ports, x_bits=x.bits, acc_bits=acc_bits, out_bits=out_bits
            ),
            task,
            walk,
            elements=walk.fresh,
            depths=[depth] * ports,
            beats=[beat] * ports,
            banks=[banks] * ports,
            granule=granule_of(walk, banks),
            queue=queue or queue_beats(walk, VectorCore.LATENCY, 1),
        )


def pointwise_walk(positions, channels, *, lanes, ports=1):
    """Return the walk that maps each element to one result at the same place.

    One step per input and ``lanes`` channels.
    """
    if lanes < 1 or channels % lanes:
        raise ValueError(f"Lanes must divide the {channels} channels, not {lanes}")
    return Walk(
        elements=positions * channels,
        row=channels,
        levels=(
            Level(positions, channels),
            Level(1),
            Level(channels // lanes, 0, lanes),
            Level(ports),
            Level(1),
        ),
        group=2,
        reach=(0, channels - 1),
    )


def sum_task(x, scale, multipliers=(1,), offsets=(0,)):
    """Return the task ``clamp(((sum x * multiplier + offset + half) >> shift) + zero)``.

    Multipliers and offsets are per input.  A multiplication by one is left out.
    """
    if not all(0 <= factor < 1 << 16 for factor in multipliers):
        raise ValueError(f"Multipliers must be in [0, 2**16), not {list(multipliers)}")
    starts = [offset + scale.half for offset in offsets]
    if not any(offsets) and all(factor == 1 << scale.shift for factor in multipliers):
        multipliers, starts = [1] * len(multipliers), [0] * len(offsets)
        scale = replace(scale, shift=0)
    signed = (x.signed,) * len(multipliers)
    return VectorTask("scale", signed, tuple(multipliers), tuple(starts), scale)


def sum_bits(x, task, terms=1, *, together=False):
    """Return the width that holds every partial sum of ``terms`` elements per input.

    Parameters
    ----------
    together : bool
        Whether the inputs are summed with each other.
    """
    lows = [terms * min(0, x.low * factor) for factor in task.multipliers]
    highs = [terms * max(0, x.high * factor) for factor in task.multipliers]
    low, high = (sum(lows), sum(highs)) if together else (min(lows), max(highs))
    return bits_for(low, high, *(end + start for end in (0, low, high) for start in task.offsets))


def compare_task(kind, x, out_high=None):
    """Return the task of ``max`` or ``argmax``, which scale nothing."""
    return VectorTask(kind, (x.signed,), (1,), (0,), Scale(0, 0, x.low, out_high or x.high))
