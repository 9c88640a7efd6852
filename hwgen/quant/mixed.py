"""Choose which blocks of a layer's input have 4 bits: as many as the result can bear.

The error of a block is measured where it counts, in the layer's result on calibration data, so
that a channel far larger than its neighbours, or met by far larger weights, is what it is: an
outlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf, log10

import numpy as np

from hwgen.errors import Diagnostic
from hwgen.graph.model import Graph
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real
from hwgen.ops.blocks import WEIGHT_BITS, WIDTHS, Blocks
from hwgen.ops.types import QType
from hwgen.quant.execute import decode
from hwgen.spec.model import Quantize

__all__ = ["Choice", "Layer", "by_peak", "choose_blocks", "mixed_notes", "mixed_problems"]

_ROWS = 1024


def mixed_problems(graph: Graph, choice: Quantize) -> list[Diagnostic]:
    """Return what is wrong with the blocks that a spec asks for: HG470, HG471, HG479."""
    found = []
    for node in graph.nodes:
        named, precision = choice.layers.get(node.label), choice.of(*node.labels)
        mixed = precision.mixed
        if node.op != "linear":
            if named is not None and named.mixed is not None and choice.default.mixed is None:
                message = f"{node.op} {node.name} cannot read blocks of 4 and 8 bits"
                hint = "mixed is for linear layers, or for all of them in quantize.default"
                found.append(Diagnostic("HG470", message, node.mark, hint))
            continue
        if mixed is None:
            continue
        if precision.weights > WEIGHT_BITS:
            message = (
                f"linear {node.name} reads blocks of 4 and 8 bits, and int{precision.weights} "
                f"weights are more than the two digits that its engine takes"
            )
            hint = f"weights: int{WEIGHT_BITS} or fewer for it, or mixed: false"
            found.append(Diagnostic("HG479", message, node.mark, hint))
        channels = graph.weights[f"{node.name}.weight"].shape[1]
        if channels % mixed.channels:
            message = (
                f"linear {node.name} reads {channels} channels, which blocks of "
                f"{mixed.channels} do not divide"
            )
            divisors = [size for size in range(1, channels + 1) if channels % size == 0]
            hint = f"mixed.channels: {', '.join(map(str, divisors))}; or mixed: false for it"
            found.append(Diagnostic("HG471", message, node.mark, hint))
    return found


def mixed_notes(choices: Mapping[str, Choice]) -> Iterator[str]:
    """Yield what to tell about the blocks of all layers, in numbers."""
    if not choices:
        return
    four = sum(choice.blocks.four for choice in choices.values())
    count = sum(len(choice.blocks.bits) for choice in choices.values())
    yield (
        f"Mixed precision: {four} of {count} blocks ({four / count:.0%}) have 4 bits in "
        f"{len(choices)} linear {'layer' if len(choices) == 1 else 'layers'}."
    )
    for name, choice in choices.items():
        if not choice.blocks.four:
            yield (
                f"{name} has no block of 4 bits: with one its result would lose "
                f"{choice.least_four:.1f} dB or more, with 4 bits in every block "
                f"{choice.all_four:.1f} dB. Smaller blocks, or a larger mixed.loss, make some."
            )


@dataclass(frozen=True, eq=False)
class Layer:
    """A linear layer on calibration data.

    Parameters
    ----------
    real, codes
        Its input, (rows, channels), and the codes of it.
    kind
        Their type.
    weight, rounded
        (outputs, channels), before and after rounding.
    importance
        How much each row counts, (rows,), not all 0.
    bias
        Whether a bias takes up the mean error.
    """

    real: Real
    codes: Int
    kind: QType
    weight: Real
    rounded: Real
    importance: Real
    bias: bool

    def few(self) -> Layer:
        """Return the layer on at most 1,024 of its rows, at equal distances."""
        counts = np.flatnonzero(self.importance > 0)
        rows = counts[np.linspace(0, len(counts) - 1, min(len(counts), _ROWS)).astype(np.int64)]
        return replace(
            self,
            real=self.real[rows],
            codes=self.codes[rows],
            importance=self.importance[rows] / self.importance[rows].sum(),
        )

    def power(self, error: Real) -> float:
        """Return the mean square of an error of the result, (rows, outputs)."""
        if self.bias:
            error = error - self.importance @ error
        return float(self.importance @ (error * error).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Choice:
    """Blocks, and what they cost.

    Parameters
    ----------
    loss
        dB of signal to noise that the layer's result loses against 8 bits in every block.
    least_four
        The same with 4 bits in the one block where it costs least.
    all_four
        The same with 4 bits in every block.
    """

    blocks: Blocks
    loss: float
    least_four: float
    all_four: float


def by_peak(values: Real) -> Int:
    """Return the channels of (rows, channels), those with the largest magnitudes first."""
    return np.argsort(-np.abs(values).max(axis=0), kind="stable").astype(np.int64)


def choose_blocks(layer: Layer, size: int, loss: float, *, reorder: bool = True) -> Choice:
    """Return the blocks of a layer with as few as possible of 8 bits.

    Parameters
    ----------
    size
        Channels of a block; divides them.
    loss
        dB that the result may lose against 8 bits everywhere, its rounded weights counted in
        both; not negative.
    reorder
        Whether channels may be gathered by magnitude; else blocks are neighbours.
    """
    layer = layer.few()
    channels = layer.weight.shape[1]
    order = by_peak(layer.real) if reorder else np.arange(channels)
    starts = range(0, channels, size)
    places = [order[start : start + size] for start in starts]
    shifts = {bits: _shifts(layer, places, bits) for bits in WIDTHS}
    wrong = {bits: _error(layer, order, size, bits, shifts[bits]) for bits in WIDTHS}
    # What the result loses to rounded weights, and to 8 bits in every block.
    base = (layer.real + wrong[8]) @ layer.rounded.T - layer.real @ layer.weight.T
    more = [(wrong[4] - wrong[8])[:, where] @ layer.rounded[:, where].T for where in places]
    total = base + np.sum(more, axis=0)
    least = layer.power(base)
    most = least * 10 ** (loss / 10)
    all_four = _decibels(layer.power(total), least)
    least_four = _decibels(min(layer.power(base + part) for part in more), least)
    four = set(range(len(places)))
    while four and layer.power(total) > most:
        costs = {block: layer.power(total - more[block]) for block in sorted(four)}
        worst = min(costs, key=lambda block: costs[block])
        four.remove(worst)
        total = total - more[worst]
    bits = tuple(4 if block in four else 8 for block in range(len(places)))
    blocks = Blocks(
        order=order,
        size=size,
        bits=bits,
        shifts=tuple(shifts[width][block] for block, width in enumerate(bits)),
        signed=layer.kind.signed,
        zero_point=layer.kind.zero_point,
    )
    return Choice(blocks, _decibels(layer.power(total), least), least_four, all_four)


def _shifts(layer: Layer, places: list[Int], bits: int) -> tuple[int, ...]:
    """Return the shift of each block with the least error in the result."""
    weights = (layer.weight * layer.weight).sum(axis=0)
    trials = range(max(layer.kind.bits - bits, 0) + 2)
    costs = np.empty((len(trials), len(places)))
    channels = np.arange(layer.weight.shape[1])
    for shift in trials:
        wrong = _error(layer, channels, len(channels), bits, (shift,))
        cost = (layer.importance @ (wrong * wrong)) * weights
        costs[shift] = [cost[where].sum() for where in places]
    return tuple(int(shift) for shift in costs.argmin(axis=0))


def _error(layer: Layer, order: Int, size: int, bits: int, shifts: tuple[int, ...]) -> Real:
    """Return what is wrong with the input if all blocks have so many bits."""
    kind = layer.kind
    blocks = Blocks(order, size, (bits,) * len(shifts), shifts, kind.signed, kind.zero_point)
    return decode(blocks.rounded(layer.codes), kind) - layer.real


def _decibels(noise: float, least: float) -> float:
    if noise <= least:
        return 0.0
    return 10 * log10(noise / least) if least else inf
