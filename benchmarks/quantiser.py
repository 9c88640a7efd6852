"""What each method of the quantiser is worth: signal to noise in dB, layer by layer.

``python benchmarks/quantiser.py`` prints two tables; ``--write docs/quantisation.md`` puts them
between the markers of that page.  The last one needs what ``make minilm`` installs.

- *digits*: the digits networks at 4, 3 and 2 bits with the options of a spec; each layer's ratio on
  the test images (noise of earlier layers included), and the accuracy.
- *tensors*: each linear layer of all-MiniLM-L6-v2 alone, 4-bit weights on 4-bit inputs, one method
  after the other; scales and weights from one set of sentences, the ratio on another one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mixed_precision import Case, Missing, cases, float_graph, replace_lines

from hwgen.flow.quality import measure_quality
from hwgen.graph import build_graph
from hwgen.ops.base import Real
from hwgen.ops.mac import quantize_weights
from hwgen.ops.orthogonal import rotation
from hwgen.quant import quantize
from hwgen.quant.compensate import compensate
from hwgen.quant.equalize import factors
from hwgen.quant.execute import decode, encode
from hwgen.quant.ranges import estimate_type
from hwgen.spec import load_spec

DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"
LAYERS = {"mlp": ("fc1", "fc2"), "cnn": ("conv1", "conv2", "fc")}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "range: max": {"range": "max"},
    "range: percentile": {"range": "percentile"},
    "symmetric: false": {"symmetric": False},
    "narrow: true": {"narrow": True},
    "rounding: compensated": {},
}
MARKS = "<!-- quantiser {}: begin -->", "<!-- quantiser {}: end -->"


def digits() -> Iterator[str]:
    """Yield a row per network, width and option."""
    yield "| network | bits | option | SQNR of the layers in dB | accuracy (floating point) |"
    yield "|---|---:|---|---:|---:|"
    for network, layers in LAYERS.items():
        spec = load_spec(DIGITS / f"{network}.yaml")
        graph = build_graph(spec)
        for bits in (4, 3, 2):
            for name, option in OPTIONS.items():
                choice = spec.quantize
                rounding = "compensated" if "compensated" in name else "nearest"
                keys: dict[str, Any] = {"weights": bits, **option}
                default = replace(choice.default, activations=bits, **keys)
                # The logits keep the 8 bits that the specs give them.
                named = {key: replace(item, **keys) for key, item in choice.layers.items()}
                choice = replace(choice, default=default, layers=named, rounding=rounding)
                trial = replace(spec, quantize=choice)
                quality = measure_quality(trial, graph, quantize(graph, trial))
                ratios = ", ".join(f"{quality.sqnr[layer]:.1f}" for layer in layers)
                assert quality.accuracy is not None
                right = f"{quality.accuracy.integer:.2%} ({quality.accuracy.real:.2%})"
                yield f"| {network} | {bits} | {name} | {ratios} | {right} |"


def tensors() -> Iterator[str]:
    """Yield a row per layer, and the mean of each kind of layer."""
    names = [name for name, _ in methods(None)]
    yield f"| linear layer | {' | '.join(names)} |"
    yield f"|---|{'---:|' * len(names)}"
    kinds: dict[str, list[list[float]]] = {}
    for case in cases(float_graph()):
        ratios = [ratio for _, ratio in methods(case)]
        kinds.setdefault(case.name.rpartition("_")[2], []).append(ratios)
        yield _line(case.name, ratios)
    for kind, found in kinds.items():
        yield _line(f"mean of {kind}", np.mean(found, axis=0).tolist())


def methods(case: Case | None) -> Iterator[tuple[str, float]]:
    """Yield name and ratio of each method on top of those before it; without a case, names alone.

    Equalisation and rotation are each on top of all others.
    """

    def ratio(how: str, estimator: str, turn: Real | None = None, *, bias: bool = True) -> float:
        return 0.0 if case is None else _ratio(case, how, estimator, turn, bias=bias)

    yield "all in range, no correction", ratio("max", "max", bias=False)
    yield "+ ranges by error", ratio("max", "error", bias=False)
    yield "+ clipped weights", ratio("clipped", "error", bias=False)
    yield "+ bias correction", ratio("clipped", "error")
    yield "narrow weights", ratio("narrow", "error")
    yield "+ compensated rounding", ratio("compensated", "error")
    even = turned = None
    if case is not None:
        channels = case.weight.shape[1]
        even = np.diag(1 / factors(case.calibration, [case.weight], 0.5))
        turned = rotation(channels)
    yield "+ equalised", ratio("compensated", "error", even)
    yield "+ rotated", ratio("compensated", "error", turned)


def _ratio(case: Case, how: str, estimator: str, turn: Real | None, *, bias: bool) -> float:
    """Return the ratio with the inputs multiplied by a matrix, and the weights by its inverse."""
    first, second, weight = case.calibration, case.test, case.weight
    symmetric = case.symmetric
    if turn is not None:
        first, second, weight = first @ turn, second @ turn, weight @ np.linalg.inv(turn).T
        symmetric = True
    kind = estimate_type(first, 4, symmetric=symmetric, estimator=estimator)
    got = [decode(encode(rows, kind), kind) for rows in (first, second)]
    if how == "compensated":
        codes, scales = compensate(weight, got[0], case.importance, 4)
    elif how == "max":
        scales = np.abs(weight).max(axis=1) / 7
        codes = np.floor(weight / scales[:, None] + 0.5).astype(np.int64)
    else:
        codes, scales = quantize_weights(weight, 4, narrow=how == "narrow")
    rounded = codes * scales[:, None]
    error = first @ weight.T - got[0] @ rounded.T
    shift = np.average(error, axis=0, weights=case.importance) if bias else 0.0
    return case.decibels(got[1] @ rounded.T + shift)


def _line(name: str, ratios: list[float]) -> str:
    return f"| {name} | {' | '.join(f'{ratio:.1f}' for ratio in ratios)} |"


def main() -> int:
    """Print the tables, or write them between the markers of a file; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the tables in FILE")
    parser.add_argument("--only", choices=("digits", "tensors"))
    choice = parser.parse_args()
    try:
        for name, make in (("digits", digits), ("tensors", tensors)):
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


if __name__ == "__main__":
    raise SystemExit(main())
