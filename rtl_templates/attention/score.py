"""From the product of a query and a key to its base-2 logarithm."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.shape import EMPTY, FRACTION, OCTAVE_BITS
from rtl_templates.memory.select import TaskField

__all__ = ["ScoreScale"]

LIMIT = (-EMPTY - 1) << FRACTION
"""A logarithm beyond this, or below its negative, is clamped."""


class ScoreScale(wiring.Component):
    """``y = clamp(round_shift(s * M, shift), -131008, 131008)``, rounded up to octaves.

    With ``z = y + 63``, ``octave = z >> 6`` is ``ceil(y / 64)`` and ``below = z & 63`` is how
    far ``y`` lies above the octave before: ``y = 64 * octave - (63 - below)``.  So the rounding
    up costs nothing: 63 is part of the constant that rounds.

    Clamps take no logic where the largest score of no task reaches them (``reach``).

    Latency: 3 cycles, ``seen`` 2 of them after its ``s``.  Throughput: 1 per cycle.  Infers one
    multiplier ``score_bits`` by 16.

    Parameters
    ----------
    score_bits : int
        Width of a score.
    tasks : sequence of LaneTask

    Members
    -------
    task : ``In``
    s : ``In(signed)``
    pinned : ``In(1)``
        Beside ``s``: the key is one of the sinks, which have a multiplier of their own.
    factor : ``In(16)``
        Beside ``s``: ``M`` of a task with sizes of keys; only if there is one.
    seen : ``In(1)``
        Whether the key counts, two cycles after its score.
    octave : ``Out(signed(12))``
        -2048 for a key that is not seen.
    below : ``Out(6)``
    clamped : ``Out(1)``
        The logarithm of a seen key was clamped.
    """

    LATENCY = 3

    def __init__(self, score_bits, tasks):
        self.tasks = tuple(tasks)
        self.sized = any(task.kv4 for task in self.tasks)
        factors = [
            0xFFFF if task.kv4 else max(task.multiplier, task.sink_multiplier)
            for task in self.tasks
        ]
        self.reach = max(
            ((factor << (score_bits - 1)) + ((1 << task.shift) >> 1)) >> task.shift
            for factor, task in zip(factors, self.tasks, strict=True)
        )
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "s": In(signed(score_bits)),
                **({"factor": In(16)} if self.sized else {}),
                "pinned": In(1),
                "seen": In(1),
                "octave": Out(signed(OCTAVE_BITS)),
                "below": Out(FRACTION),
                "clamped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tasks = self.tasks
        field = TaskField(m, self.task)
        full = (1 << FRACTION) - 1
        multiplier = field([task.multiplier for task in tasks], "multiplier")
        if any(task.sink_multiplier != task.multiplier for task in tasks):
            of_sinks = field([task.sink_multiplier for task in tasks], "sink_multiplier")
            multiplier = Mux(self.pinned, of_sinks, multiplier)
        if self.sized:
            sized = field([task.kv4 for task in tasks], "sized")
            multiplier = Mux(sized, self.factor, multiplier)
        # One bit more than the logarithm: the last one shifted out rounds it.
        product = Signal(signed(len(self.s) + 16))
        shifts = sorted({task.shift for task in tasks})
        shifted = (product << 1) >> shifts[0]
        for shift in shifts[1:]:
            here = field([task.shift == shift for task in tasks], f"shift_is_{shift}")
            shifted = Mux(here, (product << 1) >> shift, shifted)
        total = Signal(signed(max(len(shifted), FRACTION + 3) + 1))
        m.d.sync += [product.eq(self.s * multiplier), total.eq(shifted + (2 * full + 1))]
        z = total >> 1
        octave, below = z >> FRACTION, z[:FRACTION]
        if self.reach <= LIMIT:
            m.d.sync += [self.octave.eq(Mux(self.seen, octave, EMPTY)), self.below.eq(below)]
            return m
        above, beneath = Signal(), Signal()
        m.d.comb += [above.eq(octave > ~EMPTY), beneath.eq(octave <= EMPTY + 1)]
        exact = (octave == EMPTY + 1) & (below == full)
        m.d.sync += [
            self.octave.eq(
                Mux(self.seen, Mux(above, ~EMPTY, Mux(beneath, EMPTY + 1, octave)), EMPTY)
            ),
            self.below.eq(Mux(above | beneath, full, below)),
            self.clamped.eq(self.seen & (above | (beneath & ~exact))),
        ]
        return m
