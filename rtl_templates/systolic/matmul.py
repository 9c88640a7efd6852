"""Matrix product of two activations."""

from rtl_templates.systolic.array_op import ArrayOp
from rtl_templates.systolic.task import ArrayShape, ArrayTask

__all__ = ["Matmul"]


class Matmul(ArrayOp):
    """``y = a @ b``, or ``a @ b.T`` where ``b`` is (features, inner), requantised.

    In integers, rounding half up::

        y[t][f] = clamp(((sum(a[t][k] * b[k][f]) * multiplier + half) >> shift) + zero_point)

    bit for bit equal to ``hwgen.ops.matmul``.  Output stationary either way.  Latency and
    throughput: see :class:`ArrayOp`.

    Parameters
    ----------
    x : Codes
        Elements of both inputs.
    tokens, inner, features : int
    transposed : bool
    multiplier : int
    scale : Scale
    acc_bits, out_bits : int
        Widths of a sum and of a result.
    rows, columns : int
        Of the array: features and tokens at once.
    reads, lanes, beat : int
        Elements of a beat from the operands' memories, of a result, of an input.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(2)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    """

    def __init__(
        self,
        *,
        x,
        tokens,
        inner,
        features,
        transposed,
        multiplier,
        scale,
        acc_bits,
        out_bits,
        rows,
        columns,
        reads=1,
        lanes=1,
        beat=1,
    ):
        if features % lanes:
            raise ValueError(f"Lanes must divide the {features} features, not {lanes}")
        operand = x.bits + (not x.signed)
        shape = ArrayShape(
            rows=rows,
            columns=columns,
            lanes=reads,
            beat=lanes,
            data_bits=x.bits,
            row_bits=operand,
            column_bits=operand,
            weight_bits=1,
            acc_bits=acc_bits,
            multiplier_bits=max(1, multiplier.bit_length()),
            out_bits=out_bits,
        )
        task = ArrayTask(
            kind="transposed" if transposed else "plain",
            tokens=tokens,
            inner=inner,
            features=features,
            column_signed=x.signed,
            row_signed=x.signed,
            scale=scale,
        )
        super().__init__(
            shape,
            task,
            (tokens * inner, inner * features),
            tokens * features,
            beat=beat,
            channels=[multiplier << acc_bits],
        )
