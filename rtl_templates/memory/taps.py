"""The iterations that a level of a mover takes, where it skips some at the edges of a tensor."""

from amaranth.hdl import Const, Signal

from rtl_templates.memory.select import shape_for

__all__ = ["AXES", "Taps"]

AXES = ("dy", "dx", "dw")
"""What a level moves: rows, elements of a row, words of weights."""


class Taps:
    """First and last iteration of one level: at this position, at the next one, at a start.

    ``of(when)`` is ``first``, ``last``, and by axis the distance of the first iteration from
    iteration 0, as a mapping of values.  Those ``here`` are registers, those ``ahead`` a function
    of the next position's index, those at a ``start`` constants of the task.

    Parameters
    ----------
    field : TaskField
    walks : sequence of Walk
    level, along : int
        See :class:`rtl_templates.memory.walk.Skip`.
    """

    def __init__(self, field, walks, level, along):
        self.level = level
        self.along = along
        rows = [_taken(walk, level, along) for walk in walks]
        self._values = {
            "first": [[first for first, _ in row] for row in rows],
            "last": [[end - 1 for _, end in row] for row in rows],
        }
        for axis in AXES:
            self._values[axis] = [
                [walk.distance(level, axis, first) for first, _ in row]
                for row, walk in zip(rows, walks, strict=True)
            ]
        self.initial = {name: values[0][0] for name, values in self._values.items()}
        self._of = {"here": {}, "ahead": {}, "start": {}}
        for name, values in self._values.items():
            flat = [value for row in values for value in row]
            shape = shape_for(min(flat), max(flat))
            for when in ("here", "ahead"):
                self._of[when][name] = (
                    Const(flat[0], shape)
                    if len(set(flat)) == 1
                    else Signal(shape, init=flat[0], name=f"{name}_{level}_{when}")
                )
            self._of["start"][name] = field([row[0] for row in values], f"{name}_{level}_start")

    def of(self, when):
        """Return the values at this position, ``ahead``, or at a ``start``."""
        return self._of[when]

    def moves(self, axis):
        """Return the distances on an axis, by walk and position."""
        return [value for row in self._values[axis] for value in row]

    def follow(self, m, task, following, moves):
        """Look up the values at index ``following``; take them over with ``moves``."""
        for name, values in self._values.items():
            ahead, here = self._of["ahead"][name], self._of["here"][name]
            if isinstance(ahead, Const):
                continue
            if len(values) == 1:
                _look_up(m, ahead, following, values[0])
            else:
                with m.Switch(task):
                    for index, row in enumerate(values):
                        with m.Case(index):
                            _look_up(m, ahead, following, row)
            with m.If(moves):
                m.d.sync += here.eq(ahead)

    def begin(self):
        """Return the assignments that begin a task."""
        return [
            here.eq(self._of["start"][name])
            for name, here in self._of["here"].items()
            if not isinstance(here, Const)
        ]


def _taken(walk, level, along):
    for skip in walk.skips:
        if skip.level == level:
            return skip.taken
    return ((0, walk.levels[level].count),) * walk.levels[along].count


def _look_up(m, result, index, row):
    """Drive ``result`` with ``row[index]``: most positions have the same value."""
    usual = max(set(row), key=row.count)
    m.d.comb += result.eq(usual)
    places = {}
    for place, value in enumerate(row):
        places.setdefault(value, []).append(place)
    with m.Switch(index):
        for value, where in places.items():
            if value != usual:
                with m.Case(*where):
                    m.d.comb += result.eq(value)
