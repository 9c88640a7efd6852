"""Streams into and out of a component in the Amaranth simulator: stalls, rules, a deadline."""

from dataclasses import dataclass, field

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.sim import Simulator

__all__ = ["Observed", "bench_of", "drive", "pack", "unpack"]


@dataclass
class Observed:
    """What was transferred since the latest reset, and in which cycle (0: the first one)."""

    beats: list = field(default_factory=list)
    cycles: list = field(default_factory=list)
    taken: list = field(default_factory=list)
    offered: int | None = None
    active: int = 0


def pack(codes, lanes, bits):
    """Return beats of codes, the first in the low bits."""
    mask = (1 << bits) - 1
    return [
        sum((int(code) & mask) << (k * bits) for k, code in enumerate(codes[start : start + lanes]))
        for start in range(0, len(codes), lanes)
    ]


def unpack(beats, lanes, bits, signed):
    """Return the codes of beats."""
    sign = 1 << (bits - 1) if signed else 0
    mask = (1 << bits) - 1
    return [((b >> (k * bits) & mask) ^ sign) - sign for b in beats for k in range(lanes)]


def bench_of(dut, body, *, deadline=20000):
    """Run ``body(ctx, reset)`` to its end; fail, not hang, after ``deadline`` cycles."""
    reset = Signal()
    top = Module()
    top.submodules.dut = ResetInserter(reset)(dut)
    top.d.sync += Signal(name="there_is_a_clock").eq(reset)  # also for constants
    ended = []

    async def bench(ctx):
        await body(ctx, reset)
        ended.append(True)

    sim = Simulator(top)
    sim.add_clock(1e-8)
    sim.add_testbench(bench)
    for _ in range(2 * deadline):
        if ended or not sim.advance():
            break
    assert ended, f"the bench still waits after {deadline} cycles: a transfer was lost"


def drive(dut, inputs, expected, *, rng=None, reset_at=None):
    """Send beats to ``dut.i``, take ``expected`` beats from ``dut.o``; return what was seen.

    Checks that an offered beat stays as it is until it is taken, also if ``ready`` goes away.

    Parameters
    ----------
    inputs
        A list of beats per port.
    expected
        Number of beats; 8 more cycles must bring no other.
    rng
        ``random.Random`` for stalls on both sides; None: none.
    reset_at
        Cycle in which everything begins again, with fresh streams.
    """
    seen = Observed()

    async def body(ctx, reset):
        nonlocal seen
        seen = await _run(ctx, dut, inputs, expected, rng, reset_at)
        if reset_at is not None:
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            seen = await _run(ctx, dut, inputs, expected, rng, None)

    bench_of(dut, body)
    return seen


async def _run(ctx, dut, inputs, expected, rng, stop_at):
    seen = Observed(taken=[[] for _ in inputs])
    sent = [0] * len(inputs)
    offering = [False] * len(inputs)
    held, cycle, spare = None, 0, 8
    while (len(seen.beats) < expected or spare) and cycle != stop_at:
        spare -= len(seen.beats) >= expected
        for k, (port, beats) in enumerate(zip(dut.i, inputs, strict=True)):
            willing = rng is None or rng.random() < 0.6
            offering[k] = sent[k] < len(beats) and (offering[k] or willing)
            ctx.set(port.valid, offering[k])
            if offering[k]:
                ctx.set(port.payload, beats[sent[k]])
        ctx.set(dut.o.ready, 0)
        before = ctx.get(dut.o.valid)
        ready = rng is None or rng.random() < 0.5
        ctx.set(dut.o.ready, ready)
        valid = ctx.get(dut.o.valid)
        assert valid == before, "valid depends on ready"
        payload = ctx.get(dut.o.payload) if valid else None
        assert held is None or payload == held, f"offered {held}, then {payload}"
        held = payload if valid and not ready else None
        if valid and seen.offered is None:
            seen.offered = cycle
        if valid and ready:
            seen.beats.append(payload)
            seen.cycles.append(cycle)
        for k, port in enumerate(dut.i):
            if offering[k] and ctx.get(port.ready):
                sent[k] += 1
                offering[k] = False
                seen.taken[k].append(cycle)
        seen.active += ctx.get(dut.active)
        await ctx.tick()
        cycle += 1
    return seen
