"""Proof harnesses of the addressed components: window buffer, mover."""

from amaranth.hdl import Array, Assert, Assume, Const, Elaboratable, Module, Mux, Signal, signed

__all__ = ["MoverHarness", "WindowBufferHarness"]


class WindowBufferHarness(Elaboratable):
    """Writes at will; reads, and releases what has been written, at will, in order.

    One element, chosen freely among those that are written, is followed until it is released:
    every read that covers it gives what was written.
    """

    def __init__(self, buffer):
        self.buffer = buffer
        self.valid, self.mark = Signal(), Signal()
        self.word = Signal(buffer.i.payload.shape())
        self.slot = Signal(range(max(2, buffer.beat)))
        self.address = Signal(buffer.address[0].shape())
        self.release = Signal(buffer.release.shape())
        self.enable, self.done = Signal(), Signal()
        self.inputs = [
            *(self.valid, self.mark, self.word, self.slot),
            *(self.address, self.release, self.enable, self.done),
        ]

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = self.buffer
        elements, beat = buffer.elements, buffer.beat
        memory = buffer.memories[0]
        released = Signal(range(elements + 1))
        m.d.comb += [
            buffer.i.valid.eq(self.valid),
            buffer.i.payload.eq(self.word),
            buffer.address[0].eq(self.address),
            buffer.release.eq(self.release),
            buffer.release_enable.eq(self.enable),
            buffer.done.eq(self.done),
            # Released in order, and never before it was written; the last release is all.
            Assume(~self.enable | ((self.release >= released) & (self.release <= buffer.level))),
            Assume(self.release <= elements),
            Assume(~self.enable | (self.done == (self.release == elements))),
            # The addresses of a mover.
            Assume((self.address >= buffer.low) & (self.address <= buffer.high)),
            Assume(self.address[: (memory.granule - 1).bit_length()] == 0),
            Assume(self.slot < beat),
        ]
        ends = self.enable & self.done
        with m.If(self.enable):
            m.d.sync += released.eq(Mux(self.done, 0, self.release))
        take = buffer.i.valid & buffer.i.ready

        level = Signal(range(elements + buffer.depth + 1))
        m.d.sync += level.eq(level + Mux(take, beat, 0) - Mux(ends, elements, 0))
        m.d.comb += [
            Assert(buffer.level == level),
            Assert((level >= released) & (level - released <= buffer.depth)),
            Assert(buffer.i.ready == (level - released + beat <= buffer.depth)),
        ]

        followed, kept = Signal(), Signal(buffer.bits)
        place = Signal(range(-1, elements + buffer.depth + 1))
        present = followed & (place >= released)
        with m.If(followed):
            m.d.sync += place.eq(place - Mux(ends, elements, 0))
            with m.If(place < released):
                m.d.sync += followed.eq(0)
        with m.Elif(take & self.mark):
            m.d.sync += [
                followed.eq(1),
                kept.eq(self.word.word_select(self.slot, buffer.bits)),
                place.eq(level + self.slot - Mux(ends, elements, 0)),
            ]
        for lane in range(memory.lanes):
            covered = Signal(name=f"covered_{lane}")
            m.d.sync += covered.eq(present & (self.address + lane == place))
            with m.If(covered):
                m.d.comb += Assert(buffer.data[0].word_select(lane, buffer.bits) == kept)
        return m


class MoverHarness(Elaboratable):
    """Permits groups at will; every step must be the next one of the nested loops.

    The reference has a counter per loop and multiplies; nothing in it is incremental.  ``inside``
    of the mover (index and position registers, what is taken of the levels that skip, idle,
    active) is compared as well: that makes the property inductive.
    """

    def __init__(self, mover):
        self.mover = mover
        self.go, self.start = Signal(), Signal()
        self.task = Signal(mover.task.shape())
        self.inputs = [self.go, self.start, self.task]

    def elaborate(self, platform):
        m = Module()
        mover, walks = self.mover, self.mover.walks
        m.submodules.mover = mover.elaborate(platform)
        task = Signal(mover.task.shape())
        m.d.comb += [mover.go.eq(self.go), mover.task.eq(task)]
        running = self._sequence(m, task) if mover.sequential else Const(1)
        index, axes, taps, idle, active = mover.inside
        axes = dict(zip("yxw", axes, strict=False))
        if mover.sequential:
            m.d.comb += Assert(active == running)

        def of_task(values):
            return Array(Const(value, 16) for value in values)[task]

        depth = len(walks[0].levels)
        inner = depth - walks[0].group
        most = [max(walk.levels[k].count for walk in walks) for k in range(depth)]
        counts = [
            Signal(range(max(2, most[k])), init=taken(walks[0], k)[0][0], name=f"count_{k}")
            for k in range(depth)
        ]

        def bound(k, end, at):
            """Return the first or the last iteration that level ``k`` takes at positions."""
            values = []
            for walk in walks:
                along = mover.skips.get(k, 0)
                row = [pair[end] - end for pair in taken(walk, k)]
                values.append(Array(Const(value, 16) for value in row)[at[along]])
            result = Signal(16, name=f"bound_{k}_{end}_{len(bounds)}")
            bounds.append(result)
            m.d.comb += result.eq(Array(values)[task])
            return result

        bounds = []
        bottoms = [bound(k, 0, counts) for k in range(depth)]
        tops = [bound(k, 1, counts) for k in range(depth)]
        at_end = [count == top for count, top in zip(counts, tops, strict=True)]
        rest = Signal(range(max(2, *(walk.idle + 1 for walk in walks), 2)))
        with m.If(rest != 0):
            m.d.sync += rest.eq(rest - 1)

        def place(axis, levels):
            """Return the position after the iterations of ``levels`` loops."""
            sums = []
            for walk in walks:
                start = (*walk.origin, walk.word)["yxw".index(axis)]
                total = Const(start, signed(16))
                for count, level in zip(counts[:levels], walk.levels, strict=False):
                    total = total + count * getattr(level, f"d{axis}")
                sums.append(total)
            result = Signal(signed(16), name=f"{axis}_after_{levels}")
            m.d.comb += result.eq(Array(sums)[task])
            return result

        for k in range(depth):
            m.d.comb += Assert(index[k] == counts[k])
            with m.If(running):
                m.d.comb += [Assert(counts[k] >= bottoms[k]), Assert(counts[k] <= tops[k])]
                for axis, positions in axes.items():
                    m.d.comb += Assert(positions.registers[k].value == place(axis, k + 1))
        for k, tap in taps.items():
            with m.If(running):
                m.d.comb += [
                    Assert(tap.of("here")["first"] == bottoms[k]),
                    Assert(tap.of("here")["last"] == tops[k]),
                ]
                for axis in axes:
                    steps = of_task([getattr(walk.levels[k], f"d{axis}") for walk in walks])
                    m.d.comb += Assert(tap.of("here")[f"d{axis}"] == bottoms[k] * steps)
        first, last = Const(1), Const(1)
        for k in range(inner, depth):
            first, last = first & (counts[k] == bottoms[k]), last & at_end[k]
        may_start = running & first & (rest == 0)
        m.d.comb += [
            Assert(idle == rest),
            Assert(mover.wants == may_start),
            Assert(mover.step == ((may_start & self.go) | (running & ~first))),
        ]

        row_ends = Const(1)
        for end in at_end[1:]:
            row_ends = row_ends & end
        done = row_ends & at_end[0]
        if not mover.sequential:
            need, release = self._window(m, walks[0], place, at_end)
            m.d.comb += [
                Assert(mover.need == need),
                Assert(mover.release == release),
                Assert(need <= walks[0].elements),
                Assert(~row_ends | (need >= release)),
                Assert(mover.row_done == (mover.step & row_ends)),
            ]
        m.d.comb += Assert(mover.done == (mover.step & done))
        with m.If(mover.step):
            m.d.comb += [
                Assert(mover.first == first),
                Assert(mover.last == last),
                Assert(mover.y == place("y", depth)),
                Assert(mover.x == place("x", depth)),
                Assert(mover.port == counts[inner]),
            ]
            m.d.comb += [Assert(mover.ends[k] == end) for k, end in enumerate(at_end)]
            if "w" in axes:
                m.d.comb += Assert(mover.word == place("w", depth))
            # The odometer: a loop moves on when all loops inside it are at their end.
            carries = [Const(1)]
            for k in reversed(range(1, depth)):
                carries.insert(0, carries[0] & at_end[k])
            following = [
                Mux(carries[k], Mux(at_end[k], 0, counts[k] + 1), counts[k]) for k in range(2)
            ]
            for k in range(depth):
                with m.If(carries[k]):
                    anew = bound(k, 0, following)
                    m.d.sync += counts[k].eq(Mux(at_end[k], anew, counts[k] + 1))
            with m.If(last):
                m.d.sync += rest.eq(of_task([walk.idle for walk in walks]))
        if mover.sequential:
            with m.If(mover.start):
                starts = [Const(0)] * 2
                m.d.sync += [counts[k].eq(bound(k, 0, starts)) for k in range(2, depth)]
        return m

    def _window(self, m, walk, place, at_end):
        """Return what must have been written before a position, and what its row lets go."""
        touched_y = place("y", 2) + walk.reach[0]
        touched_x = place("x", 2) + walk.reach[1]
        next_y = place("y", 1) + walk.levels[0].dy
        window, release, need = Signal(signed(18)), Signal(signed(18)), Signal(signed(18))
        last_row = walk.elements - walk.row
        m.d.comb += [
            window.eq(
                Mux(touched_y < last_row, touched_y, last_row)
                + Mux(touched_x < walk.row, touched_x + 1, walk.row)
            ),
            release.eq(
                Mux(
                    at_end[0] | (next_y > walk.elements),
                    walk.elements,
                    Mux(next_y > 0, next_y, 0),
                )
            ),
            need.eq(Mux(at_end[1] & (release > window), release, window)),
        ]
        return need, release

    def _sequence(self, m, task):
        """Choose a task, wait two cycles, start it; after ``done`` choose again."""
        mover = self.mover
        stage = Signal(2)  # 0: choose, 1: look up, 2: start, 3: run
        m.d.comb += [
            Assume(self.task < len(mover.walks)),
            mover.start.eq(stage == 2),
        ]
        with m.Switch(stage):
            with m.Case(0), m.If(self.start):
                m.d.sync += [task.eq(self.task), stage.eq(1)]
            with m.Case(3), m.If(mover.done):
                m.d.sync += stage.eq(0)
            with m.Default():
                m.d.sync += stage.eq(stage + 1)
        return stage == 3


def taken(walk, level):
    """Return what a level takes, by iteration of the level that decides: all unless it skips."""
    for skip in walk.skips:
        if skip.level == level:
            return skip.taken
    return ((0, walk.levels[level].count),) * max(lv.count for lv in walk.levels[:2])
