"""Matrix product of two activations."""

from rtl_templates.arith.codes import bits_for
from rtl_templates.systolic.array_op import ArrayOp
from rtl_templates.systolic.loader import COLUMNS, ROWS
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
    signed : (bool, bool)
        Whether the codes of each input are.
    tokens, inner, features : int
    transposed : bool
    multiplier : int
    scale : Scale
    out_bits : int
    rows, columns : int
        Of the array: features and tokens at once.
    lanes : int
        Elements of a beat from the buffer to the array, a power of two.
    results : int
        Elements of a beat on ``o``; divides ``rows`` and ``features``.
    beat : int
        Elements of a beat on ``i``.
    """

    def __init__(
        self,
        *,
        x,
        signed,
        tokens,
        inner,
        features,
        transposed,
        multiplier,
        scale,
        out_bits,
        rows,
        columns,
        lanes,
        results,
        beat=1,
    ):
        if features % results:
            raise ValueError(f"Results must divide the {features} features, not {results}")
        wide = x.bits + (not all(signed))
        ends = -(1 << (wide - 1)), (1 << (wide - 1)) - 1
        products = [inner * a * b for a in ends for b in ends]
        shape = ArrayShape(
            rows=rows,
            columns=columns,
            lanes=lanes,
            beat=results,
            data_bits=x.bits,
            row_bits=wide,
            column_bits=wide,
            weight_bits=1,
            acc_bits=bits_for(*products),
            multiplier_bits=max(1, multiplier.bit_length()),
            out_bits=out_bits,
        )
        task = ArrayTask(
            kind="transposed" if transposed else "plain",
            tokens=tokens,
            inner=inner,
            features=features,
            column_signed=signed[0],
            row_signed=signed[1],
            scale=scale,
        )
        super().__init__(
            shape,
            task,
            [(COLUMNS, tokens * inner), (ROWS, inner * features)],
            beat=beat,
            channels=[multiplier << shape.acc_bits],
        )
