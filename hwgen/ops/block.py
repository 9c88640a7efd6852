"""The interface of a block: one line of a spec that stands for several layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from hwgen.ops.base import OpParams, Shape

__all__ = ["MAX_REPEAT", "Block", "BlockParams", "Part", "Source"]

Source = str | int
"""What a part reads: another part by name, or an input of the block by number."""

MAX_REPEAT = 256
"""Most times that a spec can repeat a block."""


class BlockParams(OpParams):
    """What the spec keys of every block have in common."""

    repeat: int = Field(
        1,
        ge=1,
        le=MAX_REPEAT,
        description="how many times: each block reads the result of the one before it; "
        "further inputs are read by all",
    )


@dataclass(frozen=True)
class Part:
    """One layer of a block.

    Parameters
    ----------
    name
        What it does (``query``); layers are named ``<block>_<name>``.
    inputs
        What it reads.
    params
        Its op's spec keys.
    keys
        The block's key that a key of the op comes from, dotted, where the names differ.
    """

    name: str
    op: str
    inputs: tuple[Source, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)


class Block(ABC):
    """A line that the graph stage expands; nothing after that stage knows it.

    Class attributes are those of an :class:`hwgen.ops.base.Op`, and ``naming``: what its parts
    are called, as Markdown.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Params: ClassVar[type[BlockParams]]
    arity: ClassVar[tuple[int, int | None]]
    example: ClassVar[str]
    naming: ClassVar[str]

    @abstractmethod
    def parts(self, params: Any, inputs: Sequence[Shape]) -> list[Part]:
        """Return the layers of one block, producers first, the one with its result last.

        If it can be repeated, the result has the shape of the first input.

        Raises
        ------
        ParamError
            If the parameters or the shapes of the inputs are illegal.
        """
