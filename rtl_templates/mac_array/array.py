"""The array with its edges, feet and drain: layers of operands that somebody writes."""

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.drain import Drain
from rtl_templates.mac_array.edge import Edge
from rtl_templates.mac_array.fabric_tile import sized_weights
from rtl_templates.mac_array.foot import Foot, FootShape
from rtl_templates.mac_array.geometry import FORM, OUTPUTS
from rtl_templates.mac_array.grid import TileGrid
from rtl_templates.mac_array.held_product import HeldProduct
from rtl_templates.mac_array.multiplier import Multiplier
from rtl_templates.mac_array.passes import Passes
from rtl_templates.mac_array.tile import packed_digits
from rtl_templates.mac_array.timeline import sink
from rtl_templates.streams.delay import delay

__all__ = ["BlockArray", "train_words"]


def train_words(geometry):
    """Return per row of the array its weights: tile by tile, the last column first."""
    layer, columns = geometry.layer, geometry.columns
    weights = [layer.weight_digits(output) for output in range(layer.outputs)]

    def weight(start, place, tile, row):
        output, digit = geometry.digit_row(start, place)
        if output >= layer.outputs or row >= len(tile.channels):
            return 0
        return weights[output][digit][tile.channels[row]]

    def word(column, weights):
        if column >= columns - geometry.fabric:
            return sized_weights(weights)
        return packed_digits(FORM.w, FORM.strides[1], weights)

    return [
        [
            word(k, [weight(start, OUTPUTS * k + o, tile, row) for o in range(OUTPUTS)])
            for start in range(0, layer.outputs, geometry.width)
            for tile in geometry.inner
            for k in reversed(range(columns))
        ]
        for row in range(geometry.rows)
    ]


class BlockArray(wiring.Component):
    """Multiplies written operands by weights of its own, pass by pass, and sends the results.

    Parameters
    ----------
    geometries : sequence of Geometry
        Of all tasks: layers on one array, which share all sizes of it.
    alike : int
        Tasks with constants of their own; those that follow have those of the first ones, and
        other tokens.
    out_bits : int
    tiled : bool
        See :class:`Passes`.
    multiplier, product : type
        See :class:`TileGrid`.

    Members
    -------
    task, start, filled, release : see :class:`Passes`.
    w_enable, w_address, w_data : ``In``
        See :class:`Edge`.
    o : ``Out(stream.Signature(layout))``
        See :class:`Drain`.
    active : ``Out(1)``
        The array works on a pass.
    """

    def __init__(
        self,
        geometries,
        alike,
        *,
        out_bits,
        tiled=False,
        multiplier=Multiplier,
        product=HeldProduct,
    ):
        one = geometries[0]
        sizes = {(g.rows, g.columns, g.lanes, g.beat, g.fabric) for g in geometries}
        if len(sizes) > 1:
            raise ValueError(f"Layers of one array have one size, not {sorted(sizes)}")
        self.rows, self.columns = one.rows, one.columns
        self.grid = TileGrid(
            *(FORM, self.rows, self.columns, multiplier), fabric=one.fabric, product=product
        )
        sum_bits = max(geometry.layer.sum_bits for geometry in geometries)
        blocks = [block for geometry in geometries for block in geometry.layer.blocks]
        self.foot = FootShape(
            sum_bits=self.grid.sum_bits,
            acc_bits=sum_bits,
            pairs=max(geometry.pairs for geometry in geometries),
            ups=tuple(sorted({block.up for block in blocks})),
        )
        trains = [train_words(geometry) for geometry in geometries[:alike]]
        self.passes = Passes(geometries, alike, self.foot, tiled=tiled)
        self.edge = Edge(
            [[w for train in trains for w in train[row]] for row in range(self.rows)],
            self.passes.words * (1 if tiled else 2),
            one.beat,
        )
        self.drain = Drain(geometries, alike, sum_bits, out_bits)
        super().__init__(
            {
                "task": In(self.passes.task.shape()),
                "start": In(1),
                "filled": In(1),
                "release": Out(1),
                **{
                    name: In(getattr(self.edge, name).shape())
                    for name in ("w_enable", "w_address", "w_data")
                },
                "o": Out(stream.Signature(self.drain.layout)),
                "active": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.edge = edge = self.edge
        m.submodules.grid = grid = self.grid
        m.submodules.passes = passes = self.passes
        m.submodules.drain = drain = self.drain
        wiring.connect(m, drain.o, wiring.flipped(self.o))
        m.d.comb += [
            passes.task.eq(self.task),
            passes.start.eq(self.start),
            passes.filled.eq(self.filled),
            passes.drained.eq(drain.drained),
            drain.task.eq(self.task),
            # The last row reads so much later.
            self.release.eq(delay(m, passes.release, self.rows, "released")),
            *(
                getattr(edge, name).eq(getattr(self, name))
                for name in ("w_enable", "w_address", "w_data")
            ),
            *(
                getattr(edge, name).eq(getattr(passes, name))
                for name in ("address", "load_address", "swap", "load")
            ),
            *(
                grid.a.eq(edge.a),
                grid.w.eq(edge.w),
                grid.swap.eq(edge.swap_o),
                grid.load.eq(edge.load_o),
            ),
            self.active.eq(passes.active),
        ]
        control = delay(m, passes.control, Edge.LATENCY + grid.latency - 1, "control")
        results = []
        for k in range(self.columns):
            control = delay(m, control, 1, f"control_{k}") if k else control
            m.submodules[f"foot_{k}"] = foot = Foot(self.foot)
            m.d.comb += [
                foot.control.eq(control),
                foot.sums.eq(grid.sums.word_select(k, len(foot.sums))),
                foot.address.eq(drain.address),
            ]
            results.append(foot.results)
        ready = delay(m, passes.tile_ends, sink(self.rows, self.columns) - 1, "tile_ready")
        m.d.comb += [drain.results.eq(Cat(results)), drain.tile_ready.eq(ready)]
        return m
