"""The plan: engines, buffers, channels and the static list of phases."""

from hwgen.plan.check import check_plan
from hwgen.plan.cycles import predict, predict_outputs
from hwgen.plan.model import (
    Buffer,
    Channel,
    Engine,
    Fold,
    Phase,
    Placement,
    Plan,
    Prediction,
    Span,
    Task,
)
from hwgen.plan.planner import make_plan

__all__ = [
    "Buffer",
    "Channel",
    "Engine",
    "Fold",
    "Phase",
    "Placement",
    "Plan",
    "Prediction",
    "Span",
    "Task",
    "check_plan",
    "make_plan",
    "predict",
    "predict_outputs",
]
