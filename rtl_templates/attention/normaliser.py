"""Divides a query's sums by its denominator and requantises them."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.requantize import finish
from rtl_templates.attention.align import TOTAL_BITS
from rtl_templates.attention.reciprocal import Reciprocal
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay

__all__ = ["Normaliser"]

WORD = 32
RESULT_BITS = 25
"""A result times 2**16, with one bit to spare for rounding."""


class Normaliser(wiring.Component):
    """``code = clamp(requant(round_shift(sum * reciprocal, log + 1)))``, a beat at a time.

    A query's denominator comes with ``divide``; from ``take`` on its sums, one per cycle.  The
    denominator of the next query may come while sums are at work, its ``take`` may not.

    Latency: ``take`` is due ``Reciprocal.LATENCY`` cycles or more after ``divide``, with the first
    sum; a sum's code stands in the highest lane of ``beat`` 6 cycles after the sum.
    Throughput: one sum per cycle.  Infers one multiplier 32 by 18 and one 25 by 16.

    Parameters
    ----------
    shape : LaneShape
    tasks : sequence of LaneTask

    Members
    -------
    task : ``In``
    word : ``In(32)``
        A sum.
    denominator : ``In(24)``
    divide : ``In(1)``
    take : ``In(1)``
        The quotient is used from now on; may come together with ``divide``.
    beat : ``Out(lanes * out_bits)``
        The latest codes, the oldest in the low bits.
    empty : ``Out(1)``
        The denominator of the query whose codes are in ``beat`` is 0: it sees no key.
    """

    LATENCY = 6

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "word": In(WORD),
                "denominator": In(TOTAL_BITS),
                "divide": In(1),
                "take": In(1),
                "beat": Out(shape.lanes * shape.out_bits),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tasks, shape = self.tasks, self.shape
        field = TaskField(m, self.task)
        m.submodules.divider = divider = Reciprocal()
        nothing, nothing_now = Signal(), Signal()
        m.d.comb += [divider.x.eq(self.denominator), divider.start.eq(self.divide)]
        with m.If(self.divide):
            m.d.sync += nothing.eq(self.denominator == 0)
        reciprocal, log = Signal.like(divider.reciprocal), Signal.like(divider.log)
        with m.If(self.take):
            m.d.sync += [
                reciprocal.eq(divider.reciprocal),
                log.eq(divider.log),
                nothing_now.eq(nothing),
            ]
        used = delay(m, log, 1, "log")  # the shift is one cycle behind the product
        m.d.comb += self.empty.eq(delay(m, nothing_now, self.LATENCY - 1, "nothing"))

        operand = Signal(signed(WORD))
        product = Signal(signed(WORD + len(reciprocal)))
        result = Signal(signed(RESULT_BITS))
        scaled = Signal(signed(RESULT_BITS + 16))
        code = Signal(shape.out_bits)
        scales = [task.scale for task in tasks]
        multiplier = field([task.result_multiplier for task in tasks], "result_multiplier")
        half = field([scale.half for scale in scales], "half")
        # One bit more than the result: the last one shifted out rounds it.
        shifted = Signal(signed(RESULT_BITS + 1))
        m.d.comb += shifted.eq(product >> used)
        m.d.sync += [
            operand.eq(self.word),
            product.eq(operand * reciprocal),
            result.eq((shifted >> 1) + shifted[0]),
            scaled.eq(result * multiplier),
            code.eq(finish(field, scales, scaled + half)),
            self.beat.eq(Cat(self.beat, code) >> shape.out_bits),
        ]
        return m
