"""How often a plan's C++ multiplies."""

import re
from collections import Counter

from hwgen import golden
from hwgen.emit.hls import emit
from hwgen.verify.hls import simulate_hls

__all__ = ["multiplications"]

COUNTER = """\
#include <cstdio>
#include <map>
struct hwgen_counter {
  std::map<std::pair<int, int>, long> found;
  ~hwgen_counter() {
    for (const auto& item : found) {
      std::printf("%d x %d: %ld\\n", item.first.first, item.first.second, item.second);
    }
  }
};
inline hwgen_counter hwgen_products;
"""
PRODUCT = "return {a.bits() * b.bits()};"


def multiplications(plan, qgraph, inputs, folder):
    """Return how often the C++ multiplies, by the widths of the operands.

    Its codes are compared with those of the golden model.
    """
    emit(plan, qgraph, folder)
    header = folder / "include" / "hwgen" / "int_shim.hpp"
    text = header.read_text()
    assert text.count(PRODUCT) == 1
    counting = text.replace(PRODUCT, f"++hwgen_products.found[{{A, B}}]; {PRODUCT}")
    header.write_text(counting.replace("#pragma once\n", f"#pragma once\n{COUNTER}", 1))
    got = simulate_hls(folder, qgraph, inputs, work=folder / "work")
    expected = golden.run(qgraph, inputs)
    assert golden.first_difference(qgraph, expected, got) is None
    log = (folder / "work" / "csim.log").read_text()
    found = re.findall(r"^(\d+) x (\d+): (\d+)$", log, re.MULTILINE)
    return Counter({(int(a), int(b)): int(count) for a, b, count in found})
