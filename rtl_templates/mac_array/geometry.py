"""How a layer is cut into passes over the array, and when each of them runs."""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from rtl_templates.arith.codes import bits_for
from rtl_templates.arith.requantize import Scale
from rtl_templates.mac_array.digits import digits_of, reach
from rtl_templates.packing.forms import W4A4

__all__ = ["FORM", "Block", "Geometry", "InnerTile", "Layer"]

FORM = W4A4["matrix_18x18"]
"""Two tokens, or the two digits of one, by two outputs."""

TOKENS, OUTPUTS = FORM.counts


@dataclass(frozen=True)
class Block:
    """Input channels whose operands have the same width and step.

    ``operand = clamp(round_half_up(code / 2**shift))`` joins the sum as ``operand * 2**up``.

    Parameters
    ----------
    channels : tuple of int
        In the order of their places.
    bits : int
        4: two tokens per step.  8: one token, in two signed digits.
    shift : int
        Step of the operand in steps of the input's codes, as a power of two.
    up : int
        Step of the operand in steps of the sum, as a power of two.
    """

    channels: tuple
    bits: int
    shift: int = 0
    up: int = 0

    def __post_init__(self):
        if self.bits not in (4, 8):
            raise ValueError(f"A block has 4 or 8 bits, not {self.bits}")
        if min(self.shift, self.up) < 0:
            raise ValueError(f"A step is a power of two from 1 on, not {self}")

    def operands(self, signed):
        """Return the least and the largest operand: 8 bits are ``16 * [-8, 7] + [-8, 7]``."""
        if not signed:
            return 0, (1 << self.bits) - 1
        return -(1 << (self.bits - 1)), 7 if self.bits == 4 else 16 * 7 + 7


@dataclass(frozen=True)
class InnerTile:
    """The places of a block that are in the array at the same time.

    Parameters
    ----------
    block : Block
    channels : tuple of int
        One per row of the array, at most; the rows below have no weights.
    """

    block: Block
    channels: tuple

    @property
    def wide(self):
        """Whether a step takes one token."""
        return self.block.bits == 8


@dataclass(frozen=True)
class Layer:
    """A linear layer in integers, token by token.

    Rounding half up::

        y[o] = clamp((((sum + biases[o]) * multipliers[o] + half) >> scale.shift) + zero)

    Parameters
    ----------
    tokens : int
    weights : sequence of sequence of int
        (output, input channel), in [-7, 7], of two digits in [-112, 112].
    biases, multipliers : sequence of int
        Per output.
    blocks : sequence of Block
        Every input channel is in one of them.
    scale : Scale
    signed : bool
        Of the input's codes.
    digits : int
        1 or 2 of a weight, see :mod:`rtl_templates.mac_array.digits`.  A digit of an output's
        weights takes the place of an output; the drain joins their sums.
    """

    tokens: int
    weights: tuple
    biases: tuple
    multipliers: tuple
    blocks: tuple
    scale: Scale
    signed: bool
    digits: int = 1

    def __post_init__(self):
        channels = sorted(channel for block in self.blocks for channel in block.channels)
        if self.tokens < 1 or channels != list(range(len(self.weights[0]))):
            raise ValueError("A layer needs tokens, and every input channel in one block")
        if self.digits not in (1, 2):
            raise ValueError(f"A weight has 1 or 2 digits, not {self.digits}")
        low = min(min(row) for row in self.weights)
        high = max(max(row) for row in self.weights)
        most = reach(self.digits)
        if low < -most or high > most:
            raise ValueError(f"Weights must be in [-{most}, {most}], not [{low}, {high}]")
        if not len(self.weights) == len(self.biases) == len(self.multipliers):
            raise ValueError("A layer needs a bias and a multiplier per output")

    @property
    def outputs(self):
        """Results per token."""
        return len(self.weights)

    @property
    def channels(self):
        """Elements of a token."""
        return len(self.weights[0])

    def offset(self, output):
        """Return what joins a sum for unsigned operands, whose digits are stored less 8."""
        if self.signed:
            return 0
        return sum(
            (8 if block.bits == 4 else 8 + 16 * 8)
            * (sum(int(self.weights[output][c]) for c in block.channels) << block.up)
            for block in self.blocks
        )

    def weight_digits(self, output):
        """Return the weights of an output digit by digit, the least first: (digit, channel)."""
        parts = [digits_of(int(weight), self.digits) for weight in self.weights[output]]
        return list(zip(*parts, strict=True))

    @cached_property
    def sum_bits(self):
        """Width that holds every sum of products by one digit of each weight, on its way too."""
        low = high = 0
        for o in range(self.outputs):
            for row in self.weight_digits(o):
                least, most = self._ends(row)
                low, high = min(low, least), max(high, most)
        return bits_for(low, high)

    @cached_property
    def acc_bits(self):
        """Width that holds every sum of products by whole weights, and the result with its bias."""
        low = high = 0
        for o, row in enumerate(self.weights):
            least, most = self._ends(row)
            bias = int(self.biases[o]) + self.offset(o)
            low = min(low, least + min(0, bias))
            high = max(high, most + max(0, bias))
        return max(self.sum_bits, bits_for(low, high))

    def _ends(self, row):
        """Return the least and the largest sum of products by a row of numbers, in any order."""
        low = high = 0
        for block in self.blocks:
            least, most = block.operands(self.signed)
            if not self.signed:  # as digits
                least, most = (value - (8 if block.bits == 4 else 136) for value in (least, most))
            for c in block.channels:
                pair = sorted((int(row[c]) * least << block.up, int(row[c]) * most << block.up))
                low, high = low + min(0, pair[0]), high + max(0, pair[1])
        return low, high


@dataclass(frozen=True)
class Geometry:
    """A layer on an array.

    Parameters
    ----------
    layer : Layer
    rows, columns : int
        Of tiles.
    lanes : int
        Results per beat; divides :attr:`width`.
    beat : int
        Input codes per beat, or per read of a buffer, which may reach beyond a tile's channels.
    fabric : int
        Columns, the last ones, that take no multiplier of the device.
    """

    layer: Layer
    rows: int
    columns: int
    lanes: int
    beat: int = 1
    fabric: int = 0

    TURN = 4
    """Cycles from the read of a sum until it can be read again, changed."""

    def __post_init__(self):
        if min(self.rows, self.columns, self.lanes, self.beat) < 1 or self.width % self.lanes:
            raise ValueError(
                f"Lanes must divide the {self.width} outputs at once, not {self.lanes}"
            )

    @cached_property
    def inner(self):
        """Inner tiles, block by block."""
        return tuple(
            InnerTile(block, block.channels[start : start + self.rows])
            for block in self.layer.blocks
            for start in range(0, len(block.channels), self.rows)
        )

    @property
    def width(self):
        """Outputs of a full tile of outputs: a column has two digits, of one output or of two."""
        return OUTPUTS * self.columns // self.layer.digits

    @property
    def pairs(self):
        """Pairs of tokens."""
        return -(-self.layer.tokens // TOKENS)

    def steps(self, wide):
        """Return the steps of a pass."""
        return self.layer.tokens if wide else self.pairs

    def length(self, wide):
        """Return the cycles of a pass.

        Until it ends the next tile's weights are loaded, and the sums of its last pair of tokens
        can be read by a pass that comes to them sooner.
        """
        steps = self.steps(wide)
        return max(steps, self.columns, self.TURN + steps - self.pairs)

    @cached_property
    def bases(self):
        """Where the operands of each inner tile begin, and where the last ones end, in words."""
        return tuple(accumulate((self.steps(tile.wide) for tile in self.inner), initial=0))

    @cached_property
    def outer(self):
        """Outputs of each tile of outputs."""
        width, outputs = self.width, self.layer.outputs
        return tuple(min(width, outputs - start) for start in range(0, outputs, width))

    def digit_row(self, start, place):
        """Return (output, digit) at a place of a tile of outputs, two places to a column.

        All least digits come first, then all next ones: so the drain finds those of an output
        ``width`` places apart, and takes the least ones where it takes outputs of one digit.
        """
        return start + place % self.width, place // self.width

    def beats(self, outputs):
        """Return the beats of a token in a tile of so many outputs."""
        return -(-outputs // self.lanes)

    @property
    def loads(self):
        """Items of the trains of weights of all passes."""
        return len(self.outer) * len(self.inner) * self.columns

    @property
    def cycles(self):
        """Cycles of all passes of a tensor: its initiation interval, if nothing else is slower."""
        return len(self.outer) * sum(self.length(tile.wide) for tile in self.inner)

    @property
    def macs(self):
        """Multiplications per cycle by 4-bit operands."""
        return self.rows * self.columns * FORM.products

    @property
    def utilisation(self):
        """Useful multiplications of digits per multiplier lane and cycle, 0 to 1."""
        digits = sum(len(tile.channels) * (1 + tile.wide) for tile in self.inner)
        useful = self.layer.tokens * self.layer.outputs * self.layer.digits * digits
        return useful / (self.cycles * self.macs)
