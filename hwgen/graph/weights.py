"""Weights: from a file, checked before they are loaded, or random ones of a seed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from math import prod

import numpy as np

from hwgen.errors import Diagnostic, Mark
from hwgen.graph.npz import ArrayFile, NpzFile, Unreadable
from hwgen.graph.safetensors import SafetensorsFile
from hwgen.ops.base import Real, Shape
from hwgen.spec.limits import MAX_ELEMENTS
from hwgen.spec.model import Weights
from hwgen.spec.names import listing, nearest, quoted

__all__ = ["load_weights", "random_weights"]

_BIAS_SCALE = 0.1


def load_weights(
    source: Weights, expected: Mapping[str, Shape], *, complete: bool = True
) -> tuple[dict[str, Real], list[Diagnostic]]:
    """Return the arrays that a model needs, as float64, and what is wrong with them.

    Parameters
    ----------
    source
        The file or the seed; nothing is loaded if it has neither.
    expected
        Shape of every array that is needed, by ``<layer>.weight`` and ``<layer>.bias``.
    complete
        False if ``expected`` may lack some: then an array that nothing needs is no mistake.

    Returns
    -------
    weights
        One array for each of ``expected``, finite, if there is no diagnostic.
    diagnostics
        HG205 (too many weights), HG210 to HG216.
    """
    total = sum(prod(shape) for shape in expected.values())
    if total > MAX_ELEMENTS:
        message = f"the model has {total} weights"
        hint = f"at most {MAX_ELEMENTS}"
        return {}, [Diagnostic("HG205", message, source.mark, hint)]
    if source.random is not None:
        return random_weights(expected, source.random), []
    if source.file is None:
        return {}, []
    try:
        file = (
            NpzFile(source.file) if source.file.suffix == ".npz" else SafetensorsFile(source.file)
        )
        diagnostics = _check_headers(file, expected, source.mark, complete)
        sound = [
            name
            for name, shape in expected.items()
            if name in file.headers
            and file.headers[name].shape == shape
            and file.headers[name].real
        ]
        with np.errstate(invalid="ignore"):  # a signalling NaN; reported with all others below
            weights = {name: file.load(name) for name in sound}
    except Unreadable as error:
        return {}, [Diagnostic(error.code, f"weights: {error}", source.mark, error.hint)]
    diagnostics += _check_values(weights, source.mark)
    return weights, diagnostics


def random_weights(expected: Mapping[str, Shape], seed: int) -> dict[str, Real]:
    """Return normal weights of variance 2 / fan-in, small biases, and gains of a norm near 1.

    An array depends on the seed and its own name only, so that adding a layer changes no other.
    The variance keeps the scale of activations through ReLU layers (He et al., "Delving deep
    into rectifiers", ICCV 2015).
    """
    weights = {}
    for name, shape in expected.items():
        generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
        scale = (2 / prod(shape[1:])) ** 0.5 if len(shape) > 1 else _BIAS_SCALE
        gain = len(shape) == 1 and name.endswith(".weight")
        weights[name] = generator.normal(float(gain), scale, shape)
    return weights


def _check_headers(
    file: ArrayFile, expected: Mapping[str, Shape], mark: Mark, complete: bool
) -> list[Diagnostic]:
    diagnostics = []
    surplus = [name for name in file.headers if name not in expected]
    for name, shape in expected.items():
        header = file.headers.get(name)
        if header is None:
            hint = f"{nearest(name, surplus)}its shape is {list(shape)}; {_has(file.headers)}"
            diagnostics.append(
                Diagnostic("HG211", f"weights lack the array {quoted(name)}", mark, hint)
            )
            continue
        if header.shape != shape:
            message = f"weights: {quoted(name)} has shape {list(header.shape)}, not {list(shape)}"
            diagnostics.append(Diagnostic("HG212", message, mark, _order_of(shape)))
        if not header.real:
            hint = "float16, bfloat16, float32 or float64: hwgen quantises them itself"
            message = f"weights: {quoted(name)} has elements of type {header.dtype}"
            diagnostics.append(Diagnostic("HG215", message, mark, hint))
    for name in surplus if complete else ():
        hint = f"{nearest(name, expected)}needed: {listing(list(expected)) or 'none'}"
        message = f"weights: no layer needs the array {quoted(name)}"
        diagnostics.append(Diagnostic("HG214", message, mark, hint))
    return diagnostics


def _check_values(weights: Mapping[str, Real], mark: Mark) -> Iterable[Diagnostic]:
    for name, array in weights.items():
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            index = bad[0].tolist()
            message = f"weights: {quoted(name)} has {array[tuple(index)]} at {index}"
            hint = f"{len(bad)} of {array.size} elements are not finite; every one must be"
            yield Diagnostic("HG213", message, mark, hint)


def _has(names: Iterable[str]) -> str:
    return f"the file has {listing(sorted(names)) or 'no arrays'}"


def _order_of(shape: Shape) -> str:
    match len(shape):
        case 4:
            return "order: output channels, input channels of a group, kernel height, kernel width"
        case 2:
            return "order: output features, input features (an image as channels, height, width)"
        case _:
            return "one value per output"
