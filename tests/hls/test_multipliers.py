"""Packed products and those of lookup tables in C++, with the vendor's integers and the shim."""

from dataclasses import replace
from pathlib import Path

import pytest

from hwgen.golden import first_difference, random_inputs, run
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from hwgen.spec.model import Budget
from hwgen.verify.hls import simulate_hls
from support.hls import compile_cpp, emit, vendor_headers

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"

VENDOR = [
    pytest.mark.nightly,  # its headers take long to compile
    pytest.mark.skipif(vendor_headers() is None, reason="hls4ml is not installed"),
]


@pytest.mark.hls
@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("packed", "shim"),
        ("lut", "shim"),
        pytest.param("packed", "vendor", marks=VENDOR),
        pytest.param("lut", "vendor", marks=VENDOR),
    ],
)
def test_weights_of_other_multipliers(kind, types, tmp_path):
    spec = load_spec(DIGITS / "mlp.yaml")
    qgraph = quantize(build_graph(spec), spec)
    accelerator = replace(spec.accelerator, budget=Budget(64, None), schedule="dataflow")
    plan = make_plan(qgraph, replace(accelerator, multiplier=kind, family="xcup"))
    inputs = random_inputs(qgraph, 6, 1)
    emit(plan, qgraph, tmp_path)

    vendor = vendor_headers() if types == "vendor" else None
    got = simulate_hls(tmp_path, qgraph, inputs, vendor=vendor)

    assert first_difference(qgraph, run(qgraph, inputs), got) is None
    assert plan.hard_multipliers < plan.multipliers
    include = [tmp_path, tmp_path / "include"]
    compile_cpp([tmp_path / "top.cpp"], tmp_path / "top.o", types, include, ["-c"])
