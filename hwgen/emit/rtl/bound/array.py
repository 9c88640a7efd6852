"""The time-shared systolic array: linear layers, matrix products and attention."""

from __future__ import annotations

from math import gcd
from typing import Any, ClassVar

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal

from hwgen.emit.rtl.array_tasks import (
    NUMERATOR_BITS,
    array_channels,
    array_task,
    array_weights,
)
from hwgen.emit.rtl.bound.base import Bound
from hwgen.emit.rtl.tasks import multiplier_bits
from hwgen.ops import get_op
from hwgen.ops.types import QType
from hwgen.plan.external import is_external
from hwgen.plan.model import Engine, Plan, Task
from hwgen.plan.timing import LENGTH_READ
from hwgen.quant.model import QGraph
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay
from rtl_templates.systolic.array_core import ArrayCore
from rtl_templates.systolic.loader import COLUMNS, KEY_SIZES, PINNED, ROWS, VALUE_SIZES, VALUES
from rtl_templates.systolic.task import ArrayShape, ArrayTask

__all__ = ["BoundArray"]

_OPERANDS = {COLUMNS: 0, ROWS: 1, VALUES: 2, PINNED: 3}
"""Which input of a node an operand is."""

_SIZES = {KEY_SIZES: -2, VALUE_SIZES: -1}
"""Which of what a task reads an operand is, if it reads sizes."""

_PACKED = QType(8, True, 1.0)
"""Of operands that lie in 4 bits: with them come sizes of 8."""


class BoundArray(Bound):
    """See :class:`Bound`; the core is :class:`ArrayCore`."""

    template: ClassVar[str] = "array"

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        super().__init__(plan, qgraph, engine)
        self.packed = [_is_packed(task) for task in self.tasks]
        self.operands = [
            _operand_types(task, types) for task, types in zip(self.tasks, self.types, strict=True)
        ]
        for task in self.tasks:
            self.granule = gcd(self.granule, *self._strides(task))
        (self.index,) = (Signal(range(max(2, self.buffer.elements)), name="array_index"),)

    def _strides(self, task: Task) -> list[int]:
        """Return numbers whose sums are all addresses that a task reads."""
        attend = task.work.attend
        starts = [self.plan.placement(name).address for name in task.reads]
        if _is_packed(task):
            assert attend is not None
            rows = (attend.inner // 2, attend.features // 2, self.reads // 2)
            return [*starts, *rows, self.engine.fold.rows]
        if attend is None:
            return [*starts, self.reads, task.work.elements]
        spread = task.work.kind == "matmul" and not attend.transposed
        wide = [attend.features] if spread or task.work.kind == "attention" else []
        return [
            *starts,
            self.reads,
            attend.inner,
            *wide,
            *([self.engine.fold.rows] if spread else []),
        ]

    def build(self, m: Module, task: Any, start: Any) -> None:
        """Instantiate the core with the weights of all tasks one after the other."""
        shape, self.task = self._shape(), task
        tasks, weights, channels = self._constants(shape)
        m.submodules.array = core = ArrayCore(shape, tasks, weights, channels)
        field = TaskField(m, task)
        self.data = Signal(self.reads * self.buffer.bits, name="array_data")
        begins, length = self._length(m, field, task, start, core)
        m.d.comb += [
            core.task.eq(task),
            core.start.eq(begins),
            core.length.eq(length),
            core.data_valid.eq(delay(m, core.read & core.read_ready, 1, "array_read")),
            core.data.eq(self._operands(m, field, core, shape)),
            self.index.eq(core.index),
        ]
        if self.memory is not None:
            self._fetch(m, field, start, core, shape)
        for k, item in enumerate(self.tasks):
            if item.node in self.caches:
                cache = self.caches[item.node]
                with m.If(task == k):
                    m.d.comb += [core.seen.eq(cache.seen), core.slot.eq(cache.slot)]
        self.step, self.beat_valid, self.beat = core.step, core.beat_valid, core.beat
        self._report(core)

    def _operands(self, m: Module, field: Any, core: Any, shape: ArrayShape) -> Any:
        """Return the codes of a beat as wide as the core takes them, extended by their type."""
        plain = self._codes(m, field, core, shape)
        if not any(self.packed):
            return plain
        halved = Signal(name="came_halved")
        m.d.sync += halved.eq(self._halved)
        halves = [
            _extended(
                self.data.word_select(lane // 2, self.buffer.bits)[:8].word_select(lane % 2, 4),
                shape.data_bits,
            )
            for lane in range(self.reads)
        ]
        return Mux(halved, Cat(halves), plain)

    def _codes(self, m: Module, field: Any, core: Any, shape: ArrayShape) -> Any:
        """Return codes that lie one in an element of the buffer."""
        spare = shape.data_bits - self.buffer.bits
        words = [self.data.word_select(lane, self.buffer.bits) for lane in range(self.reads)]
        if spare <= 0:
            return Cat(word[: shape.data_bits] for word in words)
        signs = [
            field([types[min(port, len(types) - 1)].signed for types in self.operands], f"sign_{k}")
            for k, port in _OPERANDS.items()
        ]
        signed, came = Signal(name="operand_signed"), Signal(name="came_signed")
        with m.Switch(core.operand):
            for operand, value in zip(_OPERANDS, signs, strict=True):
                with m.Case(operand):
                    m.d.comb += signed.eq(value)
        m.d.sync += came.eq(signed)
        return Cat(Cat(word, (word[-1] & came).replicate(spare)) for word in words)

    def _fetch(self, m: Module, field: Any, start: Any, core: Any, shape: ArrayShape) -> None:
        """Take keys and values of external caches from the memory's beats, when they come.

        Their sizes have twice the bits of codes: two words, of which the first one waits.
        """
        memory = self.memory
        external = field([is_external(item.work.attend) for item in self.tasks], "is_external")
        fetched, came, waits = Signal(), Signal(), Signal()
        beat = Signal(self.reads * shape.data_bits)
        of_sizes = (core.operand == KEY_SIZES) | (core.operand == VALUE_SIZES)
        of_codes = (core.operand == ROWS) | (core.operand == VALUES)
        m.d.comb += fetched.eq(external & (of_sizes | of_codes))
        codes = [
            memory.beats.payload.word_select(lane, memory.code_bits) for lane in range(self.reads)
        ]
        word = Signal(self.reads * shape.data_bits)
        m.d.comb += word.eq(Cat(_extended(code, shape.data_bits) for code in codes))
        moves, take = fetched & core.read & memory.beats.valid, fetched & memory.beats.valid
        if memory.packed:
            before = Signal(len(memory.beats.payload))
            take = take & (~of_sizes | waits)
            with m.If(moves):
                m.d.sync += [before.eq(memory.beats.payload), waits.eq(of_sizes & ~waits)]
            with m.If(of_sizes):
                m.d.comb += word.eq(_sizes_of(Cat(before, memory.beats.payload), shape.data_bits))
        m.d.comb += memory.beats.ready.eq(fetched & core.read)
        m.d.sync += [came.eq(take & core.read), beat.eq(word)]
        with m.If(fetched):
            m.d.comb += core.read_ready.eq(take)
        with m.If(came):
            m.d.comb += core.data.eq(beat)
        for k, item in enumerate(self.tasks):
            if is_external(item.work.attend):
                with m.If(start & (self.task == k)):
                    m.d.comb += memory.asks[item.node].eq(1)

    def _length(self, m: Module, field: Any, task: Any, start: Any, core: Any) -> tuple[Any, Any]:
        """Return when the core starts, and how many keys count; set ``address``."""
        places = _OPERANDS | (_SIZES if any(self.packed) else {})
        bases = [self._base(field, name, port) for name, port in places.items()]
        base = Signal(range(max(2, self.buffer.elements)), name="array_base")
        with m.Switch(core.operand):
            for operand, value in zip(places, bases, strict=True):
                with m.Case(operand):
                    m.d.comb += base.eq(value)
        self._halved = Signal(name="operand_halved")
        self.address = base + core.address
        if any(self.packed):
            rows = (core.operand == ROWS) | (core.operand == VALUES)
            m.d.comb += self._halved.eq(field(self.packed, "is_packed") & rows)
            self.address = base + Mux(self._halved, core.address >> 1, core.address)
        padded = [bool(item.work.attend and item.work.attend.padded) for item in self.tasks]
        if not any(padded):
            return start, Const(0, 1)
        counts = [
            self.plan.placement(item.reads[-1]).address if reads else 0
            for item, reads in zip(self.tasks, padded, strict=True)
        ]
        reads = field(padded, "is_padded")
        asking = delay(m, start & reads, 1, "length_asked")
        coming = delay(m, asking, LENGTH_READ - 1, "length_coming")
        self.address = Mux(asking, field(counts, "length_address"), self.address)
        kept = Signal(self.buffer.bits, name="length_kept")
        length = Signal(self.buffer.bits, name="length")
        m.d.comb += length.eq(Mux(coming, self.data[: self.buffer.bits], kept))
        m.d.sync += kept.eq(length)
        return Mux(reads, coming, start), length

    def _base(self, field: Any, operand: int, port: int) -> Any:
        values = [
            self.plan.placement(
                item.reads[max(-len(item.reads), min(port, len(item.reads) - 1))]
            ).address
            for item in self.tasks
        ]
        return field(values, f"base_array_{operand}")

    def _shape(self) -> ArrayShape:
        """Return sizes and widths that fit every task."""
        fold = self.engine.fold
        attends = any(task.work.kind == "attention" for task in self.tasks)
        requants = [
            node.lowered.requant
            for node, task in zip(self.nodes, self.tasks, strict=True)
            if task.work.kind != "attention"
        ]
        columns = [types[0] for types in self.operands]
        rows = [item for types in self.operands for item in types[1:]]
        # Attention takes its operands as signed codes, whatever their type.
        data_bits = max(
            _signed_bits(item) if task.work.kind == "attention" else item.bits
            for task, types in zip(self.tasks, self.operands, strict=True)
            for item in types
        )
        return ArrayShape(
            rows=fold.rows,
            columns=fold.outputs,
            lanes=self.reads,
            beat=fold.lanes,
            data_bits=data_bits,
            row_bits=max(data_bits, self.engine.weight_bits, *map(_signed_bits, rows)),
            column_bits=max(
                data_bits, NUMERATOR_BITS if attends else 0, *map(_signed_bits, columns)
            ),
            weight_bits=max(1, self.engine.weight_bits),
            acc_bits=self.engine.acc_bits,
            multiplier_bits=max(
                (multiplier_bits(item) for item in requants if item is not None), default=1
            ),
            out_bits=self.buffer.bits,
            normalisers=fold.normalisers,
            scores=fold.scores,
        )

    def _constants(self, shape: ArrayShape) -> tuple[list[ArrayTask], list[list[int]], list[int]]:
        """Return the tasks, each row's weights, and the words of biases and multipliers."""
        tasks: list[ArrayTask] = []
        weights: list[list[int]] = [[] for _ in range(shape.rows)]
        channels: list[int] = []
        places: dict[str, tuple[int, int]] = {}
        for item, node, types in zip(self.tasks, self.nodes, self.operands, strict=True):
            assert node.lowered.requant is not None
            first = places.setdefault(item.name, (len(weights[0]), len(channels)))
            tasks.append(
                array_task(
                    *(item.work, node.lowered, types),
                    weights=first[0],
                    channels=first[1],
                    stays=item.stays,
                )
            )
            if item.work.kind == "attention" or len(tasks) > self.alike:
                continue  # no weights, or those of the longest tensor
            bias = np.zeros(1, dtype=np.int64)
            if item.work.kind == "mac":
                bias = node.lowered.constants["bias"]
                shapes = [self.qgraph.tensor(name).shape for name in node.inputs]
                codes = get_op(node.op).stream_weights(node.lowered, shapes)
                words = array_weights(codes[:, 0], shape.rows, stays=item.stays)
                for line, more in zip(weights, words, strict=True):
                    line += more
            channels += array_channels(
                bias, node.lowered.requant, shape.rows, shape.acc_bits, shape.multiplier_bits
            )
        return tasks, weights if weights[0] else [], channels

    def _report(self, core: Any) -> None:
        """Count a row of results once, however many beats it has."""
        if not any(item.work.kind == "attention" for item in self.tasks):
            return
        self.flags = {
            "masked": core.beat_valid & core.masked & core.row_ends,
            "saturated": core.clamped,
        }


def _is_packed(task: Task) -> bool:
    return task.work.attend is not None and task.work.attend.kv4


def _operand_types(task: Task, types: tuple[QType, ...]) -> tuple[QType, ...]:
    """Return the types of the factors among what a task reads."""
    if _is_packed(task):
        return (types[0], _PACKED, _PACKED, *types[3:-2])
    return types[:-1] if task.work.attend and task.work.attend.padded else types


def _sizes_of(word: Any, bits: int) -> Any:
    """Return the sizes in a word, each as wide as a code."""
    return Cat(
        Cat(word.word_select(row, _PACKED.bits), Const(0, bits - _PACKED.bits))
        for row in range(len(word) // _PACKED.bits)
    )


def _extended(code: Any, bits: int) -> Any:
    return Cat(code, *[code[-1]] * (bits - len(code)))


def _signed_bits(kind: QType) -> int:
    return kind.bits + (not kind.signed)
