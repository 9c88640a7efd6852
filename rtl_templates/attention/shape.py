"""What the lanes of an array need to know about its size and its tasks."""

from dataclasses import dataclass

from rtl_templates.arith.requantize import Scale

__all__ = ["EMPTY", "FRACTION", "OCTAVE_BITS", "LaneShape", "LaneTask"]

FRACTION = 6
"""Fraction bits of a base-2 logarithm."""

OCTAVE_BITS = 12
"""Width of a logarithm's whole part, and of a tile's exponent."""

EMPTY = -2048
"""Whole part of the logarithm of a key that is not seen."""


@dataclass(frozen=True)
class LaneShape:
    """Size and widths in bits.

    Parameters
    ----------
    columns, tile
        Columns and rows of the array: query rows at once, keys of a tile.
    score_bits, sum_bits
        Width of a score (QK), of a tile's sum for one feature (PV).
    normalisers
        Dividers and result multipliers; divides ``columns``, at most ``lanes``.
    lanes
        Results per beat; divides every task's features.
    out_bits
        Width of a result.
    lag
        Slots from a tile's scores to its sums, at most: how many tiles are in the lanes at once.
    turns
        Columns of a lane, 1 or 2: with 2, lane c serves column c and then ``c + columns / 2``.
    scores
        Scores that a column gives per cycle, 1 or 2: with 2, a lane has two score units, which take
        turns by tiles, and the scores of the upper half of a tile's rows come first.
    """

    columns: int
    tile: int
    score_bits: int
    sum_bits: int
    normalisers: int
    lanes: int
    out_bits: int
    lag: int = 1
    turns: int = 1
    scores: int = 1

    def __post_init__(self):
        if self.lag not in (1, 2, 3):
            raise ValueError(f"Lag must be 1, 2 or 3, not {self.lag}")
        if self.tile < 4 or self.tile & (self.tile - 1):
            raise ValueError(f"Tile must be a power of two from 4 on, not {self.tile}")
        if self.columns % self.normalisers:
            raise ValueError(
                f"Normalisers must divide {self.columns} columns, not {self.normalisers}"
            )
        if self.normalisers > self.lanes:
            raise ValueError(f"Normalisers must be at most {self.lanes}, not {self.normalisers}")
        if self.turns not in (1, 2) or self.columns % (self.turns * self.normalisers):
            raise ValueError(
                f"Turns must be 1, or 2 if {self.columns} columns are a multiple of twice the "
                f"{self.normalisers} normalisers, not {self.turns}"
            )
        if self.scores not in (1, 2) or self.columns % self.scores or self.scores * self.turns > 2:
            raise ValueError(
                "Scores per cycle must be 1, or 2 for lanes of one of an even number of columns, "
                f"not {self.scores} for {self.turns} of {self.columns}"
            )

    @property
    def units(self):
        """Lanes."""
        return self.columns // self.turns

    @property
    def waiting(self):
        """Tiles of logarithms that wait for their numerators to be wanted."""
        return 2 if self.lag == 3 or self.scores == 2 else 1

    @property
    def banks(self):
        """Parts of a score unit's memory of logarithms: a tile of one column each."""
        return self.waiting // self.scores * self.turns

    @property
    def sources(self):
        """Where a score unit takes its scores in turn: columns, or halves of one."""
        return max(self.turns, self.scores)

    @property
    def side(self):
        """Columns that one alignment serves, one per cycle."""
        return self.columns // self.scores

    @property
    def score_turn(self):
        """Cycles from the scores, and numerators, of a lane's first column to its second's."""
        return max(self.tile, self.units)

    @property
    def later(self):
        """Cycles that numerators of the second columns come later than those of their row."""
        return self.score_turn - self.units if self.turns == 2 else 0

    def merge_turn(self, features):
        """Return the cycles from the sums of a lane's first column to its second's.

        Those of the second one come from a queue, which they must be in first.
        """
        return max(features, self.units + 2)

    def merge_step(self, features):
        """Return the least cycles between two tiles' sums."""
        second = self.merge_turn(features) if self.turns == 2 else 0
        return second + max(features, self.units // self.scores, 5)

    @property
    def score_step(self):
        """Least cycles between two tiles' scores."""
        second = self.score_turn if self.turns == 2 else 0
        return second + max(self.tile, self.units) // self.scores

    @property
    def row_bits(self):
        """Width of the number of a key in its tile."""
        return (self.tile - 1).bit_length()

    @property
    def total_bits(self):
        """Width of the sum of a tile's numerators."""
        return (self.tile * 255).bit_length()


@dataclass(frozen=True)
class LaneTask:
    """One op on the lanes; names as in ``hwgen.ops.work.Attend``.

    Parameters
    ----------
    multiplier, shift
        ``M`` and ``s``: from a score to its logarithm.
    sink_multiplier
        ``M`` of the tiles of the sinks, which meet other queries; else as ``multiplier``.
    result_multiplier, scale
        Requantisation of results times 2**16.
    padded
        Only the first ``length`` keys count.
    window, sinks
        As in ``Attend``; keys other than sinks lie in slots from the tile after the sinks on.
    cached
        Query 0 stands at position ``seen``; with a window, the keys after the sinks lie in a
        ring of ``ring`` slots.
    ring
        Slots of the ring, the last ones of ``keys``; 0 if there is none.
    kv4
        Keys and values have sizes: a key's is a factor of its logit (``multiplier`` is for a
        size of 256), a value's lowers its numerator.
    """

    multiplier: int
    sink_multiplier: int
    shift: int
    result_multiplier: int
    scale: Scale
    queries: int
    keys: int
    heads: int
    kv_heads: int
    features: int
    causal: bool = False
    window: int = 0
    sinks: int = 0
    padded: bool = False
    cached: bool = False
    ring: int = 0
    kv4: bool = False

    @property
    def group(self):
        """Query heads per key head."""
        return self.heads // self.kv_heads

    def base(self, tile):
        """Return the slot of the first key that is no sink: the first one of a tile."""
        return -(-self.sinks // tile) * tile

    def slots(self, tile):
        """Return the slots, the empty ones between sinks and other keys included."""
        return self.keys if self.cached else self.keys + self.base(tile) - self.sinks

    @property
    def entries(self):
        """Query rows per key head."""
        return self.queries * self.group
