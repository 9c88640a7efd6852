"""all-MiniLM-L6-v2 in integers: how near its sentence vectors come to the float model's.

The float model is examples/minilm/reference.py, which shares no code with hwgen.  Needs what
``make minilm`` installs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "minilm"))

from convert import TEST, sentences  # noqa: E402
from model import BATCH, Model, variant  # noqa: E402
from package import Missing  # noqa: E402
from ranking import pairs, similarities, spearman  # noqa: E402
from reference import Reference  # noqa: E402
from tokens import encode  # noqa: E402

from hwgen import golden  # noqa: E402
from hwgen.quant import NoiseMeter  # noqa: E402

FOLDER = Path("build") / "minilm"
HEAD = (
    "weights | tokens | cosine, least | cosine, mean | rank correlation with the float model "
    "| with the scores (float model) | s per sentence"
)
PARTS = ("query", "key", "value", "attention", "project", "sum1", "norm1", "up", "act", "down")


def main() -> int:
    """Print both tables; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 4], choices=(4, 8))
    parser.add_argument("--length", type=int, nargs="+", default=[32, 128], choices=(32, 128))
    choice = parser.parse_args()
    try:
        for line in table(choice.bits, choice.length):
            print(line, flush=True)
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


def table(widths: list[int], lengths: list[int]) -> Iterator[str]:
    """Yield the lines of both tables."""
    yield f"| {HEAD} |"
    yield f"|{'---:|' * (HEAD.count('|') + 1)}"
    noise = {}
    for length in lengths:
        for bits in widths:
            model = Model(variant(FOLDER, bits, length))
            yield quality(model, bits)
            if length == lengths[0]:
                noise[bits] = decibels(model)
    yield ""
    yield from layers(noise)


def quality(model: Model, bits: int) -> str:
    """Return the row of one model."""
    scores, paired = pairs()
    texts = [*sentences(TEST), *paired]
    wanted = Reference().embed(*encode(texts, model.length))
    start = time.perf_counter()
    got = model.embed(texts)
    seconds = (time.perf_counter() - start) / len(texts)
    cosines = (got * wanted).sum(axis=1)
    real, integer = (similarities(rows[-len(paired) :]) for rows in (wanted, got))
    cells = [
        f"int{bits}",
        f"{model.length}",
        f"{cosines.min():.4f}",
        f"{cosines.mean():.4f}",
        f"{spearman(real, integer):.4f}",
        f"{spearman(scores, integer):.3f} ({spearman(scores, real):.3f})",
        f"{seconds:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def decibels(model: Model) -> Mapping[str, float]:
    """Return the signal-to-noise ratio of each tensor over the test sentences."""
    meter = NoiseMeter(model.qgraph)
    texts = sentences(TEST)
    for start in range(0, len(texts), BATCH):
        codes = model.inputs(texts[start : start + BATCH])
        real = {name: array.astype(np.float64) for name, array in codes.items()}
        meter.add(golden.run_real(model.graph, real), golden.run(model.qgraph, codes))
    return meter.decibels()


def layers(noise: Mapping[int, Mapping[str, float]]) -> Iterator[str]:
    """Yield the table of signal-to-noise ratios in dB, a row for each layer of the encoder."""
    yield f"| SQNR in dB | {' | '.join((*PARTS, 'norm2'))} |"
    yield f"|---|{'---:|' * (len(PARTS) + 1)}"
    for bits, ratios in noise.items():
        count = sum(name.endswith("_sum2") for name in ratios)
        for index in range(count):
            names = [f"encoder_{index}_{part}" for part in (*PARTS, "norm2")]
            cells = [f"{ratios.get(name, ratios['encoder']):.1f}" for name in names]
            yield f"| int{bits}, layer {index} | {' | '.join(cells)} |"


if __name__ == "__main__":
    raise SystemExit(main())
