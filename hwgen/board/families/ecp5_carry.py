"""Leave out what nextpnr would add to carry chains of ECP5 that nobody uses.

For a constant carry-in nextpnr puts a cell in front of a carry chain, and one behind it for a
carry-out, used or not: four LUT sites in all.  Neither is needed if the first half of the first
cell does not look at its carry-in, or if nothing reads the last carry-out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import Any

__all__ = ["trim_carries"]

_PINS = "ABCD"
_NOTHING = ["x"]  # nextpnr needs the port, and connects nothing


def trim_carries(netlist: Mapping[str, Any]) -> int:
    """Disconnect carries without a meaning, in the design that Yosys wrote as JSON.

    A ``COUT`` that nothing reads; a constant ``CIN`` if the sum of the first half is not read and
    its LUT is 0 whatever its inputs are, so that its carry comes from these alone: an adder whose
    lowest bits are one signal, added to itself to have a carry-in.

    Returns
    -------
    int
        Ports that were disconnected.
    """
    count = 0
    for module in netlist["modules"].values():
        uses = Counter(
            bit
            for cell in module["cells"].values()
            for bits in cell["connections"].values()
            for bit in bits
        )
        uses.update(bit for port in module["ports"].values() for bit in port["bits"])
        for cell in module["cells"].values():
            if cell["type"] != "CCU2C":
                continue
            ports = cell["connections"]
            unread = {name: all(uses[bit] == 1 for bit in ports[name]) for name in ("S0", "COUT")}
            gated = cell["parameters"]["INJECT1_0"] == "YES"
            if unread["COUT"] and ports["COUT"] != _NOTHING:
                ports["COUT"] = _NOTHING
                count += 1
            constant = ports["CIN"] in (["0"], ["1"])
            if constant and (gated or unread["S0"]) and _kills_carry(ports, cell["parameters"]):
                ports["CIN"] = _NOTHING
                count += 1
    return count


def _kills_carry(ports: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    """Return whether the first half's LUT is 0 for all inputs: then its carry comes from them."""
    table = int(parameters["INIT0"], 2)
    pins = [ports[f"{pin}0"][0] for pin in _PINS]
    free = sorted({pin for pin in pins if isinstance(pin, int)})
    for values in product((0, 1), repeat=len(free)):
        known = dict(zip(free, values, strict=True))
        index = sum(
            (known[pin] if isinstance(pin, int) else int(pin == "1")) << place
            for place, pin in enumerate(pins)
        )
        if table >> index & 1:
            return False
    return True
