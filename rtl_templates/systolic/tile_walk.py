"""Heads, blocks of columns, tiles: the outer loops of a task."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField
from rtl_templates.systolic.geometry import Geometry

__all__ = ["TileWalk"]


class TileWalk(wiring.Component):
    """One tile after the other; for each head, for each block of columns, the tiles it needs.

    Attention leaves out tiles that no query of the block sees: behind its last query (causal),
    between the sinks and the first query's window, beyond the keys that count; at least one is
    left.  Latency: the next tile is there one cycle after ``advance``.  Throughput: one tile per
    cycle.

    Parameters
    ----------
    shape : ArrayShape
    tasks : sequence of ArrayTask
    whole : bool
        The loader's view: tiles that share a chunk count as one, and so does a block with rows
        from the weight memory.

    Members
    -------
    task, start : ``In``
        ``start``: the first tile of ``task`` is there in the next cycle.
    seen, length : ``In``
        Of attention: see ``rtl_templates.attention.bounds.Bounds``.
    advance : ``In(1)``
    active : ``Out(1)``
        There is a tile.
    tile : ``Out``
    first, last : ``Out(1)``
        First, last tile of its block.
    count : ``Out``
        Columns of the block that are in use.
    head_ends : ``Out(1)``
        The block is the last of its head.
    """

    def __init__(self, shape, tasks, *, whole=False):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.sizes = [Geometry(shape, task) for task in self.tasks]
        self.tiles = [
            ((-(-size.tiles // size.span)) if size.reads_rows else 1) if whole else size.tiles
            for size in self.sizes
        ]
        self.lanes = [task.lane for task in self.tasks if task.lane]
        keys = max((lane.keys for lane in self.lanes), default=1)
        most = max((max(lane.keys, lane.window + lane.sinks) for lane in self.lanes), default=1)
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "start": In(1),
                "seen": In(range(most + 1)),
                "length": In(range(keys + 1)),
                "advance": In(1),
                "active": Out(1),
                "tile": Out(range(max(2, *self.tiles))),
                "first": Out(1),
                "last": Out(1),
                "count": Out(range(shape.columns + 1)),
                "head_ends": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        field = TaskField(m, self.task)
        entries = field([task.entries for task in self.tasks], "entries")
        last_head = field([task.heads - 1 for task in self.tasks], "last_head")
        columns = self.shape.columns
        head = Signal(range(max(2, *(task.heads for task in self.tasks))))
        left = Signal(range(max(task.entries for task in self.tasks) + 1))
        tile = Signal.like(self.tile)  # after the first one of a block
        low, high, sinks = self._limits(m, field)

        # Without sinks ``low`` may be beyond ``high`` where no key is seen.
        begin = Mux(sinks != 0, 0, Mux(low > high, high, low))
        m.d.comb += [
            self.head_ends.eq(left <= columns),
            self.count.eq(Mux(self.head_ends, left, columns)),
            self.tile.eq(Mux(self.first, begin, tile)),
            # After the sinks there may be nothing.
            self.last.eq((self.tile == high) | ((self.tile + 1 == sinks) & (low > high))),
        ]
        with m.If(self.advance):
            following = Mux(self.tile + 1 == sinks, low, self.tile + 1)
            m.d.sync += [tile.eq(following), self.first.eq(self.last)]
            with m.If(self.last & self.head_ends):
                m.d.sync += [head.eq(head + 1), left.eq(entries)]
                with m.If(head == last_head):
                    m.d.sync += self.active.eq(0)
            with m.Elif(self.last):
                m.d.sync += left.eq(left - columns)
        with m.If(self.start):
            m.d.sync += [
                self.active.eq(1),
                self.first.eq(1),
                head.eq(0),
                left.eq(entries),
            ]
        return m

    def _limits(self, m, field):
        """Return the first tile after the sinks', the last tile, and the sinks' tiles."""
        last_tile = field([tiles - 1 for tiles in self.tiles], "last_tile")
        if not any(lane.causal or lane.padded for lane in self.lanes):
            return 0, last_tile, 0
        first_token, last_token = self._tokens(m, field)

        def of_lane(value, name):
            return field([value(task.lane) if task.lane else 0 for task in self.tasks], name)

        bits = (self.shape.rows - 1).bit_length()
        causal = of_lane(lambda lane: lane.causal, "causal")
        padded = of_lane(lambda lane: lane.padded, "padded")
        cached = of_lane(lambda lane: lane.cached, "cached")
        moves = of_lane(lambda lane: lane.window and not lane.ring, "moves")
        window = of_lane(lambda lane: lane.window, "window")
        sinks = of_lane(lambda lane: lane.sinks, "sinks")
        keys = of_lane(lambda lane: lane.keys, "keys")
        offset = of_lane(lambda lane: lane.keys - lane.queries, "offset")
        gap = field([size.gap for size in self.sizes], "gap")
        sink_tiles = field([size.sink_tiles for size in self.sizes], "sink_tiles")

        base = Mux(cached, self.seen, offset)
        begin = Signal(signed(max(len(self.seen), len(last_token)) + 3))
        end, limit, last, slot = (
            Signal.like(begin, name=f"{name}_key") for name in ("end", "limit", "last", "slot")
        )
        low, high = Signal(self.tile.shape()), Signal(self.tile.shape())
        m.d.comb += [
            begin.eq(base + first_token + 1 - window),
            end.eq(base + last_token),
            limit.eq(Mux(padded, self.length, keys) - 1),
            last.eq(Mux(causal & (cached | (end < limit)), end, limit)),
            slot.eq(last + Mux(last >= sinks, gap, 0)),
            low.eq((Mux(moves & (begin > sinks), begin, sinks) + gap) >> bits),
            high.eq(last_tile),
        ]
        bounded = causal | padded
        with m.If(bounded & (last < 0)):  # one tile, of which nothing is seen
            m.d.comb += high.eq(0)
        with m.Elif(bounded & ((slot >> bits) < last_tile)):
            m.d.comb += high.eq(slot >> bits)
        return low, high, sink_tiles

    def _tokens(self, m, field):
        """Return the tokens of a block's first and last entry."""
        columns = self.shape.columns
        group = field([task.group for task in self.tasks], "group")
        whole = field([columns // task.group for task in self.tasks], "whole")
        rest = field([columns % task.group for task in self.tasks], "rest")
        end = field([(columns - 1) // task.group for task in self.tasks], "end")
        end_rest = field([(columns - 1) % task.group for task in self.tasks], "end_rest")
        last = field([task.tokens - 1 for task in self.tasks], "last_token")
        most = max(task.tokens for task in self.tasks)
        token = Signal(range(most + columns + 1))
        phase = Signal(range(max(2, *(task.group for task in self.tasks))))
        final, final_phase = Signal.like(token), Signal.like(phase)
        with m.If(self.advance & self.last):
            for place, part in ((token, phase), (final, final_phase)):
                over = part + rest >= group
                m.d.sync += [
                    place.eq(place + whole + over),
                    part.eq(part + rest - Mux(over, group, 0)),
                ]
        with m.If(self.start | (self.advance & self.last & self.head_ends)):
            m.d.sync += [token.eq(0), phase.eq(0), final.eq(end), final_phase.eq(end_rest)]
        bounded = Signal.like(token)
        m.d.comb += bounded.eq(Mux(final > last, last, final))
        return token, bounded
