"""Adapter of the Lattice ECP5 family: the clock generator."""

from amaranth.hdl import Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Ecp5Pll"]


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
