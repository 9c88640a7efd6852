"""Sizes that fit a walk: banks, granule, depth of the window buffer, beats of the queue."""

from math import gcd

__all__ = ["bank_count", "buffer_depth", "granule_of", "queue_beats"]

_SLACK_BEATS = 4
"""Beats beyond the rows: a release takes some cycles to become the next beat written."""


def bank_count(beat, reads):
    """Return the power of two that is at least a beat and the elements of a read."""
    return 1 << (max(beat, reads) - 1).bit_length()


def granule_of(walk, banks, pitch=0):
    """Return the power of two, at most ``banks``, that divides every address of a walk.

    ``pitch`` separates parallel reads.
    """
    steps = [step for level in walk.levels if level.count > 1 for step in (level.dy, level.dx)]
    edges = (walk.mirror, walk.row) if walk.mirror else ()
    return gcd(banks, pitch, *walk.origin, *steps, *edges)


def buffer_depth(walk, beat, banks):
    """Return elements that hold the rows of a position and those that the next row needs.

    A position waits for less than its window's rows and the step to the next ones, the first one
    also for rows that it leaves out, and the last one for the rest of the tensor; two whole tensors
    and a history are always enough.
    """
    count, step = walk.levels[0].count, walk.levels[0].dy
    window = max(walk.reach[0], walk.history) + walk.row + step + max(walk.origin[0], 0)
    rest = walk.elements - walk.origin[0] - (count - 1) * step
    rows = max(window, rest) + _SLACK_BEATS * beat
    return -(-min(rows, walk.history + 2 * walk.fresh) // banks) * banks


def queue_beats(walk, latency, beats):
    """Return the beats of a queue that a ready sink never lets run out of room.

    The place of a beat is taken when its group starts and is free again
    ``steps + latency + beats + 1`` cycles later.
    """
    pending = walk.group_steps + latency + beats + 2
    return beats * (-(-pending // (walk.least_steps + walk.idle)) + 1)
