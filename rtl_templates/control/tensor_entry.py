"""Where tensors enter an accelerator: each is made whole, wherever its ``last`` comes."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from rtl_templates.control.tensor_end import TensorEnd
from rtl_templates.memory.select import length_port, per_length

__all__ = ["TensorEntry"]


class TensorEntry(wiring.Component):
    """Makes one whole tensor of the beats up to each ``last``.

    If it comes early, the tensor's other beats are ``fill``, and no beat is taken meanwhile.  If it
    comes late, the beats after the tensor's own are taken and dropped, that with ``last`` included.
    So a stream that lost or gained beats is in step again with the next tensor, and several
    streams stay in step with each other.

    Latency: 0.  Throughput: 1 beat per cycle; a tensor of the right size takes no cycle more.

    Parameters
    ----------
    width : int
        Bits of a beat.
    beats : int or sequence of int
        Of a tensor; several, if tensors have several lengths.
    fill : int
        A beat that stands for what did not come.

    Members
    -------
    i : ``In(stream.Signature({"data": width, "last": 1}))``
    o : ``Out(stream.Signature(width))``
    length : ``In``
        If there are several: index of the present tensor's length.
    begins : ``Out(1)``
        The first beat of a tensor is transferred in this cycle.
    misplaced : ``Out(1)``
        A beat came with ``last`` that is not its tensor's last one, or the last one without it;
        high once for a tensor.
    """

    def __init__(self, width, beats, fill=0):
        self.beats = per_length(beats)
        self.fill = fill
        super().__init__(
            {
                **length_port(self.beats),
                "i": In(stream.Signature(StructLayout({"data": width, "last": 1}))),
                "o": Out(stream.Signature(width)),
                "begins": Out(1),
                "misplaced": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.end = end = TensorEnd(self.beats)
        filling, dropping = Signal(), Signal()
        last = self.i.payload.last
        passes = self.i.valid & self.i.ready & ~dropping
        m.d.comb += [
            end.length.eq(self.length),
            end.transfer.eq(self.o.valid & self.o.ready),
            self.o.valid.eq(filling | (self.i.valid & ~dropping)),
            self.o.payload.eq(Mux(filling, self.fill, self.i.payload.data)),
            self.i.ready.eq(dropping | (self.o.ready & ~filling)),
            self.begins.eq(end.transfer & end.first),
            self.misplaced.eq(passes & (last != end.last)),
        ]
        with m.If(self.misplaced):
            m.d.sync += [filling.eq(last), dropping.eq(~last)]
        with m.Elif(filling):
            m.d.sync += filling.eq(~(end.transfer & end.last))
        with m.Elif(self.i.valid & last):
            m.d.sync += dropping.eq(0)
        return m
