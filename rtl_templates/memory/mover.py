"""The affine address generator between a buffer and an engine."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.ramp import Ramp, ramp_values
from rtl_templates.memory.select import TaskField, shape_for
from rtl_templates.memory.taps import Taps

__all__ = ["Mover"]


class Mover(wiring.Component):
    """Walks a tensor by nested loops and issues one read position per cycle.

    With one walk it runs for ever, tensor after tensor; with several, ``start`` begins the walk
    of ``task`` and ``done`` marks its last step.

    Latency: the step's position is on the outputs in the cycle it is issued in.  Throughput:
    one step per cycle inside a group and between groups that may start; ``idle`` cycles after
    each group where the walk asks for them.  Loop counters and positions are registers; only
    ``step`` depends combinationally on ``go``.

    Parameters
    ----------
    walks : sequence of Walk
        One per task, all with the same number of levels and the same ``group``.
    sequential : bool
        Wait for ``start``; else run for ever (needs exactly one walk).

    Members
    -------
    task : ``In``
        Index of the walk; stable from two cycles before ``start`` to ``done``.
    start : ``In(1)``
        Sequential: the first step may be issued in the next cycle.
    go : ``In(1)``
        A group may start in this cycle.
    step : ``Out(1)``
        A step is issued in this cycle; all outputs below belong to it.
    y, x : ``Out``
        Position in elements, signed; y is a multiple of the row.
    ends : ``Out(levels)``
        Bit k: level k is in its last iteration.
    port : ``Out``
        Iteration of the outermost level of the group.
    first, last : ``Out(1)``
        First and last step of a group.
    wants : ``Out(1)``
        A group would start in this cycle if it had permission.
    need : ``Out``
        Elements of the tensor that must have been written before a group starts; not driven
        in a sequential mover.
    release : ``Out``
        Elements that nobody needs any more after this output row; so.
    row_done : ``Out(1)``
        Last step of an output row; so.
    done : ``Out(1)``
        Last step of the tensor.
    word : ``Out``
        Word of weights; only if a walk skips iterations.
    word_index : ``Out``
        Iteration of the innermost level; only if it runs through segments (``Walk.bend``).
    """

    def __init__(self, walks, *, sequential=False):
        walks = tuple(walks)
        if not sequential and len(walks) != 1:
            raise ValueError(f"A mover that runs for ever must have 1 walk, not {len(walks)}")
        if len({(len(walk.levels), walk.group) for walk in walks}) != 1:
            raise ValueError("All walks of a mover must have the same levels and group")
        self.walks = walks
        self.sequential = sequential
        self.depth = len(walks[0].levels)
        self.group = walks[0].group
        # One step beyond the end is computed, never used.
        slack_y = max(abs(level.dy) for walk in walks for level in walk.levels)
        slack_x = max(abs(level.dx) for walk in walks for level in walk.levels)
        y = [walk.y_range() for walk in walks]
        x = [walk.x_range() for walk in walks]
        self.y_shape = shape_for(min(-1, *(r[0] for r in y)) - 1, max(r[1] for r in y) + slack_y)
        self.x_shape = shape_for(min(-1, *(r[0] for r in x)) - 1, max(r[1] for r in x) + slack_x)
        self.count_shape = shape_for(0, max(walk.elements for walk in walks))
        self.skips = {skip.level: skip.along for walk in walks for skip in walk.skips}
        self.bend = walks[0].bend
        self._turns = Signal(name="turns")
        words = [walk.word + sum((k.count - 1) * k.dw for k in walk.levels) for walk in walks]
        self.word_shape = shape_for(0, max(words))
        need, release = (0, 0) if sequential else first_window(walks[0])
        super().__init__(
            {
                "task": In(range(max(2, len(walks)))),
                "start": In(1),
                "go": In(1),
                "step": Out(1),
                "y": Out(self.y_shape),
                "x": Out(self.x_shape),
                "ends": Out(self.depth),
                "port": Out(range(max(2, max(walk.levels[-walk.group].count for walk in walks)))),
                "first": Out(1),
                "last": Out(1),
                "wants": Out(1),
                "need": Out(self.count_shape, init=need),
                "release": Out(self.count_shape, init=release),
                "row_done": Out(1),
                "done": Out(1),
            }
            | ({"word": Out(self.word_shape)} if self.skips else {})
            | ({"word_index": Out(range(walks[0].levels[-1].count))} if self.bend else {})
        )

    def elaborate(self, platform):
        m = Module()
        field = TaskField(m, self.task)
        walks, depth = self.walks, self.depth

        counts = [
            field([walk.levels[k].count - 1 for walk in walks], f"count_{k}") for k in range(depth)
        ]
        origin_y = field([walk.origin[0] for walk in walks], "origin_y")
        origin_x = field([walk.origin[1] for walk in walks], "origin_x")

        taps = {k: Taps(field, walks, k, along) for k, along in self.skips.items()}
        index = [self._index(k, taps) for k in range(depth)]
        tops = [taps[k].of("here")["last"] if k in taps else counts[k] for k in range(depth)]
        ends = [index[k] == tops[k] for k in range(depth)]
        m.d.comb += [self.ends[k].eq(end) for k, end in enumerate(ends)]
        self._follow(m, taps, index, ends)
        if self.bend:
            turns = self.bend.turns(self.walks[0].levels[-1].count)
            with m.Switch(index[-1]), m.Case(*turns):
                m.d.comb += self._turns.eq(1)
            m.d.comb += self.word_index.eq(index[-1])

        # A level that never moves in y shares the register of the level outside it; so in x.
        ys = self._positions("dy", origin_y, self.y_shape, taps, field)
        xs = self._positions("dx", origin_x, self.x_shape, taps, field)
        axes = [ys, xs]
        if self.skips:
            origin_w = field([walk.word for walk in walks], "origin_w")
            axes.append(self._positions("dw", origin_w, self.word_shape, taps, field))
            m.d.comb += self.word.eq(axes[-1].registers[-1].value)

        active = Signal()
        idle = Signal(range(max(2, max(walk.idle for walk in walks) + 1)))
        pause = field([walk.idle for walk in walks], "pause")
        inner = range(depth - self.group, depth)
        first, last = Const(1), Const(1)
        for k in inner:
            first = first & (index[k] == (taps[k].of("here")["first"] if k in taps else 0))
            last = last & ends[k]
        running = active if self.sequential else Const(1)
        m.d.comb += [
            self.first.eq(first),
            self.last.eq(last),
            self.wants.eq(running & first & (idle == 0)),
            self.step.eq(running & (~first | (self.go & (idle == 0)))),
            self.port.eq(index[depth - self.group]),
            self.y.eq(ys.registers[-1].value),
            self.x.eq(xs.registers[-1].value),
        ]
        with m.If(idle != 0):
            m.d.sync += idle.eq(idle - 1)
        with m.If(self.step & last):
            m.d.sync += idle.eq(pause)

        # Odometer: the innermost level that is not at its end moves on; those inside restart.
        with m.If(self.step):
            for k in reversed(range(depth)):
                with m.If(~ends[k]) if k == depth - 1 else m.Elif(~ends[k]):
                    if self._counts(k):
                        m.d.sync += index[k].eq(index[k] + 1)
                        m.d.sync += self._zero(index, k + 1, taps, "here" if k > 1 else "ahead")
                        for axis in axes:
                            m.d.sync += axis.advance(k)
            with m.Else():
                m.d.sync += self._zero(index, 0, taps, "ahead")
                m.d.sync += active.eq(0)
                if not self.sequential:
                    for axis in axes:
                        m.d.sync += axis.restart("ahead")
        if self.sequential:
            with m.If(self.start):
                m.d.sync += active.eq(1)
                m.d.sync += self._zero(index, 2, taps, "start")
                for axis in axes:
                    m.d.sync += axis.restart("start")
                for tap in taps.values():
                    m.d.sync += tap.begin()

        if self.sequential:
            m.d.comb += self.done.eq(self.step & self.ends.all())
        else:
            self._window(m, index, ends)
        return m

    def _counts(self, k):
        """Return whether level ``k`` has more than one iteration in any walk."""
        return any(walk.levels[k].count > 1 for walk in self.walks)

    def _index(self, k, taps):
        """Return the counter of level ``k``: none where it would always be 0."""
        if not self._counts(k):
            return Const(0)
        most = max(walk.levels[k].count for walk in self.walks)
        init = taps[k].initial["first"] if k in taps else 0
        return Signal(range(most), init=init, name=f"index_{k}")

    def _zero(self, index, start, taps, when):
        """Return the assignments that begin levels anew, from ``start`` on."""
        return [
            index[j].eq(taps[j].of(when)["first"] if j in taps else 0)
            for j in range(start, self.depth)
            if self._counts(j)
        ]

    def _follow(self, m, taps, index, ends):
        """Look up what the next position takes while this one is worked on."""
        if not taps:
            return
        moves = Signal(name="position_ends")
        m.d.comb += moves.eq(self.step & Cat(ends[2:]).all())
        row = Signal.like(index[0], name="next_row")
        column = Signal.like(index[1], name="next_column")
        m.d.comb += [
            row.eq(Mux(ends[1], Mux(ends[0], 0, index[0] + 1), index[0])),
            column.eq(Mux(ends[1], 0, index[1] + 1)),
        ]
        for tap in taps.values():
            tap.follow(m, self.task, (row, column)[tap.along], moves)

    def _positions(self, axis, origin, shape, taps, field):
        """Return a register per level, shared where the level does not move on this axis."""
        positions, walks = [], self.walks
        for k in range(self.depth):
            steps = [getattr(walk.levels[k], axis) for walk in walks]
            moves = any(
                step and walk.levels[k].count > 1 for step, walk in zip(steps, walks, strict=True)
            )
            if self.bend and k == self.depth - 1 and axis != "dw":
                positions.append(self._bent(axis, origin, shape, taps))
            elif positions and not moves:
                positions.append(positions[-1])
            else:
                init = origin.value if isinstance(origin, Const) else 0
                init += sum(tap.initial[axis] for tap in taps.values() if tap.level <= k)
                register = Signal(shape, init=init, name=f"{axis[1]}_{k}")
                positions.append(_Position(register, field(steps, f"{axis}_{k}")))
        return _Axis(axis, origin, positions, taps)

    def _bent(self, axis, origin, shape, taps):
        """Return the register of the words that run through segments."""
        bend, size = self.bend, self.bend.size
        straight, turning = (0, bend.dy) if axis == "dy" else (size, size - bend.segment)
        init = origin.value + sum(tap.initial[axis] for tap in taps.values())
        register = Signal(shape, init=init, name=f"{axis[1]}_bent")
        return _Position(register, Mux(self._turns, turning, straight))

    def _window(self, m, index, ends):
        """Keep what the buffer must hold and may drop: see docs/architecture.md.

        Both are registers, computed for the next position while this one is worked on, so that
        the decision to start a group is one comparison away from a register.
        """
        columns = self.walks[0].levels[1].count
        row_ends, column_ends = ends[:2]
        position_ends = Const(1)
        for end in ends[2:]:
            position_ends = position_ends & end
        moves = Signal()
        m.d.comb += moves.eq(self.step & position_ends)

        ramps = {name: Ramp(**part) for name, part in window_parts(self.walks[0]).items()}
        for name, ramp in ramps.items():
            m.submodules[name] = ramp
            m.d.comb += ramp.advance.eq(moves if name == "right" else moves & column_ends)
        bottom, right, kept = ramps["bottom"], ramps["right"], ramps["kept"]
        release = Mux(column_ends, kept.following, kept.now)
        window = Mux(column_ends, bottom.following, bottom.now) + right.following
        waits = Const(1) if columns == 1 else index[1] == columns - 2  # last column comes next
        with m.If(moves):
            m.d.sync += [
                self.release.eq(release),
                self.need.eq(Mux(waits & (release > window), release, window)),
            ]
        m.d.comb += [
            self.row_done.eq(moves & column_ends),
            self.done.eq(self.row_done & row_ends),
        ]


def window_parts(walk):
    """Return the parts of ``need`` and ``release``: the :class:`Ramp` of each, as parameters.

    ``bottom`` (per row) plus ``right`` (per column) is the end of a position's window;
    ``kept`` (per row) is where the next row's window begins.
    """
    rows, columns = walk.levels[:2]
    last_row = walk.elements - walk.row
    first, left, most = walk.history, 0, walk.fresh
    if walk.mirror:  # what lies in front is read behind the first rows and columns, and so on
        first = max(0, -walk.origin[0])
        left = walk.mirror - walk.origin[1] if walk.origin[1] < 0 else 0
        most = last_row - max(0, walk.ends[0] - last_row)
    return {
        "bottom": {
            "count": rows.count,
            "start": walk.origin[0] + walk.reach[0],
            "step": rows.dy,
            "low": first,  # a position waits for its tensor, whatever it looks back to
            "high": last_row,
        },
        "right": {
            "count": columns.count,
            "start": walk.origin[1] + walk.reach[1] + 1,
            "step": columns.dx,
            "low": left,
            "high": walk.row,
        },
        "kept": {
            "count": rows.count,
            "start": walk.origin[0] + rows.dy,
            "step": rows.dy,
            "low": 0,
            "high": most,
            "last": walk.fresh,
        },
    }


def first_window(walk):
    """Return ``need`` and ``release`` of the first position of a walk."""
    bottom, right, kept = (ramp_values(**part)[0] for part in window_parts(walk).values())
    window = bottom + right
    return (max(window, kept) if walk.levels[1].count == 1 else window), kept


class _Position:
    """A position register and the distance of one iteration."""

    def __init__(self, value, step):
        self.value = value
        self.step = step


class _Axis:
    """The registers of one axis, one per level; a level that does not move shares its outer one's.

    Levels that skip iterations begin at their first one that is taken.
    """

    def __init__(self, axis, origin, registers, taps):
        self.axis = axis
        self.origin = origin
        self.registers = registers
        self.taps = taps

    def advance(self, k):
        """Return the assignments that move level ``k`` on and restart the levels inside."""
        target = self.registers[k]
        shared = k > 0 and target is self.registers[k - 1]  # then the level does not move
        moved = target.value if shared else (target.value + target.step)[: len(target.value)]
        return [
            register.value.eq(self._begun(moved, k + 1, last, "here" if k > 1 else "ahead"))
            for register, last in self._distinct(k)
            if not (shared and register is target)
        ]

    def restart(self, when):
        """Return the assignments that begin a tensor."""
        return [
            register.value.eq(self._begun(self.origin, 0, last, when))
            for register, last in self._distinct(0)
        ]

    def _distinct(self, start):
        """Return each register of the levels from ``start`` on, and the last level that has it."""
        last = {id(self.registers[k]): k for k in range(start, len(self.registers))}
        return [(self.registers[k], k) for k in last.values()]

    def _begun(self, value, start, last, when):
        """Return the position where the levels from ``start`` to ``last`` begin."""
        for tap in self.taps.values():
            if start <= tap.level <= last and any(tap.moves(self.axis)):
                value = value + tap.of(when)[self.axis]
        return value
