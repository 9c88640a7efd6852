"""The lists of ops and of blocks: adding an op adds its files and one name here."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from hwgen.ops.base import Op
from hwgen.ops.block import Block

__all__ = ["block_names", "get_block", "get_op", "op_names"]

_NAMES = (
    "add",
    "argmax",
    "attention",
    "avg_pool1d",
    "avg_pool2d",
    "concat",
    "conv1d",
    "conv2d",
    "conv_phase2d",
    "conv_transpose1d",
    "crop",
    "delay",
    "embedding",
    "flatten",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "hadamard",
    "interleave",
    "layer_norm",
    "linear",
    "matmul",
    "max_pool1d",
    "max_pool2d",
    "mul",
    "relu",
    "requantize",
    "rms_norm",
    "rope",
    "silu",
    "softmax",
    "upsample1d",
)

_BLOCKS = ("conv_transpose2d", "transformer_block", "upsample2d")


def op_names() -> tuple[str, ...]:
    """Return the names of all ops, sorted."""
    return _NAMES


@cache
def get_op(name: str) -> Op:
    """Return the op of this name; KeyError if there is none.

    Each op's module ``hwgen.ops.<name>`` ends with ``OP = <its class>()``.
    """
    if name not in _NAMES:
        raise KeyError(name)
    op: Op = import_module(f"hwgen.ops.{name}").OP
    return op


def block_names() -> tuple[str, ...]:
    """Return the names of all blocks, sorted."""
    return _BLOCKS


@cache
def get_block(name: str) -> Block:
    """Return the block of this name; KeyError if there is none.

    Each block's module ``hwgen.ops.<name>`` ends with ``BLOCK = <its class>()``.
    """
    if name not in _BLOCKS:
        raise KeyError(name)
    block: Block = import_module(f"hwgen.ops.{name}").BLOCK
    return block
