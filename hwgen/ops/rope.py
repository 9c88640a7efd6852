"""Rotary position embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import frexp, log2, prod
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.params import Count
from hwgen.ops.rotation import UNIT, phase_steps, quarter_sine, sines
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Rope", "RopeParams"]

_Array = npt.NDArray[Any]

_MOST_POSITIONS = 1 << 30
_LAST = np.iinfo(np.int64).max
_UNIT_BITS = 15
_MOST_STEPS = 12
"""Largest ratio of the scales of input and result: 2**12."""


class RopeParams(OpParams):
    """Spec keys of rope."""

    heads: Count = Field(description="heads that the features are divided into")
    theta: Annotated[float, Field(gt=1.0, le=1e9)] = Field(
        10000.0, description="base of the frequencies"
    )
    style: Literal["half", "interleaved"] = Field(
        "half",
        description="half: element i turns with i + size / 2 (Llama, GPT-NeoX); interleaved: "
        "elements 2 i and 2 i + 1 (GPT-J)",
    )
    start: Annotated[int, Field(ge=0, lt=_MOST_POSITIONS)] = Field(
        0, description="position of the first token"
    )
    limit: Annotated[int, Field(ge=1, le=_MOST_POSITIONS)] | None = Field(
        None, description="positions stop at limit - 1, which all later tokens have"
    )
    running: bool = Field(
        False, description="whether positions go on from tensor to tensor, as in decoding"
    )


class Rope(Op):
    """Pairs of each head's elements, turned by an angle that grows with the token's position."""

    name: ClassVar[str] = "rope"
    summary: ClassVar[str] = "rotary position embedding of queries or keys"
    Params: ClassVar[type[OpParams]] = RopeParams
    max_acc_bits: ClassVar[int] = 48
    remembers: ClassVar[bool] = True
    alike: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: rope, in: x, heads: 2}"

    def shape(self, params: RopeParams, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape, (tokens, features); a vector is one token."""
        shape = inputs[0]
        if len(shape) > 2:
            raise ParamError(
                f"rope needs an input of shape (tokens, features), got {list(shape)}",
                key="in",
                hint="a sequence, or one token as a vector",
            )
        features = shape[-1]
        if features % (2 * params.heads):
            legal = [n for n in range(1, features // 2 + 1) if features % (2 * n) == 0]
            shown = ", ".join(map(str, legal[:12])) + (", ..." if len(legal) > 12 else "")
            raise ParamError(
                f"{params.heads} heads do not divide {features} features into pairs",
                key="heads",
                hint=f"legal: {shown}" if legal else "an even number of features",
            )
        if params.limit is not None and params.start >= params.limit:
            raise ParamError(
                f"start {params.start} is beyond the last position, {params.limit - 1}",
                key="start",
                hint=f"0 to {params.limit - 1}",
            )
        return shape

    def real(self, params: RopeParams, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the turned pairs in float64."""
        heads = _split(inputs[0], params.heads)
        size = heads.shape[-1]
        places = _positions(
            heads.shape[:2], params.start, params.limit or 0, running=params.running
        )
        angles = places[..., None] * params.theta ** (-2.0 * np.arange(size // 2) / size)
        sine, cosine = np.sin(angles)[:, :, None], np.cos(angles)[:, :, None]
        first, second = _pairs(heads, params.style)
        turned = first * cosine - second * sine, first * sine + second * cosine
        return _join(turned, params.style).reshape(inputs[0].shape)

    def out_type(
        self, params: RopeParams, inputs: Sequence[QType], proposed: QType, shapes: Sequence[Shape]
    ) -> QType:
        """Return symmetric codes of the calibrated width.

        Their step is the power of two of the input's that is next to the calibrated one, so that
        a shift scales.
        """
        reach = max(proposed.high - proposed.zero_point, proposed.zero_point - proposed.low)
        wanted = reach * proposed.scale / ((1 << (proposed.bits - 1)) - 1)
        steps = round(log2(wanted / inputs[0].scale))
        steps = max(-_MOST_STEPS, min(_MOST_STEPS, steps))
        return QType(proposed.bits, signed=True, scale=inputs[0].scale * 2.0**steps)

    def lower(
        self,
        params: RopeParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the phases' steps, a quarter of a sine, and the shift that ends a rotation."""
        size = shapes[0][-1] // params.heads
        steps = frexp(out.scale / types[0].scale)[1] - 1
        return Lowered(
            attrs={
                "heads": params.heads,
                "style": params.style,
                "start": params.start,
                "limit": params.limit or 0,
                "running": params.running,
                "zero": types[0].zero_point,
                "steps": phase_steps(size, params.theta),
            },
            constants={"sine": quarter_sine()},
            requant=Requant(
                multiplier=np.ones(1, dtype=np.int64),
                shift=_UNIT_BITS + steps,
                zero_point=0,
                low=out.low,
                high=out.high,
                offset=np.zeros(1, dtype=np.int64),
            ),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the turned pairs of codes, rounded once; samples follow one another in time."""
        attrs = lowered.attrs
        shape = len(inputs[0]), 1 if inputs[0].ndim == 2 else inputs[0].shape[1]
        places = _positions(shape, attrs["start"], attrs["limit"], running=attrs["running"])
        return self._turned(lowered, inputs[0], places)

    def recalls(self, lowered: Lowered) -> bool:
        """Return whether positions go on from tensor to tensor."""
        return bool(lowered.attrs["running"])

    def mixed(self, lowered: Lowered, inputs: Sequence[Int], tokens: Int) -> Int:
        """Return the turned pairs; a tensor's first position follows the last one before it."""
        attrs = lowered.attrs
        before = np.cumsum(tokens) - tokens
        places = attrs["start"] + before[:, None] + np.arange(inputs[0].shape[1])
        limit = attrs["limit"] - 1 if attrs["limit"] else _LAST
        return self._turned(lowered, inputs[0], np.minimum(places, limit))

    def _turned(self, lowered: Lowered, codes: Int, places: Int) -> Int:
        attrs, requant = lowered.attrs, lowered.requant
        assert requant is not None
        heads = _split(codes - attrs["zero"], attrs["heads"])
        phases = places[..., None] * np.array(attrs["steps"], dtype=np.int64) & 0xFFFFFFFF
        sine, cosine = (codes[:, :, None] for codes in sines(phases, lowered.constants["sine"]))
        first, second = _pairs(heads, attrs["style"])
        turned = first * cosine - second * sine, first * sine + second * cosine
        return requant.apply(_join(turned, attrs["style"]).reshape(codes.shape))

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of the sum of two products, with what rounds it."""
        assert lowered.requant is not None
        zero, half = lowered.attrs["zero"], (1 << lowered.requant.shift) >> 1
        most = max(types[0].high - zero, zero - types[0].low) * UNIT
        return -2 * most, 2 * most + half

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``rope`` work: a head a row; both elements of a pair for each of its results."""
        heads = lowered.attrs["heads"]
        size = inputs[0][-1] // heads
        rows = prod(inputs[0]) // size
        if lowered.attrs["style"] == "half":
            column, channel, pair = Loop(2), Loop(size // 2, dx=1), Loop(2, dx=size // 2)
        else:
            column, channel, pair = Loop(size // 2, dx=2), Loop(2), Loop(2, dx=1)
        return Work(
            kind="rope",
            ports=(Port(rows, size),),
            row=Loop(rows, dy=1),
            column=column,
            channel=channel,
            reduce=(pair,),
        )


def _split(tensor: _Array, heads: int) -> _Array:
    """Return (n, tokens, heads, size)."""
    tokens = 1 if tensor.ndim == 2 else tensor.shape[1]
    return tensor.reshape(len(tensor), tokens, heads, -1)


def _pairs(heads: _Array, style: str) -> tuple[_Array, _Array]:
    """Return the first and the second element of every pair, (n, tokens, heads, size / 2)."""
    if style == "half":
        middle = heads.shape[-1] // 2
        return heads[..., :middle], heads[..., middle:]
    return heads[..., ::2], heads[..., 1::2]


def _join(pairs: tuple[_Array, _Array], style: str) -> _Array:
    """Return the elements of pairs in their places: the inverse of :func:`_pairs`."""
    if style == "half":
        return np.concatenate(pairs, axis=-1)
    joined = np.stack(pairs, axis=-1)
    return joined.reshape(*joined.shape[:-2], -1)


def _positions(shape: tuple[int, ...], start: int, limit: int, *, running: bool) -> Int:
    """Return the position of each token of each sample."""
    samples, tokens = shape
    places = start + np.arange(tokens, dtype=np.int64)[None]
    if running:
        places = places + tokens * np.arange(samples, dtype=np.int64)[:, None]
    places = np.broadcast_to(places, (samples, tokens))
    return np.minimum(places, limit - 1 if limit else _LAST)


OP = Rope()
