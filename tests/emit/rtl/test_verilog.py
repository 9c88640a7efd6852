import re
import subprocess
import sys
from dataclasses import replace

import pytest

from hwgen.emit.rtl import emit_verilog
from hwgen.plan import make_plan
from hwgen.quant import quantize
from support.graphs import make_graph, make_spec
from support.specs import compile_spec

LAYERS = [
    {"name": "conv", "op": "conv2d", "in": "image", "channels": 4, "kernel": 3, "padding": "same"},
    {"name": "pool", "op": "max_pool2d", "in": "conv", "kernel": 2},
    {"name": "fc", "op": "linear", "in": "pool", "features": 3},
]
ONE_ROW = """\
hwgen: 1
name: one_row
model:
  inputs: {x: {shape: [4, 2]}}
  layers:
    - {name: a, op: attention, in: [x, x, x], heads: 1, tile: 8, causal: true, window: 3, sinks: 1,
       cache: {bits: 4}}
    - {name: y, op: linear, in: a, features: 1}
  outputs: [y]
weights: {random: 0}
quantize: {default: {weights: int4, activations: int6, symmetric: true}}
accelerator: {schedule: sequential, budget: {multipliers: 37}}
"""


def emit(schedule, trace=False):
    graph = make_graph({"image": (1, 4, 4)}, LAYERS)
    spec = make_spec(graph, multipliers=6, schedule=schedule)
    qgraph = quantize(graph, spec)
    return emit_verilog(make_plan(qgraph, spec.accelerator), qgraph, trace=trace, identity=0xABCD)


@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_text_does_not_depend_on_the_process(schedule):
    program = f"from emit.rtl.test_verilog import emit; print(emit({schedule!r}), end='')"
    path = "import sys; sys.path.insert(0, 'tests');"

    other = subprocess.run(
        [sys.executable, "-c", path + program], capture_output=True, text=True, check=True
    )

    assert other.stdout == emit(schedule)


@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_text_names_no_file_and_no_source_line(schedule):
    text = emit(schedule)

    assert not re.search(r"/(home|root|tmp|usr|work)/|\.py\b", text)


def test_ports_are_the_documented_ones():
    text = emit("dataflow", trace=True)
    top = re.search(r"^module tiny\((.*?)\);", text, re.S | re.M).group(1)

    ports = {name.strip() for name in top.split(",")}

    streams = {
        f"{side}_{part}"
        for side in ("s_axis_image", "m_axis_fc")
        for part in ("tdata", "tvalid", "tready", "tlast")
    }
    registers = {"reg_addr", "reg_wdata", "reg_write", "reg_rdata"}
    traces = {
        f"trace_{task}_{part}"
        for task in ("conv", "pool", "fc")
        for part in ("valid", "index", "data")
    }
    assert ports == {"clk", "rst"} | streams | registers | traces


def test_only_the_traced_variant_has_trace_ports():
    assert "trace_" not in re.search(r"^module tiny\((.*?)\);", emit("dataflow"), re.S | re.M)[1]


def test_a_buffer_of_one_row_has_an_address():
    layers = [{"name": "conv", "op": "conv2d", "in": "image", "channels": 2, "kernel": [1, 3]}]
    graph = make_graph({"image": (3, 2, 3)}, layers)
    spec = make_spec(graph, multipliers=12, schedule="dataflow")
    qgraph = quantize(graph, spec)
    plan = make_plan(qgraph, spec.accelerator)
    (channel,) = (item for item in plan.channels if item.sink)
    one_row = replace(channel, depth=channel.banks, banks=channel.banks)
    plan = replace(plan, channels=(one_row, *(item for item in plan.channels if not item.sink)))

    assert "[-1:0]" not in emit_verilog(plan, qgraph)


def test_an_array_for_products_of_one_row_has_no_wire_of_no_bits(tmp_path):
    """Verilator refuses ``wire [-1:0]``."""
    qgraph, plan = compile_spec(ONE_ROW, tmp_path)
    assert "array" in {engine.template for engine in plan.engines}
    assert "[-1:0]" not in emit_verilog(plan, qgraph)
