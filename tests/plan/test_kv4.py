import pytest

from hwgen.errors import Mark, SpecError
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec.model import Accelerator, Budget
from support.graphs import make_graph, make_spec


@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_a_cache_of_four_bits_has_no_hardware(schedule):
    layer = {"name": "a", "op": "attention", "in": ["x", "x", "x"], "heads": 2, "causal": True}
    graph = make_graph({"x": (2, 8)}, [layer | {"cache": {"length": 64, "bits": 4}}])
    mark = Mark("a.yaml", 3, 1)
    with pytest.raises(SpecError) as error:
        make_plan(
            quantize(graph, make_spec(graph)),
            Accelerator(schedule, Budget(64, None), {}, 50.0, mark),
        )
    (found,) = error.value.diagnostics
    assert (found.code, found.where) == ("HG415", mark)
    assert "bits: 8" in found.hint
