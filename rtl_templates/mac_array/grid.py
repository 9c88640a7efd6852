"""Rows and columns of tiles, and when what passes which edge."""

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.fabric_tile import FabricTile, plain_numbers
from rtl_templates.mac_array.held_product import HeldProduct
from rtl_templates.mac_array.multiplier import Multiplier
from rtl_templates.mac_array.tile import Tile, digit_bits, sum_bits
from rtl_templates.streams.delay import delay

__all__ = ["TileGrid"]


class TileGrid(wiring.Component):
    """``sums[t, o] = sum(activations[r, t] * weights[r, o])`` over the rows, every cycle.

    ``rows`` inner elements by ``columns`` tiles, each of ``form.counts`` = (tokens, outputs): so
    ``rows * columns * form.products`` multiplications per cycle.  Systolic: with row 0 of a step
    in cycle c, row r comes in cycle c + r, and the sums of column k leave in cycle
    ``c + latency + k``, ``latency = rows - 1 + Tile.LATENCY``.  A step per cycle.

    New weights cost no cycle: if a step swaps in cycle c (in row r in c + r), the next train may
    begin in cycle c, has ``columns`` items, one a cycle, those of the last column first, and must
    have ended when another step swaps.  So a swap every ``columns`` cycles, or slower.

    Utilisation bound: 1; rows and columns beyond a tile of a matrix are filled with zeros.

    The last ``fabric`` columns take no multiplier of the device; their sums wait until those of
    :class:`Tile` would come, and their weights are :func:`sized_weights`.

    Parameters
    ----------
    form : Form
    rows, columns : int
    multiplier : type
        See :class:`Tile`.
    fabric : int
        Columns of :class:`FabricTile`.
    product : type
        See :class:`FabricTile`.

    Members
    -------
    a, w : ``In``
        Per row the digits of its activations, of a tile's weights; row 0 in the low bits.
    swap, load : ``In(rows)``
    sums : ``Out``
        Per column the sums of its tiles, lane by lane as in the form.
    """

    def __init__(
        self, form, rows, columns, multiplier=Multiplier, *, fabric=0, product=HeldProduct
    ):
        if not 0 <= fabric <= columns:
            raise ValueError(f"Columns without multipliers must be 0 to {columns}, not {fabric}")
        self.form = form
        self.rows = rows
        self.columns = columns
        self.multiplier = multiplier
        self.fabric = fabric
        self.product = product
        self.latency = rows - 1 + Tile.LATENCY
        self.a_bits, self.w_bits = (
            sum(digit_bits(operand, count))
            for operand, count in zip((form.a, form.w), form.counts, strict=True)
        )
        self.sum_bits = sum_bits(form, rows)
        super().__init__(
            {
                "a": In(rows * self.a_bits),
                "w": In(rows * self.w_bits),
                "swap": In(rows),
                "load": In(rows),
                "sums": Out(columns * form.products * self.sum_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        above = [None] * self.columns
        for r in range(self.rows):
            a, w = self.a.word_select(r, self.a_bits), self.w.word_select(r, self.w_bits)
            swap, load = self.swap[r], self.load[r]
            for k in range(self.columns):
                if k == self.columns - self.fabric:
                    a = plain_numbers(a)
                m.submodules[f"tile_{r}_{k}"] = tile = self._tile(r, k)
                m.d.comb += [
                    tile.a.eq(a),
                    tile.w.eq(w),
                    tile.swap.eq(swap),
                    tile.load.eq(load),
                ]
                if r:
                    m.d.comb += tile.sums.eq(above[k])
                a, w, swap, load = tile.a_o, tile.w_o, tile.swap_o, tile.load_o
                above[k] = tile.sums_o
        for k in range(self.columns - self.fabric, self.columns):
            above[k] = delay(m, above[k], Tile.LATENCY - FabricTile.LATENCY, f"sums_{k}")
        m.d.comb += self.sums.eq(Cat(above))
        return m

    def _tile(self, row, column):
        if column < self.columns - self.fabric:
            return Tile(self.form, row, self.multiplier)
        return FabricTile(self.form, row, self.product)
