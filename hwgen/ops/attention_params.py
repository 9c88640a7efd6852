"""The spec keys of attention, and the products that they and the shapes mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from hwgen.ops.attention_keys import slots_for
from hwgen.ops.base import OpParams, ParamError, Shape
from hwgen.ops.params import Count
from hwgen.ops.products import expect_sequence
from hwgen.ops.work import Attend

__all__ = ["MAX_INNER", "AttentionParams", "CacheParams", "attend_for", "input_names"]

MAX_INNER = 256
"""Largest head of a query or key: a product of 8-bit codes then fits 24 bits."""


class CacheParams(OpParams):
    """Spec keys of a cache of keys and values."""

    length: Count | None = Field(
        None, description="tokens that it holds, a tensor's or more; not with window"
    )
    memory: Literal["onchip", "external"] = Field(
        "onchip", description="where it lies: on chip, or behind the port of accelerator.memory"
    )
    bits: Literal[4, 8] = Field(
        8, description="width of a code: 8, or 4 with a size per token and a mean per channel"
    )


class AttentionParams(OpParams):
    """Spec keys of attention."""

    heads: Count = Field(description="query heads; divides the features of the queries")
    kv_heads: Count | None = Field(
        None, description="key and value heads, a divisor of heads; as many as heads by default"
    )
    causal: bool = Field(False, description="whether a query sees no later key than its own")
    window: Annotated[int, Field(ge=0, le=65536)] = Field(
        0, description="latest keys that a query sees; 0 is all of them"
    )
    sinks: Annotated[int, Field(ge=0, le=65536)] = Field(
        0, description="first keys, which a query sees besides its window, in tiles of their own"
    )
    tile: Literal[8, 16, 32, 64] = Field(
        16, description="keys that share an exponent; rows of the systolic array"
    )
    padded: bool = Field(
        False, description="whether a further input of shape [1] holds how many keys count"
    )
    cache: CacheParams | None = Field(
        None,
        description="keep the keys and values of all tensors since reset: {length: tokens}, or {} "
        "with a window; bits: 8, or 4 (sizes per token and head)",
    )
    sink_queries: bool = Field(
        False, description="whether a fourth input holds the queries for the sinks (rope)"
    )


def input_names(params: AttentionParams) -> list[str]:
    """Return what the inputs are, in order."""
    names = ["the queries", "the keys", "the values"]
    if params.sink_queries:
        names.append("the queries for the sinks")
    if params.padded:
        names.append("the number of keys")
    return names


def attend_for(params: AttentionParams, inputs: Sequence[Shape]) -> Attend:
    """Return the products.

    Raises
    ------
    ParamError
        For whatever does not fit together.
    """
    names = input_names(params)
    if len(inputs) != len(names):
        raise ParamError(
            f"attention has {len(inputs)} inputs, needs {len(names)}",
            key="in",
            hint=f"in order: {', '.join(names)}",
        )
    sequences = inputs[:-1] if params.padded else inputs
    shapes = [
        expect_sequence("attention", name, shape)
        for name, shape in zip(names, sequences, strict=False)
    ]
    if params.padded and inputs[-1] != (1,):
        raise ParamError(
            f"attention needs the number of keys of shape [1], got {list(inputs[-1])}",
            key="padded",
            hint="an input of the model with shape: [1]",
        )
    (queries, wide), (keys, key_wide), (values, value_wide) = shapes[:3]
    kv_heads = _kv_heads(params)
    inner = _head(wide, params.heads, "queries", "heads")
    key_inner = _head(key_wide, kv_heads, "keys", "kv_heads")
    features = _head(value_wide, kv_heads, "values", "kv_heads")
    if inner != key_inner:
        raise ParamError(
            f"a query head has {inner} elements and a key head {key_inner}",
            key="kv_heads",
            hint=f"keys of {kv_heads * inner} features for {kv_heads} heads of {inner}",
        )
    if inner > MAX_INNER:
        raise ParamError(
            f"a head has {inner} elements", key="heads", hint=f"up to {MAX_INNER}: more heads"
        )
    if keys != values:
        raise ParamError(
            f"there are {keys} keys and {values} values", key="in", hint="a value for each key"
        )
    _check_window(params)
    _check_sink_queries(params, shapes)
    return Attend(
        queries=queries,
        keys=keys if params.cache is None else _slots(params, params.cache, queries, keys),
        heads=params.heads,
        kv_heads=kv_heads,
        inner=inner,
        features=features,
        tile=params.tile,
        causal=params.causal,
        window=params.window,
        sinks=params.sinks,
        cached=params.cache is not None,
        padded=params.padded,
        sink_queries=params.sink_queries,
        kv4=params.cache is not None and params.cache.bits == 4,
        external=params.cache is not None and params.cache.memory == "external",
    )


def _kv_heads(params: AttentionParams) -> int:
    kv_heads = params.kv_heads or params.heads
    if params.heads % kv_heads:
        raise ParamError(
            f"{kv_heads} key heads cannot share {params.heads} query heads evenly",
            key="kv_heads",
            hint=f"a divisor of {params.heads}: {_divisors(params.heads)}",
        )
    return kv_heads


def _head(features: int, heads: int, what: str, key: str) -> int:
    if features % heads:
        raise ParamError(
            f"{heads} heads do not divide the {features} features of the {what}",
            key=key,
            hint=f"a divisor of {features}: {_divisors(features)}",
        )
    return features // heads


def _divisors(number: int) -> str:
    return ", ".join(str(n) for n in range(1, min(number, 64) + 1) if not number % n)


def _check_window(params: AttentionParams) -> None:
    if params.window and not params.causal:
        raise ParamError(
            f"window {params.window} ends at a query's own position, so it is causal",
            key="window",
            hint="causal: true",
        )
    if params.window and params.window < params.sinks:
        raise ParamError(
            f"window {params.window} is smaller than the {params.sinks} sinks",
            key="window",
            hint=f"window: {params.sinks} or more, or fewer sinks",
        )


def _slots(params: AttentionParams, cache: CacheParams, tokens: int, keys: int) -> int:
    """Return how many keys the cache has room for."""
    if keys != tokens:
        raise ParamError(
            f"a cache takes one key per query, not {keys} keys for {tokens} queries",
            key="cache",
            hint="queries, keys and values of the same tokens",
        )
    if not params.causal:
        raise ParamError(
            "queries see no later tensors' keys in a cache, so it is causal",
            key="cache",
            hint="causal: true",
        )
    if params.padded:
        raise ParamError(
            "a cache keeps every key, so none is padding", key="padded", hint="padded: false"
        )
    if params.window:
        if cache.length is not None:
            raise ParamError(
                f"cache length {cache.length} is not free: the window decides it",
                key="cache",
                hint="cache: {}",
            )
        return slots_for(tokens, params.window, params.sinks, params.tile)
    if params.sinks:
        raise ParamError(
            f"a cache without a window keeps every key, so none of {params.sinks} sinks apart",
            key="sinks",
            hint="sinks: 0, or a window",
        )
    if cache.length is None:
        raise ParamError(
            "a cache without a window needs a length", key="cache", hint="cache: {length: 128}"
        )
    if cache.length < tokens:
        raise ParamError(
            f"cache length {cache.length} is less than the {tokens} tokens of a tensor",
            key="cache",
            hint=f"{tokens} or more",
        )
    return cache.length


def _check_sink_queries(params: AttentionParams, shapes: Sequence[Shape]) -> None:
    if not params.sink_queries:
        return
    if not (params.sinks and params.window and params.cache):
        raise ParamError(
            "queries for the sinks need sinks that are kept apart",
            key="sink_queries",
            hint="cache: {}, window and sinks",
        )
    if shapes[3] != shapes[0]:
        raise ParamError(
            f"the queries for the sinks have shape {list(shapes[3])}, the others {list(shapes[0])}",
            key="sink_queries",
            hint="the same shape",
        )
