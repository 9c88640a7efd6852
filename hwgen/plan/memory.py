"""What a plan keeps on chip, in bits, and whether that is within the budget.

Counted: weights with the zeros that pad their words, bias and multiplier of each output channel,
gain and addend of each element of a normalised row, means of keys, rows that wait for their second
or third pass, what a Hadamard transform keeps of a row, the elements of window buffers (once per
kernel row that is read at once) and of the shared buffer, what an array keeps of operands and
results, what runs of samples leave to the next ones, and the beats of output FIFOs.  Not
counted: registers of the pipelines.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwgen.errors import LimitError, Mark
from hwgen.ops.orthogonal import factors
from hwgen.ops.work import Work
from hwgen.plan.array_cycles import (
    ATTENTION_CHUNKS,
    PRODUCT_CHUNKS,
    attention_lag,
    size_places,
)
from hwgen.plan.block_cycles import inner_tiles, outer_tiles, pass_cycles
from hwgen.plan.cost import ROWS, array_size, groups_of, reads_of, steps_of
from hwgen.plan.model import Engine, Fold, Plan
from hwgen.plan.timing import NORM_WAIT, PACK_WAIT, SOFTMAX_WAITS, tree_levels

__all__ = ["array_bits", "check_onchip", "fits_onchip", "onchip_bits"]

MULTIPLIER_BITS = 16
"""Width of a requantisation multiplier: see docs/arithmetic.md."""

GAIN_BITS = 17 + 47
"""Width of a normalisation's gain and of its addend, at most."""

_MEAN_BITS = _SIZE_BITS = 8

_LOG_BITS, _PART_BITS = 18, 16

_DIGIT_BITS = 4

_BANKS = 3
"""Of a ``mac_array``: sums on their way, and two of results."""

_LEFT_BITS = 9
"""Width of an element less its mean, before it has 4 bits."""

_SUM_BITS = 32
"""Width of an accumulated result of attention: see docs/attention.md."""

_ROW_STATE_BITS = 13 + 2 * 24
"""Exponent and total of a query row, and the total that is still to be divided by."""


def onchip_bits(plan: Plan) -> dict[str, int]:
    """Return the bits of ``weights``, ``channels`` (bias, multiplier), ``buffers``, ``fifos``."""
    waiting: dict[str, int] = {}  # of the rows in a row engine: the longest of its tasks
    engines = {engine.name: engine for engine in plan.engines}
    weights = channels = run_bits = 0
    for task in plan.tasks:
        engine = engines[task.engine]
        if engine.template == "mac" and not task.shares:
            words = groups_of(task.work, engine.fold) * steps_of(task.work, engine.fold)
            words *= task.work.sets
            weights += words * engine.fold.weights * engine.weight_bits
            bits = engine.acc_bits + MULTIPLIER_BITS
            channels += task.work.sets * task.work.channel.count * task.work.outputs * bits
        if engine.fold.samples > 1:
            run_bits += _run_bits(task.work, engine)
        if engine.template == "array" and task.work.kind == "mac":
            tiled, other = task.work.outputs, task.work.elements
            if task.stays:
                tiled, other = other, tiled
            rows = -(-tiled // engine.fold.rows) * engine.fold.rows
            weights += rows * other * engine.weight_bits
            channels += task.work.outputs * (engine.acc_bits + MULTIPLIER_BITS)
        if engine.template == "mac_array":
            weights += block_weight_bits(task.work, engine.fold)
            channels += task.work.outputs * (engine.acc_bits + MULTIPLIER_BITS)
        if task.work.kind in (*ROWS, "pack"):
            bits = _row_bits(task.work, engine)
            waiting[engine.name] = max(bits, waiting.get(engine.name, 0))
        if task.work.kind == "norm":
            channels += task.work.channel.count * GAIN_BITS
        if task.work.kind == "pack":
            channels += task.work.ports[0].row * _MEAN_BITS
    buffers = sum(buffer.elements * buffer.bits for buffer in plan.buffers)
    buffers += sum(waiting.values()) + run_bits
    for engine in plan.engines:
        if engine.template == "array":
            tasks = [task for task in plan.tasks if task.engine == engine.name]
            kept = array_bits(
                [task.work for task in tasks if not task.stays],
                engine,
                [task.work for task in tasks if task.stays],
            )
            buffers += sum(kept.values())
        if engine.template == "mac_array":
            works = [task.work for task in plan.tasks if task.engine == engine.name]
            parts = [block_bits(work, engine) for work in works]
            buffers += sum(max(kind) for kind in zip(*parts, strict=True))
    for channel in plan.channels:
        if channel.sink:
            buffers += channel.depth * channel.bits * engines[channel.sink].fold.copies
    fifos = sum(e.out_depth * e.fold.lanes * e.out_bits for e in plan.engines)
    return {"weights": weights, "channels": channels, "buffers": buffers, "fifos": fifos}


def block_weight_bits(work: Work, fold: Fold) -> int:
    """Return the bits of a layer's weights on a ``mac_array``, with the zeros of its tiles."""
    tiles = sum(1 for _ in inner_tiles(work, fold.rows)) * len(outer_tiles(work, fold.outputs))
    return tiles * fold.rows * fold.outputs * _DIGIT_BITS


def block_bits(work: Work, engine: Engine) -> tuple[int, int]:
    """Return the bits that a ``mac_array`` keeps of a layer's operands, and of sums and results."""
    fold = engine.fold
    words = sum(pass_cycles(work, fold, wide)[0] for _, wide in inner_tiles(work, fold.rows))
    pairs = -(-work.row.count // 2)
    sums = _BANKS * fold.outputs * 2 * pairs * engine.acc_bits
    return words * fold.rows * 2 * _DIGIT_BITS, sums


def array_bits(
    works: Sequence[Work], engine: Engine, staying: Sequence[Work] = ()
) -> dict[str, int]:
    """Return the bits that an array keeps of its operands and results, whatever their number.

    ``rows`` and ``columns``: chunks of operands; ``sizes``: of tiles of 4-bit codes; ``results``: a
    tile of codes; ``scores``: tiles of logarithms; ``state``: sums, exponents and totals of the
    query rows, and those of the block before that are still to leave; ``sums``: of the features of
    linear layers that are operand stationary.

    Parameters
    ----------
    works, staying
        Of tasks that are output stationary, and of those that are operand stationary.
    """
    fold = engine.fold
    columns, reads = fold.outputs, reads_of("array", fold)
    deep = {"rows": 0, "columns": 0}
    bits = {"sizes": 0, "results": 0, "scores": 0, "state": 0, "sums": 0}
    for work in works:
        attend = work.attend
        query = -(-(work.elements if attend is None else attend.inner) // reads)
        pinned = attend is not None and attend.sink_queries
        deep["columns"] = max(deep["columns"], 2 * query * (1 + pinned))
        if work.kind == "attention" and attend is not None:
            lag = attention_lag(attend, array_size(fold))
            values = (lag + 2) * -(-attend.features // reads)
            deep["rows"] = max(deep["rows"], ATTENTION_CHUNKS * query + values)
            scores = columns * fold.rows * _LOG_BITS * max(fold.scores, 2 if lag == 3 else 1)
            bits["scores"] = max(bits["scores"], scores)
            kept = 2 * size_places(attend, array_size(fold)) * fold.rows * _SIZE_BITS
            bits["sizes"] = max(bits["sizes"], kept)
            state = columns * (2 * attend.features * _SUM_BITS + _ROW_STATE_BITS)
            bits["state"] = max(bits["state"], state)
            continue
        bits["results"] = max(bits["results"], columns * fold.rows * engine.out_bits)
        if attend is not None:
            span = max(1, reads // fold.rows) if not attend.transposed else 1
            chunk = -(-attend.inner * span // reads)
            deep["rows"] = max(deep["rows"], PRODUCT_CHUNKS * chunk)
    for work in staying:
        tiles = -(-work.elements // fold.rows)
        deep["columns"] = max(deep["columns"], 2 * -(-tiles * fold.rows // reads))
        bits["results"] = max(bits["results"], columns * work.outputs * engine.out_bits)
        sums = columns * work.outputs * engine.acc_bits if tiles > 1 else 0
        bits["sums"] = max(bits["sums"], sums)
    width = reads * engine.in_bits
    return {
        "rows": fold.rows * deep["rows"] * width,
        "columns": columns * deep["columns"] * width,
        **bits,
    }


def _row_bits(work: Work, engine: Engine) -> int:
    """Return the bits of the queues between the passes over a row."""
    beats, tree = work.channel.count // engine.fold.lanes, tree_levels(engine.fold.lanes)
    # A word waits until its row is complete and the root, the maximum or the quotient known.
    if work.kind == "pack":
        return (beats + PACK_WAIT + tree) * engine.fold.lanes * _LEFT_BITS
    if work.kind == "norm":
        return (beats + NORM_WAIT + tree) * engine.fold.lanes * (engine.in_bits + 1)
    if work.kind == "hadamard":
        return _transform_bits(work, engine)
    first, second = SOFTMAX_WAITS
    words = (beats + first + tree) * _LOG_BITS + (beats + second + tree) * _PART_BITS
    return words * engine.fold.lanes


def _transform_bits(work: Work, engine: Engine) -> int:
    """Return the bits of a Hadamard transform's memories: what is added up and waits to leave."""
    split = factors(work.channel.count)
    assert split is not None
    order, doublings = split
    lanes, width = engine.fold.lanes, engine.in_bits + 1
    bits = 0
    if order > 1:
        width += (order - 1).bit_length()
        bits += (2 * order - 1) * ((1 << doublings) // lanes) * lanes * width
    width += lanes.bit_length() - 1
    stride = 1
    while stride * lanes < 1 << doublings:
        width += 1
        bits += stride * lanes * width
        stride *= 2
    return bits


def _run_bits(work: Work, engine: Engine) -> int:
    """Return the bits that an engine with runs keeps for its blocks of outputs, if it has several.

    The sums that begin the next run, and two runs of results to put in order.
    """
    if engine.fold.outputs == work.outputs:
        return 0
    sums = work.outputs * (engine.fold.taps - 1) * engine.acc_bits
    return sums + 2 * engine.fold.samples * work.outputs * engine.out_bits


def fits_onchip(plan: Plan, budget: int | None) -> bool:
    """Return whether a plan keeps within a budget of KiB (None: no limit)."""
    return budget is None or sum(onchip_bits(plan).values()) <= budget * 8192


def check_onchip(plan: Plan, budget: int | None, where: Mark) -> None:
    """Refuse a plan that needs more on-chip memory than the budget of KiB.

    Raises
    ------
    LimitError
        HG408, with the sum and its parts.
    """
    parts = onchip_bits(plan)
    total = sum(parts.values())
    if not fits_onchip(plan, budget):
        shown = ", ".join(f"{name} {bits / 8192:.1f}" for name, bits in parts.items())
        raise LimitError(
            "HG408",
            f"the plan keeps {total / 8192:.1f} KiB on chip ({shown}), but onchip_kib is {budget}",
            where=where,
            hint=f"onchip_kib: {-(-total // 8192)} or more, narrower codes, or "
            + ("schedule: sequential" if plan.schedule == "dataflow" else "schedule: dataflow"),
        )
