"""What the array needs to know about its size and its tasks."""

from dataclasses import dataclass

from rtl_templates.arith.requantize import Scale
from rtl_templates.attention.shape import LaneTask

__all__ = ["ArrayShape", "ArrayTask", "Chunks"]

KINDS = ("linear", "transposed", "plain", "attention")


@dataclass(frozen=True)
class ArrayShape:
    """Size of the array and widths in bits.

    Parameters
    ----------
    rows, columns
        ``R``: output features or keys at once; ``C``: tokens or query rows at once.
    lanes
        Elements of a beat read, a power of two.
    beat
        Elements of a beat written: a power of two that divides ``rows`` and every task's
        results of a token.
    data_bits
        Width of a code as it is read.
    row_bits, column_bits
        Widths of the signed operands: one bit more than ``data_bits`` where unsigned codes meet
        signed ones.  ``column_bits`` is at least 9 where there is attention.
    weight_bits
        Width of a signed weight.
    acc_bits
        Width of every sum, its bias included.
    multiplier_bits
        Width of an unsigned factor of requantisation.
    out_bits
        Width of a result.
    normalisers
        Attention: dividers and result multipliers; divides ``columns``, at most ``beat``.
    scores
        Attention: scores that a column gives per cycle, 1 or 2.
    """

    rows: int
    columns: int
    lanes: int
    beat: int
    data_bits: int
    row_bits: int
    column_bits: int
    weight_bits: int
    acc_bits: int
    multiplier_bits: int
    out_bits: int
    normalisers: int = 1
    scores: int = 1

    def __post_init__(self):
        for name in ("lanes", "beat"):
            value = getattr(self, name)
            if value < 1 or value & (value - 1):
                raise ValueError(f"{name.capitalize()} must be a power of two, not {value}")
        if self.rows % self.beat:
            raise ValueError(f"Beat must divide {self.rows} rows, not {self.beat}")

    @property
    def multipliers(self):
        """Processing elements."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Chunks:
    """How a task's operands lie in the tile buffers, in words of ``lanes`` elements.

    ``column_words``, ``row_words``, ``value_words``: words of a chunk in each memory;
    ``row_chunks``, ``value_chunks``: chunks of the rings; columns have two.
    """

    column_words: int
    row_words: int
    value_words: int
    row_chunks: int
    value_chunks: int

    @property
    def row_total(self):
        """Words of a row's memory."""
        return self.row_words * self.row_chunks + self.value_words * self.value_chunks


@dataclass(frozen=True)
class ArrayTask:
    """One op on the array.

    Parameters
    ----------
    kind
        ``linear`` (rows are output features, from the weight memory), ``transposed`` (rows are
        rows of the second operand), ``plain`` (rows are columns of the second operand) or
        ``attention``.
    tokens
        Rows of the first operand.
    inner, features
        Elements of a product, and results of a token (of a head).
    column_signed, row_signed
        Whether the operands read from memory are signed codes.
    scale
        Requantisation after the multiplication.
    weights
        First word in the weight memory: one word (of every row) per step of a token block.
    channels
        First word in the channel memory.
    per_channel
        Whether there is a word per output feature, the tasks's tiles filled up, or just one.
    lane
        What attention's lanes need; None for products.
    pinned
        Attention: tiles of sinks meet queries of their own, from a fourth operand.
    operands_stay
        ``linear``: operand stationary.  A tile holds ``rows`` elements of each token, and the
        weight memory has a word per feature, the last one first.
    """

    kind: str
    tokens: int
    inner: int
    features: int
    column_signed: bool
    row_signed: bool
    scale: Scale
    weights: int = 0
    channels: int = 0
    per_channel: bool = False
    lane: LaneTask | None = None
    pinned: bool = False
    operands_stay: bool = False

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"Kind must be one of {', '.join(KINDS)}, not {self.kind}")
        if (self.kind == "attention") != (self.lane is not None):
            raise ValueError("Attention, and nothing else, has lanes")
        if self.operands_stay and self.kind != "linear":
            raise ValueError(f"Operands stay in linear tasks only, not in {self.kind} ones")

    @property
    def heads(self):
        """Heads that are worked on one after the other: those of the keys."""
        return self.lane.kv_heads if self.lane else 1

    @property
    def group(self):
        """Query heads per key head."""
        return self.lane.group if self.lane else 1

    @property
    def entries(self):
        """Query rows, or tokens, of a head."""
        return self.tokens * self.group
