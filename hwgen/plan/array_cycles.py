"""When the tiles of a task run on a systolic array: the recurrence that its control follows.

A pure function of the work and the array's size.  Cycle 0 is the ``start`` of the task, before
the first beat is asked for; the memory answers in the cycle after it was asked, as on chip.  The
templates are ``rtl_templates/systolic`` and ``rtl_templates/attention``; a contract test holds
the constants and sizes of this module against theirs, and simulations the cycles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hwgen.ops.work import Attend, Work

__all__ = [
    "ATTENTION_CHUNKS",
    "PRODUCT_CHUNKS",
    "ArraySize",
    "Fetch",
    "Slots",
    "array_slots",
    "attention_lag",
    "attention_slot",
    "size_places",
]

FEED = 3
"""Cycles from a step of a slot to its multiplication in row 0 and column 0."""

LOAD = 5
"""Cycles from the condition to ask for a chunk's last beat to the first step that may use it."""

SCALE = 3
"""Cycles from a sum to its code."""

WRITE = 2
"""Cycles from the address of a packed word of results to its beat."""

SCORE, READY, RELOAD, MERGE = 2, 4, 3, 3
"""Attention: the lanes' latencies (``rtl_templates.attention.lanes.Lanes``)."""

DIVISION, NORMALISE, RESULTS = 27, 6, 5
"""Attention: a division, the way of a sum through a normaliser, what comes before the first."""

SIZES = 2
"""Attention: beats of a tile's sizes, of keys and of values, where they have four bits."""

PRODUCT_CHUNKS = 3  # chunks of rows that a product's ring holds
ATTENTION_CHUNKS = 2

LAGS = (1, 2, 3)


@dataclass(frozen=True)
class ArraySize:
    """Size of an array.

    Parameters
    ----------
    rows, columns
        ``R`` and ``C``.
    reads
        Elements of a beat that it reads.
    beat
        Elements of a beat that it writes; divides ``rows`` and the results of every token.
    normalisers
        Attention: dividers and result multipliers.
    scores
        Attention: scores that a column gives per cycle, 1 or 2.
    stays
        Linear layers: operand stationary.
    """

    rows: int
    columns: int
    reads: int
    beat: int
    normalisers: int = 1
    scores: int = 1
    stays: bool = False


@dataclass
class Slots:
    """What a task does on an array.

    Parameters
    ----------
    length
        Cycles from the start of a slot to the earliest start of the next one.
    starts
        Cycle of the first step of every slot with rows, in order; where the rows come from the
        weight memory, of the first slot of each block only.
    last_beat
        Cycle of the last beat of results.
    steps
        Cycles in which the array multiplies.
    """

    length: int
    starts: list[int] = field(default_factory=list)
    last_beat: int = 0
    steps: int = 0


@dataclass(frozen=True)
class Fetch:
    """How keys and values come from external memory.

    Parameters
    ----------
    first
        Cycle of the first beat that the array can take.
    beats, per
        ``beats`` beats of the port make ``per`` beats of the array; one of them is 1.
    size_beats
        Beats as wide as the array's codes that hold the sizes of a tile's keys, or of its values.
    early, lead
        Beats of the port that are asked for ``lead`` cycles before the array starts.
    written
        Cycle from which the other ones are asked for.
    latency
        Cycles of ``first`` that pass before a beat is there: those that wait need none.
    """

    first: int
    beats: int
    per: int
    size_beats: int = 0
    early: int = 0
    lead: int = 0
    written: int = 0
    latency: int = 0

    def there(self, beat: int) -> int:
        """Return the cycle in which a beat of the array, counted from the start, is there."""
        last = ((beat + 1) * self.beats - 1) // self.per
        if last >= self.early:
            asked = self.written + self.first + last - self.early
        else:
            asked = self.first - self.lead + last
        return max(asked, self.first - self.latency + last)  # they wait in a queue: one a cycle


def array_slots(
    work: Work,
    size: ArraySize,
    *,
    seen: int = 0,
    length: int | None = None,
    fetch: Fetch | None = None,
) -> Slots:
    """Return when the slots of a task start, and when its last result leaves.

    Parameters
    ----------
    work
        ``mac`` without reduce loops, ``matmul`` or ``attention``.
    seen
        Tokens in the cache before this tensor.
    length
        Keys that count in padded attention; all of them by default.
    fetch
        How keys and values come, if they lie in external memory.
    """
    if work.kind == "attention":
        assert work.attend is not None
        return _Attention(work.attend, size, fetch).run(seen, length)
    if size.stays and work.attend is None:
        return _Stationary(work, size).run()
    return _Product(work, size).run()


def size_places(attend: Attend, size: ArraySize) -> int:
    """Return the tiles whose sizes are kept on their way to scores and numerators: a power of two.

    Those of tile ``t + n`` arrive in slot ``t + n - 2``; by then tile t's must have been looked
    at (``rtl_templates.systolic.geometry.Geometry.size_places``).
    """
    if not attend.kv4:
        return 0
    late = attention_lag(attend, size) + 1
    late += -(-(2 * size.rows + 8) // attention_slot(attend, size))
    return 1 << (late - 1).bit_length()


def attention_lag(attend: Attend, size: ArraySize) -> int:
    """Return the slots from a tile's keys to its values: 1, or up to 3 for shorter slots."""
    return min(LAGS, key=lambda lag: _slot(attend, size, lag))


def attention_slot(attend: Attend, size: ArraySize) -> int:
    """Return the cycles from the start of a slot to the earliest start of the next one."""
    return _slot(attend, size, attention_lag(attend, size))


def _slot(attend: Attend, size: ArraySize, lag: int) -> int:
    """Return the cycles of a slot of attention.

    Numerators are where they are due ``turn`` cycles after the tile's first sum: scores go down to
    where they leave, into the lane one by one, and numerators up to as many rows as scores came
    from.  They enter the shadows when those of the tile before are in use.
    """
    rows = size.rows // size.scores
    turn = size.rows + 2 * rows + READY + RELOAD - SCORE
    work = attend.inner + attend.features
    columns = size.columns // size.scores
    return max(work, columns, attend.features + 1, rows + 1, -(-turn // lag))


def _together(attend: Attend, size: ArraySize) -> int:
    """Return the rows of keys, and of values, that a beat holds: short ones side by side."""
    if attend.cached or attend.sinks or attend.kv_heads > 1:
        return 1
    if attend.inner != attend.features or size.reads % attend.inner:
        return 1
    return min(size.reads // attend.inner, size.rows)


class _Loader:
    """Asks for one beat per cycle, chunk by chunk, as far as the rings have room."""

    def __init__(self, fetch: Fetch | None = None, **places: int) -> None:
        self._fetch = fetch
        self._fetched = 0  # beats from external memory
        self._free_from = 1  # the cycle in which the next beat can be asked for
        self._places = places
        self._freed: dict[str, list[int]] = {name: [] for name in places}
        self._asked = dict.fromkeys(places, 0)

    def chunk(self, name: str, beats: int, sizes: int = 0) -> int:
        """Ask for a chunk and ``sizes`` before it; return the cycle in which a step may use it."""
        if sizes and self._fetch is not None:
            sizes, beats = 0, beats + sizes * self._fetch.size_beats
        number = self._asked[name]
        self._asked[name] += 1
        freed = number - self._places[name]
        begin = self._free_from if freed < 0 else max(self._free_from, self._freed[name][freed] + 1)
        end = begin + sizes + beats - 1
        if self._fetch is not None and name != "columns":
            first, self._fetched = self._fetched, self._fetched + beats
            there = self._fetch.there
            end = max(end, there(first) + beats - 1, there(first + beats - 1))
        self._free_from = end + 1
        return end + LOAD

    def free(self, name: str, cycle: int) -> None:
        """Free the oldest chunk of a ring in a cycle."""
        self._freed[name].append(cycle)


class _Product:
    """Linear layers and matrix products: one tile of results per slot."""

    def __init__(self, work: Work, size: ArraySize) -> None:
        self.size = size
        attend = work.attend
        self.from_memory = attend is not None
        if attend is None:
            self.tokens, self.inner, self.features = work.row.count, work.elements, work.outputs
        else:
            self.tokens, self.inner, self.features = attend.queries, attend.inner, attend.features
        self.spread = attend is not None and not attend.transposed
        # Tiles that share a chunk of rows: as many as a beat across the rows holds.
        self.span = 1
        while self.spread and 2 * self.span * size.rows <= size.reads:
            self.span *= 2
        self.tiles = -(-self.features // size.rows)
        words = size.rows // size.beat
        self.length = max(self.inner, size.rows, words * size.columns)

    def run(self) -> Slots:
        size, slots = self.size, Slots(self.length)
        loader = _Loader(columns=2, rows=PRODUCT_CHUNKS)
        line = -(-self.inner // size.reads)
        lines, beats = size.rows, line
        if self.spread:
            lines, beats = self.inner, -(-size.rows * self.span // size.reads)
        now = 1 - self.length  # of the slot before
        for first in range(0, self.tokens, size.columns):
            count = min(size.columns, self.tokens - first)
            ready = loader.chunk("columns", count * line)
            if self.from_memory:
                for tile in range(self.tiles):
                    if tile % self.span == 0:
                        ready = max(ready, loader.chunk("rows", lines * beats))
                    now = max(now + self.length, ready)
                    slots.starts.append(now)
                    if (tile + 1) % self.span == 0 or tile == self.tiles - 1:
                        loader.free("rows", now + self.length - 1)
            else:
                now = max(now + self.length, ready)
                slots.starts.append(now)
                now += (self.tiles - 1) * self.length
            loader.free("columns", now + self.length - 1)
            slots.steps += self.tiles * self.inner
            slots.last_beat = now + self._drain() + count - 1
        return slots

    def _drain(self) -> int:
        """Return the cycles from a slot's start to the beat of column 0 that ends its results."""
        size = self.size
        drained = FEED + self.inner + size.rows - 2
        return drained + 1 + _leave(size, size.rows // size.beat)


class _Stationary:
    """Linear layers whose tokens' elements stay: a tile of them per slot, a feature per cycle."""

    def __init__(self, work: Work, size: ArraySize) -> None:
        self.size = size
        self.tokens, self.inner, self.features = work.row.count, work.elements, work.outputs
        self.tiles = -(-self.inner // size.rows)
        self.words = self.features // size.beat
        leave = -(-self.words * size.columns // self.tiles)
        self.length = max(self.features, size.rows + 1, leave)

    def run(self) -> Slots:
        size, slots = self.size, Slots(self.length)
        loader = _Loader(columns=2)
        now = -self.length  # of the slot before
        for first in range(0, self.tokens, size.columns):
            count = min(size.columns, self.tokens - first)
            ready = loader.chunk("columns", count * -(-self.inner // size.reads))
            for tile in range(self.tiles):
                # The tile goes down the columns from the start of the slot before on.
                enters = max(now, ready)
                now = max(now + self.length, enters + size.rows + 1)
                if tile == 0:
                    slots.starts.append(now)
            loader.free("columns", enters + size.rows - 1)
            slots.steps += self.tiles * self.features
            slots.last_beat = now + self._drain() + count - 1
        return slots

    def _drain(self) -> int:
        """Return the cycles from a block's last slot to the beat of column 0 that ends it."""
        size = self.size
        return FEED + size.rows + 1 + _leave(size, self.words)


def _leave(size: ArraySize, words: int) -> int:
    """Return the cycles from a tile's first sum to the beat of column 0 with its last results."""
    wait = SCALE + size.beat + (words - 1) * max(0, size.beat - size.columns)
    return wait + WRITE + (words - 1) * size.columns


class _Attention:
    """Keys of a tile and values of the tile ``lag`` slots before, in each slot."""

    def __init__(self, attend: Attend, size: ArraySize, fetch: Fetch | None = None) -> None:
        self.attend = attend
        self.size = size
        self.fetch = fetch
        self.lag = attention_lag(attend, size)
        self.length = attention_slot(attend, size)
        self.group = attend.heads // attend.kv_heads
        self._query = max(attend.features, DIVISION)
        self.interval = size.columns // size.normalisers * self._query + attend.features

    def run(self, seen: int, length: int | None) -> Slots:
        attend, size, slots = self.attend, self.size, Slots(self.length)
        loader = _Loader(self.fetch, columns=2, rows=ATTENTION_CHUNKS, values=self.lag + 2)
        query = -(-attend.inner // size.reads)
        value = -(-attend.features // size.reads)
        sizes = SIZES if attend.kv4 else 0
        together = _together(attend, size)
        lines, late = size.rows // together, size.rows if together > 1 else 0
        before: list[tuple[int, bool, int]] = []  # values loaded, last of its block, columns used
        now, last_merge = 1 - self.length, -self.interval

        def start(ready: int) -> None:
            """Start a slot, with the values of a tile before."""
            nonlocal now, last_merge
            now = max(now + self.length, ready)
            if not before or len(before) <= self._waiting:
                return
            loaded, last, count = before.pop(0)
            now = max(now, loaded)
            if last:
                now = max(now, last_merge + self.interval)
                last_merge = now
                slots.last_beat = now + self._finish(count)
            loader.free("values", now + attend.inner + attend.features - 1 + late)
            slots.steps += attend.features

        self._waiting = self.lag - 1
        for _ in range(attend.kv_heads):
            for block in self._blocks(seen, length):
                parts = 1 + attend.sink_queries
                ready = loader.chunk("columns", parts * block.count * query)
                for k in range(block.tiles):
                    ready = max(ready, loader.chunk("rows", lines * query, sizes))
                    start(ready)
                    slots.starts.append(now)
                    slots.steps += attend.inner
                    last = k == block.tiles - 1
                    loader.free("rows", now + attend.inner - 1 + late)
                    before.append((loader.chunk("values", lines * value), last, block.count))
                loader.free("columns", now + attend.inner - 1)
        while before:
            start(0)
            self._waiting -= 1
        return slots

    def _finish(self, count: int) -> int:
        """Return the cycles from a block's last slot to the last beat of its ``count`` rows."""
        attend, size = self.attend, self.size
        merge = attend.inner + FEED + size.rows - MERGE
        turn, normaliser = divmod(count - 1, size.normalisers)
        divided = RESULTS + (turn + 1) * self._query
        return merge + divided + attend.features + NORMALISE + normaliser

    def _blocks(self, seen: int, length: int | None) -> Iterator[_Block]:
        """Yield the blocks of a key head."""
        attend, rows, columns = self.attend, self.size.rows, self.size.columns
        entries = attend.queries * self.group
        base = seen if attend.cached else attend.keys - attend.queries
        ring = attend.cached and attend.window > 0
        sinks = -(-attend.sinks // rows)
        gap = sinks * rows - attend.sinks  # empty slots between the sinks and the next tile
        slots = attend.keys if attend.cached else attend.keys + gap
        for first in range(0, entries, columns):
            count = min(columns, entries - first)
            last = (attend.keys if length is None else length) - 1
            if attend.causal:
                end = base + (first + count - 1) // self.group
                last = end if attend.cached else min(end, last)
            last += gap if last >= attend.sinks else 0
            high = min(max(last, 0), slots - 1) // rows
            begin = attend.sinks
            if attend.window and not ring:
                begin = max(begin, base + first // self.group + 1 - attend.window)
            low = (begin + gap) // rows
            tiles = (
                min(sinks, high + 1) + max(0, high + 1 - low)
                if sinks
                else high + 1 - min(low, high)
            )
            yield _Block(count, tiles)


@dataclass(frozen=True)
class _Block:
    """Query rows of a block, and the tiles of keys that it visits."""

    count: int
    tiles: int
