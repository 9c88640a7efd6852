"""Steps through the passes of a layer: which operands, which weights, which sums."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.geometry import Geometry
from rtl_templates.memory.select import TaskField

__all__ = ["Passes"]


class Passes(wiring.Component):
    """One step per cycle; a pass waits for nothing but operands and a bank of results.

    Output tiles one after the other, in each the inner tiles, in each the tokens.  While a pass
    runs, the weights of the next one are loaded; during the last one those of the first, so that a
    tensor follows another without a gap.  ``columns`` cycles after a reset or ``start`` the first
    weights are there.  Flow control: only the first cycle of a pass waits: for ``filled`` the first
    pass of a tensor, or each pass of the first output tile (``tiled``), and the last one of an
    output tile for one of two banks.

    Parameters
    ----------
    geometries : sequence of Geometry
        Of all tasks, on one array; those from ``alike`` on have the tiles and weights of the
        first ones.
    alike : int
    foot : FootShape
    tiled : bool
        Operands come inner tile by inner tile for one tensor; else tensor by tensor, for two.

    Members
    -------
    task : ``In``
        Stable from two cycles before ``start`` on.
    start : ``In(1)``
        The first weights of a task are loaded from the next cycle on; only if there are several.
    filled : ``In(1)``
        The operands of another tensor, or inner tile, can be read from the next cycle on.
    release : ``Out(1)``
        The last operand of a tensor is read.
    drained : ``In(1)``
        A bank of results has been read.
    address, load_address, swap, load : ``Out``
        See :class:`rtl_templates.mac_array.edge.Edge`.
    control : ``Out(foot.layout())``
        Of this cycle's step.
    tile_ends : ``Out(1)``
        The last step of a tile of outputs.
    active : ``Out(1)``
        A pass runs.
    """

    def __init__(self, geometries, alike, foot, *, tiled=False):
        self.geometries = tuple(geometries)
        self.alike = alike
        self.foot = foot
        self.tiled = tiled
        self.columns = geometries[0].columns
        self.words = max(geometry.bases[-1] for geometry in geometries)
        self.tiles = sum(len(geometry.inner) for geometry in geometries[:alike])
        self.loads = sum(geometry.loads for geometry in geometries[:alike])
        super().__init__(
            {
                "task": In(range(max(2, len(self.geometries)))),
                "start": In(1),
                "filled": In(1),
                "release": Out(1),
                "drained": In(1),
                "address": Out(range(max(2, self.words * (1 if tiled else 2)))),
                "load_address": Out(range(max(2, self.loads))),
                "swap": Out(1),
                "load": Out(1),
                "control": Out(foot.layout()),
                "tile_ends": Out(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        geometries, columns = self.geometries, self.columns
        field = TaskField(m, self.task)

        def of_task(what, name):
            return field([what(geometry) for geometry in geometries], name)

        kinds = (False, True)
        most = max(geometry.length(wide) for geometry in geometries for wide in kinds)
        cycle = Signal(range(most + 1))
        k = Signal(range(max(2, *(len(geometry.inner) for geometry in geometries))))
        n = Signal(range(max(2, *(len(geometry.outer) for geometry in geometries))))
        tile = Signal(range(max(2, self.tiles)))
        tiles = [tile for geometry in geometries[: self.alike] for tile in geometry.inner]
        m.d.comb += tile.eq(k + field(self._firsts(lambda one: len(one.inner)), "first_tile"))
        wide = self._of_tile(m, tile, [one.wide for one in tiles], "wide")
        up = self._of_tile(m, tile, [self.foot.ups.index(one.block.up) for one in tiles], "up")
        steps, length = (
            Mux(
                wide,
                *(
                    of_task(lambda one, s=size, w=kind: s(one, w), f"{name}_{kind}")
                    for kind in reversed(kinds)
                ),
            )
            for name, size in (("steps", Geometry.steps), ("length", Geometry.length))
        )
        first, last = k == 0, k == of_task(lambda one: len(one.inner) - 1, "last_inner")
        final = n == of_task(lambda one: len(one.outer) - 1, "last_outer")
        waiting = Signal(range(max(4, len(tiles) + 1)))
        used, bank, half = Signal(2), Signal(), Signal()
        priming = Signal(range(columns + 1), init=0 if self.tiled else columns)
        go, begins, ends = Signal(), Signal(), Signal()
        takes = n == 0 if self.tiled else first & (n == 0)
        m.d.comb += [
            begins.eq(
                ((cycle == 0) & (priming == 0)) & ~(takes & (waiting == 0)) & ~(last & (used == 2))
            ),
            go.eq(begins | (cycle != 0)),
            ends.eq(go & (cycle == length - 1)),
            self.active.eq(go),
            self.swap.eq(begins),
            self.load.eq((go & (cycle < columns)) | (priming != 0)),
            self.tile_ends.eq(go & last & (cycle == steps - 1)),
            self.release.eq(self.tile_ends & final),
        ]
        with m.If(priming != 0):
            m.d.sync += priming.eq(priming - 1)
        with m.If(go):
            m.d.sync += cycle.eq(cycle + 1)
        with m.If(ends):
            m.d.sync += [cycle.eq(0), k.eq(k + 1)]
            with m.If(last):
                m.d.sync += [k.eq(0), n.eq(n + 1), bank.eq(~bank)]
                with m.If(final):
                    m.d.sync += [n.eq(0), half.eq(0 if self.tiled else ~half)]
        m.d.sync += [
            waiting.eq(waiting + self.filled - (begins & takes)),
            used.eq(used + (begins & last) - self.drained),
        ]
        loads = self._firsts(lambda one: one.loads)
        ends_at = [at + one.loads - 1 for at, one in zip(loads, geometries, strict=True)]
        begin, end = field(loads, "first_load"), field(ends_at, "last_load")
        with m.If(self.load):
            m.d.sync += self.load_address.eq(
                Mux(self.load_address == end, begin, self.load_address + 1)
            )
        if self.tiled:
            with m.If(self.start):
                m.d.sync += [priming.eq(columns), self.load_address.eq(begin)]

        step = Signal()
        m.d.comb += step.eq(go & (cycle < steps))
        place = Signal(range(max(2, self.words)))
        with m.If(step):
            m.d.sync += place.eq(Mux(self.tile_ends, 0, place + 1))
        m.d.comb += [
            self.address.eq(place + Mux(half, self.words, 0)),
            self.control.step.eq(step),
            self.control.wide.eq(wide),
            self.control.second.eq(cycle[0]),
            self.control.first.eq(first),
            self.control.last.eq(last),
            self.control.bank.eq(bank),
            self.control.pair.eq(Mux(wide, cycle >> 1, cycle)),
            self.control.up.eq(up),
        ]
        return m

    def _firsts(self, size):
        """Return where what belongs to each task begins, if those before have so much each."""
        places = [0]
        for geometry in self.geometries[: self.alike]:
            places.append(places[-1] + size(geometry))
        return [places[task % self.alike] for task in range(len(self.geometries))]

    @staticmethod
    def _of_tile(m, tile, values, name):
        """Return what the present inner tile of all tasks has: a static table."""
        if len(set(values)) == 1:
            return Const(int(values[0]))
        value = Signal(range(max(values) + 1), name=name)
        with m.Switch(tile):
            for wanted in sorted(set(values)):
                with m.Case(*(index for index, found in enumerate(values) if found == wanted)):
                    m.d.comb += value.eq(int(wanted))
        return value
