"""A linear layer on a weight-stationary array, its operands of 4 and 8 bits by blocks."""

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
from rtl_templates.mac_array.loader import Loader
from rtl_templates.mac_array.multiplier import Multiplier
from rtl_templates.mac_array.passes import Passes
from rtl_templates.mac_array.tile import packed_digits
from rtl_templates.mac_array.timeline import sink
from rtl_templates.streams.delay import delay

__all__ = ["BlockLinear", "train_words"]


def train_words(geometry):
    """Return per row of the array its weights: tile by tile, the last column first."""
    layer, columns = geometry.layer, geometry.columns

    def weight(output, tile, row):
        if output >= layer.outputs or row >= len(tile.channels):
            return 0
        return int(layer.weights[output][tile.channels[row]])

    def word(column, weights):
        if column >= columns - geometry.fabric:
            return sized_weights(weights)
        return packed_digits(FORM.w, FORM.strides[1], weights)

    return [
        [
            word(k, [weight(start + OUTPUTS * k + o, tile, row) for o in range(OUTPUTS)])
            for start in range(0, layer.outputs, OUTPUTS * columns)
            for tile in geometry.inner
            for k in reversed(range(columns))
        ]
        for row in range(geometry.rows)
    ]


class BlockLinear(wiring.Component):
    """Each token times a matrix of 4-bit weights, as COMET's W4Ax: blocks of 4 and of 8 bits.

    A block of 4 bits takes two tokens per step and tile of ``rows`` channels, a block of 8 bits
    one, whose two signed digits are the two tokens: nothing in the array knows of it.  Liu et al.,
    "COMET", arXiv 2410.12168, section 4; digits as ``hwgen.ops.blocks``, whose integers these are.

    Initiation interval: ``geometry.cycles`` per tensor, if the beats of input and output take no
    longer; exact times of everything: :func:`rtl_templates.mac_array.timeline.timeline`.
    Utilisation bound: ``geometry.utilisation``; 1 for tokens even, tiles full and no pass shorter
    than ``columns`` or ``Geometry.TURN`` cycles.  Infers a multiplier of 18 x 18 bits per tile of
    the columns that are not ``fabric``, and those of the drain.

    Parameters
    ----------
    geometry : Geometry
    x_bits, out_bits : int
        Of a code of the input, of the output.
    multiplier, product : type
        See :class:`rtl_templates.mac_array.grid.TileGrid`.

    Members
    -------
    i : ``In(stream.Signature(beat * x_bits))``
        Codes, token by token.
    o : ``Out(stream.Signature(layout))``
        See :class:`Drain`.
    active : ``Out(1)``
        The array works on a pass.
    """

    def __init__(self, geometry, *, x_bits, out_bits, multiplier=Multiplier, product=HeldProduct):
        self.geometry = geometry
        layer = geometry.layer
        self.multiplier = multiplier
        self.grid = TileGrid(
            *(FORM, geometry.rows, geometry.columns, multiplier),
            fabric=geometry.fabric,
            product=product,
        )
        self.foot = FootShape(
            sum_bits=self.grid.sum_bits,
            acc_bits=layer.acc_bits,
            pairs=geometry.pairs,
            ups=tuple(sorted({block.up for block in layer.blocks})),
        )
        self.loader = Loader(geometry, x_bits)
        self.edge = Edge(train_words(geometry), 2 * geometry.bases[-1], geometry.beat)
        self.passes = Passes(geometry, self.foot)
        self.drain = Drain(geometry, layer.acc_bits, out_bits)
        super().__init__(
            {
                "i": In(stream.Signature(geometry.beat * x_bits)),
                "o": Out(stream.Signature(self.drain.layout)),
                "active": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        m.submodules.loader = loader = self.loader
        m.submodules.edge = edge = self.edge
        m.submodules.grid = grid = self.grid
        m.submodules.passes = passes = self.passes
        m.submodules.drain = drain = self.drain
        wiring.connect(m, wiring.flipped(self.i), loader.i)
        wiring.connect(m, drain.o, wiring.flipped(self.o))
        # The last row reads so much later.
        released = delay(m, passes.release, geometry.rows, "released")
        m.d.comb += [
            passes.filled.eq(loader.filled),
            *(
                getattr(edge, name).eq(getattr(loader, name))
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
            passes.drained.eq(drain.drained),
        ]
        m.d.comb += loader.release.eq(released)
        control = delay(m, passes.control, Edge.LATENCY + grid.latency - 1, "control")
        results = []
        for k in range(geometry.columns):
            control = delay(m, control, 1, f"control_{k}") if k else control
            m.submodules[f"foot_{k}"] = foot = Foot(self.foot)
            m.d.comb += [
                foot.control.eq(control),
                foot.sums.eq(grid.sums.word_select(k, len(foot.sums))),
                foot.address.eq(drain.address),
            ]
            results.append(foot.results)
        m.d.comb += [
            drain.results.eq(Cat(results)),
            drain.tile_ready.eq(delay(m, passes.tile_ends, sink(geometry) - 1, "tile_ready")),
        ]
        return m
