"""Where a stream's tensors begin and end."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import by_length, length_port, per_length

__all__ = ["TensorEnd"]


class TensorEnd(wiring.Component):
    """Counts the beats of a stream: the next one is the first, or the last, of a tensor.

    Latency: 0.  Parameters: ``beats`` of a tensor; several, if tensors have several lengths.

    Members
    -------
    transfer : ``In(1)``
        A beat is transferred in this cycle.
    index : ``Out``
        Number of the beat in its tensor.
    length : ``In``
        If there are several: index of the present tensor's length.
    first, last : ``Out(1)``
        The present beat is the first, the last of its tensor.
    """

    def __init__(self, beats):
        self.beats = per_length(beats)
        super().__init__(
            {
                **length_port(self.beats),
                "transfer": In(1),
                "index": Out(range(max(2, *self.beats))),
                "first": Out(1),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count = Signal.like(self.index)
        m.d.comb += [
            self.index.eq(count),
            self.first.eq(count == 0),
            self.last.eq(count == by_length([n - 1 for n in self.beats], self.length)),
        ]
        with m.If(self.transfer):
            m.d.sync += count.eq(Mux(self.last, 0, count + 1))
        return m
