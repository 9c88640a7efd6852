"""Move registers around a multiplier of ECP5 into it.

MULT18X18D has registers of both operands and of the product.  Yosys maps a multiplication to it
without them and leaves the registers in slices, where the wires to and from the multiplier and all
of its own delay have to fit into one clock period.  Lattice, "ECP5 and ECP5-5G sysDSP Usage Guide"
(FPGA-TN-02205).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["absorb_registers"]

_REGISTERS = {"A": "REG_INPUTA", "B": "REG_INPUTB", "P": "REG_OUTPUT"}
_BITS = {"A": 18, "B": 18, "P": 36}
_PLAIN = {"CEMUX": "1", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET", "GSR": "DISABLED"}
"""Of a register without an enable that begins with 0."""

Port = tuple[str, str]


def absorb_registers(netlist: Mapping[str, Any]) -> int:
    """Let multipliers hold the registers that only they need, in the design that Yosys wrote.

    A port takes all of its registers or none: all bits of an operand that are not 0 come from
    registers, which nothing else reads but ports that take them too; all bits of a product that
    are read go to a register each, and nowhere else.  They begin with 0 and have one clock, at
    most one synchronous reset and no enable, of which neighbouring multipliers share few.

    Parameters
    ----------
    netlist
        Changed in place.

    Returns
    -------
    int
        Registers that are gone.
    """
    return sum(_Module(module).absorb() for module in netlist["modules"].values())


class _Module:
    """What drives and reads each bit of a flattened module."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self.cells = module["cells"]
        self.registers: dict[Any, str] = {}
        self.readers: dict[Any, list[Port]] = {}
        for name, cell in self.cells.items():
            if cell["type"] == "TRELLIS_FF":
                self.registers[cell["connections"]["Q"][0]] = name
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] == "input":
                    for bit in bits:
                        self.readers.setdefault(bit, []).append((name, port))
        for name, port in module["ports"].items():
            for bit in port["bits"]:
                self.readers.setdefault(bit, []).append(("", name))

    def absorb(self) -> int:
        """Absorb registers of products, then those of operands; return how many."""
        names = [name for name, cell in self.cells.items() if cell["type"] == "MULT18X18D"]
        takes = {(name, "P"): self._after(name) for name in names}
        after = {register for found in takes.values() for register in found}
        for name in names:
            for port in "AB":
                before = self._before(name, port)
                # A register between two multipliers is the product's of the first one.
                takes[name, port] = [] if after.intersection(before) else before
        lost = [key for key, found in takes.items() if not self._alike(key[0], found, takes)]
        while lost:
            for key in lost:
                del takes[key]
            lost = [key for key in takes if key[1] != "P" and self._shared(key, takes)]
        for (name, port), found in takes.items():
            self._move(name, port, *self._control(found[0]))
        gone = {register for found in takes.values() for register in found}
        for register in gone:
            del self.cells[register]
        return len(gone)

    def _bits(self, name: str, port: str) -> Iterator[tuple[str, Any]]:
        """Yield the pins of a port that are connected, and their bits."""
        connections = self.cells[name]["connections"]
        for pin in (f"{port}{k}" for k in range(_BITS[port])):
            if connections.get(pin, ["x"])[0] not in ("0", "x"):
                yield pin, connections[pin][0]

    def _has(self, name: str, port: str) -> bool:
        """Return whether a port has registers in the multiplier."""
        clock: str = self.cells[name]["parameters"].get(f"{_REGISTERS[port]}_CLK", "NONE")
        return clock != "NONE"

    def _before(self, name: str, port: str) -> list[str]:
        """Return the registers that all of an operand comes from, or none."""
        if self._has(name, port):
            return []
        found = [self.registers.get(bit, "") for _, bit in self._bits(name, port)]
        return found if all(map(self._plain, found)) else []

    def _after(self, name: str) -> list[str]:
        """Return the registers that all of a product goes to, or none."""
        if self._has(name, "P"):
            return []
        readers = [self.readers.get(bit, []) for _, bit in self._bits(name, "P")]
        found = ["" if more else first[0] for first, *more in filter(None, readers)]
        return found if all(map(self._plain, found)) else []

    def _plain(self, register: str) -> bool:
        """Return whether a register begins with 0 and has no enable and no asynchronous reset."""
        cell = self.cells.get(register, {})
        if cell.get("type") != "TRELLIS_FF":
            return False
        parameters = {key: value.strip() for key, value in cell["parameters"].items()}
        return all(parameters.get(key, value) == value for key, value in _PLAIN.items()) and (
            self._control(register)[1] == "0" or parameters.get("SRMODE") == "LSR_OVER_CE"
        )

    def _control(self, register: str) -> tuple[Any, Any]:
        """Return the clock and the reset of a register."""
        ports = self.cells[register]["connections"]
        (clock,), (reset,) = ports["CLK"], ports.get("LSR", ["0"])
        return clock, reset

    def _alike(self, name: str, found: list[str], takes: Mapping[Port, list[str]]) -> bool:
        """Return whether registers have one clock and reset, and all of a multiplier one clock."""
        mine = [register for port in _REGISTERS for register in takes[name, port]]
        clocks = {self._control(register)[0] for register in mine}
        return len(clocks) == len({self._control(register) for register in found}) == 1

    def _shared(self, key: Port, takes: Mapping[Port, list[str]]) -> bool:
        """Return whether anything but a port that takes it reads one of a port's registers."""
        return any(
            (reader, pin[:1]) not in takes or self.cells[reader]["type"] != "MULT18X18D"
            for register in takes[key]
            for reader, pin in self.readers[self.cells[register]["connections"]["Q"][0]]
        )

    def _move(self, name: str, port: str, clock: Any, reset: Any) -> None:
        """Connect a multiplier's port to what is beyond its registers."""
        cell = self.cells[name]
        connections, parameters = cell["connections"], cell["parameters"]
        for pin, bit in list(self._bits(name, port)):
            if port != "P":
                connections[pin] = self.cells[self.registers[bit]]["connections"]["DI"]
            elif self.readers.get(bit):
                ((register, _),) = self.readers[bit]
                connections[pin] = self.cells[register]["connections"]["Q"]
        number = list(_REGISTERS).index(port)  # a reset for each port: they may differ
        pins = {"CLK0": clock, "CE0": "1", f"RST{number}": reset}
        connections |= {pin: [bit] for pin, bit in pins.items()}
        cell["port_directions"] |= dict.fromkeys(pins, "input")
        register = _REGISTERS[port]
        parameters |= {
            "RESETMODE": "SYNC",
            f"{register}_CLK": "CLK0",
            f"{register}_CE": "CE0",
            f"{register}_RST": f"RST{number}",
        }
