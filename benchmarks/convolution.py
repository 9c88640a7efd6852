"""The convolution engine: cycles counted in Verilator, area by Yosys.

``python benchmarks/convolution.py`` prints the tables; ``--write docs/convolution.md`` puts them
between the markers of that page.  Tensors follow each other without a pause through one port of
128 bits that carries a beat in or a beat out in a cycle; every result is compared with NumPy.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Module, Signal

from hwgen.board.synth import synth_stats
from hwgen.emit.rtl.yosys import verilog_of
from hwgen.ops.window import Window
from hwgen.resources import data_dir
from hwgen.tools import run
from hwgen.verify.model import build_native_model
from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.conv.conv1d import Conv1d
from rtl_templates.conv.conv2d import Conv2d
from rtl_templates.mac.mac_op import MacFold
from rtl_templates.streams.gearbox import Gearbox

BEGIN, END = "<!-- convolution: begin -->", "<!-- convolution: end -->"
PORT = 128
TENSORS = 4
SHIFT, MULTIPLIER = 16, 40


class BehindPort(Elaboratable):
    """An engine of int8 codes whose input and output share a port: a beat out goes first."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.i_payload, self.o_payload = (
            Signal(PORT, name=name) for name in ("i_payload", "o_payload")
        )
        self.i_valid, self.i_ready, self.o_valid, self.o_ready = (
            Signal(name=name) for name in ("i_valid", "i_ready", "o_valid", "o_ready")
        )
        self.ports = [
            *(self.i_payload, self.i_valid, self.i_ready),
            *(self.o_payload, self.o_valid, self.o_ready),
        ]

    def elaborate(self, platform: object) -> Module:
        """Return the engine between two gearboxes."""
        m = Module()
        m.submodules.engine = engine = self.engine
        m.submodules.narrow = narrow = Gearbox(PORT, len(engine.i[0].payload))
        m.submodules.wide = wide = Gearbox(len(engine.o.payload), PORT)
        m.d.comb += [
            engine.i[0].payload.eq(narrow.o.payload),
            engine.i[0].valid.eq(narrow.o.valid),
            narrow.o.ready.eq(engine.i[0].ready),
            wide.i.payload.eq(engine.o.payload),
            wide.i.valid.eq(engine.o.valid),
            engine.o.ready.eq(wide.i.ready),
            self.o_payload.eq(wide.o.payload),
            self.o_valid.eq(wide.o.valid),
            wide.o.ready.eq(self.o_ready),
            narrow.i.payload.eq(self.i_payload),
            narrow.i.valid.eq(self.i_valid & ~self.o_valid),
            self.i_ready.eq(narrow.i.ready & ~self.o_valid),
        ]
        return m


@dataclass(frozen=True)
class Case:
    """A convolution of int8 codes; ``size`` is (height, width), of a sequence (tokens, 1)."""

    name: str
    size: tuple[int, int]
    channels: int
    outputs: int
    window: Window
    fold: MacFold
    sequence: bool = False
    beat: int = 16

    @property
    def weights(self) -> np.ndarray:
        """(output, input channel, kernel) codes."""
        rng = np.random.default_rng(5)
        return rng.integers(-127, 128, (self.outputs, self.channels, *self.window.kernel))

    def build(self) -> Any:
        """Return the component."""
        weights = self.weights
        keys = {
            "x": Codes(8, True),
            "biases": [7 * k for k in range(self.outputs)],
            "multipliers": [MULTIPLIER] * self.outputs,
            "scale": Scale(SHIFT, 0, -128, 127),
            "out_bits": 8,
            "fold": self.fold,
            "beat": self.beat,
        }
        if self.sequence:
            return Conv1d(
                tokens=self.size[0],
                features=self.channels,
                weights=weights[..., 0].tolist(),
                stride=self.window.stride[0],
                padding=self.window.pads[0],
                **keys,
            )
        return Conv2d(
            height=self.size[0],
            width=self.size[1],
            channels=self.channels,
            weights=weights.tolist(),
            stride=self.window.stride,
            padding=self.window.pads,
            **keys,
        )

    def golden(self, x: np.ndarray) -> np.ndarray:
        """Return results in stream order for images (n, height, width, channels)."""
        window, weights = self.window, self.weights
        padded = np.pad(x, ((0, 0), *window.pads, (0, 0)))
        height, width = window.outputs(self.size)
        sums = np.zeros((len(x), height, width, self.outputs), np.int64)
        for r in range(window.kernel[0]):
            for c in range(window.kernel[1]):
                rows = padded[:, r :: window.stride[0], c :: window.stride[1]]
                sums += rows[:, :height, :width] @ weights[:, :, r, c].T
        sums += 7 * np.arange(self.outputs)
        return np.clip((sums * MULTIPLIER + (1 << (SHIFT - 1))) >> SHIFT, -128, 127)


def square(stride: int = 1) -> Window:
    """Return a 3x3 window with one element of padding."""
    return Window((3, 3), (stride, stride), (1, 1), ((1, 1), (1, 1)))


def taps(stride: int = 1) -> Window:
    """Return a window of 25 taps, centred."""
    return Window((25, 1), (stride, 1), (1, 1), ((12, 12), (0, 0)))


STEADY = [
    Case("3x3, stride 1", (32, 32), 16, 16, square(), MacFold(1, 8, 8, 2)),
    Case("3x3, stride 2", (32, 32), 16, 16, square(2), MacFold(1, 8, 8, 2)),
    Case("25 taps, stride 1", (512, 1), 16, 16, taps(), MacFold(1, 16, 4, 1), sequence=True),
    Case("25 taps, stride 2", (512, 1), 16, 16, taps(2), MacFold(1, 16, 4, 1), sequence=True),
]

LAYER = [
    (Case("72", (32, 32), 16, 16, square(), MacFold(3, 3, 8, 1), beat=1), 36_305),
    (Case("144", (32, 32), 16, 16, square(), MacFold(3, 6, 8, 2), beat=2), 19_929),
]
"""With NNgen's cycles for the same layer, its memory interface and DMA included."""

AREA = {
    "LUT4": ("lut4", 26_095),
    "block RAM": ("block_ram", 91),
    "multipliers": ("multipliers", 80),
}
"""Of NNgen's layer with 72 multipliers: what Yosys finds for ECP5."""


@dataclass(frozen=True)
class Counted:
    """Cycles of a free-running stream of tensors, and what the engine promises."""

    first: int
    interval: int
    cycles: int
    utilisation: float


def count(case: Case, folder: Path) -> Counted:
    """Run tensors back to back, compare them, and return the cycles."""
    engine = case.build()
    behind = BehindPort(engine)
    verilog = verilog_of(rtlil.convert(behind, name="top", ports=behind.ports))
    main = data_dir("sim") / "harness" / "port.cpp"
    model = build_native_model(verilog, "top", "", main=main, optimise=0)
    x = np.random.default_rng(1).integers(-128, 128, (TENSORS, *case.size, case.channels))
    wanted = case.golden(x)
    beats_in, beats_out = (array.size * 8 // PORT for array in (x, wanted))
    asked, answered = folder / "port.request", folder / "port.response"
    head = np.array([beats_in, beats_out, 4 * TENSORS * engine.cycles], "<i8")
    asked.write_bytes(head.tobytes() + x.astype("<i1").tobytes())
    run([model, asked, answered], cwd=folder, log=folder / "port.log")
    answer = answered.read_bytes()
    beats = int(np.frombuffer(answer, "<i8", 1)[0])
    cycles = np.frombuffer(answer, "<i8", beats, 8)
    got = np.frombuffer(answer, "<i1", offset=8 + 8 * beats)
    assert np.array_equal(got, wanted.ravel()), case.name
    ends = cycles[beats // TENSORS - 1 :: beats // TENSORS]
    intervals = set(np.diff(ends)[1:].tolist())
    assert len(intervals) == 1, f"{case.name}: {np.diff(ends)}"
    return Counted(int(ends[0]) + 1, intervals.pop(), engine.cycles, engine.utilisation)


def steady(folder: Path) -> list[str]:
    """Return the rows of utilisation in steady state."""
    lines = [
        "| window | input | multipliers | nominal cycles | cycles per tensor | utilisation |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for case in STEADY:
        found = count(case, folder)
        multipliers = case.fold.multipliers
        nominal = case.golden(np.zeros((1, *case.size, case.channels), int)).size
        nominal *= case.channels * case.window.kernel[0] * case.window.kernel[1]
        used = found.utilisation * found.cycles / found.interval
        shape = "x".join(map(str, (*case.size, case.channels) if not case.sequence else (512, 16)))
        lines.append(
            f"| {case.name} | {shape} | {multipliers} | {nominal // multipliers:,} | "
            f"{found.interval:,} | {used:.1%} |"
        )
    return lines


def layer(folder: Path) -> list[str]:
    """Return the rows of the layer that NNgen was measured with."""
    lines = [
        "| multipliers | nominal cycles | cycles per tensor | first tensor | NNgen |",
        "|---:|---:|---:|---:|---:|",
    ]
    for case, theirs in LAYER:
        found = count(case, folder)
        nominal = 32 * 32 * 16 * 16 * 9 // case.fold.multipliers
        lines.append(
            f"| {case.name} | {nominal:,} | {found.interval:,} | {found.first:,} | {theirs:,} |"
        )
    return lines


def area() -> list[str]:
    """Return the rows of the area of that layer with 72 multipliers, the port's width included."""
    behind = BehindPort(LAYER[0][0].build())
    text = verilog_of(rtlil.convert(behind, name="top", ports=behind.ports))
    stats = synth_stats(text, "top", "ecp5")
    lines = [f"| ECP5, Yosys {version('pyosys')} | hwgen | NNgen |", "|---|---:|---:|"]
    lines += [f"| {name} | {stats[key]:,} | {theirs:,} |" for name, (key, theirs) in AREA.items()]
    lines.append(f"| distributed RAM | {stats['lutram']:,} | |")
    return lines


def main() -> None:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="page with the markers")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parts = [steady(Path(folder)), layer(Path(folder)), area()]
    text = "\n\n".join("\n".join(lines) for lines in parts)
    if args.write is None:
        print(text)
        return
    page = args.write.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    args.write.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
