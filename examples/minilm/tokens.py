"""Sentences to token ids, padded to one length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from package import Missing, folder

__all__ = ["encode"]

Ids = npt.NDArray[np.int64]


def encode(sentences: Sequence[str], length: int) -> tuple[Ids, Ids]:
    """Return ids (n, length), padded with 0, and the number of real tokens of each, (n,).

    A sentence that has more tokens is cut; [CLS] and [SEP] count.

    Raises
    ------
    Missing
        If the vocabulary or the tokenizer is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise Missing("tokenizers is not installed: run 'make minilm'") from None
    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    ids = np.zeros((len(sentences), length), np.int64)
    counts = np.zeros(len(sentences), np.int64)
    for row, item in enumerate(tokenizer.encode_batch(list(sentences))):
        counts[row] = len(item.ids)
        ids[row, : counts[row]] = item.ids
    return ids, counts
