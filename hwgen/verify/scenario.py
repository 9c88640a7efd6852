"""Scenarios: how a testbench feeds an accelerator and takes its results.

A scenario says everything that the stimulus depends on, so that a run in cocotb and a run in the
compiled testbench see the same values in the same cycles, and a failure can be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["PERIOD", "Scenario", "patterns", "standard_scenarios"]

PERIOD = 1021
"""Cycles after which a stall pattern repeats; prime, so that it drifts against the tensors."""


@dataclass(frozen=True)
class Scenario:
    """One run.

    Parameters
    ----------
    name
        Of the run, for messages and files.
    tensors
        Tensors sent, one after the other without a gap between them.
    source
        ``free`` offers a beat in every cycle, ``random`` pauses by a pattern.
    sink
        ``free`` is always ready, ``random`` stalls by a pattern, ``late`` becomes ready only
        in the cycle after it saw ``valid`` (hardware that waits for ``ready`` hangs here).
    seed
        Of the patterns.
    reset_at
        Cycle in which ``rst`` strikes; the run then starts again with the first tensor and
        without stalls.  None: not at all.
    """

    name: str
    tensors: int
    source: str = "free"
    sink: str = "free"
    seed: int = 0
    reset_at: int | None = None

    @property
    def exact(self) -> bool:
        """Whether the predicted cycles apply: the measured part has no stalls."""
        return self.reset_at is not None or (self.source == "free" and self.sink == "free")

    def __str__(self) -> str:
        reset = "" if self.reset_at is None else f", reset in cycle {self.reset_at}"
        stalls = f"source {self.source}, sink {self.sink}, seed {self.seed}"
        return f"{self.name} ({self.tensors} tensors, {stalls}{reset})"


def patterns(scenario: Scenario, inputs: int, outputs: int) -> npt.NDArray[np.uint8]:
    """Return which cycles each stream is willing in: 0 or 1, shape (inputs + outputs, PERIOD).

    Bursts and gaps have random lengths, and each stream its own density, so that any side can
    be the slow one.
    """
    rng = np.random.default_rng([scenario.seed, inputs, outputs])
    willing = np.ones((inputs + outputs, PERIOD), np.uint8)
    for index in range(inputs + outputs):
        density, burst = rng.choice([0.2, 0.5, 0.8]), rng.choice([1.5, 4.0, 12.0])
        cycle = 0
        while cycle < PERIOD:
            on, off = rng.geometric(1 / burst), rng.geometric(min(1.0, density / burst))
            willing[index, cycle + on : cycle + on + off] = 0
            cycle += int(on + off)
    willing[:, 0] = 1
    if scenario.source == "free":
        willing[:inputs] = 1
    if scenario.sink == "free":
        willing[inputs:] = 1
    return willing


def standard_scenarios(tensors: int, latency: int, seed: int) -> tuple[Scenario, ...]:
    """Return what every design has to pass, given how many tensors there are to send.

    Parameters
    ----------
    tensors
        Of the free-running scenario; the others send at most three.
    latency
        Predicted cycles of one tensor; the reset strikes within them.
    seed
        Of all stalls.
    """
    few = min(tensors, 3)
    rng = np.random.default_rng([seed, latency])
    strike = int(rng.integers(1, max(2, latency)))
    both = Scenario("stalls", few, "random", "random", seed)
    return (
        Scenario("free", tensors),
        both,
        Scenario("back_to_back", min(tensors, 2), "free", "late", seed),
        replace(both, name="reset", tensors=min(tensors, 2), seed=seed + 1, reset_at=strike),
    )
