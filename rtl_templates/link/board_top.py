"""The circuit on a board: clock, reset, host link and the accelerator."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from rtl_templates.link.host_link import HostLink

__all__ = ["BoardTop"]


class BoardTop(wiring.Component):
    """An accelerator behind a :class:`HostLink`.

    Lights: 0 blinks while the clock runs, 1 is on while a request is carried out, 2 after a
    broken frame until the next good one; the others are off.

    Parameters
    ----------
    accelerator : wiring.Component
        With ``s_<name>``, ``m_<name>`` streams and the ``reg`` port.
    link : HostLink
        With the same streams.
    pll : Component or None
        Makes the accelerator's clock: members ``source``, ``clock``, ``locked``.  Without one the
        board's clock is used as it is.
    leds : int
        Number of lights.
    reset_low : bool or None
        Whether a pressed reset button reads 0; None if there is no button.
    ties : dict of str to int
        Pins with a constant level.
    blink : int
        Bits of the counter whose highest one is light 0.

    Members
    -------
    clk, rx, tx, button, led, tie_<name>
        Pins; ``button`` and ``led`` only if the board has them.
    """

    def __init__(self, accelerator, link, *, pll, leds, reset_low, ties, blink=24):
        if not isinstance(link, HostLink):
            raise TypeError(f"Link must be a HostLink, not {type(link).__name__}")
        self.accelerator = accelerator
        self.link = link
        self.pll = pll
        self.reset_low = reset_low
        self.ties = dict(ties)
        self.leds = leds
        self.blink = blink
        members = {"clk": In(1), "rx": In(1, init=1), "tx": Out(1, init=1)}
        if reset_low is not None:
            members["button"] = In(1, init=int(reset_low))
        if leds:
            members["led"] = Out(leds)
        members |= {f"tie_{name}": Out(1) for name in ties}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        asleep = Signal()
        if self.pll is None:
            m.d.comb += ClockSignal().eq(self.clk)
        else:
            m.submodules.pll = self.pll
            m.d.comb += [
                self.pll.source.eq(self.clk),
                ClockSignal().eq(self.pll.clock),
                asleep.eq(~self.pll.locked),
            ]
        pressed = Signal()
        if self.reset_low is not None:
            m.d.comb += pressed.eq(self.button ^ self.reset_low)
        # Asserted at once, released in step with the clock; the flip-flops start in reset.
        m.submodules.reset = ResetSynchronizer(asleep | pressed)

        m.submodules.link = link = self.link
        m.submodules.accelerator = ResetInserter(link.reset)(self.accelerator)
        m.d.comb += [link.rx.eq(self.rx), self.tx.eq(link.tx)]
        wiring.connect(m, link.reg, self.accelerator.reg)
        for name in link.inputs:
            wiring.connect(m, getattr(link, f"s_{name}"), getattr(self.accelerator, f"s_{name}"))
        for name in link.outputs:
            wiring.connect(m, getattr(self.accelerator, f"m_{name}"), getattr(link, f"m_{name}"))

        for name, level in self.ties.items():
            m.d.comb += getattr(self, f"tie_{name}").eq(level)
        if self.leds:
            counter = Signal(self.blink)
            m.d.sync += counter.eq(counter + 1)
            lights = [counter[-1], link.busy, link.error]
            for k, light in enumerate(lights[: self.leds]):
                m.d.comb += self.led[k].eq(light)
        return m
