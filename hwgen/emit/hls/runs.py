"""Engines that take several samples per multiplier, as C++ constants: ``hwgen/mac_runs.hpp``."""

from __future__ import annotations

import numpy as np

from hwgen.emit.hls.constants import MacConstants, mac_constants
from hwgen.emit.hls.multipliers import form_sizes
from hwgen.ops.work import Work
from hwgen.plan.model import Engine, Task
from hwgen.plan.polynomial import run_form, run_weights
from hwgen.plan.runs import line_of, runs_of
from hwgen.quant.model import QGraph
from rtl_templates.packing.forms import packed_blocks

__all__ = ["run_constants", "run_sizes"]


def run_sizes(work: Work, engine: Engine) -> tuple[tuple[str, int], ...]:
    """Return names and values of what is one number.

    Besides :func:`form_sizes`: ``SHARE`` outputs in a multiplier; the outputs that are ``PACKED``,
    not in lookup tables; whether lines are rows of the tensor (``ALONG``), ``SAMPLE`` elements of a
    sample, ``LEAD`` results of a line's first run that are none, and the ``LAST`` ones of its last.
    """
    fold = engine.fold
    form, runs, line = run_form(engine), runs_of(work, fold), line_of(work)
    assert line is not None
    share = form.counts[1] if fold.taps == 1 else 1
    return (
        ("SHARE", share),
        *form_sizes(form),
        ("PACKED", sum(packed_blocks(fold.outputs, share)[0])),
        *(("ALONG", line.level), ("SAMPLE", line.sample)),
        *(("LEAD", runs.valid(first=True, last=False)[0]), ("LAST", runs.last)),
    )


def run_constants(qgraph: QGraph, task: Task, engine: Engine) -> MacConstants:
    """Return the tables of an engine: a row of weights per step, see :func:`run_weights`."""
    plain = mac_constants(qgraph, qgraph.node(task.node), task.work, engine.fold.plain)
    return MacConstants(
        np.array(run_weights(qgraph, task, engine), np.int64), plain.biases, plain.multipliers
    )
