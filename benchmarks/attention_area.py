"""LUTs of attention's lanes beside those of the array, counted by Yosys part by part.

``python benchmarks/attention_area.py`` prints a table; ``--write docs/templates.md`` puts it
between the markers of that page.  The parts of a 32 x 32 array are synthesised one by one and
multiplied by how often they occur: a thousand elements at once would take Yosys hours.  There are
as many normalisers as a plan has for this attention.  Figures are those after synthesis, before
place and route; distributed RAM counts as the LUTs that it takes.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from amaranth.back import rtlil
from amaranth.hdl import UnusedElaboratable

from hwgen.board.synth import synth_stats
from hwgen.emit.rtl.yosys import verilog_of
from hwgen.plan.array_lanes import score_units
from hwgen.plan.shared_folds import fewest_normalisers
from rtl_templates.arith.requantize import Scale
from rtl_templates.attention.lane import Lane
from rtl_templates.attention.shape import LaneTask
from rtl_templates.systolic.array_core import ArrayCore
from rtl_templates.systolic.element import Element
from rtl_templates.systolic.task import ArrayShape, ArrayTask
from rtl_templates.systolic.tile_buffer import TileBuffer
from support.array_bench import Case

FAMILIES = {"ecp5": "ECP5 (LUT4)", "xilinx": "Xilinx 7 (LUT6)"}
BEGIN, END = "<!-- attention area: begin -->", "<!-- attention area: end -->"
RAM_LUTS = {"RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4}
"""What Xilinx's distributed RAMs take; those of ECP5 are among the LUTs already."""


# Only parts of the cores are elaborated.
warnings.simplefilter("ignore", UnusedElaboratable)


QUERIES, KEYS, HEADS, BEAT = 256, 1024, 12, 8


def planned(rows: int, columns: int, head: int) -> tuple[int, int]:
    """Return normalisers and score units that a plan gives the attention of :func:`core_of`."""
    shapes = [(tokens, HEADS * head) for tokens in (QUERIES, KEYS, KEYS)]
    case = Case("attention", {"heads": HEADS, "tile": rows, "causal": True}, shapes)
    works = [case.work]
    return fewest_normalisers(works, rows, columns, BEAT), score_units(works, rows, columns)


def core_of(rows: int, columns: int, head: int, normalisers: int, scores: int) -> ArrayCore:
    """Return an array for causal 8-bit attention of 256 queries to 1,024 keys."""
    lane = LaneTask(
        multiplier=40001,
        sink_multiplier=40001,
        shift=20,
        result_multiplier=40001,
        scale=Scale(31, 0, -128, 127),
        queries=QUERIES,
        keys=KEYS,
        heads=HEADS,
        kv_heads=HEADS,
        features=head,
        causal=True,
    )
    shape = ArrayShape(
        rows=rows,
        columns=columns,
        lanes=8,
        beat=BEAT,
        data_bits=8,
        row_bits=8,
        column_bits=9,
        weight_bits=8,
        acc_bits=22,
        multiplier_bits=16,
        out_bits=8,
        normalisers=normalisers,
        scores=scores,
    )
    task = ArrayTask(
        kind="attention",
        tokens=QUERIES,
        inner=head,
        features=head,
        column_signed=True,
        row_signed=True,
        scale=lane.scale,
        lane=lane,
    )
    return ArrayCore(shape, [task])


def parts(core: ArrayCore) -> dict[str, tuple[bool, int, Callable]]:
    """Return per part: whether it belongs to the lanes, how many there are, its component."""
    shape, size = core.shape, core.sizes[0]
    lanes = core.lanes
    buffer = {"lanes": shape.lanes, "bits": shape.data_bits}
    return {
        "processing elements": (
            False,
            shape.multipliers,
            lambda: Element(
                row_bits=shape.row_bits,
                column_bits=shape.column_bits,
                acc_bits=shape.acc_bits,
                p_bits=8,
            ),
        ),
        "row buffers": (
            False,
            1,
            lambda: TileBuffer(
                count=shape.rows,
                words=size.row_depth,
                out_bits=shape.row_bits,
                tags=4,
                **buffer,
            ),
        ),
        "column buffers": (
            False,
            1,
            lambda: TileBuffer(
                count=shape.columns,
                words=size.column_depth,
                out_bits=shape.column_bits,
                **buffer,
            ),
        ),
        "loader": (False, 1, lambda: core.operands),
        "slots": (False, 1, lambda: core.slots),
        "lanes": (True, lanes.shape.units, lambda: Lane(lanes.shape, lanes.tasks)),
        "bounds": (True, len(lanes.bounds), lambda: lanes.bounds[0]),
        "alignment": (True, len(lanes.aligns), lambda: lanes.aligns[0]),
        "normalisers": (True, 1, lambda: lanes.results),
    }


def area_of(component: object, family: str) -> tuple[int, int, int]:
    """Return the LUTs, multipliers and block RAMs of a component."""
    text = verilog_of(rtlil.convert(component, name="top"))
    stats = synth_stats(text, "top", family)
    ram = sum(stats.get(cell, 0) * luts for cell, luts in RAM_LUTS.items())
    luts = stats.get("lut4", stats.get("lut6", 0)) + ram
    return luts, stats["multipliers"], stats["block_ram"]


def table(rows: int, columns: int, head: int, normalisers: int, scores: int) -> str:
    """Return the table in Markdown."""
    size = f"{rows} x {columns} elements, heads of {head}, normalisers: {normalisers}"
    lines = [
        f"Yosys {version('pyosys')}, {size}: LUTs / multipliers / block RAMs.",
        "",
        f"| part | number | {' | '.join(FAMILIES.values())} |",
        "|---|---:|---:|---:|",
    ]
    totals = {(of_lanes, family): [0, 0, 0] for of_lanes in (False, True) for family in FAMILIES}
    # A component is elaborated once: each family gets an array of its own.
    cores = {family: core_of(rows, columns, head, normalisers, scores) for family in FAMILIES}
    components = {family: parts(core) for family, core in cores.items()}
    for name, (of_lanes, count, _) in components["ecp5"].items():
        cells = [name, f"{count:,}"]
        for family in FAMILIES:
            area = area_of(components[family][name][2](), family)
            total = totals[of_lanes, family]
            for k, value in enumerate(area):
                total[k] += value * count
            cells.append(" / ".join(f"{value * count:,}" for value in area))
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
    for of_lanes, name in ((False, "the array"), (True, "attention beside it")):
        values = (totals[of_lanes, family] for family in FAMILIES)
        cells = [" / ".join(f"{value:,}" for value in area) for area in values]
        lines.append(f"| **{name}** | | {' | '.join(cells)} |")
    shares = [
        " / ".join(
            f"{100 * part / whole:.1f} %"
            for part, whole in zip(totals[True, family], totals[False, family], strict=True)
            if whole
        )
        for family in FAMILIES
    ]
    lines.append(f"| **share** | | {' | '.join(shares)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--head", type=int, default=64, help="elements of a head")
    parser.add_argument("--normalisers", type=int, help="as many as a plan has by default")
    parser.add_argument("--write", type=Path, help="page with the markers")
    args = parser.parse_args()
    size = args.rows, args.columns, args.head
    normalisers, scores = planned(*size)
    text = table(*size, args.normalisers or normalisers, scores)
    if args.write is None:
        print(text)
        return
    page = args.write.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    args.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
