"""Run ``sim/benches/<op>.py`` on some random components of the op, all in one top."""

import json
from xml.etree import ElementTree

import numpy as np
from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.emit.rtl.yosys import verilog_of
from hwgen.tools import ToolFailedError, run
from hwgen.verify.model import build_cocotb_model
from hwgen.verify.testbench import simulator_env
from support.op_components import draw_node

__all__ = ["run_op_bench"]

UNITS = 3
TENSORS = 3


class Units(wiring.Component):
    """Components side by side: streams ``u<n>_i<port>`` and ``u<n>_o``."""

    def __init__(self, components):
        self.components = components
        members = {}
        for n, component in enumerate(components):
            for k, port in enumerate(component.i):
                members[f"u{n}_i{k}"] = In(stream.Signature(port.payload.shape()))
            members[f"u{n}_o"] = Out(stream.Signature(component.o.payload.shape()))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        for n, component in enumerate(self.components):
            m.submodules[f"u{n}"] = component
            for k, port in enumerate(component.i):
                wiring.connect(m, wiring.flipped(getattr(self, f"u{n}_i{k}")), port)
            wiring.connect(m, component.o, wiring.flipped(getattr(self, f"u{n}_o")))
        return m


def run_op_bench(name, folder, *, seed=1, components=None):
    """Return what became of each scenario: ``passed``, or the failure's text.

    Parameters
    ----------
    components
        Used instead of the nodes' own components: to plant bugs.
    """
    rng = np.random.default_rng([seed, *name.encode()])
    nodes = [draw_node(name, rng) for _ in range(UNITS)]
    built = [node.component for node in nodes]
    top = Units(components(nodes) if components else built)
    model = build_cocotb_model(verilog_of(rtlil.convert(top, name="units")), "units")

    arrays, records = {}, []
    for n, (node, component) in enumerate(zip(nodes, built, strict=True)):
        codes = node.codes(rng, TENSORS)
        arrays |= {f"u{n}_in{k}": item for k, item in enumerate(codes)}
        arrays |= {f"u{n}_{key}": value for key, value in node.lowered.constants.items()}
        requant = node.lowered.requant
        if requant is not None:
            arrays |= {f"u{n}_multiplier": requant.multiplier, f"u{n}_offset": requant.offset}
        scalars = ("shift", "zero_point", "low", "high")
        records.append(
            {
                "name": f"u{n}",
                "shapes": node.shapes,
                "beat": node.beat,
                "x_bits": len(component.i[0].payload) // node.beat,
                "lanes": node.fold.lanes,
                "out_bits": node.out.bits,
                "attrs": dict(node.lowered.attrs),
                "constants": list(node.lowered.constants),
                "requant": requant and {key: getattr(requant, key) for key in scalars},
            }
        )
    np.savez(folder / "vectors.npz", **arrays)
    bench = {
        "vectors": str(folder / "vectors.npz"),
        "seed": seed,
        "reset_at": int(rng.integers(10, 60)),
        "units": records,
    }
    (folder / "bench.json").write_text(json.dumps(bench))
    env = {
        **simulator_env("units", f"sim.benches.{name}", folder),
        "HWGEN_BENCH": str(folder / "bench.json"),
    }
    try:
        run([model], cwd=folder, log=folder / "cocotb.log", env=env, timeout=300)
    except ToolFailedError:
        if not (folder / "results.xml").is_file():
            raise
    log = (folder / "cocotb.log").read_text()
    return {
        case.get("name").split("scenario=")[-1].strip("'\""): log
        if case.find("failure") is not None
        else "passed"
        for case in ElementTree.parse(folder / "results.xml").iter("testcase")
    }
