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

__all__ = ["Slots", "ring_start", "slots_for", "slots_of"]


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
    def of(cls, attend: Attend, tensors: Int, capacity: int) -> Slots:
        """Return what the tensors of these numbers (counted from reset) find.

        Parameters
        ----------
        capacity
            Tensors after which a cache is full and an empty one begins; 0: never.
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
        earlier = tensors // capacity * capacity if capacity else np.zeros_like(tensors)
        first = ((tensors - earlier) * attend.queries)[:, None]
        last = first + attend.queries - 1
        if attend.window:
            age = (last - attend.sinks - (slot - start)) % (attend.keys - start)
            ring = np.where(last - age >= attend.sinks, last - age, -1)
            pinned = np.where((slot < attend.sinks) & (slot <= last), slot, -1)
            position = np.where(slot < start, pinned, ring)
        else:
            position = np.where(slot <= last, slot, -1)
        index = np.where(position < 0, 0, position + (earlier * attend.queries)[:, None])
        return cls(position, index, first + tokens)

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
