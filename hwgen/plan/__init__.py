"""The plan: engines, buffers, channels and the static list of phases."""

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
]
