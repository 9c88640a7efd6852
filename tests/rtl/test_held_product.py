"""The product by a held weight for all operands, one a cycle; bad weights and tiles are refused."""

from itertools import product

import pytest

from rtl_templates.mac_array.fabric_tile import FabricTile
from rtl_templates.mac_array.grid import TileGrid
from rtl_templates.mac_array.held_product import HeldProduct, sign_magnitude
from rtl_templates.packing.forms import W4A4
from support.prove import mutant
from support.streams import bench_of

PAIRS = [*product(range(-8, 8), range(-7, 8)), (0, 0), (0, 0)]


def products(kind):
    dut, found = kind(), []

    async def body(ctx, reset):
        for a, w in PAIRS:
            ctx.set(dut.a, a)
            ctx.set(dut.w, sign_magnitude(w))
            found.append(ctx.get(dut.p) + ctx.get(dut.carry))
            await ctx.tick()

    bench_of(dut, body)
    return found[HeldProduct.LATENCY :]


def test_every_product_leaves_after_the_stated_latency():
    assert products(HeldProduct) == [a * w for a, w in PAIRS[: -HeldProduct.LATENCY]]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rows + (size[0] & sign) + (size[1] & sign)", "rows + (size[0] & sign)"),
        ("w_later[0] & w_later[2]", "w_later[0] & self.w[3]"),
    ],
)
def test_planted_bugs_are_found(old, new):
    assert products(mutant(HeldProduct, old, new)) != products(HeldProduct)


def test_what_cannot_be_multiplied_is_refused():
    with pytest.raises(ValueError, match=r"in \[-7, 7\], not -8"):
        sign_magnitude(-8)
    with pytest.raises(ValueError, match="two 4-bit numbers by two"):
        FabricTile(W4A4["matrix_27x18"], 0)
    with pytest.raises(ValueError, match="must be 0 to 2, not 3"):
        TileGrid(W4A4["matrix_18x18"], 1, 2, fabric=3)
