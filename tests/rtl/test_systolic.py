"""The parts of the systolic array against plain integers, in their own cycles."""

import random

import pytest

from rtl_templates.systolic.element import Element
from rtl_templates.systolic.grid import Grid
from rtl_templates.systolic.task import ArrayShape, ArrayTask
from rtl_templates.systolic.tile_buffer import TileBuffer
from support.streams import bench_of, pack, unpack

FIRST, CAPTURE, FLOW, COPY = 1, 2, 4, 8


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_an_element_adds_both_ways(bits):
    """Random controls; extremes of both operands."""
    rng = random.Random(bits)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    dut = Element(row_bits=bits, column_bits=max(9, bits), acc_bits=2 * bits + 16, p_bits=8)

    async def body(ctx, reset):
        total, drained, shadow, active = 0, 0, 0, 0
        for _ in range(400):
            row, column = (rng.choice([low, high, rng.randint(low, high)]) for _ in range(2))
            above, drain, p = rng.randint(-1000, 1000), rng.randint(-1000, 1000), rng.randrange(256)
            names = ("first", "capture", "flow", "copy", "shift", "reload")
            control = {name: int(rng.random() < 0.3) for name in names}
            ctx.set(dut.control, control)
            for port, value in (
                *((dut.row, row), (dut.column, column), (dut.above, above)),
                *((dut.drain, drain), (dut.p, p)),
            ):
                ctx.set(port, value)
            await ctx.tick()
            if control["flow"]:
                total = above + row * active
            else:
                total = (0 if control["first"] else total) + row * column
            if control["capture"]:
                drained = total
            elif control["shift"]:
                drained = drain
            active = shadow if control["copy"] else active
            shadow = p if control["reload"] else shadow
            got = [ctx.get(port) for port in (dut.sum, dut.drain_o, dut.p_o, dut.row_o)]
            assert got == [total, drained, shadow, row]
            assert ctx.get(dut.column_o) == column
            # A sum of any length wraps: begin anew before it does.
            if abs(total) > 1 << (2 * bits + 13):
                ctx.set(dut.control, {"first": 1})
                await ctx.tick()
                total = row * column

    bench_of(dut, body)


@pytest.mark.parametrize(
    ("rows", "columns", "inner", "halved"),
    [(2, 1, 2, None), (4, 3, 4, None), (3, 5, 7, None), (4, 3, 2, 1), (6, 2, 4, 1), (6, 2, 6, 0)],
)
def test_tiles_follow_each_other_without_a_gap(rows, columns, inner, halved):
    """Output stationary: a tile every ``inner >= rows`` cycles, each result in its cycle.

    With halves that drain apart every ``inner >= rows / 2`` cycles.
    """
    rng = random.Random(rows)
    tiles = 5
    a, b = (
        [[[rng.randrange(-8, 8) for _ in range(inner)] for _ in range(n)] for _ in range(tiles)]
        for n in (rows, columns)
    )
    more = {} if halved is None else {"p_bits": 4, "halves": 2}
    dut = Grid(rows=rows, columns=columns, row_bits=4, column_bits=4, acc_bits=12, **more)
    height = rows // 2 if halved else rows  # of what drains

    def at(matrix, line, cycle):
        """Return the operand of a line that is due in a cycle, and its step."""
        tile, step = divmod(cycle - line, inner)
        return (matrix[tile][line][step] if 0 <= tile < tiles else 0), (tile, step)

    async def body(ctx, reset):
        got = {}
        if halved is not None:
            ctx.set(dut.halved, halved)
        for cycle in range(tiles * inner + 3 * rows + columns):
            words = [at(a, r, cycle) for r in range(rows)]
            ctx.set(dut.row, pack([word for word, _ in words], rows, 4)[0])
            flags = [FIRST * (s == 0) + CAPTURE * (s == inner - 1) for _, (_, s) in words]
            ctx.set(dut.control, pack(flags, rows, 4)[0])
            columns_now = [at(b, c, cycle)[0] for c in range(columns)]
            ctx.set(dut.column, pack(columns_now, columns, 4)[0])
            for c, value in enumerate(unpack([ctx.get(dut.drain)], columns, 12, True)):
                got[cycle, c, rows] = value
            if halved:
                for c, value in enumerate(unpack([ctx.get(dut.middle)], columns, 12, True)):
                    got[cycle, c, height] = value
            captured = (cycle - rows + 1) % inner == inner - 1
            assert ctx.get(dut.drained) == captured
            await ctx.tick()
        for tile in range(tiles):
            for c in range(columns):
                for r in range(rows):
                    end = height if r < height else rows
                    cycle = tile * inner + inner - 1 + end + (end - 1 - r) + c
                    expected = sum(x * y for x, y in zip(a[tile][r], b[tile][c], strict=True))
                    assert got[cycle, c, end] == expected, (tile, r, c)

    bench_of(dut, body)


@pytest.mark.parametrize(
    ("rows", "columns", "steps", "halved"),
    [(2, 2, 3, None), (4, 3, 9, None), (5, 2, 6, None), (4, 2, 3, 1), (6, 3, 5, 1), (6, 3, 7, 0)],
)
def test_operands_stay_while_the_next_come(rows, columns, steps, halved):
    """Operand stationary: P comes from the top while the tile before is at work.

    With halves that of the lower one comes to its own top, half as many cycles later.
    """
    rng = random.Random(rows)
    tiles = 4
    p = [[[rng.randrange(256) for _ in range(rows)] for _ in range(columns)] for _ in range(tiles)]
    v = [[[rng.randrange(-8, 8) for _ in range(steps)] for _ in range(rows)] for _ in range(tiles)]
    widths = {"row_bits": 4, "column_bits": 9, "acc_bits": 18, "p_bits": 8}
    halves = 1 if halved is None else 2
    dut = Grid(rows=rows, columns=columns, **widths, halves=halves)
    height = rows // 2 if halved else rows

    async def body(ctx, reset):
        got = {}
        begin = height  # row 0's shadows are complete
        if halved is not None:
            ctx.set(dut.halved, halved)
        for cycle in range(begin + tiles * steps + rows + columns + 2):
            # Tile t enters from ``t * steps`` on: what comes first lands in the last row.
            ctx.set(dut.reload, cycle % steps == 0 and cycle < tiles * steps)
            for port, top in [(dut.p, 0), *([(dut.p_lower, height)] if halved else [])]:
                words = []
                for c in range(columns):
                    tile, k = divmod(cycle - c - top, steps)
                    inside = 0 <= tile < tiles and k < height
                    words.append(p[tile][c][top + height - 1 - k] if inside else 0)
                ctx.set(port, pack(words, columns, 8)[0])
            rows_now, flags = [], []
            for r in range(rows):
                tile, step = divmod(cycle - begin - 1 - r, steps)
                rows_now.append(v[tile][r][step] if 0 <= tile < tiles else 0)
                # The copy is one step ahead of the first product.
                flags.append(FLOW + COPY * (step == steps - 1))
            ctx.set(dut.row, pack(rows_now, rows, 4)[0])
            ctx.set(dut.control, pack(flags, rows, 4)[0])
            for c, value in enumerate(unpack([ctx.get(dut.sums)], columns, 18, True)):
                got[cycle, c] = value
            await ctx.tick()
        for tile in range(tiles):
            for c in range(columns):
                for step in range(steps):
                    cycle = begin + 1 + tile * steps + step + rows + c
                    expected = sum(p[tile][c][r] * v[tile][r][step] for r in range(rows))
                    assert got[cycle, c] == expected, (tile, c, step)

    bench_of(dut, body)


@pytest.mark.parametrize(("lanes", "span"), [(1, 1), (2, 1), (4, 1), (16, 2)])
def test_a_tile_buffer_reads_along_a_diagonal(lanes, span):
    """Words by row, and transposed on the way in; weights beside them."""
    rng = random.Random(lanes)
    count, words = 5, 3
    rom = [[rng.randrange(-16, 16) for _ in range(7)] for _ in range(count)]
    dut = TileBuffer(
        count=count,
        words=words,
        lanes=lanes,
        bits=4,
        out_bits=5,
        tags=3,
        span=span,
        together=[(2, lanes // 2)] if lanes > 1 else (),
        rom=rom,
        rom_bits=5,
    )
    held = [[0] * (words * lanes) for _ in range(count)]

    async def body(ctx, reset):
        for _ in range(60):
            beat = [rng.randrange(16) for _ in range(lanes)]
            word, lane, spread = rng.randrange(words), rng.randrange(lanes), rng.random() < 0.5
            lane -= lane % span
            group = rng.randrange(-(-count // lanes))
            chosen = range(group * lanes, min(count, group * lanes + lanes))
            joined = not spread and lanes > 1 and rng.random() < 0.4
            if joined:
                chosen = [k for k in range(count) if k // 2 == group % 3]
            elif not spread:
                chosen = [rng.randrange(count)]
            for port, value in (
                *((dut.w_enable, sum(1 << k for k in chosen)), (dut.w_word, word)),
                *((dut.w_spread, spread), (dut.w_lane, lane)),
                *((dut.w_joined, joined), (dut.w_data, pack(beat, lanes, 4)[0])),
            ):
                ctx.set(port, value)
            for k in chosen:
                if spread:
                    for u in range(span):
                        held[k][word * lanes + lane + u] = beat[(u * count + k) % lanes]
                else:
                    part = beat[k % 2 * (lanes // 2) :][: lanes // 2] if joined else []
                    held[k][word * lanes : (word + 1) * lanes] = part + beat[len(part) :]
            await ctx.tick()
        ctx.set(dut.w_enable, 0)
        ctx.set(dut.is_signed, 1)
        steps = [
            (rng.randrange(words), rng.randrange(lanes), rng.randrange(2), rng.randrange(7), n % 8)
            for n in range(40)
        ]
        for cycle in range(len(steps) + count + dut.LATENCY):
            step = steps[min(cycle, len(steps) - 1)]
            ports = (dut.word, dut.lane, dut.from_rom, dut.rom_address, dut.tag)
            for port, value in zip(ports, step, strict=True):
                ctx.set(port, value)
            operands = unpack([ctx.get(dut.operands)], count, 5, True)
            tags = unpack([ctx.get(dut.tags_o)], count, 3, False)
            for k in range(count):
                number = cycle - dut.LATENCY - k
                if 0 <= number < len(steps):
                    word, lane, from_rom, address, tag = steps[number]
                    code = held[k][word * lanes + lane]
                    expected = rom[k][address] if from_rom else code - 16 * (code > 7)
                    assert (operands[k], tags[k]) == (expected, tag)
            await ctx.tick()

    bench_of(dut, body)


SHAPE = {
    "rows": 8,
    "columns": 4,
    "lanes": 8,
    "beat": 4,
    "data_bits": 8,
    "row_bits": 8,
    "column_bits": 9,
    "weight_bits": 8,
    "acc_bits": 24,
    "multiplier_bits": 16,
    "out_bits": 8,
}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ArrayShape(**{**SHAPE, "lanes": 6}), "Lanes must be a power of two, not 6"),
        (lambda: ArrayShape(**{**SHAPE, "beat": 16}), "Beat must divide 8 rows, not 16"),
        (lambda: ArrayTask("sparse", 1, 1, 1, True, True, None), "Kind must be one of linear"),
        (lambda: ArrayTask("attention", 1, 1, 1, True, True, None), "nothing else, has lanes"),
        (
            lambda: Grid(rows=1, columns=2, row_bits=4, column_bits=4, acc_bits=9),
            "A grid has 2 rows and 1 column at least, not 1 x 2",
        ),
        (
            lambda: Grid(rows=5, columns=2, row_bits=4, column_bits=4, acc_bits=9, halves=2),
            "Halves take an even number of 4 rows or more, P and no turn, not 5",
        ),
    ],
)
def test_bad_sizes_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
