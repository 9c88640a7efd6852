"""What a streamed plan costs: how late its outputs are, and what it keeps between tensors."""

from __future__ import annotations

from hwgen.plan.model import Plan, StreamFigures
from hwgen.quant.model import QGraph

__all__ = ["stream_figures"]


def stream_figures(plan: Plan, qgraph: QGraph) -> StreamFigures | None:
    """Return the figures of a streamed plan; None for another one.

    In a dataflow plan every layer keeps the rows that it reads again in its own window buffer; in
    a sequential one a tensor's readers share the rows in front of it.
    """
    if qgraph.stream is None:
        return None
    state: dict[str, int] = {}
    if plan.schedule == "sequential":
        for place in plan.placements:
            if place.front:
                state[place.tensor] = place.front * qgraph.tensor(place.tensor).type.bits
    else:
        for channel in plan.channels:
            if channel.sink:
                port = plan.task(channel.sink).work.ports[channel.port]
                if port.history:
                    bits = port.history * port.row * channel.bits
                    state[channel.sink] = state.get(channel.sink, 0) + bits
    latency = {name: qgraph.stream.pace(name).latency for name in qgraph.outputs}
    chunk, window = qgraph.stream.chunk, qgraph.stream.window
    return StreamFigures(chunk, latency, state, sum(state.values()), window)
