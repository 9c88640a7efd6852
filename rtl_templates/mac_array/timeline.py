"""When a layer on the array does what, without a simulation."""

from dataclasses import dataclass

from rtl_templates.mac_array.drain import Drain
from rtl_templates.mac_array.edge import Edge
from rtl_templates.mac_array.foot import Foot
from rtl_templates.mac_array.loader import Loader
from rtl_templates.mac_array.tile import Tile

__all__ = ["TensorTimes", "sink", "timeline"]


@dataclass(frozen=True)
class TensorTimes:
    """Cycles of one tensor's events, 0 the first one in which an input beat is offered.

    Parameters
    ----------
    first_in, last_in
        Transfers of its first and last beat.
    begins, ends
        First step, last cycle of the last pass.
    first_out, last_out
        Transfers of its first and last beat of results.
    """

    first_in: int
    last_in: int
    begins: int
    ends: int
    first_out: int
    last_out: int


def sink(rows, columns):
    """Return the cycles from a step until the last column's result of it can be read."""
    grid = rows - 1 + Tile.LATENCY
    return Edge.LATENCY + grid - 1 + columns - 1 + Foot.READ


def timeline(geometry, tensors=1):
    """Return the times of tensors one after the other, streams that never wait.

    Exact: recurrences over passes and banks of results.

    Parameters
    ----------
    geometry : Geometry
    tensors : int
    """
    layer = geometry.layer
    beats = layer.tokens * layer.channels // geometry.beat
    times, releases, drains = [], [], []
    last_in, free = -1, geometry.columns
    for number in range(tensors):
        first_in = last_in + 1
        if number >= 2:
            first_in = max(first_in, releases[number - 2] + geometry.rows + 1)
        last_in = first_in + beats - 1
        free = max(free, last_in + Loader.LATENCY + 1)
        first_drain = len(drains)
        for n, outputs in enumerate(geometry.outer):
            for k, tile in enumerate(geometry.inner):
                if k == len(geometry.inner) - 1 and len(drains) >= 2:
                    free = max(free, drains[-2][1] + 1)  # until one of two banks is read
                if n == k == 0:
                    begins = free
                final = free + geometry.steps(tile.wide) - 1
                free += geometry.length(tile.wide)
            start = max(
                final + sink(geometry.rows, geometry.columns), drains[-1][1] + 1 if drains else 0
            )
            drains.append((start, start + layer.tokens * geometry.beats(outputs) - 1))
        releases.append(final)
        times.append(
            TensorTimes(
                first_in=first_in,
                last_in=last_in,
                begins=begins,
                ends=free - 1,
                first_out=drains[first_drain][0] + Drain.LATENCY,
                last_out=drains[-1][1] + Drain.LATENCY,
            )
        )
    return times
