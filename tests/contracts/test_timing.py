"""The planner's constants are those of the templates."""

from __future__ import annotations

import pytest

from hwgen.ops.work import Loop, Port, Work
from hwgen.plan.model import Fold
from hwgen.plan.timing import (
    CHOICE,
    FIFO_LATENCY,
    MOST_ENGINES,
    NORM_WAIT,
    PACK_WAIT,
    PHASE_OVERHEAD,
    ROW_PERIODS,
    SOFTMAX_WAITS,
    STORE_LATENCY,
    VECTOR_LATENCY,
    latency,
    tree_levels,
)
from rtl_templates.attention.pack_core import PackCore
from rtl_templates.control.registers import Registers
from rtl_templates.control.sequencer import Sequencer
from rtl_templates.control.store import Store
from rtl_templates.mac.mac_core import MacCore
from rtl_templates.mac.polynomial_core import PolynomialCore
from rtl_templates.row.hadamard_core import HadamardCore
from rtl_templates.row.norm_core import NormCore
from rtl_templates.row.softmax_core import SoftmaxCore
from rtl_templates.streams.fifo import Fifo
from rtl_templates.vector.vector_core import VectorCore


def work(kind, channels=8):
    return Work(kind, (Port(1, channels),), Loop(1, dy=1), Loop(1), Loop(channels, dx=1))


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
@pytest.mark.parametrize("elements", [1, 2, 4, 5, 16, 17, 64, 65, 300])
def test_mac_latency(rows, elements):
    assert latency(work("mac"), Fold(rows, elements, 3)) == MacCore.latency(rows * elements)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("elements", [1, 2, 5, 16])
def test_polynomial_latency(rows, elements):
    fold = Fold(rows, elements, 3, samples=3, taps=3)
    assert latency(work("mac"), fold) == PolynomialCore.latency(rows * elements)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 32])
@pytest.mark.parametrize("beats", [1, 3, 60])
def test_row_latencies(lanes, beats):
    fold, features = Fold(lanes=lanes), lanes * beats
    assert latency(work("norm", features), fold) == NormCore.latency(lanes)
    assert latency(work("softmax", features), fold) == SoftmaxCore.latency(lanes, beats)
    assert NormCore.queue_words(1, beats) == beats + NORM_WAIT
    assert SoftmaxCore.queue_words(1, beats) == tuple(beats + wait for wait in SOFTMAX_WAITS)
    periods = {"norm": NormCore, "softmax": SoftmaxCore, "hadamard": HadamardCore}
    assert {kind: core.PERIOD for kind, core in periods.items()} == ROW_PERIODS


@pytest.mark.parametrize("lanes", [1, 2, 8])
@pytest.mark.parametrize("features", [8, 96, 160, 384, 1024])
def test_transform_latency(lanes, features):
    expected = HadamardCore.latency(lanes, features)
    assert latency(work("hadamard", features), Fold(lanes=lanes)) == expected


@pytest.mark.parametrize("lanes", [2, 4, 8, 32])
@pytest.mark.parametrize("beats", [1, 3])
def test_pack_latency(lanes, beats):
    assert latency(work("pack", lanes * beats), Fold(lanes=lanes)) == PackCore.latency(lanes)
    assert PackCore.queue_words(lanes, beats) == beats + PACK_WAIT + tree_levels(lanes)


def test_other_latencies():
    assert latency(work("copy"), Fold(lanes=4)) == VectorCore.LATENCY == VECTOR_LATENCY
    assert Fifo.LATENCY == FIFO_LATENCY
    assert Sequencer.OVERHEAD == PHASE_OVERHEAD
    assert Sequencer.CHOICE + Store.LATENCY == CHOICE
    assert Store.LATENCY == STORE_LATENCY


def test_every_engine_has_counters():
    assert MOST_ENGINES == Registers.MOST_ENGINES
