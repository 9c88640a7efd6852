"""The C++ project of a plan: a folder that needs nothing from outside."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hwgen.emit.hls.dataflow import dataflow_context
from hwgen.emit.hls.ports import input_ports, output_ports
from hwgen.emit.hls.render import render
from hwgen.emit.hls.sequential import sequential_context
from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph
from hwgen.resources import data_dir

__all__ = ["DEFAULT_PART", "emit"]

DEFAULT_PART = "xc7z020clg400-1"
"""Device of the Vitis HLS project if nobody names one: the Zynq-7020 of small boards."""


def emit(
    plan: Plan, qgraph: QGraph, folder: Path, *, clock_mhz: float = 100.0, part: str = DEFAULT_PART
) -> None:
    """Write the C++ of a plan, its testbench and a Vitis HLS project into ``folder``.

    The text depends on the arguments alone; what the folder holds of the same names is
    replaced.

    Parameters
    ----------
    folder
        Created if it is missing.
    clock_mhz
        Target clock of the Vitis HLS project.
    part
        Its device, as the vendor names it.
    """
    inputs, outputs = input_ports(plan, qgraph), output_ports(plan, qgraph)
    context: dict[str, Any] = {
        "name": qgraph.name,
        "plan": plan,
        "inputs": inputs,
        "outputs": outputs,
        "widest": max(port.width for port in (*inputs, *outputs)),
        "clock_ns": f"{1000 / clock_mhz:.3f}",
        "part": part,
    }
    schedule = plan.schedule
    make = sequential_context if schedule == "sequential" else dataflow_context
    context |= make(plan, qgraph)
    roms = [table for table in context["tables"] if table.filed]
    context["roms"] = roms
    source = data_dir("hls")
    headers = folder / "include" / "hwgen"
    headers.mkdir(parents=True, exist_ok=True)
    for header in sorted((source / "include" / "hwgen").glob("*.hpp")):
        shutil.copyfile(header, headers / header.name)
    shutil.copyfile(source / "scripts" / "project.tcl", folder / "project.tcl")
    for target, template in (
        ("top.hpp", "top.hpp.j2"),
        ("constants.hpp", "constants.hpp.j2"),
        ("engines.hpp", f"{schedule}_engines.hpp.j2"),
        ("top.cpp", f"{schedule}_top.cpp.j2"),
        ("main.cpp", "main.cpp.j2"),
        ("parameters.tcl", "parameters.tcl.j2"),
    ):
        (folder / target).write_text(render(template, context), encoding="utf-8")
    for stale in folder.glob("*.rom"):
        stale.unlink()
    for table in roms:
        (folder / f"{table.name}.rom").write_bytes(table.data)
