"""The planner's constants are those of the templates."""

from __future__ import annotations

import pytest

from hwgen.plan.model import Fold
from hwgen.plan.timing import (
    FIFO_LATENCY,
    MOST_ENGINES,
    PHASE_OVERHEAD,
    STORE_LATENCY,
    VECTOR_LATENCY,
    latency,
)
from rtl_templates.control.registers import Registers
from rtl_templates.control.sequencer import Sequencer
from rtl_templates.control.store import Store
from rtl_templates.mac.mac_core import MacCore
from rtl_templates.streams.fifo import Fifo
from rtl_templates.vector.vector_core import VectorCore


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
@pytest.mark.parametrize("elements", [1, 2, 4, 5, 16, 17, 64, 65, 300])
def test_mac_latency(rows, elements):
    assert latency("mac", Fold(rows, elements, 3)) == MacCore.latency(rows * elements)


def test_other_latencies():
    assert latency("vector", Fold(lanes=4)) == VectorCore.LATENCY == VECTOR_LATENCY
    assert Fifo.LATENCY == FIFO_LATENCY
    assert Sequencer.OVERHEAD == PHASE_OVERHEAD
    assert Store.LATENCY == STORE_LATENCY


def test_every_engine_has_counters():
    assert MOST_ENGINES == Registers.MOST_ENGINES
