"""The dataflow engine that joins the channels of several inputs."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.window_buffer import WindowBuffer
from rtl_templates.streams.credits import CreditQueue
from rtl_templates.vector.vector_core import VectorCore

__all__ = ["ConcatEngine"]


class ConcatEngine(wiring.Component):
    """Per position, the channels of input 0, then those of input 1, and so on.

    Every input is read front to back, ``lanes`` elements a step; a step waits for its own
    input only, and releases what it read.  Latency and throughput: :class:`VectorCore`, one
    beat per cycle.

    Parameters
    ----------
    shape, task
        See :class:`VectorCore`; one task.
    positions : int
        Positions of a tensor.
    channels : sequence of int
        Channels per input, multiples of ``lanes``.
    depths, beats, banks
        See :class:`WindowBuffer`, per input.
    queue : int
        Beats of the output queue.

    Members
    -------
    i, o, active, waiting : see :class:`rtl_templates.vector.vector_engine.VectorEngine`.
    """

    def __init__(self, shape, task, *, positions, channels, depths, beats, banks, queue):
        if any(count % shape.lanes for count in channels):
            raise ValueError(f"Channels must be multiples of {shape.lanes} lanes, not {channels}")
        self.core = VectorCore(shape, [task])
        self.chunks = [count // shape.lanes for count in channels]
        self.buffers = [
            WindowBuffer(
                elements=positions * count,
                depth=depth,
                bits=shape.x_bits,
                beat=beat,
                banks=bank_count,
                granule=shape.lanes,
                lanes=shape.lanes,
                reads=1,
                low=0,
                high=positions * count - shape.lanes,
            )
            for count, depth, beat, bank_count in zip(channels, depths, beats, banks, strict=True)
        ]
        self.queue = CreditQueue(shape.lanes * shape.out_bits, queue)
        super().__init__(
            {
                "i": In(stream.Signature(max(beats) * shape.x_bits)).array(len(self.buffers)),
                "o": Out(stream.Signature(shape.lanes * shape.out_bits)),
                "active": Out(1),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self.core
        m.submodules.queue = queue = self.queue
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        lanes = self.core.shape.lanes
        ports = len(self.buffers)
        port = Signal(range(max(2, ports)))
        chunk = Signal(range(max(2, *self.chunks)))
        has_data, has_room, step = Signal(), Signal(), Signal()
        m.d.comb += [has_room.eq(queue.room >= 1), step.eq(has_data & has_room)]

        for k, buffer in enumerate(self.buffers):
            m.submodules[f"buffer_{k}"] = buffer
            here = port == k
            position = Signal(range(max(2, buffer.elements)), name=f"position_{k}")
            following = position + lanes
            ends = following == buffer.elements
            m.d.comb += [
                buffer.i.payload.eq(self.i[k].payload),
                buffer.i.valid.eq(self.i[k].valid),
                self.i[k].ready.eq(buffer.i.ready),
                buffer.address[0].eq(position),
                buffer.release.eq(following),
                buffer.release_enable.eq(step & here),
                buffer.done.eq(ends),
            ]
            with m.If(here):
                m.d.comb += has_data.eq(buffer.level >= following)
            with m.If(step & here):
                m.d.sync += [position.eq(Mux(ends, 0, following)), chunk.eq(chunk + 1)]
                with m.If(chunk == self.chunks[k] - 1):
                    m.d.sync += [chunk.eq(0), port.eq(0 if k == ports - 1 else k + 1)]

        read_port = Signal.like(port)
        m.d.sync += read_port.eq(port)
        m.d.comb += [
            core.step.eq(step),
            core.first.eq(1),
            core.last.eq(1),
            core.port.eq(port),
            core.data.eq(Array(buffer.data[0] for buffer in self.buffers)[read_port]),
            queue.push.eq(core.beat_valid),
            queue.payload.eq(core.beat),
            queue.reserve.eq(step),
            self.active.eq(step),
            self.waiting.eq(has_data & ~has_room),
        ]
        return m
