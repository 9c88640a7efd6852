"""The signals of the memory port, as streams: one per AXI4 channel."""

from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

__all__ = ["PAGE", "AxiPort", "beat_layout", "check_burst"]

PAGE = 4096
"""Bytes; a burst must not cross a multiple of it (AMBA AXI4, A3.4.1)."""


def beat_layout(data_bits):
    """Return the layout of a beat to be written: ``data``, and which of its bytes (``strobe``)."""
    return StructLayout({"data": data_bits, "strobe": data_bits // 8})


class AxiPort(wiring.Signature):
    """A master's view of an AXI4 subset.

    INCR bursts of whole beats: ``AxSIZE`` is the data width, ``AxBURST`` is INCR, one ID,
    any write strobes, no locks, caches, qualities or regions.  The constants appear where
    the port leaves the accelerator, not here.

    Parameters
    ----------
    address_bits : int
        Of a byte address.
    data_bits : int
        Of a beat: 8 times a power of two, up to 1024.

    Members
    -------
    ar, aw : ``Out(stream)`` of ``address`` and ``length`` (beats - 1)
    r : ``In(stream)`` of ``data``, ``last`` and ``error`` (``RRESP[1]``)
    w : ``Out(stream)`` of ``data``, ``strobe`` (``WSTRB``: the bytes that are written) and ``last``
    b : ``In(stream)`` of ``error`` (``BRESP[1]``)
    """

    def __init__(self, address_bits, data_bits):
        if data_bits not in (8, 16, 32, 64, 128, 256, 512, 1024):
            raise ValueError(f"A beat must have 8 to 1024 bits, a power of two, not {data_bits}")
        self.address_bits = address_bits
        self.data_bits = data_bits
        burst = StructLayout({"address": address_bits, "length": 8})
        super().__init__(
            {
                "ar": Out(stream.Signature(burst)),
                "r": In(stream.Signature(StructLayout({"data": data_bits, "last": 1, "error": 1}))),
                "aw": Out(stream.Signature(burst)),
                "w": Out(
                    stream.Signature(
                        StructLayout({"data": data_bits, "strobe": data_bits // 8, "last": 1})
                    )
                ),
                "b": In(stream.Signature(StructLayout({"error": 1}))),
            }
        )


def check_burst(burst, data_bits):
    """Raise ValueError unless aligned bursts of this many beats keep within a page."""
    if burst not in (1, 2, 4, 8, 16, 32, 64, 128, 256) or burst * data_bits // 8 > PAGE:
        raise ValueError(
            f"A burst must have 1 to 256 beats, a power of two, and up to {PAGE} bytes; not "
            f"{burst} beats of {data_bits} bits"
        )
