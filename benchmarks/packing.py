"""Exact multiply-accumulates per multiplier: what Yosys makes of the packed forms.

``python benchmarks/packing.py`` prints the table; ``--write docs/packing.md`` puts it between the
markers of that page.  A unit is the packed operands, one wide multiplier, and an accumulator of 18
bits per lane; figures are those after synthesis, before place and route.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.board.synth import synth_stats
from hwgen.emit.rtl.yosys import verilog_of
from rtl_templates.packing.forms import W4A4, WIDER, Form
from rtl_templates.packing.products import PackedProducts

BEGIN, END = "<!-- packing: begin -->", "<!-- packing: end -->"
ACCUMULATOR = 18
CASES = [
    ("ecp5", "matrix_18x18"),
    ("ecp5", "matrix_18x18_full"),
    ("ecp5", "vector_18x18"),
    ("ecp5", "convolution_18x18"),
    ("ecp5", "w4a8_18x18"),
    ("nexus", "matrix_18x18"),
    ("nexus", "convolution_18x18"),
    ("gowin", "matrix_18x18"),
    ("ice40", "matrix_16x16"),
    ("xilinx", "matrix_25x18"),
    ("xilinx", "convolution_25x18"),
    ("xcup", "matrix_27x18"),
    ("xcup", "convolution_25x18"),
    ("xcup", "w4a8_27x18"),
]


class Unit(wiring.Component):
    """A packed multiplier whose lanes are accumulated; ``clear`` begins a new sum."""

    def __init__(self, form: Form) -> None:
        self.products = PackedProducts(form)
        lanes = len(form.lanes.ranges)
        super().__init__(
            {
                "a": In(len(self.products.a)),
                "w": In(len(self.products.w)),
                "clear": In(1),
                "sums": Out(lanes * ACCUMULATOR),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the module."""
        m = Module()
        m.submodules.products = products = self.products
        m.d.comb += [products.a.eq(self.a), products.w.eq(self.w)]
        sums, start = [], 0
        for lane, width in enumerate(products.decode.widths):
            total = Signal(signed(ACCUMULATOR), name=f"sum_{lane}")
            field = products.fields[start : start + width].as_signed()
            carry = products.carries[lane]
            # The carry enters the adder below its lowest bit.
            added = Cat(carry, total).as_signed() + Cat(carry, field).as_signed()
            m.d.sync += total.eq(added[1:])
            with m.If(self.clear):
                m.d.sync += total.eq(0)
            sums.append(total)
            start += width
        m.d.comb += self.sums.eq(Cat(sums))
        return m


def measure(family: str, name: str) -> tuple[int, int, int, int]:
    """Return products per multiplier, and the area of the unit."""
    form = (W4A4 | WIDER)[name]
    area = synth_stats(verilog_of(rtlil.convert(Unit(form), name="unit")), "unit", family)
    luts = area.get("lut4", area.get("lut6"))
    return form.products, area["multipliers"], luts, area["ff"]


def table() -> str:
    """Return the table as Markdown."""
    luts = "LUT6 on xilinx (7-series) and xcup (UltraScale+), else LUT4"
    lines = [
        f"Yosys {version('pyosys')}. LUT: {luts}; carry cells count as the LUTs they take.",
        "",
        "| family | form | MACs per cycle | multipliers | LUT | FF | LUT per MAC |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for family, name in CASES:
        macs, multipliers, luts, flip_flops = measure(family, name)
        lines.append(
            f"| {family} | `{name}` | {macs} | {multipliers} | {luts} | {flip_flops} "
            f"| {luts / macs:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", type=Path, help="page to write the table into")
    page = parser.parse_args().write
    text = table()
    print(text)
    if page:
        before, rest = page.read_text().split(BEGIN)
        after = rest.split(END)[1]
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
