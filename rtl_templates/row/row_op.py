"""What stand-alone ops on rows share: from a core to an engine of full speed."""

from rtl_templates.memory.fit import bank_count, buffer_depth, granule_of, queue_beats
from rtl_templates.row.row_engine import RowEngine, row_walk

__all__ = ["RowOp"]


class RowOp(RowEngine):
    """A :class:`RowEngine` made from a core and plain integers.

    Parameters
    ----------
    core : NormCore, SoftmaxCore or HadamardCore
        With one task.
    rows : int
        Rows of a tensor.
    latency : int
        Cycles from a row's last step to its first beat.
    beat : int
        Elements of a beat on ``i``, a power of two that divides the tensor.
    depth, queue : int or None
        Elements of the window buffer, beats of the output queue; None: enough for full speed
        of the engine.

    Attributes
    ----------
    cycles : int
        Cycles in which the engine is busy with one tensor: the initiation interval, unless
        the streams are slower.
    utilisation : float
        Part of these in which a lane works, 0 to 1.
    """

    @staticmethod
    def _queue(walk, latency):
        """Return the beats with which a ready sink never lets the queue run out of room."""
        beats = walk.group_steps
        # The places of a row are free again one by one: at most one beat per cycle is under way.
        return min(queue_beats(walk, latency, beats), 3 * beats + latency + 2)

    def __init__(self, core, rows, *, latency, beat=1, depth=None, queue=None):
        lanes = core.shape.lanes
        walk = row_walk(rows, core.tasks[0].features, lanes=lanes, period=core.PERIOD)
        banks = bank_count(beat, lanes)
        self.walk = walk
        self.cycles = walk.steps + rows * walk.idle
        self.utilisation = walk.steps / self.cycles
        super().__init__(
            core,
            walk,
            depth=depth or buffer_depth(walk, beat, banks),
            beat=beat,
            banks=banks,
            granule=granule_of(walk, banks),
            queue=queue or self._queue(walk, latency),
        )
