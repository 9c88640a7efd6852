"""The accelerator's AXI4-Streams."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.emit.hls.types import code_type
from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph, QTensor

__all__ = ["PortText", "input_ports", "output_ports"]


@dataclass(frozen=True)
class PortText:
    """One stream of the top function.

    Parameters
    ----------
    tensor
        What it carries.
    name
        Of the function's argument, as of the port in the RTL.
    code
        C++ type of an element of ``bits`` bits.
    zero
        Code of zero: of an element that does not come.
    lanes, beats, elements
        Elements per beat, beats and elements per tensor, the longest.
    sizes
        Beats of a tensor of each length; one if there is one.
    address
        Sequential: where the tensor lies in the shared buffer.
    """

    tensor: str
    name: str
    code: str
    bits: int
    zero: int
    lanes: int
    beats: int
    elements: int
    address: int
    sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        """Bits of TDATA."""
        return self.bits * self.lanes


def input_ports(plan: Plan, qgraph: QGraph) -> tuple[PortText, ...]:
    """Return the inputs in the qgraph's order."""
    return tuple(_port(plan, item, "s", plan.input_lanes[item.name]) for item in qgraph.inputs)


def output_ports(plan: Plan, qgraph: QGraph) -> tuple[PortText, ...]:
    """Return the outputs in the qgraph's order."""
    return tuple(
        _port(plan, qgraph.tensor(name), "m", plan.output_lanes[name]) for name in qgraph.outputs
    )


def _port(plan: Plan, item: QTensor, side: str, lanes: int) -> PortText:
    stored = any(place.tensor == item.name for place in plan.placements)
    return PortText(
        tensor=item.name,
        name=f"{side}_axis_{item.name}",
        code=code_type(item.type),
        bits=item.type.bits,
        zero=item.type.zero_point,
        lanes=lanes,
        beats=item.elements // lanes,
        elements=item.elements,
        address=plan.placement(item.name).address if stored else 0,
        sizes=tuple(variant.placement(item.name).elements // lanes for variant in plan.variants)
        if stored
        else (item.elements // lanes,),
    )
