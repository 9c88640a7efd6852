"""What columns of the array need for attention: from their scores to their results."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.exp2 import Exp2
from rtl_templates.attention.merge import Merge
from rtl_templates.attention.numerators import Numerators
from rtl_templates.memory.block_memory import BlockMemory

__all__ = ["Lane"]


class Lane(wiring.Component):
    """Scores to numerators, sums of numerators times values to results, of one column or two.

    Its score units (:class:`Numerators`) take tiles in turn, if there are two.  Beside what they
    keep there are the queries' sums: nothing grows with the number of keys.

    With two columns, the second one takes its turn when the first one has had its own: its scores
    come later, as the array's drain chains wait for the lane, and its sums wait in a queue.

    The flags that say what happens when travel from lane to lane, so that a lane takes them
    from the outside, each in the cycle of the stage that needs it.

    Throughput: ``scores`` scores and numerators and one sum per cycle.  Infers what
    :class:`Numerators` does, per unit, what :class:`Merge` does, and with two columns a queue of
    ``features`` words of ``sum_bits``.

    Parameters
    ----------
    shape : LaneShape
    tasks : sequence of LaneTask

    Members
    -------
    keys : ``Out(Numerators signature).array``
        Of each score unit.
    load, amount, ..., result_read, result
        Of :class:`Merge`; words of the second column lie behind those of the first.
    sum : ``In(turns * sum_bits)``
        Sums, signed, of the columns.
    queue_write, queued, queue_read, sum_second : ``In``
        With two columns: the second one's sum is that of feature ``queued``; feature of which a
        sum is taken from the queue in the next cycle; ``sum`` is the one taken from the queue.
    """

    SCORE = 4
    NUMERATOR = Exp2.LATENCY

    def __init__(self, shape, tasks):
        self.shape = shape
        self.numerators = [Numerators(shape, tasks) for _ in range(shape.scores)]
        features = max(task.features for task in tasks)
        word = range(max(2, features))
        self.features = features if shape.turns == 1 else 1 << (len(word) - 1).bit_length()
        self.merge = Merge(shape.turns * self.features, shape.sum_bits)
        passed = ("load", "amount", "tile_is_larger", "halve", "nothing", "read")
        self.passed = (*passed, "write", "write_last", "written", "result_read")
        second = {
            "queue_write": In(1),
            "queued": In(word),
            "queue_read": In(word),
            "sum_second": In(1),
        }
        super().__init__(
            {
                **(second if shape.turns == 2 else {}),
                "keys": Out(self.numerators[0].signature).array(shape.scores),
                "sum": In(shape.turns * shape.sum_bits),
                "result": Out(self.merge.result.shape()),
                **{name: In(getattr(self.merge, name).shape()) for name in self.passed},
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.merge = merge = self.merge
        for k, unit in enumerate(self.numerators):
            m.submodules[f"numerators_{k}"] = unit
            wiring.connect(m, unit, wiring.flipped(self.keys[k]))
        m.d.comb += [
            *(getattr(merge, name).eq(getattr(self, name)) for name in self.passed),
            merge.sum.eq(self._sum(m)),
            self.result.eq(merge.result),
        ]
        return m

    def _sum(self, m):
        """Return the sum to merge, after those of the second column waited for their turn."""
        shape = self.shape
        if shape.turns == 1:
            return self.sum
        first, second = (self.sum.word_select(k, shape.sum_bits) for k in range(2))
        m.submodules.queue = queue = BlockMemory(shape.sum_bits, self.features)
        m.d.comb += [
            queue.write.eq(self.queue_write),
            queue.written.eq(self.queued),
            queue.value.eq(second),
            queue.address.eq(self.queue_read),
        ]
        return Mux(self.sum_second, queue.data, first)
