"""Which keys of a tile each column's query sees, one column per cycle."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField

__all__ = ["Bounds"]


class Bounds(wiring.Component):
    """Bounds of a tile for column 0, 1, ... in successive cycles: see :class:`Sight`.

    Entry ``i`` of a key head's list is token ``i // group``; a query block takes ``columns``
    entries, the next one goes on after them, or begins with the next key head.  Columns beyond
    the last entry see nothing.  Token ``q`` stands at position ``first + q``.

    - Keys in slots in the order of their positions: up to ``limit``; with causal attention up to
      the query's position; with a window the last ``window`` of them and the first ``sinks``.
    - A ring (cached, with a window): keys after the sinks lie in the ring in turn, so that what a
      query sees is a run of slots that may pass the ring's end.
    - Sinks share no tile with other keys, which begin at slot ``base``.

    Latency: the bounds of column p come ``2 + p`` cycles after ``score``, with two turns those of
    column ``units + p`` as long after ``again``.  Throughput: two ``score`` are
    ``LaneShape.score_step`` or more cycles apart.  With two scores per cycle a tile is there before
    the columns of the one before have been gone through: of two bounds each follows the blocks, and
    gives the bounds of every other tile.  Infers no multiplier.

    Parameters
    ----------
    shape : LaneShape
    tasks : sequence of LaneTask

    Members
    -------
    task, start : ``In``, ``In(1)``
        ``start``: the next block is the first one of this task.
    score, first, key : ``In``
        A tile begins; it is the first of its block; its first key or slot.
    own : ``In(1)``
        With ``score`` and two scores per cycle: these bounds are those of the tile.
    again : ``In(1)``
        With two turns: the second half of the columns begins, ``units`` cycles or more after
        ``score``.
    seen : ``In``
        Tokens in the cache before this tensor; with a ring, ``ring + sinks`` stands for all
        larger numbers.
    slot : ``In``
        With a ring: ``(tokens before this tensor - sinks) % ring``.
    length : ``In``
        Keys that count in a padded task.
    lo, end, head : ``Out(range(tile + 1))``
    """

    LATENCY = 2

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        keys = max(task.keys for task in self.tasks)
        slots = max(task.slots(shape.tile) for task in self.tasks)
        most = max(max(task.keys, task.window + task.sinks) for task in self.tasks)
        bound = range(shape.tile + 1)
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "start": In(1),
                "score": In(1),
                **({"own": In(1)} if shape.scores == 2 else {}),
                "again": In(1),
                "first": In(1),
                "key": In(range(max(2, slots))),
                "seen": In(range(most + 1)),
                "slot": In(range(max(2, *(task.ring for task in self.tasks)))),
                "length": In(range(keys + 1)),
                "lo": Out(bound),
                "end": Out(bound),
                "head": Out(bound),
            }
        )

    def elaborate(self, platform):
        m = Module()
        field = TaskField(m, self.task)
        entry = self._walk(m, field)
        key = Signal.like(self.key)
        with m.If(self._mine()):
            m.d.sync += key.eq(self.key)
        later = Signal.like(key)
        m.d.sync += later.eq(key)
        for bound, value in zip(
            (self.lo, self.end, self.head), self._bounds(m, field, entry, key), strict=True
        ):
            below = Signal(signed(len(value) + 1), name="below")
            m.d.comb += below.eq(value - later)
            tile = self.shape.tile
            m.d.comb += bound.eq(Mux(below < 0, 0, Mux(below > tile, tile, below)))
        return m

    def _mine(self):
        """Return whether a tile begins whose bounds these are."""
        return self.score & self.own if self.shape.scores == 2 else self.score

    def _walk(self, m, field):
        """Return the entry of the column that is one cycle after ``score``."""
        tasks = self.tasks
        last_phase = field([task.group - 1 for task in tasks], "last_phase")
        entries = field([task.entries for task in tasks], "entries")
        last_slot = field([max(1, task.ring) - 1 for task in tasks], "last_slot")
        layout = data.StructLayout(
            {
                "token": range(max(2, *(task.queries + 1 for task in tasks))),
                "phase": range(max(2, *(task.group for task in tasks))),
                "left": range(max(task.entries for task in tasks) + 1),
                "slot": self.slot.shape(),
            }
        )
        entry, block, stepped, upcoming, chosen = (
            Signal(layout, name=name)
            for name in ("entry", "block", "stepped", "upcoming", "chosen")
        )
        wraps = entry.phase == last_phase
        m.d.comb += stepped.eq(entry)
        with m.If(entry.left != 0):
            m.d.comb += [
                stepped.left.eq(entry.left - 1),
                stepped.phase.eq(Mux(wraps, 0, entry.phase + 1)),
                stepped.token.eq(entry.token + wraps),
            ]
            with m.If(wraps):
                m.d.comb += stepped.slot.eq(Mux(entry.slot == last_slot, 0, entry.slot + 1))
        # After the block's columns the entry is the next block's, or there is none left.
        fresh = Signal(init=1)
        count = Signal(range(self.shape.units + 1))
        if self.shape.scores == 1:
            m.d.comb += upcoming.eq(Mux(count != 0, stepped, entry))
        else:
            self._jump(m, field, block, upcoming, last_phase, last_slot)
        m.d.comb += chosen.eq(block)
        with m.If(self.first):
            m.d.comb += chosen.eq(upcoming)
            with m.If(fresh | (upcoming.left == 0)):
                m.d.comb += [
                    chosen.token.eq(0),
                    chosen.phase.eq(0),
                    chosen.left.eq(entries),
                    chosen.slot.eq(self.slot),
                ]
        with m.If(count != 0):
            m.d.sync += [entry.eq(stepped), count.eq(count - 1)]
        with m.If(self._mine()):
            m.d.sync += [entry.eq(chosen), count.eq(self.shape.units)]
        with m.If(self.score):
            m.d.sync += [block.eq(chosen), fresh.eq(0)]
        with m.If(self.again):
            m.d.sync += count.eq(self.shape.units)
        with m.If(self.start):
            m.d.sync += fresh.eq(1)
        return entry

    def _jump(self, m, field, block, upcoming, last_phase, last_slot):
        """Go from a block's first entry to the next block's at once."""
        columns = self.shape.columns
        whole = field([columns // task.group for task in self.tasks], "whole_tokens")
        rest = field([columns % task.group for task in self.tasks], "rest_of_a_token")
        phase = block.phase + rest
        over = phase > last_phase
        slot = block.slot + whole + over
        m.d.comb += [
            upcoming.token.eq(block.token + whole + over),
            upcoming.phase.eq(Mux(over, phase - last_phase - 1, phase)),
            upcoming.left.eq(Mux(block.left > columns, block.left - columns, 0)),
            # No more tokens than the ring has slots: it is passed once at most.
            upcoming.slot.eq(Mux(slot > last_slot, slot - last_slot - 1, slot)),
        ]

    def _bounds(self, m, field, entry, key):
        """Return ``lo``, ``end`` and ``head`` as keys or slots of the whole task."""
        tasks = self.tasks
        cached = field([task.cached for task in tasks], "cached")
        padded = field([task.padded for task in tasks], "padded")
        causal = field([task.causal for task in tasks], "causal")
        keys = field([task.keys for task in tasks], "keys")
        offset = field([task.keys - task.queries for task in tasks], "offset")
        window = field([task.window for task in tasks], "window")
        sinks = field([task.sinks for task in tasks], "sinks")

        behind = Mux(cached, self.seen, offset) + entry.token + 1  # the query's own position + 1
        position = Signal(signed(max(len(behind), len(keys) + 1, len(window) + 1) + 1))
        limit = Signal(range(max(task.keys for task in tasks) + 1))
        reach = Signal.like(position)
        pinned = Signal.like(position)
        m.d.comb += [
            position.eq(behind),
            limit.eq(Mux(padded, self.length, keys)),
            reach.eq(Mux(causal & (position < limit), position, limit)),
            pinned.eq(Mux(reach < sinks, reach, sinks)),
        ]
        bases = [task.base(self.shape.tile) for task in tasks]
        base = field(bases, "base")
        gap = field([start - task.sinks for start, task in zip(bases, tasks, strict=True)], "gap")
        wide = signed(max(len(position), len(base) + 1) + 1)
        lo, end, head = Signal(wide), Signal(wide), Signal(wide)
        following = [Signal.like(value, name=f"next_{value.name}") for value in (lo, end, head)]
        next_lo, next_end, next_head = following
        oldest_seen = Signal(wide)
        m.d.comb += [
            oldest_seen.eq(Mux(window != 0, position - window, 0)),
            next_lo.eq(Mux(oldest_seen < sinks, base, oldest_seen + gap)),
            next_end.eq(reach + gap),
        ]
        if any(task.ring for task in tasks):
            ring = field([task.ring for task in tasks], "ring")
            newest = Signal(range(max(task.keys for task in tasks) + 1))
            oldest = Signal.like(position)
            m.d.comb += [newest.eq(base + entry.slot), oldest.eq(newest + 1 - window)]
            with m.If(ring != 0):
                m.d.comb += [next_lo.eq(oldest), next_end.eq(newest + 1), next_head.eq(0)]
                with m.If(position <= sinks):
                    m.d.comb += next_end.eq(0)
                with m.Elif(oldest < base):
                    with m.If(position < window + sinks):
                        m.d.comb += next_lo.eq(base)
                    with m.Else():
                        m.d.comb += [
                            next_lo.eq(oldest + ring),
                            next_end.eq(keys),
                            next_head.eq(newest + 1),
                        ]
        with m.If(key < base):
            m.d.comb += [next_lo.eq(0), next_end.eq(pinned), next_head.eq(0)]
        with m.If(entry.left == 0):
            m.d.comb += [next_end.eq(0), next_head.eq(0)]
        m.d.sync += [lo.eq(next_lo), end.eq(next_end), head.eq(next_head)]
        return lo, end, head
