"""What Yosys infers for each template: LUTs, flip-flops, multipliers, memories.

``python benchmarks/templates.py`` prints the table; ``--write docs/templates.md`` puts it between
the markers of that page.  Figures are those after synthesis, before place and route.
"""

import argparse
import random
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from amaranth.back import rtlil

from hwgen.board.synth import synth_stats
from hwgen.emit.rtl.yosys import verilog_of
from rtl_templates.arith.codes import Codes
from rtl_templates.arith.dot_product import DotProduct
from rtl_templates.arith.requantize import Scale
from rtl_templates.control.registers import Registers
from rtl_templates.control.sequencer import Sequencer
from rtl_templates.control.store import Store
from rtl_templates.conv.conv2d import Conv2d
from rtl_templates.conv.window_op import Windows
from rtl_templates.mac.linear import Linear
from rtl_templates.mac.mac_op import MacFold
from rtl_templates.memory.banked_memory import BankedMemory
from rtl_templates.memory.mover import Mover
from rtl_templates.memory.window_buffer import WindowBuffer
from rtl_templates.row.layer_norm import LayerNorm
from rtl_templates.row.softmax import Softmax
from rtl_templates.streams.credits import CreditQueue
from rtl_templates.streams.fifo import Fifo
from rtl_templates.streams.fork import Fork
from rtl_templates.vector.add import Add
from rtl_templates.vector.argmax import Argmax
from rtl_templates.vector.avg_pool2d import AvgPool2d
from rtl_templates.vector.concat import Concat
from rtl_templates.vector.embedding import Embedding
from rtl_templates.vector.gelu import Gelu
from rtl_templates.vector.max_pool2d import MaxPool2d
from rtl_templates.vector.mul import Mul
from rtl_templates.vector.rope import Rope
from rtl_templates.vector.rows import RowTable
from rtl_templates.vector.turns import Turn

FAMILIES = ("ecp5", "ice40", "xilinx")
BEGIN, END = "<!-- templates: begin -->", "<!-- templates: end -->"
SCALE4 = Scale(14, 0, 0, 15)
SCALE8 = Scale(14, 0, -128, 127)


def _codes(rng: random.Random, bits: int, *sizes: int) -> list:
    """Return nested lists of random signed codes."""
    if not sizes:
        return rng.randrange(-(1 << (bits - 1)), 1 << (bits - 1))
    return [_codes(rng, bits, *sizes[1:]) for _ in range(sizes[0])]


def _linear(bits: int, inputs: int, outputs: int, fold: MacFold, beat: int) -> Linear:
    rng = random.Random(1)
    return Linear(
        x=Codes(bits, False),
        weights=_codes(rng, bits, outputs, inputs),
        biases=_codes(rng, 10, outputs),
        multipliers=[rng.randrange(1 << 15, 1 << 16) for _ in range(outputs)],
        scale=SCALE4 if bits == 4 else SCALE8,
        out_bits=bits,
        fold=fold,
        beat=beat,
    )


def _conv2d(size: int, channels: int, outputs: int, fold: MacFold) -> Conv2d:
    rng = random.Random(2)
    return Conv2d(
        x=Codes(4, False),
        height=size,
        width=size,
        channels=channels,
        weights=_codes(rng, 4, outputs, channels, 3, 3),
        biases=_codes(rng, 10, outputs),
        multipliers=[rng.randrange(1 << 15, 1 << 16) for _ in range(outputs)],
        scale=SCALE4,
        out_bits=4,
        padding=((1, 1), (1, 1)),
        fold=fold,
        beat=channels,
    )


def _rope(lanes: int) -> Rope:
    rng = random.Random(3)
    turn = Turn(
        steps=tuple(rng.randrange(1 << 30) for _ in range(32)),
        sine=tuple(rng.randrange(1 << 15) for _ in range(1024)),
        tokens=16,
        heads=4,
        running=True,
    )
    return Rope(
        x=Codes(8, True),
        turn=turn,
        scale=Scale(15, 0, -128, 127),
        out_bits=8,
        lanes=lanes,
        beat=lanes,
    )


def _embedding() -> Embedding:
    rows = tuple(map(tuple, _codes(random.Random(4), 8, 512, 64)))
    table = RowTable(rows, low=-128, high=127)
    return Embedding(x=Codes(9, False), tokens=16, rows=table, out_bits=8, lanes=4)


def _layer_norm() -> LayerNorm:
    rng = random.Random(6)
    return LayerNorm(
        x=Codes(8, True),
        rows=16,
        gains=[rng.randrange(-40_000, 40_000) for _ in range(256)],
        addends=[rng.randrange(-1 << 24, 1 << 24) for _ in range(256)],
        scale=Scale(20, 0, -128, 127),
        out_bits=8,
        epsilon=77,
        lanes=4,
        beat=4,
    )


_SEQUENCE = {"x": Codes(8, True), "positions": 16, "channels": 64, "beat": 4, "lanes": 4}
_IMAGE = {"x": Codes(8, True), "height": 32, "width": 32, "channels": 16, "beat": 4, "lanes": 4}
_WINDOW = {"depth": 2048, "bits": 8, "beat": 4, "banks": 4, "reads": 1, "low": 0, "high": 2047}

TEMPLATES: dict[str, Callable] = {
    "Fifo, 16 words of 32 bits": lambda: Fifo(32, 16),
    "CreditQueue, 16 words of 32 bits": lambda: CreditQueue(32, 16),
    "Fork, 3 sinks of 32 bits": lambda: Fork(32, 3),
    "BankedMemory, 2048 x 8 bits, 4 banks, aligned": lambda: BankedMemory(
        elements=2048, bits=8, banks=4, granule=4, lanes=4
    ),
    "BankedMemory, 2048 x 8 bits, 4 banks, any address": lambda: BankedMemory(
        elements=2048, bits=8, banks=4, granule=1, lanes=4
    ),
    "WindowBuffer, 2048 x 8 bits, beats of 4": lambda: WindowBuffer(
        elements=2048, granule=4, lanes=4, **_WINDOW
    ),
    "Mover, 3x3 convolution of 32x32x16": lambda: Mover(
        [Windows((32, 32, 16), kernel=(3, 3), positions=(32, 32), origin=(-1, -1)).walk(32)]
    ),
    "DotProduct, 16 terms of 4 bits": lambda: DotProduct(16, Codes(4, True).shape, 4),
    "DotProduct, 16 terms of 8 bits": lambda: DotProduct(16, Codes(8, True).shape, 8),
    "Linear 256-64, int4, 4 x 4 multipliers": lambda: _linear(
        4, 256, 64, MacFold(elements=4, outputs=4, lanes=1), 4
    ),
    "Linear 256-64, int8, 4 x 4 multipliers": lambda: _linear(
        8, 256, 64, MacFold(elements=4, outputs=4, lanes=1), 4
    ),
    "Conv2d 3x3x8-16 on 16x16, int4, 8 x 2 multipliers": lambda: _conv2d(
        16, 8, 16, MacFold(elements=8, outputs=2)
    ),
    "Conv2d 3x3x8-16 on 16x16, int4, 3 x 24 x 2 multipliers": lambda: _conv2d(
        16, 8, 16, MacFold(rows=3, elements=24, outputs=2)
    ),
    "MaxPool2d 2x2 of 32x32x16, int8, 4 lanes": lambda: MaxPool2d(kernel=(2, 2), **_IMAGE),
    "AvgPool2d 2x2 of 32x32x16, int8, 4 lanes": lambda: AvgPool2d(
        kernel=(2, 2), multiplier=40000, scale=SCALE8, out_bits=8, **_IMAGE
    ),
    "Add of 2 x 256x16, int8, 4 lanes": lambda: Add(
        x=Codes(8, True),
        positions=256,
        channels=16,
        multipliers=[30000, 40000],
        scale=SCALE8,
        out_bits=8,
        lanes=4,
        beat=4,
    ),
    "Concat of 2 x 256x16, int8, 4 lanes": lambda: Concat(
        x=Codes(8, True),
        positions=256,
        channels=[16, 16],
        multipliers=[30000, 40000],
        offsets=[0, 0],
        scale=SCALE8,
        out_bits=8,
        lanes=4,
        beat=4,
    ),
    "Argmax of 10, int8": lambda: Argmax(x=Codes(8, True), elements=10),
    "Gelu of 16x64, int8, 4 lanes": lambda: Gelu(
        table=_codes(random.Random(5), 8, 256), out_bits=8, **_SEQUENCE
    ),
    "Mul of 2 x 16x64, int8, 4 lanes": lambda: Mul(
        zeros=(0, 0), multiplier=40000, scale=SCALE8, out_bits=8, **_SEQUENCE
    ),
    "Rope of 16 x 4 heads of 64, int8, 4 lanes": lambda: _rope(4),
    "Embedding of 512 x 64, int8, 4 lanes": _embedding,
    "LayerNorm of 16x256, int8, 4 lanes": _layer_norm,
    "Softmax of 16x256, int8, 4 lanes": lambda: Softmax(
        x=Codes(8, True),
        rows=16,
        features=256,
        log=(47000, 12),
        multiplier=65280,
        scale=Scale(24, 0, 0, 255),
        out_bits=8,
        lanes=4,
        beat=4,
    ),
    "Store, 256 beats of 32 bits": lambda: Store(address=0, lanes=4, bits=8, beats=256),
    "Sequencer, 12 phases": lambda: Sequencer(12),
    "Registers, 4 engines": lambda: Registers(identity=1, version=1, engines=4),
}


def _row(name: str, build: Callable) -> str:
    cells = [name]
    text = verilog_of(rtlil.convert(build(), name="top"))
    for family in FAMILIES:
        stats = synth_stats(text, "top", family)
        luts = stats.get("lut4", stats.get("lut6", 0))
        keys = ("ff", "multipliers", "block_ram", "lutram")
        cells.append(" / ".join(str(value) for value in (luts, *(stats[key] for key in keys))))
    return f"| {' | '.join(cells)} |"


def table(only: str = "") -> str:
    """Return the table in Markdown; ``only`` picks templates by a part of their name."""
    yosys = version("pyosys")
    lines = [
        f"Yosys {yosys}: LUTs / flip-flops / multipliers / block RAMs / distributed RAMs.",
        "",
        "| template | ECP5 (LUT4) | iCE40 (LUT4) | Xilinx 7 (LUT6) |",
        "|---|---|---|---|",
    ]
    for name, build in TEMPLATES.items():
        if only in name:
            lines.append(_row(name, build))
            print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="templates whose name contains this")
    parser.add_argument("--write", type=Path, help="page with the markers")
    args = parser.parse_args()
    text = table(args.only)
    if args.write is None:
        print(text)
        return
    page = args.write.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    args.write.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
