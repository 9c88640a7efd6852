"""The benches of the ops find planted bugs, and in the scenarios that can show them."""

import numpy as np
import pytest

from rtl_templates.mac import mac_engine
from rtl_templates.streams import credits
from support.op_bench import run_op_bench
from support.prove import mutant


@pytest.mark.verilator
def test_wrong_weights_are_found(tmp_path):
    def spoilt(nodes):
        for node in nodes:
            np.negative(node.lowered.constants["weight"], out=node.lowered.constants["weight"])
        components = [node.component for node in nodes]
        for node in nodes:
            np.negative(node.lowered.constants["weight"], out=node.lowered.constants["weight"])
        return components

    outcomes = run_op_bench("linear", tmp_path, components=spoilt)

    assert "golden" in outcomes["free"]
    assert "passed" not in outcomes.values()


@pytest.mark.verilator
def test_ignored_back_pressure_is_found_by_stalls(tmp_path, monkeypatch):
    broken = mutant(credits.CreditQueue, "- self.reserve + Mux(leaves, 1, 0)", "")

    def spoilt(nodes):
        monkeypatch.setattr(mac_engine, "CreditQueue", broken)
        return [node.built(queue=node.component.core.tasks[0].beats) for node in nodes]

    outcomes = run_op_bench("linear", tmp_path, components=spoilt)

    assert outcomes["free"] == "passed"
    assert outcomes["stalled"] != "passed"
