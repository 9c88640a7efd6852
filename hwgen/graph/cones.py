"""Where zero padding reaches in a window: rows at its ends that are not those of the stream.

A window that is padded with zeros shares most of its rows with the network over the whole signal.
Of each tensor only the first ones and the last ones depend on the padding, more with every layer:
two cones, which a window has for itself.  The rows between them are rows of the stream, and the
newest row there, when a window's last hop has come, is the last one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from hwgen.graph.streaming import Pace
from hwgen.ops.history import RowWindow

__all__ = ["Cones", "Ends"]


@dataclass(frozen=True)
class Ends:
    """Rows of a tensor in a window: those before ``first`` and from ``last`` on depend on padding.

    Parameters
    ----------
    rows
        All of them.
    """

    rows: int
    first: int
    last: int
    pace: Pace


class Cones:
    """The ends of every tensor, and what the rows there are made of.

    Parameters
    ----------
    rows
        Of the tensors in a window.
    links
        The nodes that work row by row in topological order: name, and what it reads.  None makes
        more rows than it reads.
    windows, paces
        By node, and by tensor.
    """

    def __init__(
        self,
        rows: Mapping[str, int],
        links: Iterable[tuple[str, Sequence[str]]],
        windows: Mapping[str, RowWindow],
        paces: Mapping[str, Pace],
    ) -> None:
        self.ends: dict[str, Ends] = {}
        self._windows = windows
        made = dict(links)
        for name, count in rows.items():
            first, last = 0, count
            if name in made:
                window, sources = windows[name], [self.ends[source] for source in made[name]]
                reach = max(source.first for source in sources) + window.left
                first = min(-(-reach // window.stride), count)
                room = min(source.last for source in sources) + window.left - window.extent
                last = room // window.stride + 1
            self.ends[name] = Ends(count, first, last, paces[name])
        self._links = made

    def front(self, name: str) -> int:
        """Return how many rows of its inputs a node's first rows need, from the first one on."""
        window = self._windows[name]
        return (self.ends[name].first - 1) * window.stride - window.left + window.extent

    def back(self, name: str) -> int:
        """Return the first row of its inputs that a node's last rows need."""
        window = self._windows[name]
        return self.ends[name].last * window.stride - window.left

    def least_hop(self, pooled: Iterable[str]) -> int | None:
        """Return the rows of the inputs that a hop needs at least; None if no hop is enough.

        The rows of the stream that a cone reads come with the hop at whose end of the window it is.
        """
        least = Fraction(1)
        for name in pooled:
            ends = self.ends[name]
            least = max(least, (ends.first + ends.pace.delay + 1) * ends.pace.stride)
        for name, sources in self._links.items():
            ends = self.ends[name]
            if ends.first >= ends.last:
                return None
            for source in (self.ends[source] for source in sources):
                stride = source.pace.stride
                if ends.first and self.front(name) > source.first:
                    least = max(least, (self.front(name) + source.pace.delay) * stride)
                if ends.last < ends.rows:
                    if self.back(name) < source.first:
                        return None
                    least = max(least, (source.last - self.back(name)) * stride)
        return ceil(least)
