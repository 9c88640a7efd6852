"""Run a qgraph: the only truth about what the hardware computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.errors import Mark, SpecError
from hwgen.golden.stream import stream_index, to_stream
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real
from hwgen.ops.events import Events
from hwgen.quant import execute
from hwgen.quant.model import QGraph, QTensor

__all__ = [
    "Difference",
    "decode_tensor",
    "encode_inputs",
    "expect_lengths",
    "expect_room",
    "first_difference",
    "mixed_lengths",
    "most_tensors",
    "random_inputs",
    "run",
]


def run(
    qgraph: QGraph,
    inputs: Mapping[str, Int],
    events: dict[str, Events] | None = None,
    lengths: Sequence[int] = (),
) -> dict[str, Int]:
    """Return the codes of every tensor, bit exact, the inputs included.

    Parameters
    ----------
    inputs
        Integer arrays (n, *shape) by input name, codes inside their type.
    events
        Filled with what each node counted: results and logits that were clamped, masked rows.
    lengths
        Tokens of each tensor, of a graph whose tensors have several lengths: so many rows of its
        sequences count, and the others are zeros in the results.  All of them by default.

    Raises
    ------
    SpecError
        HG309 if an input is missing, unknown, of another shape or outside its type; HG313 for
        more tensors than a cache holds; HG439 for lengths that tensors do not have.
    """
    counts = set()
    known = [item.name for item in qgraph.inputs]
    for name in inputs:
        if name not in known:
            raise SpecError(
                "HG309", f"{name!r} is no input of {qgraph.name}", hint=", ".join(known)
            )
    for item in qgraph.inputs:
        if item.name not in inputs:
            raise SpecError("HG309", f"input {item.name!r} is missing", hint=", ".join(known))
        counts.add(_check(item, inputs[item.name]))
    if len(counts) > 1:
        raise SpecError("HG309", f"inputs have different numbers of samples: {sorted(counts)}")
    count = max(counts, default=0)
    expect_room(qgraph, count, lengths=lengths)
    codes = {name: np.asarray(array, np.int64) for name, array in inputs.items()}
    if not lengths:
        return execute.run_integer(qgraph, codes, events)
    expect_lengths(qgraph, lengths, count)
    return execute.run_integer(qgraph, codes, events, np.array(lengths, np.int64))


def expect_lengths(qgraph: QGraph, lengths: Sequence[int], count: int) -> None:
    """Refuse lengths that the tensors of a qgraph do not have.

    Raises
    ------
    SpecError
        HG439, also for another number of lengths than ``count`` tensors.
    """
    if not qgraph.lengths:
        raise SpecError(
            "HG439",
            f"the tensors of {qgraph.name} have one length",
            hint="lengths: [32, 1] beside the shape of an input gives them several",
        )
    legal = ", ".join(map(str, qgraph.lengths))
    wrong = [tokens for tokens in lengths if tokens not in qgraph.lengths]
    if wrong:
        raise SpecError("HG439", f"no tensor has {wrong[0]} tokens", hint=f"legal: {legal}")
    if len(lengths) != count:
        raise SpecError("HG439", f"{len(lengths)} lengths for {count} tensors", hint="one for each")


def mixed_lengths(qgraph: QGraph, count: int) -> tuple[int, ...]:
    """Return the lengths of ``count`` tensors to try a circuit with; none of one that has one.

    The longest first, then single steps of the shortest between all others, again and again; the
    shortest where a cache would have no room for more.
    """
    if not qgraph.lengths:
        return ()
    longest, *others = qgraph.lengths
    shortest = others[-1] if others else longest
    turn = [longest, *(n for other in others for n in (shortest, other))]
    room = _room(qgraph)
    chosen: list[int] = []
    for place in range(count):
        tokens = turn[place % len(turn)]
        rest = (count - place - 1) * shortest
        if room is not None and sum(chosen) + tokens + rest > room:
            tokens = shortest
        chosen.append(tokens)
    return tuple(chosen)


def _room(qgraph: QGraph) -> int | None:
    """Return the tokens that the smallest cache without a window holds."""
    rooms = [
        int(node.lowered.attrs["keys"])
        for node in qgraph.nodes
        if node.lowered.attrs.get("capacity", 0)
    ]
    return min(rooms, default=None)


def most_tensors(qgraph: QGraph) -> int | None:
    """Return how many tensors the caches of a qgraph hold since reset; None for any number."""
    rooms = [int(node.lowered.attrs.get("capacity", 0)) for node in qgraph.nodes]
    return min((room for room in rooms if room), default=None)


def expect_room(
    qgraph: QGraph, count: int, where: Mark | None = None, lengths: Sequence[int] = ()
) -> None:
    """Refuse more tensors than the caches of a qgraph hold since reset.

    Parameters
    ----------
    lengths
        Tokens of each tensor, if they have several lengths.

    Raises
    ------
    SpecError
        HG313.
    """
    room, tokens = _room(qgraph), sum(lengths)
    if lengths:
        if room is not None and tokens > room:
            raise SpecError(
                "HG313",
                f"{count} tensors of {tokens} tokens, but a cache holds {room}",
                where=where,
                hint="fewer or shorter tensors, or a longer cache",
            )
        return
    for node in qgraph.nodes:
        room = int(node.lowered.attrs.get("capacity", 0))
        if room and count > room:
            raise SpecError(
                "HG313",
                f"{count} tensors, but the cache of {node.name} is full after {room}",
                where=where,
                hint=f"1 to {room}, or a longer cache",
            )


def encode_inputs(qgraph: QGraph, real: Mapping[str, Real]) -> dict[str, Int]:
    """Return the codes of real inputs: rounded half up, saturated.

    Raises
    ------
    SpecError
        HG312 if an input counts ids and a value is none.
    """
    for item in qgraph.inputs:
        execute.check_ids(item.name, np.asarray(real[item.name]), item.type)
    return {item.name: execute.encode(real[item.name], item.type) for item in qgraph.inputs}


def decode_tensor(qgraph: QGraph, name: str, codes: Int) -> Real:
    """Return the real values of a tensor's codes."""
    return execute.decode(codes, qgraph.tensor(name).type)


def random_inputs(qgraph: QGraph, count: int, seed: int) -> dict[str, Int]:
    """Return ``count`` samples of uniform codes; the first two are all low, all high codes."""
    random = np.random.default_rng(seed)
    result = {}
    for item in qgraph.inputs:
        low, high = item.type.low, item.type.high
        codes = random.integers(low, high, size=(count, *item.shape), endpoint=True)
        codes[:1] = low
        codes[1:2] = high
        result[item.name] = codes
    return result


@dataclass(frozen=True)
class Difference:
    """The first element that differs.

    Parameters
    ----------
    tensor
        Its name; no earlier tensor of the graph differs.
    sample
        Index along the batch axis.
    element
        Index in stream order.
    index
        Index in the tensor's shape.
    expected, got
        Codes.
    """

    tensor: str
    sample: int
    element: int
    index: tuple[int, ...]
    expected: int
    got: int


def first_difference(
    qgraph: QGraph, expected: Mapping[str, Int], got: Mapping[str, Int]
) -> Difference | None:
    """Return the first diverging element in graph order, or None.

    Tensors are compared in graph order, samples and then elements (stream order) within one;
    a tensor that ``got`` lacks is skipped.

    Parameters
    ----------
    expected, got
        Codes (n, *shape) by tensor name; ``got`` may hold fewer samples.
    """
    for item in (*qgraph.inputs, *(node.out for node in qgraph.nodes)):
        if item.name not in got:
            continue
        actual = got[item.name]
        wanted = expected[item.name][: len(actual)]
        wrong = np.argwhere(to_stream(wanted) != to_stream(actual))
        if len(wrong):
            sample, element = int(wrong[0][0]), int(wrong[0][1])
            index = stream_index(element, item.shape)
            where = (sample, *index)
            return Difference(
                tensor=item.name,
                sample=sample,
                element=element,
                index=index,
                expected=int(wanted[where]),
                got=int(actual[where]),
            )
    return None


def _check(item: QTensor, codes: Int) -> int:
    """Return the number of samples of an input."""
    array = np.asarray(codes)
    if array.dtype.kind not in "iu":
        raise SpecError("HG309", f"input {item.name!r} has dtype {array.dtype}, not integers")
    if array.shape[1:] != item.shape or array.ndim == 0:
        raise SpecError(
            "HG309",
            f"input {item.name!r} has shape {array.shape}",
            hint=f"(n, {', '.join(map(str, item.shape))})",
        )
    if array.size and not item.type.low <= array.min() <= array.max() <= item.type.high:
        raise SpecError(
            "HG309",
            f"input {item.name!r} has codes from {array.min()} to {array.max()}",
            hint=f"{item.type.low} to {item.type.high}",
        )
    return len(array)
