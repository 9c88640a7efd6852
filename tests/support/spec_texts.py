"""Spec texts for tests: one good one, and variations with the mistake marked by an ``@``."""

from pathlib import Path

import numpy as np

from hwgen.errors import Mark, SpecError

GOOD = """\
hwgen: 1
name: tiny
model:
  inputs:
    image: {shape: [1, 8, 8]}
  layers:
    - {name: conv1, op: conv2d, in: image, channels: 4, kernel: 3, activation: relu}
    - {name: pool1, op: max_pool2d, in: conv1, kernel: 2}
    - {name: fc, op: linear, in: pool1, features: 10}
  outputs: [fc]
weights: {random: 7}
quantize:
  default: {weights: int4, activations: int4}
  layers: {fc: {activations: int8}}
accelerator:
  schedule: sequential
  budget: {multipliers: 4}
  clock_mhz: 50
verify: {vectors: 4, seed: 1}
"""

SHAPES = {
    "conv1.weight": (4, 1, 3, 3),
    "conv1.bias": (4,),
    "fc.weight": (10, 36),
    "fc.bias": (10,),
}
"""The arrays that ``GOOD`` needs."""


def changed(old: str, new: str, text: str = GOOD) -> str:
    """Return the good spec with one fragment replaced."""
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the spec"
    return text.replace(old, new)


def arrays(seed: int = 0, **change: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return weights for ``GOOD``; ``fc__bias=None`` leaves ``fc.bias`` out."""
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    for key, value in change.items():
        name = key.replace("__", ".")
        if value is None:
            del found[name]
        else:
            found[name] = value
    return found


def write(folder: Path, text: str) -> tuple[Path, Mark]:
    """Write a spec without its ``@`` and return its path, and the place the ``@`` marked."""
    path = folder / "spec.yaml"
    before, _, after = text.partition("@")
    path.write_text(before + after, encoding="utf-8")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return path, Mark(str(path), line, column)


def only(error: SpecError):
    """Return the one diagnostic of an error."""
    assert len(error.diagnostics) == 1, str(error)
    return error.diagnostics[0]
