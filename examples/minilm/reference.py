"""The float reference: BERT's encoder in NumPy, one sentence at a time, without padding.

Written from the model's definition (J. Devlin et al., "BERT", NAACL 2019; pooling: N. Reimers and
I. Gurevych, "Sentence-BERT", EMNLP 2019) and from the names of its tensors; it shares no code with
hwgen, so that the spec is checked against something else than itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from package import config, folder

from hwgen.graph.safetensors import SafetensorsFile

__all__ = ["Reference", "pool"]

Array = npt.NDArray[np.float64]

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Reference:
    """The model with its weights, in float64."""

    def __init__(self) -> None:
        settings: dict[str, Any] = config()
        self.heads = settings["num_attention_heads"]
        self.layers = settings["num_hidden_layers"]
        self.epsilon = settings["layer_norm_eps"]
        file = SafetensorsFile(folder() / "model.safetensors")
        self.tensors = {
            name: file.load(name) for name, header in file.headers.items() if header.real
        }

    def hidden(self, ids: npt.NDArray[np.int64]) -> list[Array]:
        """Return the (tokens, features) after the embeddings and after each layer.

        Parameters
        ----------
        ids
            Token ids of one sentence, (tokens,), without padding.
        """
        x = self.tensors["embeddings.word_embeddings.weight"][ids]
        x = x + self.tensors["embeddings.position_embeddings.weight"][: len(ids)]
        x = x + self.tensors["embeddings.token_type_embeddings.weight"][0]
        states = [self._norm("embeddings.LayerNorm", x)]
        for index in range(self.layers):
            states.append(self._layer(f"encoder.layer.{index}", states[-1]))
        return states

    def embed(self, ids: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> Array:
        """Return the unit sentence vectors, (n, features), of padded ids (n, length)."""
        rows = [self.hidden(row[:count])[-1] for row, count in zip(ids, counts, strict=True)]
        return pool(rows)

    def _layer(self, name: str, x: Array) -> Array:
        context = self._attention(f"{name}.attention.self", x)
        x = self._norm(
            f"{name}.attention.output.LayerNorm",
            x + self._linear(f"{name}.attention.output.dense", context),
        )
        wide = self._linear(f"{name}.intermediate.dense", x)
        wide = wide * 0.5 * (1.0 + _erf(wide / math.sqrt(2.0)))
        return self._norm(
            f"{name}.output.LayerNorm", x + self._linear(f"{name}.output.dense", wide)
        )

    def _attention(self, name: str, x: Array) -> Array:
        parts = [self._linear(f"{name}.{part}", x) for part in ("query", "key", "value")]
        query, key, value = parts
        size = x.shape[1] // self.heads
        context = np.empty_like(x)
        for head in range(self.heads):
            part = slice(head * size, (head + 1) * size)
            scores = query[:, part] @ key[:, part].T / math.sqrt(size)
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            context[:, part] = weights / weights.sum(axis=1, keepdims=True) @ value[:, part]
        return context

    def _linear(self, name: str, x: Array) -> Array:
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def _norm(self, name: str, x: Array) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.epsilon)
        return centred / deviation * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]


def pool(rows: Sequence[Array]) -> Array:
    """Return the mean over the tokens of each sentence, scaled to length one, (n, features)."""
    means = np.stack([row.mean(axis=0) for row in rows])
    unit: Array = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit
