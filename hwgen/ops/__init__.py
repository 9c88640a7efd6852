"""What every operation is: spec keys, shape, real and integer meaning, work for an engine."""

from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError
from hwgen.ops.registry import get_op, op_names
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Loop, Port, Work
from hwgen.verbs import also_a_verb

__all__ = [
    "Loop",
    "LowerOptions",
    "Lowered",
    "Op",
    "OpParams",
    "ParamError",
    "Port",
    "QType",
    "Requant",
    "Work",
    "get_op",
    "op_names",
]

also_a_verb(__name__)
