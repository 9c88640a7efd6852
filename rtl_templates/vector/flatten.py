"""From an image to a vector."""

from rtl_templates.arith.requantize import Scale
from rtl_templates.memory.walk import Level, Walk
from rtl_templates.vector.vector_op import VectorOp, sum_bits, sum_task

__all__ = ["Flatten"]


class Flatten(VectorOp):
    """An image in stream order (channels fastest) to a vector in (channel, row, column) order.

    Bit for bit equal to ``hwgen.ops.flatten``.  A transposition: it starts when the whole image
    is in the buffer.  Latency: the first beat is offered ``VectorCore.LATENCY + 1`` cycles
    after the step that reads it.  Initiation interval: one cycle per element.  Utilisation
    bound: 1 (there is one lane: neighbours in the result are no neighbours in the image).

    Parameters
    ----------
    x : Codes
    pixels, channels : int
        Height times width, and channels, of the image.
    beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(x.bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, pixels, channels, **keys):
        task = sum_task(x, Scale(0, 0, x.low, x.high))
        super().__init__(
            x=x,
            task=task,
            acc_bits=sum_bits(x, task),
            walk=self.transposed_walk(pixels, channels),
            out_bits=x.bits,
            **keys,
        )

    @staticmethod
    def transposed_walk(pixels, channels):
        """Return the walk: columns are channels, channels are pixels."""
        elements = pixels * channels
        return Walk(
            elements=elements,
            row=elements,
            levels=(
                Level(1),
                Level(channels, 0, 1),
                Level(pixels, 0, channels),
                Level(1),
                Level(1),
            ),
            group=2,
            reach=(0, (pixels - 1) * channels),
        )
