"""An array with a buffer of its own: tensors in by streams, one after the other, results out."""

from math import gcd

from amaranth.hdl import Array, Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.control.sequencer import Sequencer
from rtl_templates.control.store import Store
from rtl_templates.memory.shared_buffer import SharedBuffer, WritePhase
from rtl_templates.streams.delay import delay
from rtl_templates.systolic.array_core import ArrayCore
from rtl_templates.systolic.loader import COLUMNS, ROWS, VALUES

__all__ = ["ArrayOp"]


class ArrayOp(wiring.Component):
    """Takes each operand whole, multiplies, and sends the result; then the next tensors.

    Latency: ``overhead`` cycles, one per beat of each operand and of the result, and what
    ``hwgen.plan.array_cycles`` says from start to last beat.  Initiation interval: the same, for
    nothing overlaps.  Utilisation bound: that of :class:`ArrayCore` while it works.

    Parameters
    ----------
    shape : ArrayShape
    task : ArrayTask
    elements : sequence of int
        Of each operand: columns, rows, values.
    results : int
        Elements of the result.
    beat : int
        Elements of a beat on ``i``, a power of two that divides every operand.
    counted : bool
        Whether a further stream says how many keys count.
    channels : sequence of int
        See :class:`ArrayCore`.

    Members
    -------
    i : ``In(stream.Signature(beat * data_bits)).array``
    o : ``Out(stream.Signature(shape.beat * out_bits))``
    active : ``Out(1)``
        The array multiplies.
    waiting : ``Out(1)``
        A result waits to be taken.
    """

    def __init__(self, shape, task, elements, results, *, beat=1, counted=False, channels=()):
        self.operands = (*elements, *([1] if counted else []))
        for count in self.operands:
            if count % beat:
                raise ValueError(f"Beats of {beat} do not divide a tensor of {count} elements")
        self.core = ArrayCore(shape, [task], (), channels)
        self.beat = beat
        self.counted = counted
        self.results = results
        self.banks = max(beat, shape.lanes, shape.beat)
        self.overhead = Sequencer.OVERHEAD * (len(self.operands) + 2) + Store.LATENCY
        super().__init__(
            {
                "i": In(stream.Signature(beat * shape.data_bits)).array(len(self.operands)),
                "o": Out(stream.Signature(shape.beat * shape.out_bits)),
                "active": Out(1),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        core, shape, banks = self.core, self.core.shape, self.banks
        count = len(self.operands)
        m.submodules.core = core
        m.submodules.sequencer = sequencer = Sequencer(count + 2)
        bases, end = [], 0
        phases = []
        for k, elements in enumerate(self.operands):
            bases.append(end)
            phases.append(WritePhase(k, end, elements // self.beat))
            end += -(-elements // banks) * banks
        phases.append(WritePhase(count, end, self.results // shape.beat, placed=True))
        phases.append(WritePhase())
        bits = max(shape.data_bits, shape.out_bits)
        m.submodules.buffer = buffer = SharedBuffer(
            elements=end + -(-self.results // banks) * banks,
            bits=bits,
            banks=banks,
            granule=gcd(banks, shape.beat, shape.lanes, *self._steps()),
            lanes=max(shape.lanes, shape.beat),
            writers=[self.beat] * count + [shape.beat],
            phases=phases,
        )
        m.submodules.store = store = Store(
            address=end,
            lanes=shape.beat,
            bits=shape.out_bits,
            beats=self.results // shape.beat,
        )
        m.d.comb += [buffer.phase.eq(sequencer.phase), buffer.start.eq(sequencer.start)]
        for k, source in enumerate(self.i):
            here = sequencer.running & (sequencer.phase == k)
            m.d.comb += [
                source.ready.eq(here),
                buffer.push[k].eq(here & source.valid),
                buffer.beats[k].eq(_widened(source.payload, shape.data_bits, bits)),
            ]
        self._work(m, buffer, sequencer, bases, bits)
        stores = sequencer.running & (sequencer.phase == count + 1)
        m.d.comb += [
            store.run.eq(stores),
            store.data.eq(_narrowed(buffer.r_data, shape.beat, bits, shape.out_bits)),
            sequencer.done.eq(buffer.written),
            self.waiting.eq(self.o.valid & ~self.o.ready),
        ]
        with m.If(stores):
            m.d.comb += [buffer.r_address.eq(store.read), sequencer.done.eq(store.done)]
        wiring.connect(m, store.o, wiring.flipped(self.o))
        return m

    def _steps(self):
        """Return numbers whose sums are all addresses that the core reads."""
        (size,) = self.core.sizes
        task = size.task
        steps = [task.inner]
        if size.attention or size.spread:
            steps.append(task.features)
        return [*steps, self.core.shape.rows] if size.spread else steps

    def _work(self, m, buffer, sequencer, bases, bits):
        """Let the core read its operands, and write."""
        core, shape, count = self.core, self.core.shape, len(self.operands)
        base = Signal(range(max(2, bases[-1] + 1)))
        numbers = dict(zip((COLUMNS, ROWS, VALUES), bases, strict=False))
        m.d.comb += [
            base.eq(Array(numbers.get(operand, 0) for operand in range(VALUES + 1))[core.operand]),
            core.start.eq(sequencer.start & (sequencer.phase == count)),
            buffer.r_address.eq(base + core.address),
            core.data_valid.eq(delay(m, core.read & core.read_ready, 1, "asked")),
            core.data.eq(_narrowed(buffer.r_data, shape.lanes, bits, shape.data_bits)),
            buffer.push[count].eq(core.beat_valid),
            buffer.beats[count].eq(_widened(core.beat, shape.out_bits, bits)),
            buffer.offset.eq(core.index),
            self.active.eq(core.step),
        ]
        if self.counted:
            count = self.i[-1]
            with m.If(count.valid & count.ready):
                m.d.sync += core.length.eq(count.payload)
        elif core.lanes:
            m.d.comb += core.length.eq(core.tasks[0].lane.keys)


def _widened(beat, own, bits):
    """Return elements of ``own`` bits, each in ``bits``."""
    lanes = len(beat) // own
    zeros = Const(0, bits - own)
    return Cat(Cat(beat.word_select(lane, own), zeros) for lane in range(lanes))


def _narrowed(word, lanes, bits, own):
    """Return the low ``own`` bits of the first ``lanes`` elements."""
    return Cat(word.word_select(lane, bits)[:own] for lane in range(lanes))
