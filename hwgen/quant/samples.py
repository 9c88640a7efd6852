"""Read a user's samples: an ``.npz`` with one array per model input, maybe with labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from hwgen.errors import Diagnostic, Mark, SpecError
from hwgen.graph.npz import ArrayHeader, NpzFile, Unreadable
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real, Shape

__all__ = ["MAX_VALUES", "Samples", "load_samples"]

MAX_VALUES = 1 << 27
"""Most values that a file may hold (1 GiB as float64)."""

_LABELS = "labels"
_PLAIN = "an .npz file of plain arrays, as numpy.savez writes it"


@dataclass(frozen=True, eq=False)
class Samples:
    """Real inputs by name, (n, ...), and the class of each sample if the file has ``labels``."""

    inputs: Mapping[str, Real]
    labels: Int | None

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(next(iter(self.inputs.values())))


def load_samples(
    path: Path, shapes: Mapping[str, Shape], where: Mark | None = None, *, labelled: bool = False
) -> Samples:
    """Return the samples of a file, checked against the model's inputs.

    Parameters
    ----------
    path
        An ``.npz`` with one array (n, *shape) per input, and an optional ``labels`` of
        integers, (n,).
    shapes
        Shape of each input without its batch axis.
    where
        Place in the spec that names the file, for messages.
    labelled
        Whether the file must have ``labels``.

    Raises
    ------
    SpecError
        HG301 unreadable, HG302 arrays missing or unknown, HG303 shape, HG304 values that are
        not finite numbers, HG305 no samples.
    """
    if not path.is_file():
        raise SpecError("HG301", f"there is no file {path}", where=where, hint=_PLAIN)
    try:
        file = NpzFile(path)
        problems = _header_problems(path.name, file.headers, shapes, where, labelled)
        if problems:
            raise SpecError.of(problems)
        arrays = {name: file.load(name) for name in file.headers}
    except Unreadable as error:
        raise SpecError("HG301", f"{path.name}: {error}", where=where, hint=error.hint) from None
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            index = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
            message = f"{path.name}: {name!r} is {array[index]} at {list(index)}"
            raise SpecError("HG304", message, where=where, hint="finite numbers")
    labels = arrays.get(_LABELS) if _LABELS not in shapes else None
    return Samples(
        inputs={name: arrays[name] for name in shapes},
        labels=None if labels is None else labels.astype(np.int64),
    )


def _header_problems(
    file: str,
    headers: Mapping[str, ArrayHeader],
    shapes: Mapping[str, Shape],
    where: Mark | None,
    labelled: bool,
) -> list[Diagnostic]:
    """Return what is wrong before anything is loaded."""

    def problem(code: str, message: str, hint: str) -> Diagnostic:
        return Diagnostic(code, f"{file}: {message}", where, hint)

    legal = (
        f"one array per input: {', '.join(shapes)}; {'' if labelled else 'optionally '}{_LABELS}"
    )
    found = [
        problem("HG302", f"there is no array {name!r}", legal)
        for name in (*shapes, *([_LABELS] if labelled else []))
        if name not in headers
    ]
    found += [
        problem("HG302", f"array {name!r} is no input of the model", legal)
        for name in headers
        if name not in shapes and name != _LABELS
    ]
    values = sum(prod(header.shape) for header in headers.values())
    if values > MAX_VALUES:
        hint = f"at most {MAX_VALUES}; a few hundred samples are enough for calibration"
        found.append(problem("HG301", f"the file holds {values} values", hint))
    counts: dict[str, int] = {}
    for name, shape in shapes.items():
        if name not in headers:
            continue
        header = headers[name]
        want = f"shape (n, {', '.join(map(str, shape))})"
        if not header.shape or header.shape[1:] != shape:
            found.append(problem("HG303", f"{name!r} has shape {header.shape}", want))
        elif not header.shape[0]:
            found.append(problem("HG305", f"{name!r} holds no sample", f"{want} with n > 0"))
        elif not header.dtype.startswith(("bool", "int", "uint", "float")):
            found.append(problem("HG304", f"{name!r} has dtype {header.dtype}", "real numbers"))
        else:
            counts[name] = header.shape[0]
    if _LABELS in headers and _LABELS not in shapes:
        header = headers[_LABELS]
        if len(header.shape) != 1 or not header.dtype.startswith(("int", "uint")):
            message = f"{_LABELS!r} has shape {header.shape} and dtype {header.dtype}"
            found.append(problem("HG303", message, "one integer per sample, shape (n,)"))
        else:
            counts[_LABELS] = header.shape[0]
    if len(set(counts.values())) > 1:
        sizes = ", ".join(f"{name} {count}" for name, count in counts.items())
        found.append(problem("HG303", f"numbers of samples differ: {sizes}", "the same n"))
    return found
