"""QGraph: the integer graph; every edge has a shape and a type, every op exact semantics."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from hwgen.ops.base import Lowered, Shape
from hwgen.ops.types import QType

__all__ = ["QGraph", "QNode", "QTensor", "Scaled", "StreamPace", "Streamed"]


@dataclass(frozen=True)
class QTensor:
    """An edge: its shape and the type of its codes.

    Shapes are (channels, height, width), (tokens, features) or (features,).  A ``sequence`` has as
    many rows as the inputs have tokens, of a graph whose tensors have several lengths.
    """

    name: str
    shape: Shape
    type: QType
    sequence: bool = False

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Scaled:
    """A tensor of the real-valued graph whose channels were divided by factors, or moved.

    Parameters
    ----------
    origin
        Its name there.
    factors
        One per channel, positive; empty: all 1.
    order
        The channel there at each place here; empty: as they are.
    """

    origin: str
    factors: tuple[float, ...] = ()
    order: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class QNode:
    """One integer op.

    Parameters
    ----------
    name
        Also the name of its output tensor.
    lowered
        Attributes, constants and requantisation.
    acc_bits
        Width of a signed accumulator that holds every intermediate sum, by interval analysis
        of the actual constants; 0 for an op without one.  For ``add`` it is the sum of the
        already multiplied codes with both constants of the requantisation.
    scaled
        What its values are, if they are not those of the real-valued graph's tensor of the
        same name: ``quantize.equalize``, ``mixed``.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    lowered: Lowered
    out: QTensor
    acc_bits: int
    scaled: Scaled | None = None


@dataclass(frozen=True)
class StreamPace:
    """Row ``j`` of a streamed tensor is row ``j - delay`` of the offline one.

    There are ``rows`` rows for each ``stride`` rows of the inputs, without a common divisor.  A
    window's result has the pace of the rows that it is made of: the window ends ``delay`` such rows
    before the tensor of inputs does.
    """

    tensor: str
    stride: int
    delay: int
    rows: int = 1

    @property
    def latency(self) -> float:
        """The delay in rows of the inputs (samples); whole if it is a whole number."""
        late = self.stride * self.delay
        return late / self.rows if late % self.rows else late // self.rows


@dataclass(frozen=True)
class Streamed:
    """What makes a qgraph a streamed one: its tensors are chunks, and some nodes have a history.

    Parameters
    ----------
    chunk
        Rows of each input in a tensor.
    paces
        Of every tensor.
    window
        Rows of each input in a window, of which there is one per chunk; 0: no op takes a whole one.
    """

    chunk: int
    paces: tuple[StreamPace, ...]
    window: int = 0

    def pace(self, tensor: str) -> StreamPace:
        """Return the pace of a tensor; KeyError if there is none of this name."""
        return {pace.tensor: pace for pace in self.paces}[tensor]


@dataclass(frozen=True, eq=False)
class QGraph:
    """Integer nodes in topological order.

    Parameters
    ----------
    notes
        What the user should know about how the types were chosen; sentences.
    stream
        Of a streamed graph; None: a tensor has nothing to do with those before, unless an op
        remembers.
    lengths
        Tokens that tensors can have, the longest first, which the shapes are for; none if all
        tensors have their shapes.  :func:`hwgen.quant.lengths.at_length` gives the others.
    """

    name: str
    inputs: tuple[QTensor, ...]
    nodes: tuple[QNode, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    stream: Streamed | None = None
    lengths: tuple[int, ...] = ()

    def tensor(self, name: str) -> QTensor:
        """Return the tensor of this name, an input or a node's output."""
        for tensor in self.inputs:
            if tensor.name == name:
                return tensor
        return self.node(name).out

    def node(self, name: str) -> QNode:
        """Return the node of this name; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)
