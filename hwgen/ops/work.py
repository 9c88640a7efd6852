"""The work of an op in the canonical form that engines execute: loops over addresses.

Tensors travel and are stored in *stream order*: (height, width, channels) flattened with the
channel fastest; a sequence (tokens, features) and a vector are themselves.  Shapes elsewhere are
(channels, height, width).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

__all__ = ["Attend", "Loop", "OperandBlock", "Port", "Work"]


@dataclass(frozen=True)
class Loop:
    """``count`` iterations; each moves the read position by ``dy`` rows and ``dx`` elements."""

    count: int
    dy: int = 0
    dx: int = 0


@dataclass(frozen=True)
class Port:
    """The layout of one input: ``rows`` rows of ``row`` elements in stream order.

    Parameters
    ----------
    history
        How many of the rows, the first ones, are the last rows of the tensors before.  Positions
        count from the first of them.
    warmup
        Rows that count as padding when a sequence begins, besides its history: what came before
        the network saw the first row.
    """

    rows: int
    row: int
    history: int = 0
    warmup: int = 0

    @property
    def elements(self) -> int:
        """Elements that the op sees, those of its history too."""
        return self.rows * self.row

    @property
    def fresh(self) -> int:
        """Elements of a tensor: what is new each time."""
        return (self.rows - self.history) * self.row

    @property
    def missing(self) -> int:
        """First elements that count as padding in the first tensor of a sequence."""
        return (self.history + self.warmup) * self.row


@dataclass(frozen=True)
class Attend:
    """The products of ``matmul`` and ``attention`` work: see ``docs/attention.md``.

    Parameters
    ----------
    queries, keys
        Rows of the first operand, and rows of the second one that there can be.
    heads, kv_heads
        Query heads, and key heads; ``kv_heads`` divides ``heads`` (1 and 1 for ``matmul``).
    inner, features
        Elements of a head's query or key, and of its value or result row.
    tile
        Keys per tile: rows of the systolic array; part of attention's arithmetic.
    transposed
        ``matmul``: the second operand is (features, inner), else (inner, features).
    causal
        A query sees keys up to its own position: query ``q`` of ``queries`` stands at position
        ``keys - queries + q``, with a cache at ``seen + q``.
    window, sinks
        A query sees its last ``window`` keys and the first ``sinks`` ones; 0: all.  Sinks have
        tiles of their own, with or without a window (``hwgen.ops.attention_keys``).
    cached
        Keys and values stay from tensor to tensor in ``keys`` slots.
    padded
        The last port is one code: how many keys count.
    sink_queries
        The fourth port holds the queries that the sinks' tiles meet.
    kv4
        The cache keeps 4-bit codes with a size per token and key head.
    external
        The cache lies in external memory.
    """

    queries: int
    keys: int
    heads: int
    kv_heads: int
    inner: int
    features: int
    tile: int
    transposed: bool = False
    causal: bool = False
    window: int = 0
    sinks: int = 0
    cached: bool = False
    padded: bool = False
    sink_queries: bool = False
    kv4: bool = False
    external: bool = False


@dataclass(frozen=True)
class OperandBlock:
    """Elements of a row whose operands have the same width, in the order of their places.

    Parameters
    ----------
    elements
        Their indices in the row.
    bits
        4 or 8.
    """

    elements: tuple[int, ...]
    bits: int


@dataclass(frozen=True)
class Work:
    """One op as nested loops over its input in stream order, outputs in stream order too.

    For each ``row`` loop iteration, each ``column`` iteration, each ``channel`` iteration and
    each of ``outputs`` results: fold the elements that ``reduce`` and the ``elements``
    contiguous ones reach into one accumulator, then requantise it and emit it.  The position
    of an element is ``origin`` plus the sum of ``index * (dy, dx)`` of all loops; an element
    outside its row or outside the tensor is padding and reads as ``pad``.

    Parameters
    ----------
    kind
        ``mac`` (multiply by weights and add), ``sum``, ``max``, ``argmax``, ``copy`` (one
        element), ``add`` (one element of every port, each scaled), ``concat`` (per row: the
        ports' rows one after the other), ``mul`` (product of one element of each port),
        ``table`` (one element, looked up); ``norm`` and ``softmax`` (a row at a time, two
        passes); ``hadamard`` (a row at a time, one pass); ``pack`` (a row to 4 bits, and its
        size); ``matmul`` and ``attention`` (see ``attend``).
    ports
        One layout per input.  All loops but ``concat``'s apply to every port alike.
    row, column
        Loops over output positions.
    channel
        Convolution groups for ``mac`` (``dx`` = input channels of a group), channels for the
        others: a vector engine may take several iterations at once where ``dx`` is 1.
        For ``concat``, count is the channels of the result.
    outputs
        Results per group (``mac``: output channels / groups), else 1.
    reduce
        Loops whose elements are folded, outer first: kernel rows, kernel columns.
    elements
        Contiguous elements folded innermost (``mac``), else 1.
    origin
        Position (y in rows, x in elements) of the first element; negative with padding.
    pad
        Code of a padding element.
    mirror
        If not 0, there is no padding: an element outside is the one as far inside of the edge, its
        column of ``mirror`` elements and its row reflected.  No port has a history then, and runs
        of ``elements`` that reach over an end of a row lie inside of a column.
    own_columns
        Whether each column has weights and biases of its own (``mac``): output channels count the
        columns, too, the outermost.
    attend
        The products of ``matmul`` and ``attention``, whose row loop counts queries, channel
        loop heads, and ``outputs`` a head's features.
    blocks
        Of a linear layer (``mac``) whose elements are rounded to operands: see
        :class:`hwgen.ops.blocks.Blocks`.
    digits
        Of a weight of such a layer: see :func:`hwgen.ops.blocks.weight_digits`.
    """

    kind: str
    ports: tuple[Port, ...]
    row: Loop
    column: Loop
    channel: Loop
    outputs: int = 1
    reduce: tuple[Loop, ...] = ()
    elements: int = 1
    origin: tuple[int, int] = (0, 0)
    pad: int = 0
    mirror: int = 0
    own_columns: bool = False
    attend: Attend | None = None
    blocks: tuple[OperandBlock, ...] = ()
    digits: int = 1

    @property
    def positions(self) -> int:
        """Output positions."""
        return self.row.count * self.column.count

    @property
    def results(self) -> int:
        """Elements of the output tensor."""
        return self.positions * self.channel.count * self.outputs

    @property
    def sets(self) -> int:
        """How many sets of weights there are."""
        return self.column.count if self.own_columns else 1

    @property
    def macs(self) -> int:
        """Multiplications by a weight, padding included; 0 unless ``kind`` is ``mac``."""
        if self.kind != "mac":
            return 0
        return self.results * prod(loop.count for loop in self.reduce) * self.elements

    @property
    def digit_products(self) -> int:
        """Products of two digits, of a linear layer with ``blocks``."""
        each = sum(len(block.elements) * block.bits // 4 for block in self.blocks)
        return self.row.count * self.outputs * self.digits * each

    @property
    def segments(self) -> int:
        """Contiguous runs of ``elements`` per result."""
        return prod(loop.count for loop in self.reduce)
