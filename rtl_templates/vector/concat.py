"""Tensors one after the other along the channels."""

from rtl_templates.memory.fit import bank_count
from rtl_templates.vector.concat_engine import ConcatEngine
from rtl_templates.vector.vector_core import VectorCore, VectorShape
from rtl_templates.vector.vector_op import sum_bits, sum_task

__all__ = ["Concat"]


class Concat(ConcatEngine):
    """Per position the channels of each input in order, brought to one type.

    ``y = clamp(((x * multipliers[k] + offsets[k] + half) >> shift) + zero_point, low, high)``
    for elements of input k, bit for bit equal to ``hwgen.ops.concat``.  Latency: a beat is
    offered ``VectorCore.LATENCY + 1`` cycles after the step that reads it.  Initiation interval:
    ``positions * sum(channels) / lanes`` cycles per tensor.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
        Elements of every input; a narrower input is extended by its driver.
    positions : int
        Pixels of a tensor (a vector has 1).
    channels : sequence of int
        Per input, multiples of ``lanes``.
    multipliers, offsets : sequence of int
        Per input; factors are unsigned and below ``2**16``.
    scale : Scale
    out_bits : int
        Width of a result.
    lanes : int
        Channels at once, a power of two; also results per beat.
    beat : int
        Elements of a beat on each ``i``, a power of two that divides the tensors.
    depth, queue : int or None
        Elements of each window buffer, beats of the output queue.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(inputs)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`VectorEngine`.

    Attributes
    ----------
    cycles : int
        Cycles in which the engine is busy with one tensor.
    """

    def __init__(
        self,
        *,
        x,
        positions,
        channels,
        multipliers,
        offsets,
        scale,
        out_bits,
        lanes=1,
        beat=1,
        depth=None,
        queue=None,
    ):
        ports = len(channels)
        if not len(multipliers) == len(offsets) == ports:
            raise ValueError(f"Multipliers and offsets must be {ports}, one per input")
        task = sum_task(x, scale, multipliers, offsets)
        banks = bank_count(beat, lanes)
        # A whole tensor: inputs may come one after the other.
        depths = [depth or -(-positions * count // banks) * banks for count in channels]
        self.cycles = positions * sum(channels) // lanes
        super().__init__(
            VectorShape(
                lanes=lanes,
                ports=ports,
                x_bits=x.bits,
                acc_bits=sum_bits(x, task),
                out_bits=out_bits,
            ),
            task,
            positions=positions,
            channels=list(channels),
            depths=depths,
            beats=[beat] * ports,
            banks=[banks] * ports,
            queue=queue or VectorCore.LATENCY + 5,
        )
