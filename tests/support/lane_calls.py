"""A stand-in for the array beside attention's lanes: legal calls, scores and sums in time."""

from dataclasses import dataclass

import numpy as np

from hwgen.ops.attention_keys import Arrivals, Slots, ring_start, slots_of
from hwgen.ops.kv4 import value_logs
from hwgen.ops.tile_exponent import State, logits, numerators, tile_exponent
from rtl_templates.arith.requantize import Scale
from rtl_templates.attention.shape import LaneTask
from support.streams import bench_of, pack, unpack

__all__ = ["Pass", "Slot", "lane_task", "play", "timetable"]


def lane_task(attend, *, multiplier, shift, sink_multiplier=None, result=(50000, 31), zero=0):
    """Return the task of the lanes for these products, with 8-bit results."""
    return LaneTask(
        multiplier=multiplier,
        sink_multiplier=multiplier if sink_multiplier is None else sink_multiplier,
        shift=shift,
        result_multiplier=result[0],
        scale=Scale(result[1], zero, -128, 127),
        queries=attend.queries,
        keys=attend.keys,
        heads=attend.heads,
        kv_heads=attend.kv_heads,
        features=attend.features,
        causal=attend.causal,
        window=attend.window,
        sinks=attend.sinks,
        padded=attend.padded,
        cached=attend.cached,
        ring=attend.keys - ring_start(attend) if attend.cached and attend.window else 0,
        kv4=attend.kv4,
    )


@dataclass
class Slot:
    """A tile met by a query block: what the lanes are told, are given, and must answer."""

    first: bool
    last: bool
    key: int
    pinned: bool
    scores: np.ndarray
    numerators: np.ndarray
    sums: np.ndarray
    key_sizes: np.ndarray
    value_sizes: np.ndarray
    score: int = 0
    reload: int = 0
    merge: int = 0


class Pass:
    """One tensor: scores (key heads, entries, slots), values (key heads, slots, features).

    Keys and values of four bits have ``sizes``, (key heads, slots) of both.
    """

    def __init__(self, shape, attend, task, scores, values, *, tensor=0, length=None, sizes=None):
        slots = slots_of(attend)
        sizes = sizes or (np.zeros((attend.kv_heads, slots), np.int64),) * 2
        self.shape, self.attend, self.task = shape, attend, task
        seen_before = tensor * attend.queries
        lengths = None if length is None else np.array([length])
        tokens = np.full(tensor + 1, attend.queries)
        arrivals = Arrivals.of(attend, tokens, attend.queries)
        sees = Slots.of(attend, np.array([tensor]), arrivals).seen(attend, lengths)[0]
        group = attend.heads // attend.kv_heads
        entries = attend.queries * group
        self.results = np.zeros((attend.queries, attend.heads, attend.features), np.int64)
        self.masked = np.zeros((attend.queries, attend.heads), bool)
        self.slots = []
        self.clamped = 0
        most = task.ring + task.sinks
        self.seen = min(seen_before, most) if task.ring else seen_before
        self.slot = (seen_before - task.sinks) % task.ring if task.ring else 0
        self.length = attend.keys if length is None else length
        for kv in range(attend.kv_heads):
            for start in range(0, entries, shape.columns):
                members = np.arange(start, min(start + shape.columns, entries))
                of_head = [size[kv] for size in sizes]
                self._block(kv, members, scores[kv], values[kv], sees[members // group], of_head)

    def _block(self, kv, members, scores, values, sees, sizes):
        attend, task, shape = self.attend, self.task, self.shape
        state = State.empty((len(members),), attend.features)
        starts = range(0, slots_of(attend), shape.tile)
        for start in starts:
            keys = slice(start, min(start + shape.tile, slots_of(attend)))
            pinned = start < task.sinks
            multiplier = task.sink_multiplier if pinned else task.multiplier
            some, seen = scores[members, keys], sees[:, keys]
            key_sizes, value_sizes = (size[keys] for size in sizes)
            if task.kv4:
                multiplier = (key_sizes * multiplier + 128) >> 8
            exact = (some * multiplier + ((1 << task.shift) >> 1)) >> task.shift
            self.clamped += int(((np.abs(exact) > 131008) & seen).sum())
            y = logits(some, multiplier, task.shift)
            exponent = tile_exponent(y, seen)
            parts = numerators(y, exponent, seen)
            total = parts.sum(axis=-1)
            if task.kv4:
                parts = numerators(y - value_logs(value_sizes), exponent, seen)
            sums = parts @ values[keys]
            state = state.add(exponent, total, sums)

            def block(array, wide):
                """Fill up columns that no query has, and keys behind the last, with noise."""
                full = np.full((shape.columns, wide), -77, np.int64)
                full[: array.shape[0], : array.shape[1]] = array
                return full

            parts_of_all = np.zeros((shape.columns, shape.tile), np.int64)
            parts_of_all[: len(members), : parts.shape[1]] = parts
            self.slots.append(
                Slot(
                    first=start == 0,
                    last=start == starts[-1],
                    key=start,
                    pinned=pinned,
                    scores=block(some, shape.tile),
                    numerators=parts_of_all,
                    key_sizes=key_sizes,
                    value_sizes=value_sizes,
                    sums=np.vstack(
                        [sums, np.zeros((shape.columns - len(members), attend.features), np.int64)]
                    ),
                )
            )
        codes = (state.finish() * task.result_multiplier + task.scale.half) >> task.scale.shift
        codes = np.clip(codes + task.scale.zero_point, task.scale.low, task.scale.high)
        group = attend.heads // attend.kv_heads
        self.results[members // group, kv * group + members % group] = codes
        self.masked[members // group, kv * group + members % group] = state.masked


def timetable(lanes, task, slots, rng, begin=5, slack=0):
    """Give every slot its calls, as early as is legal or up to ``slack`` cycles later."""
    shape, tile = lanes.shape, lanes.shape.tile
    last = None
    for number, slot in enumerate(slots):
        before = slots[number - 1] if number else None
        slot.score = begin
        read = number - shape.waiting  # the tile whose logarithms this one overwrites
        if before:
            slot.score = before.score + shape.score_step
        if read >= 0:
            slot.score = max(slot.score, slots[read].reload - lanes.SCORE - 2)
        slot.score += rng.randint(0, slack)
        slot.reload = slot.score + tile + lanes.READY
        if before:
            slot.reload = max(slot.reload, before.reload + shape.score_step, before.merge - tile)
        slot.reload += rng.randint(0, slack)
        slot.merge = slot.reload + tile + lanes.RELOAD + 1 + shape.later
        if before:
            slot.merge = max(slot.merge, before.merge + shape.merge_step(task.features))
        slot.merge += rng.randint(0, slack)
        if slot.last:
            if last is not None:
                slot.merge = max(slot.merge, last + lanes.interval(task))
            last = slot.merge


def play(lanes, tensors, *, reset_at=None):
    """Make the calls of (task index, pass) one after the other.

    Numerators are compared in the very cycles in which they are due.

    Parameters
    ----------
    reset_at
        Cycle of the first pass in which to reset, and to begin with it once more.

    Returns
    -------
    list
        Per pass: (cycle, index, codes, masked) of every beat, and how many were clamped.
    """
    seen = []

    async def body(ctx, reset):
        if reset_at is not None:
            await _one(ctx, lanes, *tensors[0], reset_at)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
        for index, tensor in tensors:
            end = tensor.slots[-1].merge + lanes.latency(tensor.task) + 1
            seen.append(await _one(ctx, lanes, index, tensor, end))
            assert not ctx.get(lanes.busy)

    bench_of(lanes, body)
    return seen


async def _one(ctx, dut, index, tensor, end):
    shape = dut.shape
    places = shape.scores * shape.columns
    calls, scores, sums, due = {}, {}, {}, {}
    sizes = {"key_size": {}, "value_size": {}}
    for slot in tensor.slots:
        for name in ("score", "reload", "merge"):
            calls.setdefault(getattr(slot, name), {})[name] = slot
        for p in range(shape.columns):
            turn, lane = divmod(p, shape.units)
            for k in range(shape.tile):
                key = shape.tile - 1 - k
                later = turn * shape.score_turn + lane + k
                place = p  # the end of the drain chains, the beginning of those of the shadows
                if shape.scores == 2:  # upper rows first
                    place += shape.columns * (k >= shape.tile // 2)
                    key = (key + shape.tile // 2) % shape.tile
                scores[slot.score + dut.SCORE + later, place] = slot.scores[p, key]
                due[slot.reload + dut.RELOAD + later, place] = slot.numerators[p, key]
        for name, begin, of_slot in (
            ("key_size", slot.score, slot.key_sizes),
            ("value_size", slot.reload, slot.value_sizes),
        ):
            for key, size in enumerate(of_slot):
                sizes[name][begin + shape.tile - 1 - key] = int(size)
        for p in range(shape.columns):
            for f in range(slot.sums.shape[1]):
                sums[slot.merge + dut.MERGE + p + f, p] = slot.sums[p, f]

    def word(values, cycle, bits, count):
        columns = [values.get((cycle, p), -1) for p in range(count)]
        return pack(columns, count, bits)[0]

    ctx.set(dut.task, index)
    for name in ("seen", "slot", "length"):
        ctx.set(getattr(dut, name), getattr(tensor, name))
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    beats, clamped = [], 0
    for cycle in range(end):
        call = calls.get(cycle, {})
        for name in ("score", "reload", "merge"):
            ctx.set(getattr(dut, name), name in call)
        if "score" in call:
            ctx.set(dut.score_first, call["score"].first)
            ctx.set(dut.score_key, call["score"].key)
            ctx.set(dut.score_pinned, call["score"].pinned)
        if "merge" in call:
            ctx.set(dut.merge_first, call["merge"].first)
            ctx.set(dut.merge_last, call["merge"].last)
        if dut.sized:
            for name, of_cycle in sizes.items():
                ctx.set(getattr(dut, name), of_cycle.get(cycle, 255))
        ctx.set(dut.s, word(scores, cycle, shape.score_bits, places))
        ctx.set(dut.sum, word(sums, cycle, shape.sum_bits, shape.columns))
        p = ctx.get(dut.p)
        for place in range(places):
            if (cycle, place) in due:
                assert p >> (8 * place) & 255 == due[cycle, place], (cycle, place)
        clamped += ctx.get(dut.clamped)
        if ctx.get(dut.beat_valid):
            assert ctx.get(dut.busy)
            ends = (ctx.get(dut.index) + shape.lanes) % tensor.task.features == 0
            assert ctx.get(dut.row_ends) == ends
            codes = unpack([ctx.get(dut.beat)], shape.lanes, shape.out_bits, True)
            beats.append((cycle, ctx.get(dut.index), codes, bool(ctx.get(dut.masked))))
        await ctx.tick()
    for name in ("score", "reload", "merge"):
        ctx.set(getattr(dut, name), 0)
    return beats, clamped
