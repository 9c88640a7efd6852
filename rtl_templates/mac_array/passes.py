"""Steps through the passes of a layer: which operands, which weights, which sums."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Passes"]


class Passes(wiring.Component):
    """One step per cycle; a pass waits for nothing but operands and a bank of results.

    Output tiles one after the other, in each the inner tiles, in each the tokens.  While a pass
    runs, the weights of the next one are loaded; during the last one those of the first, so that a
    tensor follows another without a gap.  ``columns`` cycles after a reset the first weights are
    there.  Flow control: only the first cycle of a pass waits, the first pass of a tensor for
    ``filled``, the last one of an output tile for one of two banks.

    Parameters
    ----------
    geometry : Geometry
    foot : FootShape

    Members
    -------
    filled : ``In(1)``
        The operands of another tensor can be read from the next cycle on.
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

    def __init__(self, geometry, foot):
        self.geometry = geometry
        self.foot = foot
        self.words = geometry.bases[-1]
        self.loads = len(geometry.outer) * len(geometry.inner) * geometry.columns
        super().__init__(
            {
                "filled": In(1),
                "release": Out(1),
                "drained": In(1),
                "address": Out(range(max(2, 2 * self.words))),
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
        geometry = self.geometry
        inner, outer = geometry.inner, geometry.outer
        kinds = (False, True)
        most = max(geometry.length(wide) for wide in kinds)
        cycle = Signal(range(most + 1))
        k, n = Signal(range(max(2, len(inner)))), Signal(range(max(2, len(outer))))
        wide = self._of_tile(m, k, [tile.wide for tile in inner], "wide")
        up = self._of_tile(m, k, [self.foot.ups.index(tile.block.up) for tile in inner], "up")
        steps, length = (
            Mux(wide, *(Const(size(kind)) for kind in reversed(kinds)))
            for size in (geometry.steps, geometry.length)
        )
        first, last = k == 0, k == len(inner) - 1
        waiting, used, bank, half = Signal(2), Signal(2), Signal(), Signal()
        priming = Signal(range(geometry.columns + 1), init=geometry.columns)
        go, begins, ends = Signal(), Signal(), Signal()
        starts = first & (n == 0)
        m.d.comb += [
            begins.eq(
                ((cycle == 0) & (priming == 0)) & ~(starts & (waiting == 0)) & ~(last & (used == 2))
            ),
            go.eq(begins | (cycle != 0)),
            ends.eq(go & (cycle == length - 1)),
            self.active.eq(go),
            self.swap.eq(begins),
            self.load.eq((go & (cycle < geometry.columns)) | (priming != 0)),
            self.tile_ends.eq(go & last & (cycle == steps - 1)),
            self.release.eq(self.tile_ends & (n == len(outer) - 1)),
        ]
        with m.If(priming != 0):
            m.d.sync += priming.eq(priming - 1)
        with m.If(go):
            m.d.sync += cycle.eq(cycle + 1)
        with m.If(ends):
            m.d.sync += [cycle.eq(0), k.eq(k + 1)]
            with m.If(last):
                m.d.sync += [k.eq(0), n.eq(n + 1), bank.eq(~bank)]
                with m.If(n == len(outer) - 1):
                    m.d.sync += [n.eq(0), half.eq(~half)]
        m.d.sync += [
            waiting.eq(waiting + self.filled - (begins & starts)),
            used.eq(used + (begins & last) - self.drained),
        ]
        with m.If(self.load):
            m.d.sync += self.load_address.eq(
                Mux(self.load_address == self.loads - 1, 0, self.load_address + 1)
            )

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

    @staticmethod
    def _of_tile(m, k, values, name):
        """Return what the present inner tile has: a static table."""
        if len(set(values)) == 1:
            return Const(int(values[0]))
        value = Signal(range(max(values) + 1), name=name)
        with m.Switch(k):
            for wanted in sorted(set(values)):
                with m.Case(*(index for index, found in enumerate(values) if found == wanted)):
                    m.d.comb += value.eq(int(wanted))
        return value
