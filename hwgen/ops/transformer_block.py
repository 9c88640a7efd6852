"""Transformer block: attention and an MLP, each with a residual sum and a normalisation.

Vaswani et al., "Attention Is All You Need", NeurIPS 2017 (``post_norm``, cross-attention); Xiong et
al., "On Layer Normalization in the Transformer Architecture", ICML 2020 (``pre_norm``); Shazeer,
"GLU Variants Improve Transformer", arXiv 2002.05202 (``gated``); Ainslie et al., "GQA",
EMNLP 2023 (``kv_heads``); Xiao et al., "Efficient Streaming Language Models with Attention Sinks",
ICLR 2024 (``sinks``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from hwgen.ops.attention_params import CacheParams
from hwgen.ops.base import OpParams, ParamError, Shape
from hwgen.ops.block import Block, BlockParams, Part, Source
from hwgen.ops.params import Count

__all__ = ["BLOCK", "RopeKeys", "TransformerBlock", "TransformerBlockParams"]


class RopeKeys(OpParams):
    """Spec keys of a block's rotary positions."""

    theta: Annotated[float, Field(gt=1.0, le=1e9)] = Field(
        10000.0, description="base of the frequencies"
    )
    style: Literal["half", "interleaved"] = Field(
        "half", description="which elements turn together: see rope"
    )


class TransformerBlockParams(BlockParams):
    """Spec keys of transformer_block."""

    heads: Count = Field(description="query heads; divides the features")
    hidden: Count = Field(description="features inside the MLP")
    kv_heads: Count | None = Field(
        None, description="key and value heads, a divisor of heads; as many as heads by default"
    )
    order: Literal["pre_norm", "post_norm"] = Field(
        "pre_norm", description="normalise what attention and MLP read, or the sums after them"
    )
    norm: Literal["layer_norm", "rms_norm"] = Field("layer_norm", description="the normalisation")
    eps: float | None = Field(
        None, ge=1e-12, le=1e6, description="of the normalisation; its default if absent"
    )
    activation: Literal["gelu", "relu", "silu"] = Field("gelu", description="of the MLP")
    approximate: Literal["none", "tanh"] = Field("none", description="form of gelu")
    gated: bool = Field(
        False, description="whether the MLP is down(activation(gate(x)) * up(x)), as in Llama"
    )
    bias: bool = Field(True, description="whether linear layers and layer_norm have a bias")
    causal: bool = Field(False, description="whether a token sees no later one")
    window: Annotated[int, Field(ge=0, le=65536)] = Field(
        0, description="latest tokens that a token sees; 0 is all of them"
    )
    sinks: Annotated[int, Field(ge=0, le=65536)] = Field(
        0, description="first tokens that a token sees besides its window"
    )
    tile: Literal[8, 16, 32, 64] = Field(
        16, description="keys that share an exponent; rows of the systolic array"
    )
    rope: RopeKeys | None = Field(
        None, description="rotary positions of queries and keys: a mapping, {} for the defaults"
    )
    cache: CacheParams | None = Field(
        None, description="keep the keys and values of all tensors since reset"
    )
    padded: bool = Field(
        False, description="whether a further input of shape [1] holds how many tokens count"
    )
    cross_attention: bool = Field(
        False,
        description="whether the second input is a sequence that is attended to as well, "
        "between self-attention and MLP",
    )
    memory_padded: bool = Field(
        False,
        description="whether a further input of shape [1], the last one, holds how many tokens "
        "of that sequence count",
    )


class TransformerBlock(Block):
    """Self-attention, cross-attention if asked for, MLP; each is ``x + f(norm(x))``.

    With ``post_norm`` each is ``norm(x + f(x))``.
    """

    name: ClassVar[str] = "transformer_block"
    summary: ClassVar[str] = "attention and MLP with residual sums and norms; expands into layers"
    Params: ClassVar[type[BlockParams]] = TransformerBlockParams
    arity: ClassVar[tuple[int, int | None]] = (1, 4)
    example: ClassVar[str] = "{name: y, op: transformer_block, in: x, heads: 2, hidden: 32}"
    naming: ClassVar[str] = """\
| stage | parts, with `post_norm` the first one is the last |
|---|---|
| self-attention | `norm1 query key value attention project sum1` |
| with `rope` | `sink_rope` (if there are sinks and a cache), `query_rope`, `key_rope` |
| with `cross_attention` | `cross_norm cross_query cross_key cross_value cross_attention \
cross_project cross_sum` |
| MLP | `norm2 up act down sum2` |
| MLP, `gated` | `norm2 gate act up gated down sum2` |

`query`, `key`, `value`, `project`, `gate`, `up`, `down` and those of cross-attention are `linear`
layers; `gated` is the product of `act` and `up`."""

    def parts(self, params: TransformerBlockParams, inputs: Sequence[Shape]) -> list[Part]:
        """Return the layers in the order in which they compute."""
        _check_inputs(params, inputs)
        features = inputs[0][1]
        _check_heads(params, features)
        return _Builder(params, features).parts()


class _Builder:
    """Adds one part after the other; ``self.now`` is what the next one reads."""

    def __init__(self, params: TransformerBlockParams, features: int) -> None:
        self.params = params
        self.features = features
        self.kv_heads = params.kv_heads or params.heads
        self.now: Source = 0
        self._parts: list[Part] = []

    def parts(self) -> list[Part]:
        params = self.params
        numbers = iter(range(1, 4))
        memory = next(numbers) if params.cross_attention else None
        count = next(numbers) if params.padded else None
        memory_count = next(numbers) if params.memory_padded else None
        self._stage("norm1", "sum1", lambda now: self._self_attention(now, count))
        if memory is not None:
            self._stage(
                "cross_norm", "cross_sum", lambda now: self._cross(now, memory, memory_count)
            )
        self._stage("norm2", "sum2", self._mlp)
        return self._parts

    # -- stages -------------------------------------------------------------------------------

    def _stage(self, norm: str, total: str, stage: Callable[[Source], str]) -> None:
        before = self.now
        if self.params.order == "pre_norm":
            self._norm(norm)
        self.now = self._add(total, "add", before, stage(self.now))
        if self.params.order == "post_norm":
            self._norm(norm)

    def _self_attention(self, source: Source, count: Source | None) -> str:
        params = self.params
        query, key, value = self._projections("", source, source)
        keys = _given(params, "causal", "window", "sinks", "padded", "cache")
        reads: list[Source] = []
        if params.rope is not None:
            if params.sinks and params.cache is not None:
                keys["sink_queries"] = True
                # Positions inside the cache: none is larger than the newest key's.
                newest = params.window + params.sinks
                reads.append(self._rope("sink_rope", query, params.heads, newest))
            query = self._rope("query_rope", query, params.heads)
            key = self._rope("key_rope", key, self.kv_heads)
        if count is not None:
            reads.append(count)
        return self._attention("", [query, key, value, *reads], keys)

    def _cross(self, source: Source, memory: Source, count: Source | None) -> str:
        reads: list[Source] = [*self._projections("cross_", source, memory)]
        if count is None:
            return self._attention("cross_", reads, {})
        return self._attention("cross_", [*reads, count], {"padded": True})

    def _projections(self, prefix: str, source: Source, memory: Source) -> tuple[str, str, str]:
        narrow = self.kv_heads * (self.features // self.params.heads)
        return (
            self._linear(f"{prefix}query", source, self.features),
            self._linear(f"{prefix}key", memory, narrow),
            self._linear(f"{prefix}value", memory, narrow),
        )

    def _attention(self, prefix: str, reads: Sequence[Source], keys: dict[str, Any]) -> str:
        keys = {"heads": self.params.heads, "tile": self.params.tile, **keys}
        keys |= _given(self.params, "kv_heads")
        attended = self._add(f"{prefix}attention", "attention", *reads, **keys)
        return self._linear(f"{prefix}project", attended, self.features)

    def _mlp(self, source: Source) -> str:
        params = self.params
        keys = _given(params, "approximate") if params.activation == "gelu" else {}
        first = "gate" if params.gated else "up"
        hidden = self._add("act", params.activation, self._hidden(first, source), **keys)
        if params.gated:
            hidden = self._add("gated", "mul", hidden, self._hidden("up", source))
        return self._linear("down", hidden, self.features)

    # -- layers -------------------------------------------------------------------------------

    def _add(self, part: str, op: str, *reads: Source, **keys: Any) -> str:
        self._parts.append(Part(part, op, reads, keys))
        return part

    def _linear(self, part: str, source: Source, features: int) -> str:
        keys = {"features": features, "bias": self.params.bias}
        return self._add(part, "linear", source, **keys)

    def _hidden(self, part: str, source: Source) -> str:
        keys = {"features": self.params.hidden, "bias": self.params.bias}
        self._parts.append(Part(part, "linear", (source,), keys, {"features": "hidden"}))
        return part

    def _norm(self, part: str) -> None:
        keys = _given(self.params, "eps")
        if self.params.norm == "layer_norm":
            keys["bias"] = self.params.bias
        self.now = self._add(part, self.params.norm, self.now, **keys)

    def _rope(self, part: str, source: str, heads: int, limit: int | None = None) -> str:
        assert self.params.rope is not None
        keys: dict[str, Any] = {"heads": heads, **self.params.rope.model_dump()}
        if self.params.cache is not None:
            keys["running"] = True
        if limit is not None:
            keys["limit"] = limit
        origins = {"theta": "rope.theta", "style": "rope.style"}
        self._parts.append(Part(part, "rope", (source,), keys, origins))
        return part


def _given(params: TransformerBlockParams, *keys: str) -> dict[str, Any]:
    """Return the keys that are not at their default, as they would stand in a spec."""
    return params.model_dump(include=set(keys), exclude_defaults=True)


def _check_inputs(params: TransformerBlockParams, inputs: Sequence[Shape]) -> None:
    names = ["the sequence"]
    if params.cross_attention:
        names.append("the sequence that is attended to")
    if params.padded:
        names.append("how many tokens count")
    if params.memory_padded:
        if not params.cross_attention:
            raise ParamError(
                "memory_padded is about the second sequence, but there is none",
                key="memory_padded",
                hint="cross_attention: true, or padded for the first one",
            )
        names.append("how many tokens of the second sequence count")
    if len(inputs) != len(names):
        raise ParamError(
            f"transformer_block has {len(inputs)} inputs, needs {len(names)}",
            key="in",
            hint=f"in order: {', '.join(names)}",
        )
    for name, shape in zip(names[: 1 + params.cross_attention], inputs, strict=False):
        if len(shape) != 2:
            raise ParamError(
                f"transformer_block needs {name} of shape (tokens, features), got {list(shape)}",
                key="in",
                hint="an input of the model is one with shape: [tokens, features]",
            )


def _check_heads(params: TransformerBlockParams, features: int) -> None:
    """Check what several parts would complain about."""
    pairs = 2 if params.rope is not None else 1
    if features % (pairs * params.heads):
        legal = [n for n in range(1, min(features, 4096) + 1) if not features % (pairs * n)]
        what = "into pairs" if pairs == 2 else "evenly"
        raise ParamError(
            f"{params.heads} heads do not divide {features} features {what}",
            key="heads",
            hint=f"legal: {', '.join(map(str, legal))}" if legal else "an even number of features",
        )
    if params.kv_heads is not None and params.heads % params.kv_heads:
        legal = [n for n in range(1, params.heads + 1) if not params.heads % n]
        raise ParamError(
            f"{params.kv_heads} key heads cannot share {params.heads} query heads evenly",
            key="kv_heads",
            hint=f"legal: {', '.join(map(str, legal))}",
        )


BLOCK = TransformerBlock()
