"""Attention without a cache."""

from rtl_templates.systolic.array_op import ArrayOp
from rtl_templates.systolic.task import ArrayShape, ArrayTask

__all__ = ["Attention"]


class Attention(ArrayOp):
    """``softmax(q @ k.T) @ v`` of each head, in one pass with tile exponents.

    Bit for bit equal to ``hwgen.ops.attention``.  Latency, initiation interval and utilisation: see
    :class:`ArrayOp`.  A cache belongs to a plan, where it outlives the tensors.

    Parameters
    ----------
    x : Codes
        Of queries, keys and values; all fit 8-bit two's complement.
    lane : LaneTask
        Sizes, masks and factors.
    inner : int
        Elements of a head's query or key.
    acc_bits, out_bits : int
        Widths of a sum and of a result.
    tile, columns, scores : int
        Size of the array; scores that a column gives per cycle, 1 or 2.
    reads, lanes, beat : int
        Elements of a beat from the operands' memories, of a result, of an input.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array``
        Queries, keys, values, and the number of keys if the task is padded.
    o : ``Out(stream.Signature(lanes * out_bits))``
    """

    def __init__(
        self,
        *,
        x,
        lane,
        inner,
        acc_bits,
        out_bits,
        tile,
        columns,
        scores=1,
        reads=1,
        lanes=1,
        beat=1,
    ):
        if lane.cached:
            raise ValueError("A component of its own has no cache")
        operand = x.bits + (not x.signed)
        shape = ArrayShape(
            rows=tile,
            columns=columns,
            lanes=reads,
            beat=lanes,
            data_bits=x.bits,
            row_bits=operand,
            column_bits=max(operand, 9),
            weight_bits=1,
            acc_bits=acc_bits,
            multiplier_bits=1,
            out_bits=out_bits,
            scores=scores,
        )
        task = ArrayTask(
            kind="attention",
            tokens=lane.queries,
            inner=inner,
            features=lane.features,
            column_signed=x.signed,
            row_signed=x.signed,
            scale=lane.scale,
            lane=lane,
        )
        elements = (
            lane.queries * lane.heads * inner,
            lane.keys * lane.kv_heads * inner,
            lane.keys * lane.kv_heads * lane.features,
        )
        results = lane.queries * lane.heads * lane.features
        super().__init__(shape, task, elements, results, beat=beat, counted=lane.padded)
