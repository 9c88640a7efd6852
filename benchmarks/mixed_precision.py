"""Operands of 4 and 8 bits per block of channels, on the real activations of all-MiniLM-L6-v2.

``python benchmarks/mixed_precision.py`` prints three tables; ``--write docs/quantisation.md`` puts
them between the markers of that page.  Needs what ``make minilm`` installs.

- *layers*: each linear layer alone, on its real-valued input; blocks, scales and weights from one
  set of sentences, signal to noise in dB of the result on another one; then all layers together.
- *model*: the whole model in integers against the float one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "minilm"))

from convert import CALIBRATION, TEST, sentences  # noqa: E402
from model import Model, variant  # noqa: E402
from package import Missing  # noqa: E402
from reference import Reference  # noqa: E402
from tokens import encode as tokens  # noqa: E402

from hwgen import golden  # noqa: E402
from hwgen.graph import build_graph  # noqa: E402
from hwgen.graph.model import Graph  # noqa: E402
from hwgen.ops.base import Real  # noqa: E402
from hwgen.ops.blocks import Blocks, passes  # noqa: E402
from hwgen.ops.types import QType  # noqa: E402
from hwgen.quant.compensate import compensate  # noqa: E402
from hwgen.quant.execute import decode, encode  # noqa: E402
from hwgen.quant.mixed import Layer, choose_blocks  # noqa: E402
from hwgen.quant.ranges import Histogram, choose_type  # noqa: E402
from hwgen.spec import load_spec  # noqa: E402

__all__ = ["Case", "Missing", "cases", "float_graph", "replace_lines"]

FOLDER = Path("build") / "minilm"
LENGTH = 32
COUNT = 32
"""Sentences for calibration, and as many for the measurement."""
PARTS = ("query", "project", "up", "down")
SIZES = (128, 64, 32)
LOSSES = (1.0, 2.0, 3.0)
MARKS = "<!-- mixed {}: begin -->", "<!-- mixed {}: end -->"


@dataclass(frozen=True, eq=False)
class Case:
    """A linear layer: its real input on both sets of sentences, weights rounded on the first."""

    name: str
    calibration: Real
    test: Real
    weight: Real
    rounded: Real
    importance: Real

    @property
    def symmetric(self) -> bool:
        """Whether the input's range is; after GELU it has a zero point, as in the specs."""
        return not self.name.endswith("down")

    def kind(self, bits: int) -> QType:
        """Return the type of the input."""
        return choose_type(Histogram.of(self.calibration), bits, symmetric=self.symmetric)

    def decibels(self, got: Real) -> float:
        """Return the signal to noise ratio of a result for the test inputs.

        A row counts by the inverse of its power, as in calibration.
        """
        wanted = self.test @ self.weight.T
        signal, noise = wanted * wanted, (got - wanted) ** 2
        power = signal.mean(axis=1)
        importance = 1 / np.maximum(power, 1e-6 * power.mean())
        ratio = (importance @ signal.sum(axis=1)) / (importance @ noise.sum(axis=1))
        return float(10 * np.log10(ratio))

    def corrected(self, kind: QType, blocks: Blocks | None = None) -> float:
        """Return the ratio with rounded inputs, the bias corrected on the calibration data."""

        def rounded(rows: Real) -> Real:
            codes = encode(rows, kind)
            return decode(codes if blocks is None else blocks.rounded(codes), kind)

        wrong = self.calibration @ self.weight.T - rounded(self.calibration) @ self.rounded.T
        shift = np.average(wrong, axis=0, weights=self.importance)
        return self.decibels(rounded(self.test) @ self.rounded.T + shift)

    def plain(self, bits: int) -> float:
        """Return the ratio for inputs of one width and one scale."""
        return self.corrected(self.kind(bits))

    def mixed(self, size: int, loss: float) -> tuple[float, Blocks]:
        """Return the ratio for mixed inputs, and their blocks."""
        kind = self.kind(8)
        layer = Layer(
            real=self.calibration,
            codes=encode(self.calibration, kind),
            kind=kind,
            weight=self.weight,
            rounded=self.rounded,
            importance=self.importance,
            bias=True,
        )
        blocks = choose_blocks(layer, size, loss).blocks
        return self.corrected(kind, blocks), blocks


def float_graph() -> Graph:
    """Return the real-valued model."""
    return build_graph(load_spec(variant(FOLDER, 4, LENGTH), allow_path=True))


def rows(graph: Graph, path: Path) -> Mapping[str, Real]:
    """Return the rows of all tensors that count, for some sentences of a file."""
    ids, counts = tokens(sentences(path)[:COUNT], LENGTH)
    inputs = {"ids": ids.astype(np.float64), "count": counts[:, None].astype(np.float64)}
    real = golden.run_real(graph, inputs)
    mask = np.arange(LENGTH) < counts[:, None]
    return {name: array[mask] for name, array in real.items() if array.ndim == 3}


def cases(graph: Graph) -> Iterator[Case]:
    """Yield the linear layers of the model; key and value read what query reads."""
    first, second = rows(graph, CALIBRATION), rows(graph, TEST)
    for node in graph.nodes:
        if node.op != "linear" or not node.name.endswith(PARTS):
            continue
        (name,), weight = node.inputs, graph.weights[f"{node.name}.weight"]
        wanted = first[name] @ weight.T
        power = (wanted * wanted).mean(axis=1)
        importance = 1 / np.maximum(power, 1e-6 * power.mean())
        codes, scales = compensate(weight, first[name], importance, 4)
        rounded = codes * scales[:, None]
        yield Case(node.name, first[name], second[name], weight, rounded, importance)


def layer_tables(graph: Graph) -> Iterator[str]:
    """Yield a row per layer, then the share of 4-bit blocks against what it costs."""
    sizes = " | ".join(f"mixed, blocks of {size} (4-bit blocks)" for size in SIZES)
    yield f"| linear layer | largest / median peak | W4A8 | {sizes} | W4A4 |"
    yield f"|---|{'---:|' * (len(SIZES) + 3)}"
    curve: dict[tuple[int, float], list[tuple[float, int, int]]] = {}
    fours = []
    for case in cases(graph):
        peaks = np.abs(case.calibration).max(axis=0)
        eight, four = case.plain(8), case.plain(4)
        fours.append(eight - four)
        cells = []
        for size in SIZES:
            for loss in LOSSES:
                ratio, blocks = case.mixed(size, loss)
                count = len(blocks.bits)
                curve.setdefault((size, loss), []).append((eight - ratio, blocks.four, count))
                if loss == 1.0:
                    cells.append(f"{ratio:.1f} ({blocks.four} of {count})")
        ends = f"{peaks.max() / np.median(peaks):.1f} | {eight:.1f}", f"{four:.1f}"
        yield f"| {case.name} | {ends[0]} | {' | '.join(cells)} | {ends[1]} |"
    yield ""
    yield "| blocks of | loss allowed | 4-bit blocks | loss, mean and most | passes against W4A8 |"
    yield "|---:|---:|---:|---:|---:|"
    for (size, loss), found in curve.items():
        lost, four, count = (np.array(part) for part in zip(*found, strict=True))
        share = four.sum() / count.sum()
        yield (
            f"| {size} | {loss} dB | {share:.0%} | {lost.mean():.1f} dB, {lost.max():.1f} dB "
            f"| {2 * count.sum() / (2 * count.sum() - four.sum()):.2f}x fewer |"
        )
    yield f"| W4A4 | | 100% | {np.mean(fours):.1f} dB, {np.max(fours):.1f} dB | 2.00x fewer |"


def model_rows(choices: list[tuple[int, float]]) -> Iterator[str]:
    """Yield a row for the model with 8-bit operands, with mixed ones, and with 4-bit ones."""
    yield "| operands of linear layers | 4-bit blocks | passes | cosine, least | cosine, mean |"
    yield "|---|---:|---:|---:|---:|"
    texts = sentences(TEST)[:COUNT]
    wanted = Reference().embed(*tokens(texts, LENGTH))
    settings: list[tuple[str, object]] = [("8 bits", None)]
    settings += [
        (f"blocks of {size}, loss {loss} dB", {"channels": size, "loss": loss})
        for size, loss in choices
    ]
    for name, mixed in settings:
        path = variant(FOLDER, 4, LENGTH)
        spec = yaml.safe_load(path.read_text())
        if mixed is not None:
            spec["quantize"]["default"]["mixed"] = mixed
        with np.load(spec["quantize"]["calibrate"]["file"]) as file:
            few = {key: file[key][:COUNT] for key in file}
        np.savez(path.with_name("few.npz"), **few)
        spec["quantize"]["calibrate"]["file"] = "few.npz"
        path = path.with_name("mixed.yaml")
        path.write_text(yaml.safe_dump(spec, sort_keys=False))
        model = Model(path)
        cosines = (model.embed(texts) * wanted).sum(axis=1)
        found = [
            blocks
            for node in model.qgraph.nodes
            if (blocks := Blocks.of(node.lowered.attrs, node.lowered.constants))
        ]
        count = sum(len(blocks.bits) for blocks in found)
        share = f"{sum(blocks.four for blocks in found) / count:.0%}" if found else "0%"
        taken = sum(passes(blocks.bits) for blocks in found) / count if found else 2.0
        yield f"| {name} | {share} | {taken:.2f} | {cosines.min():.4f} | {cosines.mean():.4f} |"


def main() -> int:
    """Print the tables, or write them between the markers of a file; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the tables in FILE")
    parser.add_argument("--only", choices=("layers", "model"))
    choice = parser.parse_args()
    tables = {
        "layers": lambda: layer_tables(float_graph()),
        "model": lambda: model_rows([(32, 3.0), (128, 3.0), (32, 1.0), (32, 100.0)]),
    }
    try:
        for name, make in tables.items():
            if choice.only in (None, name):
                lines = []
                for line in make():
                    print(line, flush=True)
                    lines.append(line)
                if choice.write is not None:
                    replace_lines(choice.write, [mark.format(name) for mark in MARKS], lines)
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


def replace_lines(path: Path, marks: Sequence[str], lines: Sequence[str]) -> None:
    """Replace what stands between two marks of a file."""
    begin, end = marks
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    text = f"{before}{begin}\n{chr(10).join(lines)}\n{end}{after}"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
