"""How many score units the columns of an array have for attention."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hwgen.ops.work import Work
from hwgen.plan.array_cycles import ArraySize, attention_slot

__all__ = ["score_units"]


def score_units(works: Iterable[Work], rows: int, columns: int) -> int:
    """Return the scores that a column of an array gives per cycle: 1, or 2 where it saves much.

    A tile of ``rows`` keys has as many scores in each column.  With one per cycle, slots that
    multiply for less time wait for scores; two score units per column and two drain chains halve
    that.  They are worth their LUTs if the slots of every attention get shorter by a quarter.
    Keys of four bits have sizes that come once per tile, and those in external memory come
    no faster.
    """
    attends = [work.attend for work in works if work.kind == "attention" and work.attend]
    one = ArraySize(rows, columns, reads=1, beat=1)
    two = replace(one, scores=2)
    waits = attends and columns % 2 == 0
    for attend in attends:
        waits = (
            waits
            and attend.inner + attend.features < rows
            and not attend.kv4
            and not attend.external
            and 4 * attention_slot(attend, two) <= 3 * attention_slot(attend, one)
        )
    return 2 if waits else 1
