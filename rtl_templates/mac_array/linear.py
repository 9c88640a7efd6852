"""A linear layer on a weight-stationary array, its operands of 4 and 8 bits by blocks."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.array import BlockArray
from rtl_templates.mac_array.held_product import HeldProduct
from rtl_templates.mac_array.loader import Loader
from rtl_templates.mac_array.multiplier import Multiplier

__all__ = ["BlockLinear"]


class BlockLinear(wiring.Component):
    """Each token times a matrix of weights of one or two digits: blocks of 4 and of 8 bits.

    A block of 4 bits takes two tokens per step and tile of ``rows`` channels, a block of 8 bits
    one, whose two signed digits are the two tokens: nothing in the array knows of it.  Weights of
    two digits are those of two outputs, and only the drain knows of it.  W4Ax of Liu et al.,
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
        self.loader = Loader(geometry, x_bits)
        self.array = BlockArray(
            [geometry], 1, out_bits=out_bits, multiplier=multiplier, product=product
        )
        super().__init__(
            {
                "i": In(stream.Signature(geometry.beat * x_bits)),
                "o": Out(stream.Signature(self.array.drain.layout)),
                "active": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.loader = loader = self.loader
        m.submodules.array = array = self.array
        wiring.connect(m, wiring.flipped(self.i), loader.i)
        wiring.connect(m, array.o, wiring.flipped(self.o))
        m.d.comb += [
            array.filled.eq(loader.filled),
            loader.release.eq(array.release),
            self.active.eq(array.active),
            *(
                getattr(array, name).eq(getattr(loader, name))
                for name in ("w_enable", "w_address", "w_data")
            ),
        ]
        return m
