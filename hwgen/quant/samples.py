"""Read a user's samples: an ``.npz`` with one array per model input, maybe with labels."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import Diagnostic, Mark, SpecError
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real, Shape

__all__ = ["MAX_BYTES", "Samples", "load_samples"]

MAX_BYTES = 1 << 30
"""Largest size of the arrays of a file, uncompressed, in bytes."""

_LABELS = "labels"


@dataclass(frozen=True, eq=False)
class Samples:
    """Real inputs by name, (n, ...), and the class of each sample if the file has ``labels``."""

    inputs: Mapping[str, Real]
    labels: Int | None

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(next(iter(self.inputs.values())))


def load_samples(path: Path, shapes: Mapping[str, Shape], where: Mark | None = None) -> Samples:
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

    Raises
    ------
    SpecError
        HG301 unreadable, HG302 arrays missing or unknown, HG303 shape, HG304 values that are
        not finite numbers, HG305 no samples.
    """
    arrays = _read(path, where)
    problems = list(_problems(path, arrays, shapes, where))
    if problems:
        raise SpecError.of(problems)
    labels = arrays.get(_LABELS)
    return Samples(
        inputs={name: arrays[name].astype(np.float64) for name in shapes},
        labels=None if labels is None else labels.astype(np.int64),
    )


def _read(path: Path, where: Mark | None) -> dict[str, npt.NDArray[Any]]:
    hint = "an .npz file of plain arrays, as numpy.savez writes it"
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > MAX_BYTES:
            raise SpecError(
                "HG301",
                f"{path.name} holds {size} bytes of arrays, more than {MAX_BYTES}",
                where=where,
                hint="fewer samples: a few hundred are enough for calibration",
            )
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except FileNotFoundError:
        raise SpecError("HG301", f"no file {path}", where=where, hint=hint) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpecError(
            "HG301", f"{path.name} is not readable: {reason}", where=where, hint=hint
        ) from None


def _problems(
    path: Path,
    arrays: Mapping[str, npt.NDArray[Any]],
    shapes: Mapping[str, Shape],
    where: Mark | None,
) -> list[Diagnostic]:
    def problem(code: str, message: str, hint: str) -> Diagnostic:
        return Diagnostic(code, f"{path.name}: {message}", where, hint)

    legal = f"one array per input: {', '.join(shapes)}; optionally {_LABELS}"
    found = [
        problem("HG302", f"there is no array {name!r}", legal)
        for name in shapes
        if name not in arrays
    ]
    found += [
        problem("HG302", f"array {name!r} is no input of the model", legal)
        for name in arrays
        if name not in shapes and name != _LABELS
    ]
    counts: dict[str, int] = {}
    for name, shape in shapes.items():
        array = arrays.get(name)
        if array is None:
            continue
        want = f"shape (n, {', '.join(map(str, shape))})"
        if array.ndim == 0 or array.shape[1:] != shape:
            found.append(problem("HG303", f"{name!r} has shape {array.shape}", want))
        elif len(array) == 0:
            found.append(problem("HG305", f"{name!r} holds no sample", f"{want} with n > 0"))
        elif array.dtype.kind not in "biuf":
            found.append(problem("HG304", f"{name!r} has dtype {array.dtype}", "real numbers"))
        elif not np.isfinite(array).all():
            index = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
            found.append(
                problem("HG304", f"{name!r} is {array[index]} at {list(index)}", "finite numbers")
            )
        else:
            counts[name] = len(array)
    labels = arrays.get(_LABELS)
    if labels is not None:
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            found.append(
                problem(
                    "HG303",
                    f"{_LABELS!r} has shape {labels.shape} and dtype {labels.dtype}",
                    "one integer per sample, shape (n,)",
                )
            )
        else:
            counts[_LABELS] = len(labels)
    if len(set(counts.values())) > 1:
        sizes = ", ".join(f"{name} {count}" for name, count in counts.items())
        found.append(problem("HG303", f"numbers of samples differ: {sizes}", "the same n"))
    return found
