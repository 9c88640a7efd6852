"""How an engine walks a tensor: the constants of a mover."""

from dataclasses import dataclass, replace
from math import prod

__all__ = ["Bend", "Level", "Skip", "Walk"]


@dataclass(frozen=True)
class Level:
    """One loop: ``count`` iterations, each ``dy`` and ``dx`` elements further.

    ``dy`` is a multiple of the row length and moves between rows; ``dx`` moves inside a row.
    ``dw`` counts words of weights, where a walk skips iterations: then they are not read in turn.
    """

    count: int
    dy: int = 0
    dx: int = 0
    dw: int = 0


@dataclass(frozen=True)
class Bend:
    """Words of ``size`` elements that run on from one segment into the next.

    The innermost level iterates over the words of the segments as if they were one; a word that
    begins in the next segment lies ``dy`` further, its last elements may be of the next one.
    """

    segment: int
    size: int
    dy: int

    def place(self, word: int) -> tuple[int, int]:
        """Return where a word begins: (y, x) relative to the first."""
        row, x = divmod(word * self.size, self.segment)
        return row * self.dy, x

    def turns(self, words: int) -> list[int]:
        """Return the words whose successor begins in the next segment."""
        return [k for k in range(words - 1) if self.place(k + 1)[0] != self.place(k)[0]]

    def beyond(self, words: int, element: int) -> list[int]:
        """Return the words of which an element is one of the next segment."""
        return [k for k in range(words) if self.place(k)[1] + element >= self.segment]


@dataclass(frozen=True)
class Skip:
    """The iterations that an inner level takes, by output row or by output column.

    Parameters
    ----------
    level
        Index of a level of the group.
    along
        The level of positions that decides: 0 (rows) or 1 (columns).
    taken
        For each iteration of that level: the first one that is taken, and the one after the
        last; never none.
    """

    level: int
    along: int
    taken: tuple[tuple[int, int], ...]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Iterations that are taken."""
        return tuple(end - first for first, end in self.taken)


@dataclass(frozen=True)
class Walk:
    """Nested loops over ``elements`` elements in rows of ``row``: a tensor and its history.

    Parameters
    ----------
    levels
        Outer to inner; the first two are output rows and output columns (positions).
    group
        How many of the innermost levels make up a group: the steps that lead to one packet of
        results.  A group starts only with permission and is never stopped inside.
    origin
        Position (y, x) of the first step in elements; negative where padding is read.
    reach
        Furthest element (y, x) that a position touches, relative to the position.
    idle
        Cycles to wait after the last step of each group (the results leave more slowly).
    skips
        Levels that leave out iterations at some positions: those that fall into padding.
    word
        First word of weights, where there are skips.
    history
        How many of the elements, the first ones, are the last ones of the tensors before.
    bend
        How the innermost level runs through segments, if words do not end with them.
    missing
        First elements that read as padding in the first tensor of a sequence: its history, and
        more if the first rows of a sequence do not count.
    mirror
        If not 0, elements outside are those as far inside of the edge: elements of a column.  No
        step is skipped, there is no history, and where columns are reflected a step reads one.
    own_columns
        Whether words of weights are counted over a row of positions, not over one position.
    """

    elements: int
    row: int
    levels: tuple[Level, ...]
    group: int
    origin: tuple[int, int] = (0, 0)
    reach: tuple[int, int] = (0, 0)
    idle: int = 0
    skips: tuple[Skip, ...] = ()
    word: int = 0
    history: int = 0
    missing: int = 0
    bend: Bend | None = None
    mirror: int = 0
    own_columns: bool = False

    def __post_init__(self):
        """Check what the mover's arithmetic rests on."""
        rows, columns = self.levels[:2]
        if rows.dx or columns.dy:
            raise ValueError("Output rows move in y only, output columns in x only")
        for skip in self.skips:
            most = self.levels[skip.level].count
            if len(skip.taken) != self.levels[skip.along].count or not all(
                0 <= first < end <= most for first, end in skip.taken
            ):
                raise ValueError(f"Every position takes some of {most} iterations, not {skip}")
        if self.history and not self.history <= self.missing:
            raise ValueError(f"A history of {self.history} is missing at first, not {self.missing}")

    @property
    def fresh(self) -> int:
        """Elements of a tensor, without its history."""
        return self.elements - self.history

    @property
    def steps(self) -> int:
        """Steps of the whole walk."""
        steps = prod(level.count for level in self.levels)
        for skip in self.skips:
            steps //= self.levels[skip.along].count * self.levels[skip.level].count
            steps *= sum(skip.lengths)
        return steps

    @property
    def groups(self) -> int:
        """Groups of the whole walk."""
        return prod(level.count for level in self.levels[: -self.group])

    @property
    def group_steps(self) -> int:
        """Steps of one group, the longest."""
        return prod(level.count for level in self.levels[-self.group :])

    @property
    def least_steps(self) -> int:
        """Steps of the shortest group."""
        steps = self.group_steps
        for skip in self.skips:
            steps = steps // self.levels[skip.level].count * min(skip.lengths)
        return steps

    def skipping(self, rows, columns) -> "Walk":
        """Return the walk of an engine with weights that takes only these iterations.

        Parameters
        ----------
        rows, columns
            By output row, iterations of the group's first level; by output column, of its
            second level, or of the third if the second does not iterate.
        """
        if self.bend:
            skips = (Skip(6, 0, tuple(rows)),)
            return replace(self.counting_words(), skips=skips)
        level = 5 if self.levels[5].count > 1 else 6
        skips = (Skip(4, 0, tuple(rows)), Skip(level, 1, tuple(columns)))
        skips = tuple(
            skip for skip in skips if set(skip.taken) != {(0, self.levels[skip.level].count)}
        )
        return replace(self.counting_words(), skips=skips) if skips else self

    def counting_words(self, first=0) -> "Walk":
        """Return the walk with the distances between its words of weights, from ``first`` on."""
        levels, words = list(self.levels), 1
        for k in range(len(levels) - 1, 0 if self.own_columns else 1, -1):
            levels[k] = replace(levels[k], dw=words)
            words *= levels[k].count
        return replace(self, levels=tuple(levels), word=first)

    @property
    def padded(self) -> bool:
        """Whether a position reads elements outside its row or the tensor, or missing ones."""
        bottom, right = self.ends
        outside = min(self.origin) < 0 or bottom >= self.elements or right >= self.row
        return bool(self.missing) or (outside and not self.mirror)

    @property
    def ends(self) -> tuple[int, int]:
        """The furthest place (y, x) that a position touches."""
        rows, columns = self.levels[:2]
        return (
            self.origin[0] + (rows.count - 1) * rows.dy + self.reach[0],
            self.origin[1] + (columns.count - 1) * columns.dx + self.reach[1],
        )

    @property
    def mirrored_columns(self) -> tuple[int, int]:
        """Columns that are reflected at the left and at the right end of a row."""
        if not self.mirror:
            return 0, 0
        right = self.ends[1] + 1 - self.row
        return -(min(0, self.origin[1]) // self.mirror), max(0, -(-right // self.mirror))

    def x_range(self) -> tuple[int, int]:
        """Return the smallest and largest x that a step starts at."""
        loops = [(level.count, level.dx) for level in self.levels]
        if self.bend:
            loops[-1] = (self.bend.segment, 1)
        return self._range(self.origin[1], loops)

    def y_range(self) -> tuple[int, int]:
        """Return the smallest and largest y that a step starts at."""
        loops = [(level.count, level.dy) for level in self.levels]
        if self.bend:
            loops.append((2, self.bend.place(self.levels[-1].count - 1)[0]))
        return self._range(self.origin[0], loops)

    def distance(self, level: int, axis: str, iteration: int) -> int:
        """Return how far an iteration of a level lies from its iteration 0, on ``dy`` ..."""
        if self.bend and level == len(self.levels) - 1 and axis != "dw":
            return self.bend.place(iteration)[["dy", "dx"].index(axis)]
        return iteration * getattr(self.levels[level], axis)

    @staticmethod
    def _range(start, loops):
        low = start + sum(min(0, (count - 1) * step) for count, step in loops)
        high = start + sum(max(0, (count - 1) * step) for count, step in loops)
        return low, high
