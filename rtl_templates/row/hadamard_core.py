"""The datapath that transforms rows by a Hadamard matrix as they stream through."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from rtl_templates.arith.codes import Codes, bits_for
from rtl_templates.arith.requantize import Scale, finish
from rtl_templates.memory.select import TaskField
from rtl_templates.row.hadamard_stages import ButterflyStage, OrderStage, split_order
from rtl_templates.row.row_core import row_ports
from rtl_templates.streams.delay import delay

__all__ = ["HadamardCore", "HadamardTask"]


@dataclass(frozen=True)
class HadamardTask:
    """One op on the core.

    Parameters
    ----------
    x
        Codes of the input.
    zero
        Code of real zero.
    signs
        1 or -1 per element of a row.
    multiplier
        Final factor, 4 to 7.
    scale
        Final shift and clamp.
    """

    x: Codes
    zero: int
    signs: tuple[int, ...]
    multiplier: int
    scale: Scale

    @property
    def features(self):
        """Elements of a row."""
        return len(self.signs)

    @property
    def largest(self):
        """Largest magnitude of an element without its zero point."""
        return max(self.x.high - self.zero, self.zero - self.x.low)


class HadamardCore(wiring.Component):
    """``y = clamp((sum(+-x) * multiplier + half >> shift) + zero_point, low, high)``.

    A row of ``order * 2**k`` elements passes an :class:`OrderStage` (if ``order`` is not 1), the
    butterflies inside of a beat, and a :class:`ButterflyStage` for each doubling of beats.  With
    several tasks, a stage that is not for the task at hand is passed by.

    Latency: ``HadamardCore.latency(lanes, features)`` cycles from the step that read a row's last
    elements to its first beat; a row's beats leave in successive cycles.  Throughput: one step
    per cycle, rows back to back (``PERIOD`` 1).  No back-pressure.  Infers adders alone: per lane
    ``order`` in an order stage, one per butterfly inside of a beat, two per other stage, and
    three.

    Parameters
    ----------
    shape : RowShape
    tasks : sequence of HadamardTask
        ``lanes`` divides ``2**k`` of each.

    Members
    -------
    task, step, first, last, data, beat_valid, beat : see :func:`row_ports`.
    """

    PERIOD = 1
    LOAD = 2
    """Cycles from a step to its elements, without zero point and with their signs."""
    SCALING = 3
    """Cycles from a sum to its code."""

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.splits = [split_order(task.features) for task in self.tasks]
        for task, (_, doublings) in zip(self.tasks, self.splits, strict=True):
            if (1 << doublings) % shape.lanes:
                raise ValueError(
                    f"Lanes must divide {1 << doublings} of rows of {task.features} elements, "
                    f"not be {shape.lanes}"
                )
            if not 4 <= task.multiplier <= 7:
                raise ValueError(f"Multiplier must be 4 to 7, not {task.multiplier}")
        super().__init__(row_ports(shape, self.tasks))

    @classmethod
    def latency(cls, lanes, features):
        """Return the cycles from a row's last step to its first beat."""
        order, doublings = split_order(features)
        inside = lanes.bit_length() - 1
        across = doublings - inside
        return cls.LOAD + 2 * (order > 1) + inside + 2 * across + cls.SCALING

    def elaborate(self, platform):
        m = Module()
        field = TaskField(m, self.task)
        inside = self.shape.lanes.bit_length() - 1
        bounds = [task.largest for task in self.tasks]
        values, valid = self._elements(m, field, max(bounds))
        for order in sorted({order for order, _ in self.splits} - {1}):
            here = [other == order for other, _ in self.splits]
            bounds = [bound * order**use for bound, use in zip(bounds, here, strict=True)]
            own = [1 << doublings >> inside for _, doublings in self.splits]
            least = min(stride for stride, use in zip(own, here, strict=True) if use)
            strides = [stride if use else least for stride, use in zip(own, here, strict=True)]
            bits = len(values[0])
            stage = OrderStage(
                order, len(values), bits, bits_for(max(bounds), -max(bounds)), strides
            )
            m.submodules[f"order_{order}"] = stage
            m.d.comb += stage.task.eq(self.task)
            values, valid = self._through(m, field, stage, here, values, valid)
        for level in range(inside):
            values = self._beside(m, values, 1 << level)
        valid = delay(m, valid, inside, "beside")
        bounds = [bound << inside for bound in bounds]
        for level in range(max(doublings for _, doublings in self.splits) - inside):
            here = [doublings - inside > level for _, doublings in self.splits]
            stage = ButterflyStage(len(values), len(values[0]), 1 << level)
            m.submodules[f"stride_{1 << level}"] = stage
            values, valid = self._through(m, field, stage, here, values, valid)
        self._results(m, field, values, valid)
        return m

    def _elements(self, m, field, largest):
        """Return the lanes' elements, without zero point and with their signs, and their flag."""
        shape, tasks = self.shape, self.tasks
        words, bases = [], []
        for task in tasks:
            bases.append(len(words))
            for start in range(0, task.features, shape.lanes):
                signs = task.signs[start : start + shape.lanes]
                words.append(sum((sign < 0) << k for k, sign in enumerate(signs)))
        m.submodules.signs = memory = Memory(
            shape=shape.lanes, depth=max(2, len(words)), init=words
        )
        reader = memory.read_port()
        place = Signal(range(max(2, len(words))))
        with m.If(self.step):
            m.d.sync += place.eq(Mux(self.last, 0, place + 1))
        m.d.comb += [reader.en.eq(1), reader.addr.eq(field(bases, "signs_from") + place)]
        zero = field([task.zero for task in tasks], "zero")
        is_signed = field([task.x.signed for task in tasks], "is_signed")
        values = []
        for k in range(shape.lanes):
            raw = self.data.word_select(k, shape.x_bits)
            code = Cat(raw, raw[-1] & is_signed).as_signed()
            element = Signal(signed(bits_for(largest, -largest)), name=f"element_{k}")
            m.d.sync += element.eq(Mux(reader.data[k], zero - code, code - zero))
            values.append(element)
        return values, delay(m, self.step, self.LOAD, "element_step")

    def _through(self, m, field, stage, here, values, valid):
        """Return what leaves a stage, or passes it by where a task has no use for it."""
        uses = field(here, "uses")
        wide = len(stage.o) // len(values)
        m.d.comb += [stage.i.eq(Cat(values)), stage.valid.eq(valid & uses)]
        results = []
        for k, value in enumerate(values):
            result = Signal(signed(wide), name="through")
            m.d.comb += result.eq(Mux(uses, stage.o.word_select(k, wide).as_signed(), value))
            results.append(result)
        return results, Mux(uses, stage.o_valid, valid)

    def _beside(self, m, values, distance):
        """Return sums and differences of lanes that are so far apart, registered."""
        results = [Signal(signed(len(values[0]) + 1), name="beside") for _ in values]
        for k, value in enumerate(values):
            if not k & distance:
                m.d.sync += [
                    results[k].eq(value + values[k + distance]),
                    results[k + distance].eq(value - values[k + distance]),
                ]
        return results

    def _results(self, m, field, values, valid):
        """Multiply by 4 to 7 with two additions, round, and clamp."""
        tasks, scales = self.tasks, [task.scale for task in self.tasks]
        once = field([task.multiplier & 1 for task in tasks], "once")
        twice = field([task.multiplier >> 1 & 1 for task in tasks], "twice")
        half = field([scale.half for scale in scales], "half")
        codes = []
        for value in values:
            same, part = Signal.like(value), Signal(signed(len(value) + 2), name="part")
            wide = max(len(value) + 3, len(half) + 1) + 1
            rounded = Signal(signed(wide), name="rounded")
            code = Signal(self.shape.out_bits, name="code")
            m.d.sync += [
                same.eq(value),
                part.eq(Mux(once, value, 0) + Mux(twice, value << 1, 0)),
                rounded.eq((same << 2) + part + half),
                code.eq(finish(field, scales, rounded)),
            ]
            codes.append(code)
        m.d.comb += [
            self.beat.eq(Cat(codes)),
            self.beat_valid.eq(delay(m, valid, self.SCALING, "code_beat")),
        ]
