"""Convolutions with one product per multiplier, with packed weights, and as polynomials.

``python benchmarks/polynomial.py`` prints two tables; ``--write docs/packing.md`` puts them
between the markers of that page.  One has engines for a 3x3 convolution of 16 to 16 channels on
16x32 pixels with codes and weights of 4 bits, the other one the digits CNN in a dataflow plan.
Area is that of Yosys; cycles of the network are predicted, and simulated in Verilator.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import rtlil

from hwgen import golden
from hwgen.board.synth import synth_stats
from hwgen.emit.rtl import emit_verilog
from hwgen.emit.rtl.yosys import verilog_of
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from hwgen.spec.model import Budget
from hwgen.verify.rtl import verify_rtl
from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.conv.conv2d import Conv2d
from rtl_templates.conv.polynomial_conv import PolynomialConv2d
from rtl_templates.mac.mac_op import MacFold
from rtl_templates.mac.runs import RunFold

BEGIN, END = "<!-- polynomial: begin -->", "<!-- polynomial: end -->"
PORTS = {"ecp5": (18, 18), "xcup": (27, 18)}
PRODUCTS = 144
NETWORK = Path("examples") / "digits" / "cnn.yaml"
BUDGETS = {"plain": 64, "packed": 160, "polynomial": 600}
"""Products a cycle for about as many multipliers of the device."""


def engine(kind: str, family: str, *, signed: bool) -> Any:
    """Return a convolution engine of about 144 products a cycle."""
    rng = np.random.default_rng(1)
    weights = rng.integers(-8, 8, (16, 16, 3, 3))
    keys: dict[str, Any] = {
        "x": Codes(4, signed),
        "height": 16,
        "width": 32,
        "channels": 16,
        "weights": weights.tolist(),
        "biases": [5] * 16,
        "multipliers": [1234] * 16,
        "scale": Scale(16, 0, -8, 7),
        "out_bits": 4,
        "padding": ((1, 1), (1, 1)),
        "beat": 4,
    }
    if kind == "plain":
        return Conv2d(fold=MacFold(elements=9, outputs=16, lanes=2), **keys)
    fold = RunFold(elements=4, outputs=4, lanes=2)
    return PolynomialConv2d(fold=fold, ports=PORTS[family], **keys)


def engines() -> Iterator[str]:
    """Yield the rows of the table of engines."""
    yield (
        "| family | codes | products a cycle | cycles | multipliers | LUT | FF | LUT per product |"
    )
    yield f"|---|---|{'---:|' * 6}"
    for family, signed in (("ecp5", True), ("ecp5", False), ("xcup", True)):
        for kind in ("plain", "polynomial"):
            dut = engine(kind, family, signed=signed)
            products = PRODUCTS
            if kind == "polynomial":
                products = dut.core.shape.form.products * 16
            area = synth_stats(verilog_of(rtlil.convert(dut, name="engine")), "engine", family)
            luts = area.get("lut4", area.get("lut6"))
            codes = f"{'signed' if signed else 'unsigned'}, {kind}"
            yield (
                f"| {family} | {codes} | {products} | {dut.cycles:,} | {area['multipliers']} "
                f"| {luts:,} | {area['ff']:,} | {luts / products:.1f} |"
            )


def network() -> Iterator[str]:
    """Yield the rows of the table of the digits CNN."""
    yield (
        "| multiplier | products a cycle | multipliers of the device | interval, predicted "
        "| simulated | LUT4 | MULT18X18D |"
    )
    yield f"|---|{'---:|' * 6}"
    spec = load_spec(NETWORK)
    qgraph = quantize(build_graph(spec), spec)
    inputs = golden.random_inputs(qgraph, 6, 1)
    for kind, budget in BUDGETS.items():
        accelerator = replace(
            spec.accelerator,
            schedule="dataflow",
            budget=Budget(budget, None),
            multiplier=kind,
            family="ecp5",
        )
        plan = make_plan(qgraph, accelerator)
        with tempfile.TemporaryDirectory() as folder:
            sim = verify_rtl(plan, qgraph, inputs, Path(folder), runner="native", seed=1)
        area = synth_stats(emit_verilog(plan, qgraph), plan.name, "ecp5")
        yield (
            f"| `{kind}` | {plan.multipliers} | {plan.hard_multipliers} "
            f"| {plan.prediction.interval} | {sim.interval} "
            f"| {area['lut4']:,} | {area['multipliers']} |"
        )


def lines() -> Iterator[str]:
    """Yield the text."""
    yield (
        f"Engines of a 3x3 convolution, 16 to 16 channels, 16x32 pixels, W4A4 "
        f"(Yosys {version('pyosys')}; two multipliers are those of the requantisers):"
    )
    yield ""
    yield from engines()
    yield ""
    yield "The digits CNN, W4A4, dataflow, ECP5:"
    yield ""
    yield from network()


def main() -> None:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", type=Path, help="page to write the tables into")
    page = parser.parse_args().write
    found = []
    for line in lines():
        print(line, flush=True)
        found.append(line)
    if page:
        before, rest = page.read_text().split(BEGIN)
        after = rest.split(END)[1]
        page.write_text(f"{before}{BEGIN}\n{chr(10).join(found)}\n{END}{after}")


if __name__ == "__main__":
    main()
