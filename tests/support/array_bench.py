"""Nodes of linear layers, products and attention on one array core, compiled by Verilator."""

from dataclasses import dataclass, replace

import numpy as np
from amaranth.back import rtlil

from hwgen.emit.rtl.array_tasks import array_channels, array_task, array_weights
from hwgen.emit.rtl.yosys import verilog_of
from hwgen.ops import LowerOptions, QType, get_op
from hwgen.ops.attention_keys import ring_start
from hwgen.ops.events import recorded
from hwgen.ops.kv4 import pack
from hwgen.plan.array_cycles import ArraySize, array_slots
from hwgen.plan.array_lanes import score_units
from hwgen.plan.caches import ring_of
from hwgen.verify.array import ArrayRun, build_array, run_array
from rtl_templates.systolic.array_core import ArrayCore
from rtl_templates.systolic.loader import COLUMNS, KEY_SIZES, PINNED, ROWS, VALUE_SIZES, VALUES
from rtl_templates.systolic.task import ArrayShape

__all__ = ["ArrayBench", "Case"]

SIGNED = QType(8, True, 0.05)


@dataclass
class Case:
    """A node: op, spec keys, input shapes and types."""

    op: str
    keys: dict
    shapes: list
    types: list = None
    out: QType = SIGNED
    weight_bits: int = 8
    seed: int = 0
    stays: bool = False  # linear: operand stationary

    def __post_init__(self):
        self.meaning = op = get_op(self.op)
        self.params = op.Params.model_validate(self.keys)
        self.types = list(self.types or [SIGNED] * len(self.shapes))
        if self.op == "attention":
            self.types[3:] = op.in_types(self.params, self.shapes)[3:]
            if self.params.sink_queries:
                self.types[3] = QType(8, True, 0.04)
        rng = np.random.default_rng(self.seed)
        weights = {
            name: rng.standard_normal(shape)
            for name, shape in op.weights(self.params, self.shapes).items()
        }
        self.lowered = op.lower(
            self.params, weights, self.shapes, self.types, self.out, LowerOptions(self.weight_bits)
        )
        self.work = op.work(self.lowered, self.shapes, self.types)

    @property
    def weights(self):
        """Weights (features, elements)."""
        return self.meaning.stream_weights(self.lowered, self.shapes)[:, 0]

    def codes(self, samples=1, *, seed=0, spread=1.0):
        """Return random samples of each input."""
        rng = np.random.default_rng(seed)
        codes = []
        for shape, kind in zip(self.shapes, self.types, strict=True):
            array = rng.integers(kind.low, kind.high, size=(samples, *shape), endpoint=True)
            codes.append(array if kind.count else (array * spread).astype(np.int64))
        return codes


class ArrayBench:
    """One core with the tasks of all cases, one after the other in its memories."""

    def __init__(self, cases, *, rows, columns, lanes, beat, normalisers=1, data_bits=8):
        self.cases = cases
        scores = score_units([case.work for case in cases], rows, columns)
        self.size = ArraySize(rows, columns, lanes, beat, normalisers, scores)
        linear = [case for case in cases if case.op == "linear"]
        unsigned = any(not case.types[0].signed for case in linear)
        factors = [int(case.lowered.requant.multiplier.max()).bit_length() for case in cases]
        sums = [case.meaning.accumulator(case.lowered, case.shapes, case.types) for case in cases]
        acc_bits = 1 + max(max(-low, high).bit_length() for low, high in sums)
        wide = max([data_bits + unsigned] + [9 for case in cases if case.op == "attention"])
        weight_bits = max([case.weight_bits for case in linear], default=1)
        self.shape = ArrayShape(
            rows=rows,
            columns=columns,
            lanes=lanes,
            beat=beat,
            data_bits=data_bits,
            row_bits=max(data_bits, weight_bits),
            column_bits=wide,
            weight_bits=weight_bits,
            acc_bits=acc_bits,
            multiplier_bits=max(factors),
            out_bits=data_bits,
            normalisers=normalisers,
            scores=scores,
        )
        tasks, weights, channels = [], [[] for _ in range(rows)] if linear else [], []
        for case in cases:
            first = len(weights[0]) if linear else 0
            tasks.append(
                array_task(
                    *(case.work, case.lowered, case.types),
                    weights=first,
                    channels=len(channels),
                    stays=case.stays,
                )
            )
            if case.op == "attention":
                continue
            bias = np.zeros(1, np.int64)
            if case.op == "linear":
                bias = case.lowered.constants["bias"]
                words = array_weights(case.weights, rows, stays=case.stays)
                for line, more in zip(weights, words, strict=True):
                    line += more
            requant = case.lowered.requant
            channels += array_channels(bias, requant, rows, acc_bits, max(factors))
        self.core = ArrayCore(self.shape, tasks, weights, channels)

    def build(self, **options):
        """Compile; called once."""
        self.verilog = verilog_of(rtlil.convert(self.core, name="array"))
        self.model = build_array(self.verilog, "array", **options)
        return self

    def run(self, runs, folder):
        """Run (case, codes, keys of ArrayRun) one after the other; compare with the golden model.

        Every result must be right, each written once, and where the memory answers as on chip
        the last beat in the predicted cycle.  Returns the traces.
        """
        asked, golden, clamped = [], [], []
        for number, codes, keys in runs:
            case = self.cases[number]
            with recorded() as events:
                golden.append(case.meaning.integer(case.lowered, codes)[-1].ravel())
            with recorded() as before:  # the core sees the last sample only
                if len(codes[0]) > 1:
                    case.meaning.integer(case.lowered, [array[:-1] for array in codes])
            clamped.append(events.clamped - before.clamped)
            operands, more = self._operands(case, codes)
            asked.append(ArrayRun(number, operands, golden[-1].size, **{**more, **keys}))
        traces = run_array(self.model, self.shape, asked, folder)
        for (number, _, keys), item, trace, codes, count in zip(
            runs, asked, traces, golden, clamped, strict=True
        ):
            case = self.cases[number]
            label = f"{case.op} {case.keys} {case.shapes} {keys}"
            wrong = np.flatnonzero(trace.results != codes)
            places = f"{wrong.size} of {codes.size} from {wrong[:8]}"
            assert not wrong.size, f"{label}: {places}: {trace.results[wrong[:8]]}"
            assert trace.beats.size * self.size.beat == codes.size, label
            assert trace.clamped == count, label
            if not (item.latency or item.pauses):
                count = item.length if case.keys.get("padded") else None
                size = replace(self.size, stays=case.stays)
                plan = array_slots(case.work, size, seen=self._seen(case, item), length=count)
                ran = (trace.last_beat, trace.steps)
                assert (plan.last_beat, plan.steps) == ran, f"{label}: {plan} {ran}"
        return traces

    def _seen(self, case, item):
        return item.seen

    def _operands(self, case, codes):
        """Return what the memory holds for the last sample, and the inputs of the core."""
        last = [array[-1] for array in codes]
        attend = case.work.attend
        if case.op != "attention":
            return dict(zip((COLUMNS, ROWS), last, strict=False)), {}
        operands, more = {COLUMNS: last[0], ROWS: last[1], VALUES: last[2]}, {"length": attend.keys}
        if attend.sink_queries:
            operands[PINNED] = last[3]
        if attend.padded:
            more["length"] = int(last[-1][0])
        if attend.cached:
            rows = codes[1:3]
            if attend.kv4:
                means = case.lowered.constants["key_mean"]
                rows, sizes = zip(
                    *(self._packed(attend, *r) for r in zip(rows, (means, 0), strict=True)),
                    strict=True,
                )
                for operand, array in zip((KEY_SIZES, VALUE_SIZES), sizes, strict=True):
                    whole = np.full(
                        (attend.kv_heads, -(-attend.keys // attend.tile) * attend.tile), 200
                    )
                    whole[:, : attend.keys] = self._cache(attend, array).T
                    operands[operand] = whole
            operands[ROWS], operands[VALUES] = (self._cache(attend, array) for array in rows)
            seen = (len(codes[0]) - 1) * attend.queries
            more["seen"] = seen
            if attend.window:
                ring = attend.keys - ring_start(attend)
                more["seen"] = min(seen, ring_of(attend).most)
                more["slot"] = (seen - attend.sinks) % ring
        return operands, more

    def _packed(self, attend, rows, mean):
        """Return four-bit codes of rows, and the sizes of their heads."""
        heads = (rows - mean).reshape(*rows.shape[:2], attend.kv_heads, -1)
        codes, sizes = pack(heads)
        return codes.reshape(rows.shape), sizes

    def _cache(self, attend, rows):
        """Return a cache with every token of the samples in its slot, written one by one."""
        cache = np.full((attend.keys, rows.shape[-1]), 77, np.int64)
        start = ring_start(attend)
        for position, row in enumerate(rows.reshape(-1, rows.shape[-1])):
            slot = position
            if attend.window and position >= attend.sinks:
                slot = start + (position - attend.sinks) % (attend.keys - start)
            cache[slot] = row
        return cache
