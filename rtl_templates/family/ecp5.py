"""Adapter of the Lattice ECP5 family: clock generator and multiplier."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Ecp5Multiplier", "Ecp5Pll"]


class Ecp5Pll(wiring.Component):
    """``EHXPLLL``: output CLKOP closes the loop, output CLKOS is the clock.

    ``clock = source / input_div * feedback_div * loop_div / output_div``; the oscillator runs at
    ``clock * output_div``.  Lattice, "ECP5 and ECP5-5G sysCLOCK PLL/DLL Design and Usage Guide"
    (FPGA-TN-02200); limits in the family's data sheet (FPGA-DS-02012).

    Parameters
    ----------
    input_div, feedback_div, loop_div, output_div : int
        CLKI_DIV, CLKFB_DIV, CLKOP_DIV, CLKOS_DIV; 1 to 128, feedback_div to 80.

    Members
    -------
    source : ``In(1)``
    clock, locked : ``Out(1)``
    """

    def __init__(self, *, input_div, feedback_div, loop_div, output_div):
        for name, value, most in (
            ("Input divider", input_div, 128),
            ("Feedback divider", feedback_div, 80),
            ("Loop divider", loop_div, 128),
            ("Output divider", output_div, 128),
        ):
            if not 1 <= value <= most:
                raise ValueError(f"{name} must be in [1, {most}], not {value}")
        self.input_div = input_div
        self.feedback_div = feedback_div
        self.loop_div = loop_div
        self.output_div = output_div
        super().__init__({"source": In(1), "clock": Out(1), "locked": Out(1)})

    def elaborate(self, platform):
        m = Module()
        loop = Signal()
        zero = {
            f"i_{name}": 0
            for name in (
                *("RST", "STDBY", "PHASESEL0", "PHASESEL1", "PHASEDIR", "PHASESTEP"),
                *("PHASELOADREG", "PLLWAKESYNC", "ENCLKOP", "ENCLKOS", "ENCLKOS2", "ENCLKOS3"),
            )
        }
        m.submodules.pll = Instance(
            "EHXPLLL",
            # Loop filter settings for an integer multiple, as Lattice's generator writes them.
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_CLKI_DIV=self.input_div,
            p_CLKFB_DIV=self.feedback_div,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=self.loop_div,
            p_CLKOP_CPHASE=self.loop_div - 1,
            p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_CLKOS_DIV=self.output_div,
            p_CLKOS_CPHASE=self.output_div - 1,
            p_CLKOS_FPHASE=0,
            p_CLKOS2_ENABLE="DISABLED",
            p_CLKOS3_ENABLE="DISABLED",
            p_FEEDBK_PATH="CLKOP",
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            i_CLKI=self.source,
            i_CLKFB=loop,
            o_CLKOP=loop,
            o_CLKOS=self.clock,
            o_LOCK=self.locked,
            **zero,
        )
        return m


class Ecp5Multiplier(wiring.Component):
    """``MULT18X18D`` with its registers, as ``rtl_templates.mac_array.multiplier.Multiplier``.

    Yosys puts no register into the cell, whose product would then come too late for a fast clock.
    Lattice, "ECP5 and ECP5-5G sysDSP Usage Guide" (FPGA-TN-02205): operands of 18 bits, signed.

    Parameters
    ----------
    a_bits, b_bits : int
        At most 18, signed.
    """

    LATENCY = 2
    BITS = 18

    def __init__(self, a_bits, b_bits):
        if max(a_bits, b_bits) > self.BITS:
            raise ValueError(f"MULT18X18D takes {self.BITS} bits, not {a_bits} and {b_bits}")
        super().__init__(
            {
                "a": In(signed(a_bits)),
                "b": In(signed(b_bits)),
                "p": Out(signed(a_bits + b_bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        product = Signal(2 * self.BITS)
        ports = {f"o_P{k}": product[k] for k in range(2 * self.BITS)}
        for name, operand in (("A", self.a), ("B", self.b)):
            bits = Signal(signed(self.BITS), name=f"port_{name.lower()}")
            m.d.comb += bits.eq(operand)
            ports |= {f"i_{name}{k}": bits[k] for k in range(self.BITS)}
        ports |= {f"i_C{k}": Const(0, 1) for k in range(self.BITS)}
        m.submodules.cell = Instance(
            "MULT18X18D",
            p_REG_INPUTA_CLK="CLK0",
            p_REG_INPUTA_CE="CE0",
            p_REG_INPUTB_CLK="CLK0",
            p_REG_INPUTB_CE="CE0",
            p_REG_OUTPUT_CLK="CLK0",
            p_REG_OUTPUT_CE="CE0",
            i_SIGNEDA=Const(1, 1),
            i_SIGNEDB=Const(1, 1),
            i_SOURCEA=Const(0, 1),
            i_SOURCEB=Const(0, 1),
            i_CLK0=ClockSignal(),
            i_CE0=Const(1, 1),
            i_RST0=Const(0, 1),
            **ports,
        )
        m.d.comb += self.p.eq(product[: len(self.p)].as_signed())
        return m
