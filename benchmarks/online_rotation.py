"""4-bit operands behind Hadamard transforms: their share against all-MiniLM-L6-v2's cosine.

``python benchmarks/online_rotation.py`` prints a table; ``--write docs/quantisation.md`` puts it
between the markers of that page.  Needs what ``make minilm`` installs; minutes per row.

The golden integer model, with transforms in front of all linear layers (``rotate: online``): which
layers are W8A8 while all others are W4A4, on sentences that calibrated nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path

import yaml
from mixed_precision import FOLDER, LENGTH, Missing, replace_lines

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "minilm"))

from convert import TEST, sentences  # noqa: E402
from model import Model, variant  # noqa: E402
from reference import Reference  # noqa: E402
from tokens import encode as tokens  # noqa: E402

from hwgen.graph.model import Graph  # noqa: E402

BLOCK = 128
"""Channels of a block, as in COMET: a layer that reads n channels has n / 128 of them."""
MEASURED = 32
"""Sentences."""
LAYERS = range(6)
MARKS = "<!-- online {}: begin -->", "<!-- online {}: end -->"

Layers = Mapping[str, Sequence[int]]
"""Encoder layers by the linear layer of theirs that has 8 bits."""

MAPS: dict[str, Layers] = {
    "none": {},
    "project": {"project": LAYERS},
    "project; up of layers 4, 5": {"project": LAYERS, "up": (4, 5)},
    "project; up of layers 3 to 5": {"project": LAYERS, "up": (3, 4, 5)},
    "project; up of layers 1 to 5": {"project": LAYERS, "up": LAYERS[1:]},
    "project; up": {"project": LAYERS, "up": LAYERS},
}
READS = {"project": "attention", "up": "norm1"}
"""What a linear layer of the encoder reads, before its transform."""


def spec_of(eights: Layers) -> Path:
    """Write the spec with transforms; operands and weights of some layers have 8 bits, others 4."""
    path = variant(FOLDER, 4, LENGTH)
    spec = yaml.safe_load(path.read_text())
    del spec["quantize"]["equalize"]  # no linear layer reads a normalisation itself
    spec["quantize"]["rotate"] = "online"
    layers = spec["quantize"]["layers"]
    read = ["start", *(f"encoder_{layer}_norm2" for layer in LAYERS[:-1])]
    read += [f"encoder_{n}_{part}" for n in LAYERS for part in ("attention", "norm1", "act")]
    for name in read:
        layers[f"{name}_rotated"] = {"activations": "int4"}
    for part, numbers in eights.items():
        for n in numbers:
            layers[f"encoder_{n}_{READS[part]}_rotated"] = {"activations": "int8"}
            layers.setdefault(f"encoder_{n}_{part}", {})["weights"] = "int8"
    path = path.with_name("online.yaml")
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


def shares(model: Model) -> tuple[float, float]:
    """Return which part of the linear layers' blocks, and multiplications, is W4A4."""
    blocks, macs = {4: 0, 8: 0}, {4: 0, 8: 0}
    graph: Graph = model.graph
    for node in graph.nodes:
        if node.op == "linear":
            bits = model.qgraph.tensor(node.inputs[0]).type.bits
            shape = graph.weights[f"{node.name}.weight"].shape
            blocks[bits] += shape[1] // BLOCK
            macs[bits] += prod(shape)
    return blocks[4] / sum(blocks.values()), macs[4] / sum(macs.values())


def rows(names: Sequence[str]) -> Iterator[str]:
    """Yield a row per map."""
    texts = sentences(TEST)[:MEASURED]
    wanted = Reference().embed(*tokens(texts, LENGTH))
    yield ("| W8A8 | W4A4 blocks | W4A4 multiplications | passes | cosine, least | cosine, mean |")
    yield "|---|---:|---:|---:|---:|---:|"
    for name in names:
        model = Model(spec_of(MAPS[name]))
        cosines = (model.embed(texts) * wanted).sum(axis=1)
        blocks, macs = shares(model)
        yield (
            f"| {name} | {blocks:.0%} | {macs:.0%} | {4 - 3 * macs:.2f} | {cosines.min():.4f} "
            f"| {cosines.mean():.4f} |"
        )


def main() -> int:
    """Print the table, or write it between the markers of a file; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the table in FILE")
    parser.add_argument("--only", choices=tuple(MAPS), action="append", help="a row alone")
    choice = parser.parse_args()
    lines = []
    try:
        for line in rows(choice.only or tuple(MAPS)):
            print(line, flush=True)
            lines.append(line)
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    if choice.write is not None:
        replace_lines(choice.write, [mark.format("curve") for mark in MARKS], lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
