"""Which tensors are sent: the user's labelled data where the spec names it, else random codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hwgen.errors import Mark, SpecError
from hwgen.golden import encode_inputs, expect_room, mixed_lengths, random_inputs
from hwgen.ops import get_op
from hwgen.ops.arithmetic import Int
from hwgen.quant.model import QGraph
from hwgen.quant.samples import load_samples
from hwgen.spec.model import Spec

__all__ = ["Vectors", "choose_vectors"]

MAX_VECTORS = 1 << 20
"""Most random tensors of one run."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Input codes by name, (n, ...), and the class of each sample if the data is labelled.

    ``lengths`` are the tokens of each tensor, if they can have several lengths.
    """

    inputs: Mapping[str, Int]
    labels: Int | None
    lengths: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Number of tensors per input."""
        return len(next(iter(self.inputs.values())))


def choose_vectors(
    spec: Spec, qgraph: QGraph, count: int | None = None, seed: int | None = None
) -> Vectors:
    """Return ``count`` input tensors, the same ones for the same seed.

    With labelled data they are drawn from it without repetition; else they are uniform over
    the codes of each input's type, after one tensor of the smallest and one of the largest code.
    Tensors of several lengths come as in :func:`hwgen.golden.mixed_lengths`.

    Parameters
    ----------
    count, seed
        By default what the spec's ``verify`` says.

    Raises
    ------
    SpecError
        HG921 if there are fewer samples than asked for, or count or seed are too small; HG303 if
        a label is no class of the first output; HG313 for more tensors than a cache holds.
    """
    count = spec.verify.vectors if count is None else count
    seed = spec.verify.seed if seed is None else seed
    if count < 1:
        raise SpecError("HG921", f"{count} vectors are too few", hint="1 or more")
    if seed < 0:
        raise SpecError("HG921", f"seed {seed} is negative", hint="0 or more")
    if count > MAX_VECTORS:
        raise SpecError("HG921", f"{count} vectors are too many", hint=f"1 to {MAX_VECTORS}")
    lengths = mixed_lengths(qgraph, count)
    expect_room(qgraph, count, spec.marks.get("verify.vectors"), lengths)
    path = spec.verify.labels
    if path is None:
        return Vectors(random_inputs(qgraph, count, seed), None, lengths)
    where = spec.marks.get("verify.labels")
    shapes = {item.name: item.shape for item in qgraph.inputs}
    samples = load_samples(path, shapes, where, labelled=True)
    assert samples.labels is not None
    _check_labels(path.name, samples.labels, qgraph, where)
    if count > samples.count:
        raise SpecError(
            "HG921",
            f"{count} vectors, but {path.name} holds {samples.count} samples",
            where=where,
            hint=f"1 to {samples.count}",
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(samples.count)[:count])
    inputs = encode_inputs(qgraph, {name: real[chosen] for name, real in samples.inputs.items()})
    return Vectors(inputs, samples.labels[chosen], lengths)


def _check_labels(file: str, labels: Int, qgraph: QGraph, where: Mark | None) -> None:
    """Refuse a label that the first output, scores or an index, can never give."""
    output = qgraph.outputs[0]
    elements = qgraph.tensor(output).elements
    node = qgraph.node(output)
    if get_op(node.op).categorical:
        elements = qgraph.tensor(node.inputs[0]).elements
    wrong = np.flatnonzero((labels < 0) | (labels >= elements))
    if elements > 1 and len(wrong):
        index = int(wrong[0])
        raise SpecError(
            "HG303",
            f"{file}: 'labels' is {labels[index]} at [{index}], and "
            f"{output} has {elements} classes",
            where=where,
            hint=f"0 to {elements - 1}",
        )
