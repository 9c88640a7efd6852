"""How near integer attention comes to float softmax, from 197 to 65,536 keys.

``python benchmarks/attention_accuracy.py`` prints the table; ``--write docs/attention.md`` puts it
between the markers of that page.  Signal to noise ratios in dB:

- *tile exponents*: the op ``attention`` with 16-bit results, against float softmax of the same
  8-bit inputs.
- *running maximum*: the same arithmetic, except that each numerator is relative to the largest
  logit so far, as in online softmax.
- *end to end*: 8-bit results, against float attention of the inputs before they were quantised.
- *8-bit inputs alone*: float softmax of the 8-bit inputs, against the same: what is left for end to
  end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import sqrt
from pathlib import Path

import numpy as np

from hwgen.ops import LowerOptions, QType, get_op
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real
from hwgen.ops.tile_exponent import RESULT_SHIFT, State, logits, numerators, tile_exponent
from hwgen.quant.ranges import Histogram, choose_type

QUERIES = 32
HEAD = 64
TILE = 32
SINKS = 4
LENGTHS = (1024, 16384, 65536)
DRAWS = 8
COLUMNS = "logits | keys | tile exponents | running maximum | end to end | 8-bit inputs alone"
CACHE_COLUMNS = "keys | 8 bits | 4 bits | 4 bits, mean not removed"
MARKS = "<!-- {} accuracy: begin -->", "<!-- {} accuracy: end -->"


@dataclass(frozen=True, eq=False)
class Setting:
    """Real queries (n, d), keys (m, d) and values (m, d) of one head.

    The spec says how many of the first keys are ``sinks``.
    """

    name: str
    query: Real
    key: Real
    value: Real
    sinks: int = 0

    @cached_property
    def types(self) -> list[QType]:
        """8-bit types with least squared error."""
        inputs = (self.query, self.key, self.value)
        return [choose_type(Histogram.of(item), 8, symmetric=True) for item in inputs]

    @cached_property
    def codes(self) -> list[Int]:
        """The inputs, quantised, with a batch axis."""
        inputs = zip((self.query, self.key, self.value), self.types, strict=True)
        return [
            np.clip(np.floor(item / kind.scale + 0.5), kind.low, kind.high)[None].astype(np.int64)
            for item, kind in inputs
        ]


def gaussian(name: str, keys: int, deviation: float, seed: int, sinks: int = 0) -> Setting:
    """Return normal inputs whose logits have a standard deviation in nats."""
    random = np.random.default_rng(seed)
    query, key, value = (random.standard_normal((n, HEAD)) for n in (QUERIES, keys, keys))
    return Setting(name, query * deviation, key, value, sinks)


def sink_heavy(keys: int, seed: int) -> Setting:
    """Return normal inputs; four keys stand 8 nats above the others and have small values."""
    plain = gaussian("sink-heavy: 4 keys at +8 nats", keys, 2.0, seed, SINKS)
    plain.query[:, 0] = 8.0
    plain.key[:, 0] = 0.0
    plain.key[:SINKS] *= 0.5
    plain.key[:SINKS, 0] = sqrt(HEAD)
    plain.value[:SINKS] /= 16
    return plain


def outliers(keys: int, seed: int) -> Setting:
    """Return N(0, 1) + N(0, 100) * Bernoulli(0.001): FlashAttention-3, section 4.3."""
    random = np.random.default_rng(seed)

    def draw(rows: int) -> Real:
        shape = (rows, HEAD)
        return random.standard_normal(shape) + 10 * random.standard_normal(shape) * (
            random.random(shape) < 0.001
        )

    return Setting("outliers", draw(QUERIES), draw(keys), draw(keys))


def uniform(seed: int) -> Setting:
    """Return the published setting: 197 queries and keys, U(-4, 4)."""
    random = np.random.default_rng(seed)
    return Setting("U(-4, 4)", *random.uniform(-4, 4, (3, 197, HEAD)))


def settings(seed: int, lengths: tuple[int, ...] = LENGTHS) -> Iterator[Setting]:
    """Yield a draw of every setting of the table."""
    yield uniform(seed)
    yield outliers(1024, seed)
    for keys in lengths:
        yield gaussian("flat: 0.5 nats", keys, 0.5, seed)
        yield gaussian("medium: 2 nats", keys, 2.0, seed)
        yield gaussian("peaked: 5 nats", keys, 5.0, seed)
        yield sink_heavy(keys, seed)


class Meter:
    """Signal and noise, summed over draws."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.signal = self.noise = 0.0

    def add(self, expected: Real, got: Real) -> None:
        """Take one draw into account."""
        self.signal += float(np.sum(expected**2))
        self.noise += float(np.sum((got - expected) ** 2))

    @property
    def decibels(self) -> float:
        """Signal to noise ratio in dB."""
        return float(10 * np.log10(self.signal / self.noise))


def softmax_average(query: Real, key: Real, value: Real) -> Real:
    """Return float attention."""
    scores = query @ key.T / sqrt(HEAD)
    parts = np.exp(scores - scores.max(axis=1, keepdims=True))
    return parts @ value / parts.sum(axis=1, keepdims=True)


def decoded(setting: Setting) -> Iterator[Real]:
    """Yield the quantised inputs as real values."""
    for codes, kind in zip(setting.codes, setting.types, strict=True):
        yield codes[0] * kind.scale


def attend(setting: Setting, bits: int, expected: Real) -> Real:
    """Return the op's results of a width, whose scale is calibrated on ``expected``."""
    op = get_op("attention")
    params = op.Params.model_validate({"heads": 1, "tile": TILE, "sinks": setting.sinks})
    shapes = [codes.shape[1:] for codes in setting.codes]
    out = choose_type(Histogram.of(expected), bits, symmetric=True)
    lowered = op.lower(params, {}, shapes, setting.types, out, LowerOptions(8))
    return op.integer(lowered, setting.codes)[0] * out.scale


def running_maximum(setting: Setting) -> Real:
    """Return attention whose numerators are relative to the largest logit so far."""
    op, (query, key, value) = get_op("attention"), setting.codes
    params = op.Params.model_validate({"heads": 1, "tile": TILE})
    shapes = [codes.shape[1:] for codes in setting.codes]
    types = setting.types
    attrs = op.lower(params, {}, shapes, types, types[2], LowerOptions(8)).attrs
    y = logits(query[0] @ key[0].T, attrs["score_multiplier"], attrs["score_shift"])
    state = State.empty((len(y),), HEAD)
    seen = np.ones((1, 1), bool)
    for start in range(0, y.shape[1], TILE):
        tile = slice(start, start + TILE)
        largest = np.maximum(tile_exponent(y[:, tile], seen), state.exponent)
        parts = numerators(y[:, tile], largest, seen)
        state = state.add(largest, parts.sum(axis=1), parts @ value[0, tile])
    return state.finish() / (1 << RESULT_SHIFT) * types[2].scale


def measure(setting: Setting, meters: Sequence[Meter]) -> None:
    """Add a draw to the meters of the four columns."""
    same = softmax_average(*decoded(setting))
    real = softmax_average(setting.query, setting.key, setting.value)
    meters[0].add(same, attend(setting, 16, same))
    meters[1].add(same, running_maximum(setting))
    meters[2].add(real, attend(setting, 8, real))
    meters[3].add(real, same)


def figures(
    draws: int = DRAWS, lengths: tuple[int, ...] = LENGTHS
) -> Iterator[tuple[str, int, list[float]]]:
    """Yield name, keys and the four dB of each setting; long ones have fewer draws."""
    for number, first in enumerate(settings(1, lengths)):
        keys = len(first.key)
        meters = [Meter() for _ in range(4)]
        for seed in range(1, 1 + max(draws * 1024 // max(keys, 1024), 1)):
            measure(next(islice(settings(seed, lengths), number, None)), meters)
        yield first.name, keys, [meter.decibels for meter in meters]


def table() -> Iterator[str]:
    """Yield the lines of the Markdown table."""
    yield f"| {COLUMNS} |"
    yield f"|---|{'---:|' * COLUMNS.count('|')}"
    for name, keys, ratios in figures():
        yield f"| {name} | {keys:,} | {' | '.join(f'{ratio:.1f}' for ratio in ratios)} |"


def cached(offsets: float, bits: int, *, mean: bool = True, seed: int = 1) -> float:
    """Return the dB of a cache of 1,024 tokens against float attention of the same 8-bit inputs.

    Parameters
    ----------
    offsets
        Standard deviation of a constant that is added to each channel of the keys.
    mean
        Whether the mean of the keys' channels is known.
    """
    random = np.random.default_rng(seed)
    query, key, value = random.standard_normal((3, 32, 32, HEAD))
    key += offsets * random.standard_normal(HEAD)
    setting = Setting("", *(item.reshape(-1, HEAD) for item in (2.0 * query, key, value)))
    op, types = get_op("attention"), setting.types
    params = op.Params.model_validate(
        {"heads": 1, "causal": True, "cache": {"length": 1024, "bits": bits}, "tile": TILE}
    )
    codes = [item.reshape(32, 32, HEAD) for item in setting.codes]
    inputs = [item * kind.scale for item, kind in zip(codes, types, strict=True)]
    real = op.real(params, inputs, {})
    out = choose_type(Histogram.of(real), 16, symmetric=True)
    means = [item.mean(axis=(0, 1)) for item in inputs] if mean else []
    options = LowerOptions(8, means=means)
    lowered = op.lower(params, {}, [(32, HEAD)] * 3, types, out, options)
    meter = Meter()
    meter.add(real, op.integer(lowered, codes) * out.scale)
    return meter.decibels


def cache_table() -> Iterator[str]:
    """Yield the lines of the Markdown table of caches."""
    yield f"| {CACHE_COLUMNS} |"
    yield f"|---|{'---:|' * CACHE_COLUMNS.count('|')}"
    for name, offsets in (("centred", 0.0), ("channel offsets", 4.0)):
        ratios = (cached(offsets, 8), cached(offsets, 4), cached(offsets, 4, mean=False))
        yield f"| {name} | {' | '.join(f'{ratio:.1f}' for ratio in ratios)} |"


def main() -> int:
    """Print the tables, or write them between the markers of a file; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the tables in FILE")
    target = parser.parse_args().write
    for name, make in (("cache", cache_table), ("attention", table)):
        lines = []
        for line in make():
            print(line, flush=True)
            lines.append(line)
        if target is not None:
            begin, end = (mark.format(name) for mark in MARKS)
            before, _, rest = target.read_text().partition(begin)
            _, _, after = rest.partition(end)
            target.write_text(f"{before}{begin}\n{chr(10).join(lines)}\n{end}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
