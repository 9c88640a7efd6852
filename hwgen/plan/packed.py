"""Caches of 4-bit codes: what hardware can pack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwgen.errors import Diagnostic, Mark, SpecError
from hwgen.plan.items import Item
from hwgen.spec.model import Accelerator

__all__ = ["PACKED_BITS", "check_packed"]

PACKED_BITS = 4
"""Width of a code of keys and values that have sizes."""


def check_packed(items: Sequence[Item], accelerator: Accelerator) -> None:
    """Refuse 4-bit caches that hardware cannot, or need not, have.

    Raises
    ------
    SpecError
        HG430 (the codes have no more than 4 bits as they are), HG431
        (an odd number of codes in a row, where two share a byte).
    """
    found = [
        problem
        for item in items
        if item.work.attend and item.work.attend.kv4
        for problem in _problems(item, accelerator.mark)
    ]
    if found:
        raise SpecError.of(found)


def _problems(item: Item, mark: Mark) -> Iterator[Diagnostic]:
    attend = item.work.attend
    assert attend is not None
    for what, kind, elements in (
        ("keys", item.types[1], attend.inner),
        ("values", item.types[2], attend.features),
    ):
        if kind.bits <= PACKED_BITS:
            yield Diagnostic(
                "HG430",
                f"the {what} of {item.name} have {kind.bits} bits, which a cache of "
                f"{PACKED_BITS} bits cannot shorten",
                mark,
                "cache: {bits: 8}, which keeps them as they are, or activations: int8 for their "
                "layer",
            )
        if elements % 2:
            yield Diagnostic(
                "HG431",
                f"a head of the {what} of {item.name} has {elements} elements, and two 4-bit "
                "codes share a byte",
                mark,
                "an even number of elements per head, or cache: {bits: 8}",
            )
