"""The spec file as pydantic models: the one place that says which keys there are.

Validation messages, the editor schema and ``docs/spec.md`` are all made from these classes.
The values become the plain dataclasses of :mod:`hwgen.spec.model` right after validation.
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hwgen.spec.limits import MAX_ELEMENTS, MAX_NAME
from hwgen.spec.names import NAME_PATTERN, module_name_problem, name_problem

__all__ = [
    "AcceleratorDoc",
    "BudgetDoc",
    "DefaultPrecisionDoc",
    "Document",
    "FileDoc",
    "FoldDoc",
    "InputDoc",
    "LayerDoc",
    "ModelDoc",
    "PrecisionDoc",
    "QuantizeDoc",
    "StreamDoc",
    "VerifyDoc",
    "WeightsDoc",
]


def _check_name(name: str) -> str:
    return _refuse(name, name_problem(name))


def _check_module_name(name: str) -> str:
    return _refuse(name, module_name_problem(name))


def _refuse(name: str, problem: tuple[str, str] | None) -> str:
    if problem:
        message, hint = problem
        raise PydanticCustomError("HG114", "{message}", {"message": message, "hint": hint})
    return name


def _check_shape(shape: list[int]) -> list[int]:
    if len(shape) > 3:
        raise PydanticCustomError(
            "HG113",
            "{message}",
            {
                "message": f"has {len(shape)} sizes",
                "hint": "[features], [tokens, features] or [channels, height, width]",
            },
        )
    if prod(shape) > MAX_ELEMENTS:
        raise PydanticCustomError(
            "HG123",
            "{message}",
            {
                "message": f"is a tensor of {prod(shape)} elements",
                "hint": f"a tensor has at most {MAX_ELEMENTS} elements",
            },
        )
    return shape


def _check_version(version: int) -> int:
    if version != 1:
        context = {"message": "is not a version that this hwgen knows", "hint": "legal: 1"}
        raise PydanticCustomError("HG113", "{message}", context)
    return version


def _as_list(value: Any) -> Any:
    if not isinstance(value, (str, list)):
        context = {"message": "must be a name or a list of names", "hint": "in: conv1"}
        raise PydanticCustomError("HG112", "{message}", context)
    return [value] if isinstance(value, str) else value


_NAME_SCHEMA = WithJsonSchema({"type": "string", "pattern": NAME_PATTERN, "maxLength": MAX_NAME})
Name = Annotated[str, AfterValidator(_check_name), _NAME_SCHEMA]
ModuleName = Annotated[str, AfterValidator(_check_module_name), _NAME_SCHEMA]
Size = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=1, le=1 << 20)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
Width = Literal[
    "int2", "int3", "int4", "int5", "int6", "int7", "int8", "int9",
    "int10", "int11", "int12", "int13", "int14", "int15", "int16",
]  # fmt: skip
Names = Annotated[
    list[str],
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
]


class _Doc(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )


class InputDoc(_Doc):
    """One tensor that the user sends."""

    shape: Annotated[
        list[Size],
        AfterValidator(_check_shape),
        Field(min_length=1, examples=[[1, 8, 8]], json_schema_extra={"maxItems": 3}),
    ]
    """Shape: [features], [tokens, features] or [channels, height, width]."""

    lengths: Annotated[list[Size] | None, Field(min_length=1, examples=[[32, 8, 1]])] = None
    """Numbers of tokens that a tensor can have, the shape's among them: one accelerator takes
    tensors of all these lengths, in any order."""

    @model_validator(mode="after")
    def _lengths(self) -> InputDoc:
        problem = None if self.lengths is None else _length_problem(self.shape, self.lengths)
        if problem:
            message, hint = problem
            raise PydanticCustomError("HG435", "{message}", {"message": message, "hint": hint})
        return self


def _length_problem(shape: list[int], lengths: list[int]) -> tuple[str, str] | None:
    """Return what is wrong with the lengths of an input, and what would be legal."""
    if len(shape) == 3:
        return "has lengths, but is an image", "lengths are for [tokens, features] or [tokens]"
    if len(set(lengths)) < len(lengths):
        return f"has a length twice: {lengths}", "each length once"
    if max(lengths) != shape[0]:
        legal = sorted({shape[0], *(n for n in lengths if n < shape[0])}, reverse=True)
        hint = f"the shape is that of the longest tensor: shape: {[max(lengths), *shape[1:]]}"
        message = f"has lengths up to {max(lengths)}, and a shape of {shape[0]} tokens"
        return message, f"{hint}, or lengths: {legal}"
    return None


class LayerDoc(_Doc):
    """One layer; the other keys are those of its op."""

    model_config = ConfigDict(extra="allow")

    name: Name
    """Name of the layer and of its output tensor."""

    op: str
    """Name of the op; `hwgen ops` lists them."""

    inputs: Annotated[Names, Field(alias="in", examples=["image", ["conv1", "conv2"]])]
    """The tensor that the layer reads, or a list of them: names of inputs or layers."""


class ModelDoc(_Doc):
    """The network."""

    inputs: Annotated[dict[Name, InputDoc], Field(min_length=1)]
    """Input tensors by name."""

    layers: Annotated[list[LayerDoc], Field(min_length=1)]
    """Layers, in any order."""

    outputs: Annotated[list[str], Field(min_length=1, examples=[["fc"]])]
    """Names of the layers whose tensors leave the accelerator."""


class FileDoc(_Doc):
    """A data file."""

    file: Annotated[str, Field(examples=["digits_calib.npz"])]
    """Path of an .npz file, relative to the spec's folder."""


class WeightsDoc(_Doc):
    """Where the weights come from: `file` or `random`, one of them."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["file"]}, {"required": ["random"]}]}
    )

    file: Annotated[str, Field(examples=["digits.npz"])] = ""
    """Path of an .npz or .safetensors file, relative to the spec's folder; it holds floating-point
    arrays `<layer>.weight` and `<layer>.bias`."""

    random: Annotated[Seed | None, Field(examples=[7])] = None
    """Seed of random weights, to try a shape; 0 to 2**32 - 1."""

    @model_validator(mode="after")
    def _one(self) -> WeightsDoc:
        if ("file" in self.model_fields_set) == (self.random is not None):
            state = "neither" if self.random is None else "both"
            raise PydanticCustomError(
                "HG124",
                "{message}",
                {
                    "message": f"has {state} of 'file' and 'random'",
                    "hint": "{file: weights.npz}, or {random: 7} to try a shape",
                },
            )
        return self


class AccumulatorDoc(_Doc):
    """The accumulator of layers with weights, where it shall not be as wide as it must be."""

    bits: Annotated[int, Field(ge=2, le=32, examples=[16])]
    """Its width at most; without overflow it is never wider than the sums need."""

    overflow: Literal["error", "wrap"] = "error"
    """`wrap`: sums that do not fit wrap around (two's complement); `error`: none may."""


class MixedDoc(_Doc):
    """What linear layers read is rounded to 4 bits per block of channels, to 8 where a block has
    outliers.  Weights of int4 need `narrow: true`; those of int5 to int8 lie in [-112, 112], and
    take twice the multiplications of 4 bits.
    """

    channels: Annotated[Count, Field(examples=[128])] = 128
    """Channels of a block; divides the layer's inputs."""

    loss: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False, examples=[1.0])] = 1.0
    """Signal to noise in dB that the layer's result may lose against blocks of 8 bits alone."""


class PrecisionDoc(_Doc):
    """Widths of one layer (or input); a key that is absent is taken from the default."""

    weights: Width | None = None
    """Width of the weights: int2 to int16."""

    activations: Width | None = None
    """Width of the layer's output: int2 to int16; unsigned if its range has no negative value."""

    symmetric: bool | None = None
    """Whether signed ranges are symmetric around zero; false lets them use a zero point."""

    narrow: bool | None = None
    """Whether weights leave out their most negative code: [-7, 7] for int4, which packs best."""

    range: Literal["error", "percentile", "max"] | None = None
    """Estimator of the output's range: least squared error, 99.9 % of the values, or all."""

    mixed: Annotated[MixedDoc | Literal[False] | None, Field(examples=[{"channels": 128}])] = None
    """Whether a linear layer reads blocks of 4 and 8 bits; `{}` for the defaults, or false."""

    accumulator: Annotated[AccumulatorDoc | None, Field(examples=[{"bits": 16}])] = None
    """Width of the accumulator; derived from the constants if absent."""


class DefaultPrecisionDoc(_Doc):
    """Widths of every layer and input that has none of its own."""

    weights: Width = "int8"
    """Width of the weights: int2 to int16."""

    activations: Width = "int8"
    """Width of inputs and of layers' outputs: int2 to int16."""

    symmetric: bool = True
    """Whether signed ranges are symmetric around zero; false lets them use a zero point."""

    narrow: bool = False
    """Whether weights leave out their most negative code: [-7, 7] for int4, which packs best."""

    range: Literal["error", "percentile", "max"] = "error"
    """Estimator of all ranges: least squared error, 99.9 % of the values, or all of them."""

    mixed: Annotated[MixedDoc | None, Field(examples=[{"channels": 128}])] = None
    """Linear layers read blocks of 4 and 8 bits: `{}` for the defaults; not at all if absent."""

    accumulator: Annotated[AccumulatorDoc | None, Field(examples=[{"bits": 16}])] = None
    """Width of the accumulator; derived from the constants if absent."""


class QuantizeDoc(_Doc):
    """Widths, and the data that ranges are measured on."""

    default: DefaultPrecisionDoc = DefaultPrecisionDoc()
    """Widths of every layer and input that has none of its own."""

    layers: dict[str, PrecisionDoc] = {}
    """Widths by layer or input, where they differ from the default."""

    calibrate: Annotated[FileDoc | None, Field(examples=[{"file": "digits_calib.npz"}])] = None
    """Calibration data: an .npz with one array per model input, samples along the first axis."""

    rounding: Literal["nearest", "compensated"] = "nearest"
    """`compensated`: weights of linear layers are rounded one input after the other, and those left
    make up for the error on the calibration data; better than `nearest` for few bits."""

    equalize: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False, examples=[0.5])] = None
    """Evens out the channels of normalisations that linear layers read, against their weights: 0
    looks at the weights alone, 1 at the values; not at all if absent. Where others read the
    normalisation too, linear layers get one of their own, `<layer>_linear`, of the default
    width."""

    rotate: Literal["hadamard", "online"] | None = None
    """Spreads outliers over all channels: what linear layers read is rotated wherever the weights
    before and behind it can absorb that. `online`: the accelerator turns what each linear layer
    reads, with adders alone, and the layer's weights absorb the inverse; the turned tensor of `x`
    is `x_rotated` in `layers`."""


class BudgetDoc(_Doc):
    """What the accelerator may use."""

    multipliers: Annotated[Count, Field(examples=[64])]
    """Multipliers of the MAC engines together, a count from 1 to 2**20."""

    onchip_kib: Annotated[int | None, Field(ge=1, le=1 << 24, examples=[96])] = None
    """On-chip memory in KiB; no limit if absent."""


class FoldDoc(_Doc):
    """Parallelism of one layer's engine; the planner chooses what is absent."""

    rows: Annotated[Count | None, Field(examples=[3])] = None
    """Kernel rows at once: 1, or all of them."""

    elements: Annotated[Count | None, Field(examples=[4])] = None
    """Contiguous input elements at once."""

    outputs: Annotated[Count | None, Field(examples=[8])] = None
    """Results at once."""

    groups: Annotated[Count | None, Field(examples=[8])] = None
    """Convolution groups at once; more than 1 takes whole groups."""

    positions: Annotated[Count | None, Field(examples=[2])] = None
    """Positions at once (tokens, columns of an image), for which each weight is read once; more
    than 1 of layers with one tap, whose multipliers are packed."""


class MemoryDoc(_Doc):
    """External memory behind an AXI4 port, which caches of attention can use."""

    port_bits: Annotated[Literal[32, 64, 128, 256, 512], Field(examples=[128])] = 128
    """Width of the port's data in bits."""

    latency: Annotated[int, Field(ge=2, le=1000, examples=[64])] = 64
    """Cycles from an address to its first data, 2 to 1000, in simulations and predictions."""

    kib: Annotated[int, Field(ge=1, le=1 << 22, examples=[65536])] = 65536
    """Its size in KiB, up to 4 GiB."""


class AcceleratorDoc(_Doc):
    """The hardware that is wanted."""

    schedule: Literal["sequential", "dataflow"]
    """`sequential`: one MAC engine shared by all layers; `dataflow`: one engine per layer."""

    budget: Annotated[BudgetDoc, Field(examples=[{"multipliers": 64}])]
    """What the accelerator may use."""

    folding: dict[str, FoldDoc] = {}
    """Parallelism by layer, where the planner shall not choose."""

    multiplier: Literal["auto", "plain", "packed", "polynomial", "lut"] = "auto"
    """What multiplies by weights: `plain`, one product per multiplier; `packed`, as many as one of
    the family holds, exactly; `polynomial`, the same, and convolutions of a dataflow plan whose
    windows are one sample apart take several samples and taps with each; `lut`, none; `auto`:
    packed if the board has too few for plain ones, and if it has too few for that polynomials, or
    layers in lookup tables, the narrowest codes first, whichever takes less area times cycles."""

    family: Annotated[
        Literal["ecp5", "gowin", "ice40", "nexus", "xilinx", "xcup"] | None,
        Field(examples=["xcup"]),
    ] = None
    """FPGA family whose multipliers are packed, as Yosys calls it (`xilinx` is the 7 series, `xcup`
    UltraScale+); that of the board by default."""

    memory: Annotated[MemoryDoc | None, Field(examples=[{"port_bits": 128}])] = None
    """External memory; a layer uses it that says so (`cache: {memory: external}`)."""

    clock_mhz: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False, examples=[50])] = 50.0
    """Target clock in MHz, 1 to 1000."""


class StreamDoc(_Doc):
    """Inputs without an end, which come in chunks along their outer axis."""

    chunk: Annotated[Count | None, Field(examples=[16])] = None
    """Rows of an image, or tokens, of every tensor that is sent: a multiple of the product of the
    strides. The inputs' declared height or number of tokens is that of the offline network."""

    window: Annotated[Count | None, Field(examples=[960])] = None
    """Instead of `chunk`, for a network that judges a window of the signal: rows or tokens of a
    window, which are those of the inputs' declared shape."""

    hop: Annotated[Count | None, Field(examples=[160])] = None
    """Rows or tokens from one window to the next, and of every tensor that is sent: a multiple of
    the product of the strides, at most `window`."""

    padding: Literal["signal", "window_exact"] = "signal"
    """With `window`: `signal` takes the signal around a window instead of zeros; `window_exact`
    keeps the zeros, bit for bit, and computes the rows that depend on them for each window."""

    @model_validator(mode="after")
    def _chunks_or_windows(self) -> StreamDoc:
        given = [key for key in ("chunk", "window", "hop") if getattr(self, key) is not None]
        more = given == ["chunk"] and "padding" in self.model_fields_set
        message = ""
        if more or given not in (["chunk"], ["window", "hop"]):
            names = " and ".join([*given, "padding"] if more else given)
            message = f"has {names or 'neither chunk nor window and hop'}"
            hint = "{chunk: 16}, or {window: 960, hop: 160} for a network that judges windows"
        elif self.window is not None and self.hop is not None and self.hop > self.window:
            message = f"has a hop of {self.hop}, larger than its window of {self.window}"
            hint = f"hop: 1 to {self.window}"
        if message:
            raise PydanticCustomError("HG497", "{message}", {"message": message, "hint": hint})
        return self


class VerifyDoc(_Doc):
    """What a simulation runs."""

    vectors: Annotated[int, Field(ge=1, le=1 << 20, examples=[16])] = 16
    """Number of tensors that a simulation sends, 1 to 2**20."""

    seed: Seed = 1
    """Seed of random tensors and stalls, 0 to 2**32 - 1."""

    labels: Annotated[str | None, Field(examples=["digits_test.npz"])] = None
    """Path of an .npz with labelled data: one array per model input, and `labels`, the classes."""


class Document(_Doc):
    """A hwgen spec."""

    hwgen: Annotated[int, AfterValidator(_check_version), WithJsonSchema({"const": 1})]
    """Version of the spec format: 1."""

    name: Annotated[ModuleName, Field(examples=["digits"])]
    """Name of the accelerator and its Verilog module; not one of the module's ports."""

    model: ModelDoc
    """The network."""

    weights: Annotated[WeightsDoc, Field(examples=[{"file": "digits.npz"}, {"random": 7}])]
    """Where the weights come from."""

    quantize: Annotated[QuantizeDoc, Field(examples=[{"default": {"weights": "int4"}}])] = (
        QuantizeDoc()
    )
    """Widths, and the data that ranges are measured on."""

    accelerator: AcceleratorDoc
    """The hardware that is wanted."""

    board: Annotated[str | None, Field(examples=["ulx3s_85f"])] = None
    """Board for `hwgen bitstream`; `hwgen boards` lists them."""

    stream: Annotated[StreamDoc | None, Field(examples=[{"chunk": 16}])] = None
    """Runs the network on endless inputs, chunk by chunk, with the results of the offline network,
    or window after window: see [streaming.md](streaming.md)."""

    verify: VerifyDoc = VerifyDoc()
    """What a simulation runs."""
