"""Banked memory, window buffer, shared buffer and mover against plain lists."""

import random
from dataclasses import replace
from itertools import product

import pytest

from rtl_templates.memory.banked_memory import BankedMemory
from rtl_templates.memory.mover import Mover
from rtl_templates.memory.shared_buffer import SharedBuffer, WritePhase
from rtl_templates.memory.walk import Level, Skip, Walk
from rtl_templates.memory.window_buffer import WindowBuffer
from support.streams import bench_of, pack, unpack


@pytest.mark.parametrize("seed", range(6))
def test_banked_memory_reads_any_run_of_elements(seed):
    rng = random.Random(seed)
    banks = rng.choice([1, 2, 4, 8])
    granule = rng.choice([g for g in (1, 2, 4, 8) if g <= banks])
    lanes, bits = rng.randint(1, banks), rng.randint(2, 6)
    elements = banks * rng.randint(1, 6)
    dut = BankedMemory(elements=elements, bits=bits, banks=banks, granule=granule, lanes=lanes)
    content = [0] * elements

    async def body(ctx, reset):
        for _ in range(200):
            address = granule * rng.randrange(elements // granule)
            expected = [content[(address + k) % elements] for k in range(lanes)]
            enable, row = rng.randrange(1 << banks), rng.randrange(elements // banks)
            word = [rng.randrange(1 << bits) for _ in range(banks)]
            ctx.set(dut.r_address, address)
            ctx.set(dut.w_enable, enable)
            ctx.set(dut.w_row, row)
            ctx.set(dut.w_data, pack(word, banks, bits)[0])
            await ctx.tick()
            # One cycle after the address; a write in the same cycle is not seen.
            assert unpack([ctx.get(dut.r_data)], lanes, bits, False) == expected
            for bank in range(banks):
                if enable >> bank & 1:
                    content[row * banks + bank] = word[bank]

    bench_of(dut, body)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"banks": 3}, "Banks must be a power of two, not 3"),
        ({"granule": 8}, "Granule must be at most 4 banks, not 8"),
        ({"elements": 6}, "Elements must be a multiple of 4 banks, not 6"),
        ({"lanes": 5}, r"Lanes must be in \[1, 4\], not 5"),
    ],
)
def test_banked_memory_refuses(keys, message):
    good = {"elements": 8, "bits": 4, "banks": 4, "granule": 1, "lanes": 4}
    with pytest.raises(ValueError, match=message):
        BankedMemory(**(good | keys))


@pytest.mark.parametrize("seed", range(8))
def test_window_buffer_keeps_what_is_not_released(seed):
    rng = random.Random(seed)
    beat = rng.choice([1, 2, 4])
    lanes = rng.randint(1, 4)
    banks = 1 << (max(beat, lanes) - 1).bit_length()
    elements = beat * rng.randint(1, 9)
    depth = banks * (-(-elements // banks) + rng.randint(0, 6))
    reads, bits = rng.randint(1, 2), 7
    dut = WindowBuffer(
        elements=elements,
        depth=depth,
        bits=bits,
        beat=beat,
        banks=banks,
        granule=1,
        lanes=lanes,
        reads=reads,
        low=-lanes,
        high=elements,
    )

    async def body(ctx, reset):
        for stop in (60, 500):  # the second time after a reset in mid-run
            written, released, base, asked = [], 0, 0, []
            for _ in range(stop):
                word = [rng.randrange(1 << bits) for _ in range(beat)]
                valid = rng.random() < 0.7
                ctx.set(dut.i.valid, valid)
                ctx.set(dut.i.payload, pack(word, beat, bits)[0])
                level = len(written) - base
                assert ctx.get(dut.level) == level
                assert ctx.get(dut.i.ready) == (level - released + beat <= depth)
                for k, expected in asked:
                    data = unpack([ctx.get(dut.data[k])], lanes, bits, False)
                    for lane, code in expected:
                        assert data[lane] == code
                asked = []
                for k in range(reads):
                    address = rng.randrange(-lanes, elements + 1)
                    ctx.set(dut.address[k], address)
                    there = [
                        (lane, written[base + address + lane])
                        for lane in range(lanes)
                        if released <= address + lane < level
                    ]
                    asked.append((k, there))
                enable = rng.random() < 0.3
                release = min(elements, rng.randint(released, max(released, level)))
                ctx.set(dut.release_enable, enable)
                ctx.set(dut.release, release)
                ctx.set(dut.done, release == elements)
                takes = valid and ctx.get(dut.i.ready)
                await ctx.tick()
                if takes:
                    written += word
                if enable:
                    released = release
                    if release == elements:
                        base, released = base + elements, 0
            assert len(written) > 2 * elements or stop == 60
            ctx.set(dut.i.valid, 0)
            ctx.set(dut.release_enable, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    bench_of(dut, body)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"beat": 3}, "Beat must be a power of two up to 4 banks, not 3"),
        ({"beat": 8}, "Beat must be a power of two up to 4 banks, not 8"),
        ({"beat": 4}, "Beats of 4 do not divide a tensor of 6 elements"),
        ({"depth": 10}, "Elements must be a multiple of 4 banks, not 10"),
    ],
)
def test_window_buffer_refuses(keys, message):
    good = {"elements": 6, "depth": 8, "bits": 4, "beat": 2, "banks": 4, "granule": 1, "lanes": 2}
    with pytest.raises(ValueError, match=message):
        WindowBuffer(**(good | keys), reads=1, low=0, high=5)


def test_shared_buffer_places_the_beats_of_each_phase():
    rng = random.Random(4)
    phases = (
        WritePhase(writer=0, address=4, beats=5),
        WritePhase(writer=1, address=16, beats=6, row=2, skip=4),
        WritePhase(writer=1, address=8, beats=7, placed=True),
        WritePhase(writer=1, address=8, beats=9, placed=True, singles=True),
        WritePhase(),
    )
    dut = SharedBuffer(
        elements=40,
        bits=5,
        banks=4,
        granule=1,
        lanes=3,
        writers=(1, 2),
        phases=phases,
    )

    async def body(ctx, reset):
        content = [0] * 40
        for turn in range(4):
            for number, phase in enumerate(phases):
                ctx.set(dut.phase, number)
                await ctx.tick()  # look up the constants
                ctx.set(dut.start, 1)
                await ctx.tick()
                ctx.set(dut.start, 0)
                width = dut.writers[phase.writer]
                address = phase.address
                stop = turn == 0 and number == 1  # reset in the middle of this phase
                order = rng.sample(range(phase.beats), phase.beats)
                for beat in range(phase.beats // 2 if stop else phase.beats):
                    await ctx.tick().repeat(rng.randint(0, 2) + 1)
                    word = [rng.randrange(32) for _ in range(width)]
                    ctx.set(dut.push, 1 << phase.writer)
                    single = phase.singles and rng.random() < 0.5
                    ctx.set(dut.single, single)
                    if phase.placed:
                        offset = order[beat] * width + (single and rng.randint(0, 1))
                        address = phase.address + offset
                        ctx.set(dut.offset, offset)
                    ctx.set(dut.beats[phase.writer], pack(word, width, 5)[0])
                    assert ctx.get(dut.index) == beat
                    assert ctx.get(dut.written) == (beat == phase.beats - 1)
                    await ctx.tick()
                    ctx.set(dut.push, 0)
                    word = word[:1] if single else word
                    content[address : address + len(word)] = word
                    address += width + (phase.skip if (beat + 1) % phase.row == 0 else 0)
                if stop:
                    ctx.set(reset, 1)
                    await ctx.tick()
                    ctx.set(reset, 0)
                    break
            for address in range(40):
                ctx.set(dut.r_address, address)
                await ctx.tick()
                got = unpack([ctx.get(dut.r_data)], 3, 5, False)
                assert got == [content[(address + k) % 40] for k in range(3)]

    bench_of(dut, body)


def random_walk(rng, skip=False):
    """Return a walk with 5 levels and a group of 2; a step never repeats a level's iteration."""
    row = rng.randint(2, 6)
    rows = rng.randint(1, 4)
    levels = (
        Level(rng.randint(1, 3), row * rng.randint(1, 2)),
        Level(rng.randint(1, 3), 0, rng.randint(1, 2)),
        Level(rng.randint(1, 3), 0, rng.randint(0, 1)),
        Level(rng.randint(1, 3), row),
        Level(rng.randint(1, 3), 0, rng.randint(1, 2)),
    )
    origin = (-row * rng.randint(0, 1), -rng.randint(0, 2))
    reach = (row * (levels[3].count - 1), rng.randint(0, 3))
    walk = Walk(row * rows, row, levels, 2, origin, reach, rng.randint(0, 3))
    if not skip:
        return walk
    skips = []
    for level, along in ((3, 0), (4, 1)):
        ranges = []
        for _ in range(levels[along].count):
            first = rng.randrange(levels[level].count)
            ranges.append((first, rng.randint(first + 1, levels[level].count)))
        skips.append(Skip(level, along, tuple(ranges)))
    return replace(walk.counting_words(rng.randint(0, 5)), skips=tuple(skips))


@pytest.mark.parametrize("seed", range(6))
def test_mover_takes_turns_and_starts_again_after_reset(seed):
    """Sequential: any task after any other, each step as the nested loops say."""
    rng = random.Random(seed)
    walks = [random_walk(rng, skip=seed % 2 == 1) for _ in range(3)]
    dut = Mover(walks, sequential=True)

    async def body(ctx, reset):
        for turn in range(6):
            task = rng.randrange(3)
            walk = walks[task]
            ctx.set(dut.task, task)
            await ctx.tick().repeat(2)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            steps, cycles, stop = [], 0, turn == 2
            while len(steps) < (walk.steps // 2 if stop else walk.steps):
                ctx.set(dut.go, 1 if turn % 2 else rng.random() < 0.6)
                if ctx.get(dut.step):
                    word = ctx.get(dut.word) if dut.skips else 0
                    steps.append((ctx.get(dut.y), ctx.get(dut.x), word))
                    assert ctx.get(dut.done) == (len(steps) == walk.steps)
                cycles += 1
                await ctx.tick()
            assert steps == positions(walk)[: len(steps)]
            if turn % 2:
                assert cycles == walk.steps + walk.idle * (walk.groups - 1)
            if stop:
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)
            else:
                ctx.set(dut.go, 1)
                for _ in range(4):
                    assert not ctx.get(dut.step)  # until it is started again
                    await ctx.tick()

    bench_of(dut, body)


def positions(walk):
    """Return (y, x, word) of every step by nested loops."""
    places = []
    for index in product(*(range(level.count) for level in walk.levels)):
        taken = [(*skip.taken[index[skip.along]], index[skip.level]) for skip in walk.skips]
        if all(first <= k < end for first, end, k in taken):
            moves = [
                (k * v.dy, k * v.dx, k * v.dw) for k, v in zip(index, walk.levels, strict=True)
            ]
            places.append(tuple(map(sum, zip((*walk.origin, walk.word), *moves, strict=True))))
    return places


def test_mover_refuses():
    walk = random_walk(random.Random(1))
    other = Walk(4, 4, (Level(1), Level(1), Level(4, 0, 1)), 1)
    with pytest.raises(ValueError, match="must have 1 walk, not 2"):
        Mover([walk, walk])
    with pytest.raises(ValueError, match="same levels and group"):
        Mover([walk, other], sequential=True)
