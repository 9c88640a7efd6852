"""The foldings that are legal for a work, and what each costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hwgen.errors import Diagnostic
from hwgen.ops.orthogonal import factors
from hwgen.ops.work import Work
from hwgen.plan.cost import (
    group_results,
    issue_cycles,
    lowest_set_bit,
    side_of,
    steps_of,
)
from hwgen.plan.model import Fold, hard_multipliers
from hwgen.plan.taps import real_taps
from hwgen.spec.model import FoldSpec

__all__ = [
    "Option",
    "can_be_flat",
    "cheapest",
    "fold_errors",
    "least_lanes",
    "legal_rows",
    "mac_lanes",
    "mac_options",
    "mac_sizes",
    "most_groups",
    "output_sizes",
    "taken",
    "vector_lanes",
    "vector_options",
    "widest_beat",
]


@dataclass(frozen=True, order=True)
class Option:
    """A fold and its issue cycles; the order is that of preference at equal cycles.

    Fewer multipliers first, then fewer of the device, fewer row buffers, narrower beats, fewer
    accumulators, fewer groups at once, words that end with their kernel row.
    """

    multipliers: int
    cycles: int
    hard: int
    rows: int
    lanes: int
    outputs: int
    elements: int
    groups: int = 1
    flat: bool = False
    reads: int = 0
    samples: int = 1
    taps: int = 1

    @property
    def fold(self) -> Fold:
        """The fold itself."""
        return Fold(
            *(1 if self.flat else self.rows, self.elements, self.outputs, self.lanes),
            groups=self.groups,
            flat=self.flat,
            reads=self.reads,
            samples=self.samples,
            taps=self.taps,
        )


def legal_rows(work: Work) -> tuple[int, ...]:
    """Return the values that ``Fold.rows`` may have: 1, and all kernel rows.

    Reflected rows do not lie at one distance from each other.
    """
    outer = work.reduce[0].count if work.reduce and not work.mirror else 1
    return (1,) if outer == 1 else (1, outer)


def mac_sizes(length: int, limit: int) -> list[int]:
    """Return the sizes worth trying for a loop of ``length``: the least for each count of parts.

    A larger size that needs as many parts only adds multipliers that work on padding.

    Examples
    --------
    >>> mac_sizes(10, 10)
    [1, 2, 3, 4, 5, 10]
    >>> mac_sizes(10, 4)
    [1, 2, 3, 4]
    """
    sizes = set()
    parts = 1
    while parts <= length:
        size = -(-length // parts)
        if size <= limit:
            sizes.add(size)
        if size == 1:
            break
        parts = max(parts + 1, -(-length // (size - 1)))
    return sorted(sizes)


def output_sizes(outputs: int, limit: int) -> list[int]:
    """Return the group sizes worth trying: as :func:`mac_sizes`, and multiples of wide beats.

    A group that is a multiple of a beat leaves in fewer cycles than a smaller odd one.
    """
    sizes = set(mac_sizes(outputs, limit))
    beat = 2
    while outputs % beat == 0:
        sizes.update(
            rounded
            for size in tuple(sizes)
            if (rounded := -(-size // beat) * beat) <= min(limit, outputs)
        )
        beat *= 2
    return sorted(sizes)


def widest_beat(work: Work, fold: Fold) -> int:
    """Return the most lanes of a ``mac`` engine: they divide full groups and the last one."""
    side = side_of(work, fold)
    if side > 1:
        whole, block = work.channel.count * work.outputs, side * work.outputs
    else:
        whole, block = work.outputs, fold.outputs
    largest = lowest_set_bit(whole)
    return largest if block >= whole else min(largest, lowest_set_bit(block))


def mac_lanes(work: Work, fold: Fold) -> int:
    """Return the narrowest beat that keeps up with the steps of a group, else the widest legal.

    With the steps of the shortest group, if that lets the engine skip padding.
    """
    largest, steps, results = (
        widest_beat(work, fold),
        steps_of(work, fold),
        group_results(work, fold),
    )
    taps = real_taps(work, fold) if work.pad == 0 else None
    if taps is not None and -(-results // largest) <= taps.least:
        steps = taps.least
    lanes = 1
    while lanes < largest and -(-results // lanes) > steps:
        lanes *= 2
    return lanes


def most_groups(work: Work) -> int:
    """Return how many convolution groups can be worked on at once: all that lie side by side."""
    together = work.channel.dy == 0 and work.channel.dx == work.elements
    return work.channel.count if together else 1


def mac_options(
    work: Work, budget: int, spec: FoldSpec | None = None, share: int = 1
) -> Iterator[Option]:
    """Yield the folds of a ``mac`` work within a budget of multipliers that may be worth it.

    Parameters
    ----------
    spec
        Values that the user fixed; they must be legal.
    share
        Outputs whose weights can share a multiplier of the device.
    """
    fixed = spec or _FREE
    for rows in legal_rows(work) if fixed.rows is None else (fixed.rows,):
        for elements in (
            mac_sizes(work.elements, budget // rows)
            if fixed.elements is None
            else (fixed.elements,)
        ):
            limit = budget // (rows * elements)
            for outputs in (
                output_sizes(work.outputs, limit) if fixed.outputs is None else (fixed.outputs,)
            ):
                if outputs > limit:
                    continue
                for groups in _groups(work, elements, outputs, limit // outputs, fixed.groups):
                    fold = Fold(rows, elements, outputs, groups=groups)
                    fold = replace(fold, lanes=mac_lanes(work, fold))
                    count, hard = fold.multipliers, taken(fold, share)
                    cycles = issue_cycles(work, fold)
                    yield Option(count, cycles, hard, rows, fold.lanes, outputs, elements, groups)

    if spec is None and can_be_flat(work):
        yield from _flat_options(work, budget, share)


def taken(fold: Fold, share: int) -> int:
    """Return the multipliers of a device with those that requantise, if weights share any.

    0 if none do: folds of as many products take as many.
    """
    return hard_multipliers(fold, share) + fold.lanes if share > 1 else 0


def can_be_flat(work: Work) -> bool:
    """Return whether words may run on into the next kernel row: each is one segment."""
    one_segment = len(work.reduce) == 1 and work.reduce[0].count > 1 and not work.reduce[0].dx
    return one_segment and not work.mirror


def _flat_options(work: Work, budget: int, share: int) -> Iterator[Option]:
    for elements in mac_sizes(work.segments * work.elements, min(budget, work.elements)):
        if work.elements % elements == 0:
            continue  # no word would run on
        for outputs in output_sizes(work.outputs, budget // elements):
            fold = Fold(1, elements, outputs, flat=True)
            fold = replace(fold, lanes=mac_lanes(work, fold))
            count, hard = fold.multipliers, taken(fold, share)
            cycles = issue_cycles(work, fold)
            yield Option(count, cycles, hard, 2, fold.lanes, outputs, elements, flat=True)


def _groups(
    work: Work, elements: int, outputs: int, limit: int, fixed: int | None
) -> Iterable[int]:
    """Return the values of ``Fold.groups`` worth trying; more than 1 for whole groups only."""
    whole = elements == work.elements and outputs == work.outputs
    most = most_groups(work) if whole else 1
    if fixed is not None:
        return (fixed,) if fixed <= min(most, limit) else ()
    return output_sizes(most, limit)


def cheapest(options: Iterable[Option]) -> list[Option]:
    """Return the options that no other one beats in cycles and multipliers, fastest first."""
    front: list[Option] = []
    for option in sorted(options):
        if not front or option.cycles < front[-1].cycles:
            front.append(option)
    return front[::-1]


def vector_lanes(work: Work) -> int:
    """Return the most lanes that a ``vector`` work can use: a power of two.

    A ``gather`` reads its results' features side by side from its table; a ``hadamard`` transform
    has butterflies inside of a beat, of the power of two in its rows' size.
    """
    if work.kind == "hadamard":
        split = factors(work.channel.count)
        assert split is not None
        return 1 << split[1]
    if work.kind != "gather" and work.channel.count > 1 and work.channel.dx != 1:
        return 1
    lanes = lowest_set_bit(work.channel.count)
    if work.kind == "concat":
        for port in work.ports:
            lanes = min(lanes, lowest_set_bit(port.elements // work.positions))
    return lanes


def least_lanes(work: Work) -> int:
    """Return the fewest lanes that a work can use: two 4-bit codes are written at once."""
    return 2 if work.kind == "pack" else 1


def vector_options(work: Work) -> list[Option]:
    """Return the folds of a ``vector`` work, fastest first."""
    options = []
    lanes = 1
    while lanes <= vector_lanes(work):
        fold = Fold(lanes=lanes)
        options.append(Option(0, issue_cycles(work, fold), 0, 1, lanes, 1, 1))
        lanes *= 2
    return options[::-1]


def fold_errors(layer: str, work: Work, spec: FoldSpec) -> list[Diagnostic]:
    """Return what is illegal about a user's folding of a layer."""
    if work.kind != "mac":
        return [
            Diagnostic(
                "HG405",
                f"folding of {layer}, which has no multiplications by a weight",
                spec.mark,
                "fold linear and convolution layers only",
            )
        ]
    errors = []
    rows = legal_rows(work)
    if spec.rows is not None and spec.rows not in rows:
        errors.append(
            Diagnostic(
                "HG402",
                f"folding of {layer} has rows {spec.rows}",
                spec.mark,
                "legal: " + " or ".join(map(str, rows)),
            )
        )
    for code, key, value, most, what in (
        ("HG403", "elements", spec.elements, work.elements, "contiguous elements of a window"),
        ("HG404", "outputs", spec.outputs, work.outputs, "outputs of a group"),
    ):
        if value is not None and not 1 <= value <= most:
            even = [n for n in range(1, most + 1) if most % n == 0]
            shown = ", ".join(map(str, even if len(even) <= 12 else [*even[:6], "...", *even[-5:]]))
            errors.append(
                Diagnostic(
                    code,
                    f"folding of {layer} has {key} {value}, but there are {most} {what}",
                    spec.mark,
                    f"legal: 1 to {most}; without padding: {shown}",
                )
            )
    if spec.groups is not None:
        most = most_groups(work)
        whole = spec.elements in (None, work.elements) and spec.outputs in (None, work.outputs)
        if not 1 <= spec.groups <= most or (spec.groups > 1 and not whole):
            errors.append(
                Diagnostic(
                    "HG450",
                    f"folding of {layer} has groups {spec.groups}"
                    + ("" if whole else ", but not whole groups"),
                    spec.mark,
                    f"legal: 1 to {most}; more than 1 with elements {work.elements} and outputs "
                    f"{work.outputs}, or without them",
                )
            )
    return errors


class _Free:
    rows: int | None = None
    elements: int | None = None
    outputs: int | None = None
    groups: int | None = None


_FREE = _Free()
