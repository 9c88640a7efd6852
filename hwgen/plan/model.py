"""Plan: what both backends emit, and neither changes.

A sequential plan has one engine per template that it needs, time-shared: one task a phase,
tensors placed in one shared buffer.  A dataflow plan has one engine per node, all in one
phase, joined by channels.  Anything between is the same data structure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from hwgen.ops.work import Work
from rtl_templates.packing.forms import packed_blocks

__all__ = [
    "PLAIN",
    "Buffer",
    "Channel",
    "Engine",
    "Fold",
    "MemoryPort",
    "Multiplier",
    "Phase",
    "Placement",
    "Plan",
    "Prediction",
    "Span",
    "StreamFigures",
    "Task",
    "hard_multipliers",
]


@dataclass(frozen=True)
class Fold:
    """How much of a work an engine does in one cycle.

    Parameters
    ----------
    rows
        ``T``: outermost reduce iterations (kernel rows) at once; 1, or all of them.  Of an
        ``array``, whose ``elements`` are 1, the rows ``R`` of processing elements; a power of
        two.
    elements
        ``P``: contiguous elements of a segment at once (``mac``); any value, the last word of
        a segment is filled with zero weights.
    outputs
        ``PO``: results of a group at once (``mac``); any value, the last group may be partial.
        The columns ``C`` of an ``array``.
    lanes
        ``L``: elements per beat of the output stream, a power of two; a ``vector`` or ``row``
        engine also reads and folds this many channels at once.
    normalisers
        Of an ``array`` with attention: query rows that are divided at once; divides its columns,
        and is at most ``lanes``.
    scores
        Of an ``array`` with attention: scores that a column gives per cycle, 1 or 2; 2 only for an
        even number of columns.
    reads
        Of an ``array``: elements of a read, a power of two, at least ``rows``; 0 is ``rows``.
        With several samples: those of a run if one read has them all, else 0.
    groups
        ``G``: convolution groups at once (``mac``), whose channels lie side by side; more than 1
        only if ``elements`` and ``outputs`` take a whole group.  The last part may be partial.
    flat
        ``mac``: words run on from one kernel row into the next, so that only the last word of a
        window is filled; a step reads from two rows.
    stays
        Of a linear layer on an ``array``: operand stationary.  It is a matter of the task
        (:meth:`Plan.fold`), not of the engine.
    samples, taps
        ``mac``: neighbouring samples of a line and taps of the kernel that share a multiplier;
        ``elements`` are then those of a sample, and ``outputs`` divide all of them.  With one tap,
        samples are positions that share the weights of a step.
    """

    rows: int = 1
    elements: int = 1
    outputs: int = 1
    lanes: int = 1
    normalisers: int = 1
    reads: int = 0
    groups: int = 1
    flat: bool = False
    stays: bool = False
    samples: int = 1
    taps: int = 1
    scores: int = 1

    @property
    def plain(self) -> Fold:
        """The fold of the same engine that takes one sample and one tap per multiplier."""
        return self if self.samples == 1 else replace(self, reads=0, samples=1, taps=1)

    @property
    def copies(self) -> int:
        """Reads at once, each from a copy of the window buffer (``mac``)."""
        if self.samples > 1 and not self.reads:
            return self.rows * self.samples
        return 2 if self.flat else self.rows

    @property
    def multipliers(self) -> int:
        """Multiplications per cycle."""
        return self.weights * self.samples

    @property
    def weights(self) -> int:
        """Weights of a step (``mac``)."""
        return self.rows * self.elements * self.outputs * self.groups * self.taps


def hard_multipliers(fold: Fold, share: int) -> int:
    """Return the multipliers of a device for a fold, if weights of ``share`` outputs share one.

    With those of all positions.
    """
    blocks = -(-fold.outputs // share)
    if fold.samples > 1:
        blocks = len(packed_blocks(fold.outputs, share)[0])
    return fold.multipliers // (fold.outputs * fold.samples) * blocks


@dataclass(frozen=True)
class Multiplier:
    """What multiplies activations by weights in a ``mac`` engine.

    Parameters
    ----------
    kind
        ``plain``: a multiplier per product; ``packed``: the weights of neighbouring outputs of a
        group share one; ``polynomial``: the fold's samples and taps do; ``lut``: none, lookup
        tables multiply.  See ``docs/packing.md``.
    weights
        So many of them, and products per multiplier (``packed``: by each position).
    pitch
        Bits from one to the next in the multiplier's port; 0 of a plain one.
    x_pitch
        Bits from one position's activation to the next, of a fold with several; else 0.
    x, w
        Least and largest code of activations and of weights, for which it is exact; of a plain
        one their types say so.
    """

    kind: str = "plain"
    weights: int = 1
    pitch: int = 0
    x: tuple[int, int] = (0, 0)
    w: tuple[int, int] = (0, 0)
    x_pitch: int = 0


PLAIN = Multiplier()

BLOCK_PRODUCTS = 4
"""Products of 4 bits that a multiplier of a ``mac_array`` makes: two tokens by two outputs."""


@dataclass(frozen=True)
class Engine:
    """One instance of a template.

    Parameters
    ----------
    template
        ``mac``, ``array``, ``mac_array``, ``row``, ``vector``, ``pack`` or ``memory``.
    fold
        Its size.
    in_bits, weight_bits, acc_bits, out_bits
        Widths in bits: widest over its tasks; ``weight_bits`` is that of a weight in the memory.
    in_signed
        Whether operands can be negative; mixed tasks need one more bit and count as signed.
    out_depth
        Beats of its output FIFO (dataflow); 0 if it writes a buffer.
    multiplier
        How it multiplies by weights.
    """

    name: str
    template: str
    fold: Fold
    in_bits: int
    in_signed: bool
    weight_bits: int
    acc_bits: int
    out_bits: int
    out_depth: int
    multiplier: Multiplier = PLAIN

    @property
    def multipliers(self) -> int:
        """Products a cycle, which count against the budget; requantisation is not among them."""
        return self.fold.multipliers if self.template in ("mac", "array", "mac_array") else 0

    @property
    def placed(self) -> bool:
        """Whether beats leave in an order of their own, and a task's cycles end with the last."""
        return self.template in ("array", "mac_array")

    @property
    def hard_multipliers(self) -> int:
        """Multipliers of the device that make these products."""
        if not self.multipliers or self.multiplier.kind == "lut":
            return 0
        if self.multiplier.kind == "polynomial":
            return self.fold.multipliers // (self.fold.samples * self.fold.taps)
        if self.template == "mac_array":
            return self.fold.multipliers // BLOCK_PRODUCTS
        return hard_multipliers(self.fold, self.multiplier.weights)


@dataclass(frozen=True)
class Buffer:
    """An addressed memory of ``elements`` codes of ``bits`` bits, in ``banks`` banks (2**n)."""

    name: str
    elements: int
    bits: int
    banks: int


@dataclass(frozen=True)
class Placement:
    """A tensor's or a cache's elements ``[address, address + elements)`` in a buffer.

    The ``front`` elements before them are the last ones of the tensors before, for readers with a
    history.
    """

    tensor: str
    buffer: str
    address: int
    elements: int
    front: int = 0


@dataclass(frozen=True)
class Channel:
    """A stream of one tensor from one source to one sink, with the storage at the sink.

    Parameters
    ----------
    tensor
        The tensor it carries, in stream order.
    source
        Engine, or the name of a graph input.
    sink
        Engine, or ``""`` for the accelerator's output of this tensor.
    port
        Which input of the sink engine.
    lanes
        Elements per beat (the source's ``L``); a power of two that divides the tensor.
    bits, signed
        Type of an element.
    depth
        Elements that the sink's window buffer holds; a multiple of ``banks``, 0 for outputs.
    banks
        Banks of that buffer: a power of two, at least ``lanes`` and the elements it reads.
    """

    tensor: str
    source: str
    sink: str
    port: int
    lanes: int
    bits: int
    signed: bool
    depth: int
    banks: int


@dataclass(frozen=True)
class Task:
    """One node (or one input of a sequential concat, or of a cache) bound to one engine.

    Parameters
    ----------
    name
        Node name; ``<node>_P<k>`` for the k-th input of a sequential concat, ``<node>_K`` and
        ``<node>_V`` for what joins the caches of an attention, ``<tensor>_H`` for what keeps the
        end of a tensor.
    reads
        Tensors read, one per port of ``work``: attention reads its caches, and then their sizes.
    write_offset, write_stride
        Sequential: element offset in the output tensor, and the distance between the starts of
        two output rows (concat interleaves); 0 and 0 for a dense tensor in stream order.
    cycles
        Cycles in which the engine issues operations for one tensor, idle pacing included; of an
        ``array``, cycles from its start to its last beat; of attention, with a full cache and
        no padding.
    useful
        Multiplications, by a weight or of activations, that the op needs for one tensor.
    bound
        What limits it: ``lanes``, ``fill``, ``output``, ``input``, ``unit``.
    appends, sizes
        Cache whose next rows it writes instead of the node's tensor, and the cache of their
        sizes, if they have 4 bits; or where both wait for external memory.
    keeps
        Tensor whose last rows it moves in front of it, as the history of the next one, when
        ``node``, the last reader, is done.
    stays
        Linear layers on an ``array``: operand stationary, not output stationary.
    shares
        Sequential: earlier task with the same weights and biases, which it uses.
    """

    name: str
    node: str
    engine: str
    work: Work
    reads: tuple[str, ...]
    write_offset: int
    write_stride: int
    cycles: int
    useful: int
    bound: str
    appends: str = ""
    sizes: str = ""
    keeps: str = ""
    stays: bool = False
    shares: str = ""

    @property
    def moves(self) -> bool:
        """Whether it writes something else than its node's tensor: codes that stay as they are."""
        return bool(self.appends or self.keeps)


@dataclass(frozen=True)
class Phase:
    """Tasks that run at the same time, and why they were put together."""

    tasks: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Span:
    """Predicted activity of one task for the first tensor: [start, end) in cycles.

    Cycle 0 is the first transfer on the input stream.
    """

    task: str
    start: int
    end: int


@dataclass(frozen=True)
class Prediction:
    """Cycles, exact for free-running input and output streams.

    Parameters
    ----------
    latency
        Cycles from the first input transfer to the last output transfer of the first tensor, both
        included.
    interval
        Cycles between the last output transfers of successive tensors in steady state: caches
        are full, and no key is padding.
    spans
        Timeline of the first tensor.
    """

    latency: int
    interval: int
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class MemoryPort:
    """The port to external memory, and what lies there: see ``KvLayout`` in ``rtl_templates``.

    Parameters
    ----------
    data_bits, address_bits
        Widths of a beat and of a byte address.
    burst
        Beats of the longest burst.
    depth
        Beats that are asked for ahead.
    latency
        Cycles from an address to its first beat, as simulated and predicted.
    caches
        Byte address of the cache of each node, by its name.
    """

    data_bits: int
    address_bits: int
    burst: int
    depth: int
    latency: int
    caches: dict[str, int]


@dataclass(frozen=True)
class StreamFigures:
    """A network in a stream: see ``docs/streaming.md``.

    Parameters
    ----------
    chunk
        Rows of each input in a tensor.
    latency
        By output: rows of the inputs (samples) that it is behind the offline network; of a window's
        result, those that came after the window's last one.
    state
        Bits that are kept from tensor to tensor, by layer (``dataflow``) or by the tensor whose
        last rows they are (``sequential``).
    state_bits
        All of them.
    window
        Rows of each input in a window, of which there is one per chunk; 0: there are no windows.
    """

    chunk: int
    latency: dict[str, float]
    state: dict[str, int]
    state_bits: int
    window: int = 0


@dataclass(frozen=True, eq=False)
class Plan:
    """A whole accelerator.

    Parameters
    ----------
    schedule
        ``sequential`` or ``dataflow``.
    input_lanes
        Elements per beat of each input stream, by name.
    output_lanes
        Elements per beat of each output stream, by name.
    memory
        External memory, if the plan uses any.
    tokens
        Rows of a sequence that the tasks, the phases and the prediction are for; 0 if all tensors
        have one length.
    shorter
        The plan for each shorter length, the longest first: other loops and phases, of the same
        names and in the same order, on the same engines, buffers and placements.
    stream
        Of a network in a stream.
    """

    name: str
    schedule: str
    engines: tuple[Engine, ...]
    buffers: tuple[Buffer, ...]
    placements: tuple[Placement, ...]
    channels: tuple[Channel, ...]
    tasks: tuple[Task, ...]
    phases: tuple[Phase, ...]
    input_lanes: dict[str, int]
    output_lanes: dict[str, int]
    prediction: Prediction
    memory: MemoryPort | None = None
    tokens: int = 0
    shorter: tuple[Plan, ...] = ()
    stream: StreamFigures | None = None

    @property
    def variants(self) -> tuple[Plan, ...]:
        """The plan of each length, the longest first; itself if there is one length."""
        return (self, *self.shorter)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens that a tensor can have, the longest first; none if there is one length."""
        return tuple(plan.tokens for plan in self.variants) if self.shorter else ()

    @property
    def multipliers(self) -> int:
        """Products a cycle of all engines."""
        return sum(engine.multipliers for engine in self.engines)

    @property
    def hard_multipliers(self) -> int:
        """Multipliers of the device for the products of all engines, requantisation apart."""
        return sum(engine.hard_multipliers for engine in self.engines)

    @property
    def utilisation(self) -> float:
        """Useful multiplications per multiplier-cycle in steady state, 0 to 1."""
        useful = sum(task.useful for task in self.tasks)
        available = self.multipliers * self.prediction.interval
        return useful / available if available else 0.0

    def engine(self, name: str) -> Engine:
        """Return the engine of this name; KeyError if there is none."""
        return self._engines[name]

    def fold(self, task: Task) -> Fold:
        """Return what a task's engine does of it in one cycle."""
        return replace(self.engine(task.engine).fold, stays=task.stays)

    def task(self, name: str) -> Task:
        """Return the task of this name; KeyError if there is none."""
        return self._tasks[name]

    def placement(self, tensor: str) -> Placement:
        """Return where a tensor lies; KeyError if it is not stored."""
        return self._placements[tensor]

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        return {engine.name: engine for engine in self.engines}

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        return {task.name: task for task in self.tasks}

    @cached_property
    def _placements(self) -> dict[str, Placement]:
        return {place.tensor: place for place in self.placements}

    def at(self, tokens: int) -> Plan:
        """Return the plan for tensors of so many tokens; KeyError if there is none."""
        return {plan.tokens: plan for plan in self.variants}[tokens]
