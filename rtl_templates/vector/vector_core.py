"""The datapath that folds, scales, turns and looks up channels."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.requantize import Scale, finish
from rtl_templates.memory.select import TaskField, per_length
from rtl_templates.streams.delay import delay
from rtl_templates.vector.lookup import Lookup
from rtl_templates.vector.rows import Rows, RowTable
from rtl_templates.vector.turns import Turn, Turns

__all__ = ["VectorCore", "VectorShape", "VectorTask"]


@dataclass(frozen=True)
class VectorTask:
    """One op on the core.

    Parameters
    ----------
    kind
        ``scale`` (sum of scaled elements: sum, add, copy, concat), ``max``, ``argmax``,
        ``product`` (of the elements of two steps, scaled), ``table``, ``turn`` or ``rows``.
    signed
        Per port: whether its codes are signed.
    multipliers, offsets
        Per port: factor of its elements, and the constant that a sum starts with when its
        first element comes from this port (rounding included).
    scale
        Final shift and clamp.
    zeros
        Per port: what is taken off its codes first.
    table
        ``table``: results by the raw bits of a code; a power of two.
    turn, rows
        See :class:`Turns` and :class:`Rows`.
    count
        ``rows``: numbers in a tensor; one for each length, if it can have several.
    pad
        Code of an element that is missing.
    """

    kind: str
    signed: tuple[bool, ...]
    multipliers: tuple[int, ...]
    offsets: tuple[int, ...]
    scale: Scale
    zeros: tuple[int, ...] = (0,)
    table: tuple[int, ...] = ()
    turn: Turn | None = None
    rows: RowTable | None = None
    count: int | tuple[int, ...] = 1
    pad: int = 0


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
    multipliers ``x_bits`` by 16 if any task scales by more than a power of two or turns; ``x_bits``
    by ``x_bits + 17`` if any task makes products.  What tables, turns and rows add:
    :class:`Lookup`, :class:`Turns`, :class:`Rows`.

    Parameters
    ----------
    shape : VectorShape
    tasks : sequence of VectorTask

    Members
    -------
    task : ``In``
    length : ``In``
        Index of the present tensor's length.
    step, first, last : ``In(1)``
        A step is issued in this cycle; it is the first, the last of its group.
    port : ``In``
        Input that the step reads.
    clear : ``In(1)``
        Running positions begin anew; between two tensors.
    data : ``In(lanes * x_bits)``
        Its elements, one cycle after the step.
    absent : ``In(1)``
        With ``data``: they are missing, and count as the task's ``pad``.
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
                "length": In(range(max(2, self.lengths))),
                "step": In(1),
                "first": In(1),
                "last": In(1),
                "clear": In(1),
                "port": In(range(max(2, shape.ports))),
                "data": In(shape.lanes * shape.x_bits),
                "absent": In(1),
                "beat_valid": Out(1),
                "beat": Out(shape.lanes * shape.out_bits),
            }
        )

    @property
    def lengths(self):
        """Lengths that a tensor can have, of those tasks that count its tokens."""
        counted = [task.count for task in self.tasks]
        counted += [task.turn.tokens for task in self.tasks if task.turn is not None]
        return max(len(per_length(count)) for count in counted)

    @property
    def remembers(self):
        """Whether positions go on from tensor to tensor."""
        return any(task.turn is not None and task.turn.running for task in self.tasks)

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

        zero = self._of_port(field, step1[3:], "zeros")
        is_product = field([task.kind == "product" for task in tasks], "is_product")
        is_table = field([task.kind == "table" for task in tasks], "is_table")
        is_turn = field([task.kind == "turn" for task in tasks], "is_turn")
        is_rows = field([task.kind == "rows" for task in tasks], "is_rows")
        compares = kinds & {"max", "argmax"}
        sums = kinds & {"scale", "product", "turn"}
        lookup = self._lookup(m) if "table" in kinds else None
        turns = self._turns(m) if "turn" in kinds else None
        rows = self._rows(m, step2[0]) if "rows" in kinds else None

        mask = (1 << shape.x_bits) - 1
        pad = field([task.pad & mask for task in tasks], "pad")

        codes = []
        for k in range(shape.lanes):
            raw = Mux(self.absent, pad, self.data.word_select(k, shape.x_bits))[: shape.x_bits]
            operand = Signal(signed(shape.x_bits + 1), name=f"operand_{k}")
            product = Signal(signed(shape.acc_bits), name=f"product_{k}")
            acc = Signal(signed(shape.acc_bits), name=f"acc_{k}")
            code = Signal(shape.out_bits, name=f"code_{k}")
            m.d.sync += operand.eq(Cat(raw, raw[-1] & is_signed).as_signed() - zero)
            factor = multiplier
            if turns is not None:
                factor = Mux(is_turn, turns.factors.word_select(k, 16), factor)
            if "product" in kinds:
                # The second factor meets the first one, which the multiplier has scaled already.
                before = product[: shape.x_bits + 17].as_signed()
                factor = Mux(is_product & ~step2[1], before, factor)
            scaled = operand * factor if sums else operand
            if compares and sums:
                scaled = Mux(is_max | is_argmax, operand, scaled)
            m.d.sync += product.eq(scaled)
            total = acc
            if sums:
                start = Mux(step3[1] | is_product, offset, acc)
                term = product
                if turns is not None:
                    negative = is_turn & turns.negative[k]
                    term = (product ^ negative.replicate(len(product))).as_signed() + negative
                total = start + term
            better = step3[1] | (product > acc)
            if compares:
                largest = Mux(better, product, acc)
                total = Mux(is_max | is_argmax, largest, total)
            if lookup is not None:
                m.d.comb += lookup.codes.word_select(k, lookup.bits).eq(operand)
                total = Mux(is_table, _part(lookup.results, k, lookup.shape), total)
            with m.If(step3[0]):
                m.d.sync += acc.eq(total)
            result = finish(field, scales, acc)
            if compares:
                result = Mux(is_max, acc, result)
            if "argmax" in kinds:
                result = Mux(is_argmax, self._index(m, step3, better), result)
            if rows is not None:
                if k == 0:
                    m.d.comb += rows.number.eq(operand)
                result = Mux(is_rows, _part(rows.codes, k, rows.shape), result)
            m.d.sync += code.eq(result)
            codes.append(code)
        m.d.comb += self.beat.eq(Cat(codes))
        return m

    def _lookup(self, m):
        widest = max(len(task.table) for task in self.tasks)
        m.submodules.lookup = lookup = Lookup(
            lanes=self.shape.lanes,
            bits=(widest - 1).bit_length(),
            tables=[task.table for task in self.tasks],
        )
        m.d.comb += lookup.task.eq(self.task)
        return lookup

    def _turns(self, m):
        m.submodules.turns = turns = Turns(
            lanes=self.shape.lanes, turns=[task.turn for task in self.tasks]
        )
        here = Signal()
        with m.Switch(self.task):
            for k, task in enumerate(self.tasks):
                with m.Case(k):
                    m.d.comb += here.eq(task.turn is not None)
        m.d.comb += [
            turns.task.eq(self.task),
            turns.length.eq(self.length),
            turns.step.eq(self.step & here),
            turns.first.eq(self.first),
            turns.clear.eq(self.clear),
        ]
        return turns

    def _rows(self, m, step):
        m.submodules.rows = rows = Rows(
            lanes=self.shape.lanes,
            bits=self.shape.x_bits,
            tables=[task.rows for task in self.tasks],
            counts=[task.count for task in self.tasks],
        )
        field = TaskField(m, self.task)
        here = field([task.rows is not None for task in self.tasks], "has_rows")
        m.d.comb += [
            rows.task.eq(self.task),
            rows.length.eq(self.length),
            rows.step.eq(step & here),
        ]
        return rows

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


def _part(lanes, k, shape):
    """Return one lane of packed codes of a shape."""
    part = lanes.word_select(k, shape.width)
    return part.as_signed() if shape.signed else part
