"""The datapath that folds and scales channels: pools, adds, copies, argmax."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.requantize import Scale, finish
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay

__all__ = ["VectorCore", "VectorShape", "VectorTask"]


@dataclass(frozen=True)
class VectorTask:
    """One op on the core.

    Parameters
    ----------
    kind
        ``scale`` (sum of scaled elements: sum, add, copy, concat), ``max`` or ``argmax``.
    signed
        Per port: whether its codes are signed.
    multipliers, offsets
        Per port: factor of its elements, and the constant that a sum starts with when its
        first element comes from this port (rounding included).
    scale
        Final shift and clamp.
    """

    kind: str
    signed: tuple[bool, ...]
    multipliers: tuple[int, ...]
    offsets: tuple[int, ...]
    scale: Scale


@dataclass(frozen=True)
class VectorShape:
    """Lanes and widths in bits; ``ports`` is the most inputs of any task."""

    lanes: int
    ports: int
    x_bits: int
    acc_bits: int
    out_bits: int


class VectorCore(wiring.Component):
    """``lanes`` channels side by side, one element of each a cycle.

    Latency: ``VectorCore.LATENCY`` cycles from the step that read an element to the beat of
    its group.  Throughput: one step per cycle.  No back-pressure.  Infers ``lanes``
    multipliers ``x_bits`` by 16 if any task scales by more than a power of two.

    Parameters
    ----------
    shape : VectorShape
    tasks : sequence of VectorTask

    Members
    -------
    task : ``In``
    step, first, last : ``In(1)``
        A step is issued in this cycle; it is the first, the last of its group.
    port : ``In``
        Input that the step reads.
    data : ``In(lanes * x_bits)``
        Its elements, one cycle after the step.
    beat_valid : ``Out(1)``
    beat : ``Out(lanes * out_bits)``
    """

    LATENCY = 5

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        if shape.lanes > 1 and any(task.kind == "argmax" for task in self.tasks):
            raise ValueError(f"argmax takes 1 lane, not {shape.lanes}")
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "step": In(1),
                "first": In(1),
                "last": In(1),
                "port": In(range(max(2, shape.ports))),
                "data": In(shape.lanes * shape.x_bits),
                "beat_valid": Out(1),
                "beat": Out(shape.lanes * shape.out_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape, tasks = self.shape, self.tasks
        field = TaskField(m, self.task)
        kinds = {task.kind for task in tasks}

        step1 = delay(m, Cat(self.step, self.first, self.last, self.port), 1, "step")
        step2 = delay(m, step1, 1, "operand_step")
        step3 = delay(m, step2, 1, "product_step")
        done = delay(m, step3[0] & step3[2], 2, "done")
        m.d.comb += self.beat_valid.eq(done)

        is_signed = self._of_port(field, step1[3:], "signed")
        multiplier = self._of_port(field, step2[3:], "multipliers")
        offset = self._of_port(field, step3[3:], "offsets")
        is_max = field([task.kind == "max" for task in tasks], "is_max")
        is_argmax = field([task.kind == "argmax" for task in tasks], "is_argmax")
        scales = [task.scale for task in tasks]

        codes = []
        for k in range(shape.lanes):
            raw = self.data.word_select(k, shape.x_bits)
            operand = Signal(signed(shape.x_bits + 1), name=f"operand_{k}")
            product = Signal(signed(shape.acc_bits), name=f"product_{k}")
            acc = Signal(signed(shape.acc_bits), name=f"acc_{k}")
            code = Signal(shape.out_bits, name=f"code_{k}")
            m.d.sync += operand.eq(Cat(raw, raw[-1] & is_signed).as_signed())
            scaled = operand * multiplier if "scale" in kinds else operand
            if kinds != {"scale"}:
                scaled = Mux(is_max | is_argmax, operand, scaled)
            m.d.sync += product.eq(scaled)
            total = acc
            if "scale" in kinds:
                total = Mux(step3[1], offset, acc) + product
            better = step3[1] | (product > acc)
            if kinds != {"scale"}:
                largest = Mux(better, product, acc)
                total = Mux(is_max | is_argmax, largest, total)
            with m.If(step3[0]):
                m.d.sync += acc.eq(total)
            result = finish(field, scales, acc)
            if kinds != {"scale"}:
                result = Mux(is_max, acc, result)
            if "argmax" in kinds:
                result = Mux(is_argmax, self._index(m, step3, better), result)
            m.d.sync += code.eq(result)
            codes.append(code)
        m.d.comb += self.beat.eq(Cat(codes))
        return m

    def _of_port(self, field, port, name):
        """Return a constant of the task that differs between its ports."""
        tables = []
        for k in range(self.shape.ports):
            values = [
                values[min(k, len(values) - 1)]
                for values in (getattr(task, name) for task in self.tasks)
            ]
            tables.append(field(values, f"{name}_{k}"))
        constants = {table.value for table in tables if isinstance(table, Const)}
        if len(constants) == 1 and all(isinstance(table, Const) for table in tables):
            return tables[0]
        return Array(tables)[port]

    def _index(self, m, step, better):
        """Return the index of the group's largest element so far; the first of equals."""
        count = Signal(self.shape.out_bits)
        index = Signal(self.shape.out_bits)
        here = Mux(step[1], 0, count)
        with m.If(step[0]):
            m.d.sync += count.eq(here + 1)
            with m.If(better):
                m.d.sync += index.eq(here)
        return index
