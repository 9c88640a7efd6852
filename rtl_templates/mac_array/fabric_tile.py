"""A tile of the array that takes no multiplier of the device."""

from amaranth.hdl import Cat

from rtl_templates.mac_array.held_product import HeldProduct, sign_magnitude
from rtl_templates.mac_array.tile import Tile
from rtl_templates.packing.lanes import Range

__all__ = ["FabricTile", "plain_numbers", "sized_weights"]

BITS = 4


def sized_weights(weights):
    """Return the word that a tile takes for some weights: as wide as one of their digits.

    Examples
    --------
    >>> hex(sized_weights([-3, 5]))
    '0x5b'
    """
    return sum(sign_magnitude(int(weight)) << (BITS * k) for k, weight in enumerate(weights))


def plain_numbers(digits):
    """Return two signed numbers side by side of their digits: the borrow is given back."""
    first, second = digits[:BITS], digits[BITS : 2 * BITS]
    return Cat(first, (second + first[-1])[:BITS])


class FabricTile(Tile):
    """The same as :class:`Tile` of two 4-bit numbers by two weights in [-7, 7], in lookup tables.

    Activations are plain numbers, :func:`plain_numbers` of the digits; weights are
    :func:`sized_weights`.  All else is as with a multiplier, except for the latency, which is that
    of products that are made in steps.

    Parameters
    ----------
    form : Form
        Says what is multiplied; nothing is packed.
    row : int
    product : type
        :class:`HeldProduct` or a family's.

    Members
    -------
    See :class:`Tile`.
    """

    LATENCY = 1 + HeldProduct.LATENCY + 1
    """Operands, those of the product, sums."""

    def __init__(self, form, row, product=HeldProduct):
        signed, narrow = Range.signed(BITS), Range.signed(BITS, narrow=True)
        if (form.a, form.w, form.counts) != (signed, narrow, (2, 2)):
            raise ValueError("A tile in fabric multiplies two 4-bit numbers by two in [-7, 7]")
        self.form = form
        self.row = row
        self.products = [product() for _ in range(form.products)]
        self._ports(form.counts[0] * BITS)

    def _products(self, m, a, used):
        fields, carries = [], []
        for lane, product in enumerate(self.products):
            m.submodules[f"product_{lane}"] = product
            m.d.comb += [
                product.a.eq(a.word_select(lane % 2, BITS)),
                product.w.eq(used.word_select(lane // 2, BITS)),
            ]
            fields.append(product.p)
            carries.append(product.carry)
        return fields, Cat(carries)
