"""How an engine walks a tensor: the constants of a mover."""

from dataclasses import dataclass

__all__ = ["Level", "Walk"]


@dataclass(frozen=True)
class Level:
    """One loop: ``count`` iterations, each ``dy`` and ``dx`` elements further.

    ``dy`` is a multiple of the row length and moves between rows; ``dx`` moves inside a row.
    """

    count: int
    dy: int = 0
    dx: int = 0


@dataclass(frozen=True)
class Walk:
    """Nested loops over a tensor of ``elements`` elements in rows of ``row``.

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
    """

    elements: int
    row: int
    levels: tuple[Level, ...]
    group: int
    origin: tuple[int, int] = (0, 0)
    reach: tuple[int, int] = (0, 0)
    idle: int = 0

    def __post_init__(self):
        """Check what the mover's arithmetic rests on."""
        rows, columns = self.levels[:2]
        if rows.dx or columns.dy:
            raise ValueError("Output rows move in y only, output columns in x only")

    @property
    def steps(self) -> int:
        """Steps of the whole walk."""
        steps = 1
        for level in self.levels:
            steps *= level.count
        return steps

    @property
    def group_steps(self) -> int:
        """Steps of one group."""
        steps = 1
        for level in self.levels[len(self.levels) - self.group :]:
            steps *= level.count
        return steps

    @property
    def padded(self) -> bool:
        """Whether a position touches elements outside its row or the tensor."""
        rows, columns = self.levels[:2]
        bottom = self.origin[0] + (rows.count - 1) * rows.dy + self.reach[0]
        right = self.origin[1] + (columns.count - 1) * columns.dx + self.reach[1]
        return min(self.origin) < 0 or bottom >= self.elements or right >= self.row

    def x_range(self) -> tuple[int, int]:
        """Return the smallest and largest x that a step starts at."""
        return self._range(self.origin[1], [(level.count, level.dx) for level in self.levels])

    def y_range(self) -> tuple[int, int]:
        """Return the smallest and largest y that a step starts at."""
        return self._range(self.origin[0], [(level.count, level.dy) for level in self.levels])

    @staticmethod
    def _range(start, loops):
        low = start + sum(min(0, (count - 1) * step) for count, step in loops)
        high = start + sum(max(0, (count - 1) * step) for count, step in loops)
        return low, high
