"""Which keys lie where, and which of them a query sees.

Keys are numbered from 0 on: their *position*.  Tiles are runs of *slots*.  Sinks lie in the first
slots, other keys from the next tile on, so that sinks share no tile: their logarithms tower above
the others, of which a common exponent would leave nothing.  A cached window is a ring there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.tile_exponent import Seen
from hwgen.ops.work import Attend

__all__ = ["Arrivals", "Slots", "ring_start", "slots_for", "slots_of"]


def ring_start(attend: Attend) -> int:
    """Return the slot of the first key that is no sink, where a ring begins: the next tile."""
    return -(-attend.sinks // attend.tile) * attend.tile if attend.sinks else 0


def slots_of(attend: Attend) -> int:
    """Return the slots that are visited, the empty ones after the sinks included."""
    return attend.keys if attend.cached else attend.keys + ring_start(attend) - attend.sinks


def slots_for(tokens: int, window: int, sinks: int, tile: int) -> int:
    """Return the slots of a cached window: sinks, filled up to a tile, and the ring.

    The ring holds what the first of a tensor's ``tokens`` sees when the last one is stored.
    """
    return -(-sinks // tile) * tile + window + tokens - 1


@dataclass(frozen=True, eq=False)
class Arrivals:
    """What a cache holds when tensors come, one after the other since reset.

    A cache without a window that has no room for all tokens of a tensor is emptied before it.

    Parameters
    ----------
    before
        Tokens in the cache before each tensor.
    since
        Tokens that came before the cache was emptied last, by tensor.
    rows
        For each token, its row in all key tensors of the batch, one after the other.
    """

    before: Int
    since: Int
    rows: Int

    @classmethod
    def of(cls, attend: Attend, tokens: Int, longest: int) -> Arrivals:
        """Return it for tensors of so many tokens each, stored in ``longest`` rows."""
        before, since = np.zeros_like(tokens), np.zeros_like(tokens)
        held = emptied = 0
        for tensor, count in enumerate(tokens.tolist()):
            if not attend.window and held + count > attend.keys:
                emptied, held = emptied + held, 0
            before[tensor], since[tensor] = held, emptied
            held += count
        place = np.arange(longest)
        rows = (np.arange(len(tokens)) * longest)[:, None] + place
        return cls(before, since, rows[place < tokens[:, None]])


@dataclass(frozen=True, eq=False)
class Slots:
    """The keys that some tensors find.

    Parameters
    ----------
    position
        (tensors, slots): position of the key in each slot, -1 in an empty one; one row may
        stand for all tensors.
    index
        The same keys as rows of all key tensors of the batch, one after the other; 0 for none.
    query
        (tensors, queries): position of each query, or one row for all.
    """

    position: Int
    index: Int
    query: Int

    @classmethod
    def of(cls, attend: Attend, tensors: Int, arrivals: Arrivals | None = None) -> Slots:
        """Return what the tensors of these numbers (counted from reset) find.

        Parameters
        ----------
        arrivals
            With a cache; the tensors have ``attend.queries`` tokens each.
        """
        slot = np.arange(slots_of(attend))
        tokens = np.arange(attend.queries)
        start = ring_start(attend)
        if not attend.cached:
            row = np.where(slot < start, slot, slot - start + attend.sinks)
            empty = (slot >= attend.sinks) & (slot < start)
            position = np.where(empty | (row >= attend.keys), -1, row)
            rows = (tensors * attend.keys)[:, None] + np.maximum(position, 0)
            return cls(position[None], rows, (attend.keys - attend.queries + tokens)[None])
        assert arrivals is not None, "a cache fills in time"
        first = arrivals.before[tensors][:, None]
        last = first + attend.queries - 1
        if attend.window:
            age = (last - attend.sinks - (slot - start)) % (attend.keys - start)
            ring = np.where(last - age >= attend.sinks, last - age, -1)
            pinned = np.where((slot < attend.sinks) & (slot <= last), slot, -1)
            position = np.where(slot < start, pinned, ring)
        else:
            position = np.where(slot <= last, slot, -1)
        number = np.where(position < 0, 0, position) + arrivals.since[tensors][:, None]
        return cls(position, arrivals.rows[number], first + tokens)

    def seen(self, attend: Attend, lengths: Int | None) -> Seen:
        """Return which slots each query sees: (tensors, queries, slots), or one row for all.

        Parameters
        ----------
        lengths
            Keys of each tensor that count, or None if all do.
        """
        position, query = self.position[:, None], self.query[:, :, None]
        seen: Seen = np.broadcast_to(
            position >= 0, np.broadcast_shapes(position.shape, query.shape)
        )
        if lengths is not None:
            seen = seen & (position < lengths[:, None, None])
        if attend.causal:
            seen = seen & (position <= query)
        if attend.window:
            seen = seen & ((position > query - attend.window) | (position < attend.sinks))
        return seen
