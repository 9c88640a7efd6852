"""The planner's constants are those of the templates."""

import pytest

from hwgen.plan import timing
from rtl_templates.arith.dot_product import tree_depth
from rtl_templates.control.sequencer import Sequencer
from rtl_templates.control.store import Store
from rtl_templates.mac.mac_core import MacCore
from rtl_templates.streams.fifo import Fifo
from rtl_templates.vector.vector_core import VectorCore


def test_latencies_are_those_of_the_templates():
    assert timing.MAC_LATENCY == MacCore.STAGES
    assert timing.VECTOR_LATENCY == VectorCore.LATENCY
    assert timing.FIFO_LATENCY == Fifo.LATENCY
    assert timing.PHASE_OVERHEAD == Sequencer.OVERHEAD
    assert timing.STORE_LATENCY == Store.LATENCY


@pytest.mark.parametrize("terms", [*range(1, 70), 255, 256, 257])
def test_adder_trees_have_the_predicted_depth(terms):
    assert timing.tree_levels(terms) == tree_depth(terms)
