"""Attention in one pass over the keys, with tile exponents; optionally with a cache of keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import e, log2, sqrt
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from hwgen.ops.arithmetic import Int
from hwgen.ops.attention_keys import Arrivals, Slots, slots_of
from hwgen.ops.attention_params import AttentionParams, attend_for, input_names
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.events import masked
from hwgen.ops.kv4 import KEY_UNIT, LEVELS, WHOLE, key_multipliers, pack, value_logs
from hwgen.ops.products import attend_attrs, attend_of, expect_operands
from hwgen.ops.scaling import fixed_point
from hwgen.ops.tile_exponent import FRACTION, RESULT_SHIFT, Seen, State, logits
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Attend, Loop, Port, Work

__all__ = ["OP", "Attention"]

Number = TypeVar("Number", np.int64, np.float64)

OPERAND_BITS = 8
"""Width of queries, keys and values: a score then fits 24 bits; numerators have 8 as well."""

_AT_ONCE = 1 << 20
"""Elements of scores or sums to work on at a time."""


class Attention(Op):
    """``softmax(q @ k.T / sqrt(inner)) @ v`` for each head, over the keys that a query sees."""

    name: ClassVar[str] = "attention"
    summary: ClassVar[str] = (
        "attention of queries to keys and values: heads, grouped heads, causal, window, cache"
    )
    Params: ClassVar[type[OpParams]] = AttentionParams
    arity: ClassVar[tuple[int, int | None]] = (3, 5)
    remembers: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: attention, in: [x, x, x], heads: 2}"

    def shape(self, params: AttentionParams, inputs: Sequence[Shape]) -> Shape:
        """Return (queries, heads * features of a value head)."""
        attend = attend_for(params, inputs)
        return attend.queries, attend.heads * attend.features

    def in_types(
        self, params: AttentionParams, shapes: Sequence[Shape]
    ) -> tuple[QType | None, ...]:
        """Return that the number of keys is a count."""
        return (*(None for _ in shapes[:-1]), _count(shapes[1][0]) if params.padded else None)

    def real(
        self, params: AttentionParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the attention in float64; zeros for a query that sees no key."""
        attend = attend_for(params, [array.shape[1:] for array in inputs])
        lengths = None
        if attend.padded:
            lengths = np.clip(np.floor(inputs[-1][:, 0] + 0.5), 0, attend.keys).astype(np.int64)
        result = np.empty((*inputs[0].shape[:2], attend.heads * attend.features))
        for block in _blocks(attend, inputs, lengths):
            keys, values = (block.rows(array, attend.kv_heads) for array in inputs[1:3])
            keys = keys.swapaxes(-1, -2)
            scores = block.heads(inputs[0], attend) @ keys
            if attend.sink_queries:
                pinned = block.heads(inputs[3], attend) @ keys
                scores = np.where(np.arange(slots_of(attend)) < attend.sinks, pinned, scores)
            scores = np.where(block.seen, scores / sqrt(attend.inner), -np.inf)
            largest = scores.max(axis=-1, keepdims=True)
            parts = np.exp(scores - np.where(np.isfinite(largest), largest, 0.0))
            total = parts.sum(axis=-1, keepdims=True)
            parts = parts / np.where(total > 0, total, 1.0)
            result[block.where] = block.tokens(parts @ values)
        return result

    def lower(
        self,
        params: AttentionParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the products, the factor of the logits, and one multiplier of the result."""
        attend = attend_for(params, shapes)
        names = input_names(params)
        factors = 4 if attend.sink_queries else 3
        expect_operands(self.name, names[:factors], types[:factors], OPERAND_BITS)
        query, key, value = types[:3]
        if attend.padded and types[-1] != _count(attend.keys):
            raise ParamError(
                f"attention needs {names[-1]} as a count up to {attend.keys}",
                hint="an input of the model with shape [1] that nothing else reads",
            )
        scales = np.array([kind.scale for kind in (query, types[3 if attend.sink_queries else 0])])
        octaves = scales * key.scale / sqrt(attend.inner) * log2(e) * (1 << FRACTION)
        ratio = value.scale / out.scale / (1 << RESULT_SHIFT)
        constants = {}
        if attend.kv4:
            octaves *= (1 << KEY_UNIT) / LEVELS
            ratio *= WHOLE / LEVELS
            constants["key_mean"] = _mean_code(shapes[1][1], key, options)
        scores, score_shift = fixed_point(octaves)
        multiplier, shift = fixed_point(np.array([ratio]))
        bounded = attend.cached and not attend.window
        return Lowered(
            attrs={
                **attend_attrs(attend),
                "score_multiplier": int(scores[0]),
                "sink_multiplier": int(scores[1]),
                "score_shift": score_shift,
                "capacity": attend.keys // attend.queries if bounded else 0,
            },
            constants=constants,
            requant=Requant(
                multiplier=multiplier,
                shift=shift,
                zero_point=out.zero_point,
                low=out.low,
                high=out.high,
                offset=np.zeros(1, dtype=np.int64),
            ),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the codes by the rules of ``docs/attention.md``."""
        attend = attend_of(lowered)
        stored = _Stored(attend, lowered, inputs[1], inputs[2])
        lengths = inputs[-1][:, 0] if attend.padded else None
        result = np.empty((*inputs[0].shape[:2], attend.heads * attend.features), np.int64)
        self._visit(lowered, inputs, stored, _blocks(attend, inputs, lengths), result)
        return result

    def recalls(self, lowered: Lowered) -> bool:
        """Return whether there is a cache."""
        return bool(lowered.attrs["cached"])

    def mixed(self, lowered: Lowered, inputs: Sequence[Int], tokens: Int) -> Int:
        """Return the codes of tensors that join one cache, whatever their lengths."""
        longest = inputs[0].shape[1]
        stored = _Stored(attend_of(lowered), lowered, inputs[1], inputs[2])
        result = np.zeros(
            (*inputs[0].shape[:2], lowered.attrs["heads"] * lowered.attrs["features"]), np.int64
        )
        arrivals = Arrivals.of(attend_of(lowered), tokens, longest)
        for count in np.unique(tokens):
            shapes = [(int(count), array.shape[-1]) for array in inputs]
            attend = attend_of(self.resized(lowered, shapes))
            alike = np.flatnonzero(tokens == count)
            blocks = _blocks(attend, inputs, None, arrivals, alike)
            self._visit(lowered, inputs, stored, blocks, result)
        return result

    def resized(self, lowered: Lowered, inputs: Sequence[Shape]) -> Lowered:
        """Return it for another number of queries, and of keys unless there is a cache."""
        attrs, queries = lowered.attrs, inputs[0][0]
        keys = attrs["keys"] if attrs["cached"] else inputs[1][0]
        sizes = {"queries": queries, "keys": keys}
        if attrs["capacity"]:
            sizes["capacity"] = keys // queries
        return replace(lowered, attrs={**attrs, **sizes})

    def _visit(
        self,
        lowered: Lowered,
        inputs: Sequence[Int],
        stored: _Stored,
        blocks: Iterator[_Block],
        result: Int,
    ) -> None:
        """Write the results of all blocks."""
        assert lowered.requant is not None
        attend, attrs = attend_of(lowered), lowered.attrs
        for block in blocks:
            queries = block.heads(inputs[0], attend).astype(np.float32)
            pinned = queries
            if attend.sink_queries:
                pinned = block.heads(inputs[3], attend).astype(np.float32)
            state = State.empty(queries.shape[:-1], attend.features)
            for start in range(0, slots_of(attend), attend.tile):
                tile = slice(start, min(start + attend.tile, slots_of(attend)))
                seen = block.seen[..., tile]
                if not seen.any():
                    continue  # it would change nothing
                keys, values = stored.rows(block, tile)
                # 256 * 128 * 128 < 2**24: the floating-point product is exact.
                sinks = attend.sink_queries and start < attend.sinks
                left = pinned if sinks else queries
                scores = (left @ keys.swapaxes(-1, -2).astype(np.float32)).astype(np.int64)
                multiplier = attrs["sink_multiplier" if sinks else "score_multiplier"]
                factor, below = stored.sizes(block, tile, multiplier)
                y = logits(scores, factor, attrs["score_shift"], seen)
                state = state.visit(y, seen, values, below)
            masked(state.masked)
            result[block.where] = block.tokens(lowered.requant.apply(state.finish()))

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of every partial sum of scores and of a tile's values."""
        attend = attend_of(lowered)
        query, key, value = ((kind.low, kind.high) for kind in types[:3])
        if attend.kv4:
            key = value = (-LEVELS, LEVELS)
        ends = [a * b for a in query for b in key]
        reach = 255 * attend.tile
        return (
            min(attend.inner * min(ends), reach * value[0], 0),
            max(attend.inner * max(ends), reach * value[1]),
        )

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``attention`` work."""
        attend = attend_of(lowered)
        return Work(
            kind="attention",
            ports=tuple(Port(*shape) if len(shape) == 2 else Port(1, 1) for shape in inputs),
            row=Loop(attend.queries, dy=1),
            column=Loop(1),
            channel=Loop(attend.heads),
            outputs=attend.features,
            attend=attend,
        )


class _Stored:
    """Keys and values as a cache keeps them, 4-bit ones with a size per row and head."""

    def __init__(self, attend: Attend, lowered: Lowered, keys: Int, values: Int) -> None:
        """Take all key and value tensors of a batch."""
        self._heads = attend.kv_heads
        self._keys, self._values = keys, values
        self._sizes: tuple[Int, Int] | None = None
        if attend.kv4:
            self._keys, key_sizes = self._packed(keys - lowered.constants["key_mean"])
            self._values, value_sizes = self._packed(values)
            self._sizes = key_sizes, value_sizes

    def _packed(self, rows: Int) -> tuple[Int, Int]:
        codes, sizes = pack(rows.reshape(*rows.shape[:2], self._heads, -1))
        return codes.reshape(rows.shape), sizes

    def rows(self, block: _Block, tile: slice) -> tuple[Int, Int]:
        """Return the codes of a tile's keys and values."""
        return (
            block.rows(self._keys, self._heads, tile),
            block.rows(self._values, self._heads, tile),
        )

    def sizes(self, block: _Block, tile: slice, multiplier: int) -> tuple[Int | int, Int | None]:
        """Return the factor of each key's logit, and how far its numerator is lowered."""
        if self._sizes is None:
            return multiplier, None
        keys, values = (block.rows(sizes, self._heads, tile)[..., 0] for sizes in self._sizes)
        factors = key_multipliers(keys, multiplier)[..., None, :]
        return factors, value_logs(values)[..., None, :]


class _Block:
    """Some queries of some tensors, and the keys that they find."""

    def __init__(
        self, attend: Attend, slots: Slots, where: tuple[Int, slice], lengths: Int | None
    ) -> None:
        """Find the keys; ``where`` are the tensors and the queries."""
        self.where = where
        self._index = slots.index
        found = Slots(slots.position, slots.index, slots.query[:, where[1]])
        seen = found.seen(attend, None if lengths is None else lengths[where[0]])
        self.seen: Seen = seen[:, None, None]
        """(tensors, 1, 1, queries, slots); the first may be 1 for all."""

    def heads(self, array: npt.NDArray[Number], attend: Attend) -> npt.NDArray[Number]:
        """Return queries as (tensors, key heads, heads of each, queries, inner)."""
        some: npt.NDArray[Number] = array[self.where]
        grouped = attend.kv_heads, attend.heads // attend.kv_heads, attend.inner
        return some.reshape(*some.shape[:2], *grouped).transpose(0, 2, 3, 1, 4)

    def rows(
        self, array: npt.NDArray[Number], kv_heads: int, slots: slice = slice(None)
    ) -> npt.NDArray[Number]:
        """Return keys or values as (tensors, key heads, 1, slots, elements)."""
        width = array.shape[2] // kv_heads
        found = array.reshape(-1, kv_heads, width)[self._index[:, slots]]
        return found.transpose(0, 2, 1, 3)[:, :, None]

    def tokens(self, heads: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Return results (tensors, key heads, heads of each, queries, features) as tokens."""
        tensors, _, _, queries, _ = heads.shape
        return heads.transpose(0, 3, 1, 2, 4).reshape(tensors, queries, -1)


def _blocks(
    attend: Attend,
    inputs: Sequence[npt.NDArray[Number]],
    lengths: Int | None,
    arrivals: Arrivals | None = None,
    alike: Int | None = None,
) -> Iterator[_Block]:
    """Yield all queries in blocks of bounded size.

    Parameters
    ----------
    arrivals, alike
        With a cache and tensors of several lengths: the tensors of ``attend.queries`` tokens.
    """
    if alike is None:
        alike = np.arange(len(inputs[0]))
    if attend.cached and arrivals is None:
        arrivals = Arrivals.of(attend, np.full(len(alike), attend.queries), attend.queries)
    wide = attend.heads * max(slots_of(attend), attend.features)
    queries = min(max(_AT_ONCE // wide, 1), attend.queries)
    stored = attend.kv_heads * slots_of(attend) * max(attend.inner, attend.features)
    tensors = max(_AT_ONCE // max(wide * queries, stored), 1)
    for first in range(0, len(alike), tensors):
        some = alike[first : first + tensors]
        slots = Slots.of(attend, some, arrivals)
        for row in range(0, attend.queries, queries):
            where = some, slice(row, min(row + queries, attend.queries))
            yield _Block(attend, slots, where, lengths)


def _mean_code(features: int, key: QType, options: LowerOptions) -> Int:
    """Return the mean of each key channel as a code; zeros without calibration data."""
    if not options.means:
        return np.zeros(features, np.int64)
    codes = np.floor(options.means[1] / key.scale + 0.5)
    return np.clip(codes, key.low, key.high).astype(np.int64)


def _count(keys: int) -> QType:
    """Return the type of a number of keys, 0 to ``keys``."""
    return QType(max(keys.bit_length(), 2), False, 1.0, count=keys + 1)


OP = Attention()
