"""Spec: the user's YAML file as validated values.

Op-specific keys of a layer stay raw here: the op's own schema checks them in the graph stage,
so that adding an op touches no file of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hwgen.errors import Mark

__all__ = [
    "Accelerator",
    "Accumulator",
    "Budget",
    "FoldSpec",
    "InputSpec",
    "LayerSpec",
    "Memory",
    "Mixed",
    "Precision",
    "Quantize",
    "Spec",
    "Stream",
    "Verify",
    "Weights",
    "Windows",
]


@dataclass(frozen=True)
class InputSpec:
    """A model input: shape (channels, height, width), (tokens, features) or (features,).

    ``lengths`` are the numbers of tokens that it can have, the longest first, if there are several.
    """

    name: str
    shape: tuple[int, ...]
    mark: Mark
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True)
class LayerSpec:
    """One layer as written: common keys, the op's raw keys, and where each stands.

    ``marks`` has the place of every value by its dotted path (``kernel``, ``kernel.1``), of every
    key with a colon behind it (``kernel:``), and of the layer itself under ``""``.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    params: Mapping[str, Any]
    marks: Mapping[str, Mark]


@dataclass(frozen=True)
class Weights:
    """Weights from a file (``.npz`` or ``.safetensors``), or random ones of a seed."""

    file: Path | None
    random: int | None
    mark: Mark


@dataclass(frozen=True)
class Accumulator:
    """Width of an accumulator in bits, and what happens where it is too narrow: error or wrap."""

    bits: int
    overflow: str = "error"


@dataclass(frozen=True)
class Mixed:
    """Channels of a block, and dB that a layer's result may lose to blocks of 4 bits."""

    channels: int = 128
    loss: float = 1.0


@dataclass(frozen=True)
class Precision:
    """Widths in bits, 2 to 16; ``activations`` is about the layer's output.

    ``symmetric`` false lets signed ranges use a zero point; ``narrow`` leaves out the most
    negative code of weights; ``range`` is ``error``, ``percentile`` or ``max``; ``mixed`` rounds
    what a linear layer reads to 4 or 8 bits per block of channels; ``accumulator`` None: as wide
    as it must be.
    """

    weights: int = 8
    activations: int = 8
    symmetric: bool = True
    narrow: bool = False
    range: str = "error"
    mixed: Mixed | None = None
    accumulator: Accumulator | None = None


@dataclass(frozen=True)
class Quantize:
    """Default and per-layer (or per-input) precision, and the calibration data.

    ``rounding`` of weights is ``nearest`` or ``compensated``; ``equalize`` is the share of a
    normalisation's spread that linear layers take over, 0 to 1, or None; ``rotate`` is
    ``hadamard``, ``online`` or None.
    """

    default: Precision
    layers: Mapping[str, Precision]
    calibrate: Path | None
    mark: Mark
    rounding: str = "nearest"
    equalize: float | None = None
    rotate: str | None = None

    def without_data(self) -> Quantize:
        """Return the same without calibration data, and without what needs it."""
        return replace(
            self,
            calibrate=None,
            rounding="nearest",
            equalize=None,
            default=replace(self.default, mixed=None),
            layers={name: replace(item, mixed=None) for name, item in self.layers.items()},
        )

    def of(self, *labels: str) -> Precision:
        """Return what is said about the first label that has an entry, else the default."""
        named = (self.layers[label] for label in labels if label in self.layers)
        return next(named, self.default)


@dataclass(frozen=True)
class Budget:
    """Limits of the hardware: multipliers (count), on-chip memory (KiB, None: unlimited)."""

    multipliers: int
    onchip_kib: int | None


@dataclass(frozen=True)
class Memory:
    """External memory: width of its port (bits), latency (cycles), size (KiB)."""

    port_bits: int
    latency: int
    kib: int


@dataclass(frozen=True)
class FoldSpec:
    """Parallelism that the user fixes for one layer; None lets the planner choose."""

    rows: int | None
    elements: int | None
    outputs: int | None
    mark: Mark
    groups: int | None = None
    positions: int | None = None


@dataclass(frozen=True)
class Accelerator:
    """Schedule, budget, fixed foldings, the target clock, and external memory if there is any.

    ``multiplier`` is ``auto``, ``plain``, ``packed``, ``polynomial`` or ``lut``; ``family`` the
    FPGA family, None if neither spec nor board say it; ``parts`` the multipliers of the board's
    device, None without a board.
    """

    schedule: str
    budget: Budget
    folding: Mapping[str, FoldSpec]
    clock_mhz: float
    mark: Mark
    memory: Memory | None = None
    multiplier: str = "auto"
    family: str | None = None
    parts: int | None = None


@dataclass(frozen=True)
class Verify:
    """How many vectors, their seed, and labelled data if there is any.

    The file holds one array per model input, samples along the first axis, and ``labels``: class
    indices.
    """

    vectors: int
    seed: int
    labels: Path | None


@dataclass(frozen=True)
class Windows:
    """The network judges windows of ``rows`` rows.

    They are padded with the ``signal`` around them, or ``window_exact``: as offline.
    """

    rows: int
    padding: str
    mark: Mark


@dataclass(frozen=True)
class Stream:
    """The inputs have no end: a tensor is ``chunk`` rows of an image, or tokens.

    With ``windows`` a chunk is a hop: the rows from one window to the next.
    """

    chunk: int
    mark: Mark
    windows: Windows | None = None

    @property
    def exact(self) -> bool:
        """Whether windows have the padding of the offline network."""
        return self.windows is not None and self.windows.padding == "window_exact"


@dataclass(frozen=True)
class Spec:
    """A whole spec file; paths are resolved and inside the spec's folder unless allowed.

    ``marks`` has the places of keys and values outside ``model.layers``, as in a layer.
    """

    path: Path
    name: str
    inputs: tuple[InputSpec, ...]
    layers: tuple[LayerSpec, ...]
    outputs: tuple[str, ...]
    weights: Weights
    quantize: Quantize
    accelerator: Accelerator
    board: str | None
    verify: Verify
    stream: Stream | None = None
    marks: Mapping[str, Mark] = field(default_factory=dict)
