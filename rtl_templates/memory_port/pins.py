"""The memory port under the names and with the constants of AXI4."""

from amaranth.hdl import Const, Signal

__all__ = ["axi_pins"]

_INCR = 1


def axi_pins(m, port, prefix):
    """Return the pins of an :class:`AxiPort`, connected: a list of (signal, is_input).

    Constant outputs: ID 0, the size of a whole beat, INCR.  A response is an
    error if its upper bit is set (AMBA AXI4, A3.4.4); IDs of responses are not looked at.

    Parameters
    ----------
    m : Module
        Gets the connections.
    port : interface of AxiPort
    prefix : str
        ``m_axi_mem`` gives ``m_axi_mem_araddr``, ...
    """
    pins = []

    def output(name, value):
        pin = Signal(len(value), name=f"{prefix}_{name}")
        m.d.comb += pin.eq(value)
        pins.append((pin, False))

    def entry(name, member, bits=None):
        pin = Signal(bits or len(member), name=f"{prefix}_{name}")
        m.d.comb += member.eq(pin if bits is None else pin[-1])
        pins.append((pin, True))

    data_bits = len(port.w.payload.data)
    for name, channel in (("ar", port.ar), ("aw", port.aw)):
        output(f"{name}id", Const(0, 1))
        output(f"{name}addr", channel.payload.address)
        output(f"{name}len", channel.payload.length)
        output(f"{name}size", Const((data_bits // 8).bit_length() - 1, 3))
        output(f"{name}burst", Const(_INCR, 2))
        output(f"{name}valid", channel.valid)
        entry(f"{name}ready", channel.ready)
    output("wdata", port.w.payload.data)
    output("wstrb", port.w.payload.strobe)
    output("wlast", port.w.payload.last)
    output("wvalid", port.w.valid)
    entry("wready", port.w.ready)
    pins.append((Signal(1, name=f"{prefix}_rid"), True))
    entry("rdata", port.r.payload.data)
    entry("rresp", port.r.payload.error, 2)
    entry("rlast", port.r.payload.last)
    entry("rvalid", port.r.valid)
    output("rready", port.r.ready)
    pins.append((Signal(1, name=f"{prefix}_bid"), True))
    entry("bresp", port.b.payload.error, 2)
    entry("bvalid", port.b.valid)
    output("bready", port.b.ready)
    return pins
