"""What hardware counts beside its results, against the golden model."""

import pytest

from hwgen.ops import QType
from support.array_bench import ArrayBench, Case

pytestmark = pytest.mark.verilator

WIDE = QType(8, True, 3.0, 0)
"""Steps so large that logits lie beyond 2047 octaves."""


def test_clamped_logits_are_counted_one_by_one(tmp_path):
    keys = {"heads": 4, "kv_heads": 2, "tile": 8, "causal": True}
    cases = [Case("attention", keys, [(9, 64), (5, 32), (5, 32)], types=[WIDE] * 3)]
    bench = ArrayBench(cases, rows=8, columns=4, lanes=8, beat=4, normalisers=2).build()

    (trace,) = bench.run([(0, cases[0].codes(), {})], tmp_path)  # compares the count

    assert trace.clamped == 4 * (1 + 2 + 3 + 4 + 5)
    assert trace.masked.reshape(9, -1).all(axis=1).tolist() == [True] * 4 + [False] * 5
