"""The page: one HTML file without any reference to another one."""

from __future__ import annotations

from typing import Any

from hwgen.report.graph_picture import draw_graph
from hwgen.report.model import ReportData
from hwgen.report.tables import engines, layers, meters, tiles
from hwgen.report.timeline import draw_timeline

__all__ = ["render"]


def render(data: ReportData) -> str:
    """Return the page.  Equal data gives equal text: it holds no date."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # not needed by every verb

    environment = Environment(
        loader=PackageLoader("hwgen.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    view: dict[str, Any] = {
        "data": data,
        "tiles": list(tiles(data)),
        "graph": draw_graph(data.qgraph),
        "timeline": draw_timeline(data.plan.prediction.spans, data.sim.spans if data.sim else ()),
        "engines": list(engines(data)),
        "layers": list(layers(data)),
        "meters": list(meters(data)),
        "memories": _memories(data),
    }
    return environment.get_template("report.html.j2").render(view)


def _memories(data: ReportData) -> list[tuple[str, str, int, str]]:
    """Return name, purpose, bits and layout of every memory of the plan."""
    found = []
    for node in data.qgraph.nodes:
        weight, kind = node.lowered.constants.get("weight"), node.lowered.weight_type
        if weight is not None and kind is not None:
            layout = f"{weight.size:,} x {kind.bits} bit"
            found.append((node.name, "weights", weight.size * kind.bits, layout))
    for buffer in data.plan.buffers:
        layout = f"{buffer.elements:,} x {buffer.bits} bit in {buffer.banks} banks"
        found.append((buffer.name, "buffer", buffer.elements * buffer.bits, layout))
    for channel in data.plan.channels:
        if channel.depth:
            layout = f"{channel.depth:,} x {channel.bits} bit in {channel.banks} banks"
            name = f"{channel.tensor} to {channel.sink}"
            found.append((name, "window buffer", channel.depth * channel.bits, layout))
    return found
