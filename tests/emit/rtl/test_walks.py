from dataclasses import replace
from itertools import product

import pytest

from hwgen.emit.rtl.walks import granule, mac_walk, vector_walk
from hwgen.ops.work import Loop, Port, Work
from hwgen.plan.model import Fold


def steps(walk):
    """Return the (y, x) of every step in order, from the loops alone."""
    for index in product(*(range(level.count) for level in walk.levels)):
        taken = [(*skip.taken[index[skip.along]], index[skip.level]) for skip in walk.skips]
        if not all(first <= k < end for first, end, k in taken):
            continue
        yield (
            walk.origin[0] + sum(i * level.dy for i, level in zip(index, walk.levels, strict=True)),
            walk.origin[1] + sum(i * level.dx for i, level in zip(index, walk.levels, strict=True)),
        )


def conv(height, width, channels, groups, kernel, stride, pad):
    inner = channels // groups
    reduce = [Loop(kernel, dy=1)] + ([Loop(kernel, dx=channels)] if groups > 1 else [])
    return Work(
        kind="mac",
        ports=(Port(height, width * channels),),
        row=Loop((height + 2 * pad - kernel) // stride + 1, dy=stride),
        column=Loop((width + 2 * pad - kernel) // stride + 1, dx=stride * channels),
        channel=Loop(groups, dx=inner if groups > 1 else 0),
        outputs=6 // groups,
        reduce=tuple(reduce),
        elements=inner if groups > 1 else kernel * channels,
        origin=(-pad, -pad * channels),
    )


CONVS = [
    conv(6, 5, 4, 1, 3, 1, 1),
    conv(7, 7, 3, 1, 3, 2, 1),
    conv(6, 6, 4, 2, 3, 1, 1),
    conv(5, 5, 2, 1, 1, 2, 0),
]


@pytest.mark.parametrize("work", CONVS)
@pytest.mark.parametrize(
    ("elements", "outputs", "all_rows"), [(1, 1, False), (2, 4, False), (5, 6, False), (3, 2, True)]
)
def test_a_group_reads_exactly_its_window(work, elements, outputs, all_rows):
    together = work.reduce[0].count if all_rows else 1
    elements = min(elements, work.elements)  # an engine larger than a group takes several
    walk = mac_walk(replace(work, pad=1), Fold(together, elements, outputs, 1))
    assert not walk.skips
    pitch = work.ports[0].row
    words = -(-work.elements // elements)
    blocks = -(-work.outputs // outputs)
    at = iter(steps(walk))
    outer = (work.row, work.column, work.channel)
    for index in product(*(range(loop.count) for loop in outer)):
        y = work.origin[0] + sum(i * loop.dy for i, loop in zip(index, outer, strict=True))
        x = work.origin[1] + sum(i * loop.dx for i, loop in zip(index, outer, strict=True))
        for _ in range(blocks):
            read = []
            for _ in range(walk.group_steps // words):
                word_list = [next(at) for _ in range(words)]
                for row in range(together):
                    read += [
                        (base_y + row * pitch, base_x + e)
                        for base_y, base_x in word_list
                        for e in range(elements)
                    ][: work.elements]
            expected = []
            for segment in product(*(range(loop.count) for loop in work.reduce)):
                sy = y + sum(i * loop.dy for i, loop in zip(segment, work.reduce, strict=True))
                sx = x + sum(i * loop.dx for i, loop in zip(segment, work.reduce, strict=True))
                expected += [(sy * pitch, sx + e) for e in range(work.elements)]
            assert sorted(read) == sorted(expected)
    assert next(at, None) is None


@pytest.mark.parametrize("work", CONVS[:3])
@pytest.mark.parametrize(
    ("elements", "outputs", "all_rows"), [(1, 1, False), (2, 2, False), (2, 1, True)]
)
def test_padding_is_left_out(work, elements, outputs, all_rows):
    together = work.reduce[0].count if all_rows else 1
    fold = Fold(together, elements, outputs, 1)
    whole, walk = mac_walk(replace(work, pad=1), fold), mac_walk(work, fold)
    width = min(elements, work.elements)
    segments = len(work.reduce) > 1

    def real(step):
        y, x = step
        if segments:  # all channels of a pixel are inside, or none
            x -= x % (work.reduce[1].dx)
        down = all_rows or 0 <= y < walk.elements
        return down and x + width > 0 and x < walk.row

    assert walk.skips
    kept = [step for step in steps(whole) if real(step)]
    assert list(steps(walk)) == kept
    assert walk.steps == len(kept) < whole.steps == len(list(steps(whole)))
    # The words of weights of every position, in the order of the whole walk.
    position = whole.steps // (work.row.count * work.column.count)
    numbers = [number % position for number, step in enumerate(steps(whole)) if real(step)]
    words = [
        sum(i * level.dw for i, level in zip(index, walk.levels, strict=True))
        for index in product(*(range(level.count) for level in walk.levels))
    ]
    assert [w for w, step in zip(words, steps(whole), strict=True) if real(step)] == numbers


def test_padding_that_counts_is_kept():
    assert not mac_walk(replace(CONVS[0], pad=3), Fold(1, 4, 1, 1)).skips
    # 6 beats leave in more cycles than the steps of a corner.
    assert not mac_walk(CONVS[0], Fold(1, 4, 6, 1)).skips


@pytest.mark.parametrize("work", CONVS)
def test_reach_is_the_furthest_element_of_a_position(work):
    walk = mac_walk(replace(work, pad=1), Fold(1, 1, 1, 1))
    size = walk.steps // (work.row.count * work.column.count)

    touched = list(steps(walk))[:size]

    assert walk.reach[0] + walk.origin[0] == max(y for y, _ in touched)
    assert walk.reach[1] + walk.origin[1] == max(x for _, x in touched)


@pytest.mark.parametrize("work", CONVS)
@pytest.mark.parametrize("elements", [1, 2, 4, 8])
@pytest.mark.parametrize("start", [0, 4, 24])
def test_granule_divides_every_address(work, elements, start):
    walk = mac_walk(work, Fold(1, elements, 1, 1))

    found = granule(walk, 8, start=start)

    assert 8 % found == 0
    assert all((start + y + x) % found == 0 for y, x in steps(walk))


def test_beats_that_leave_more_slowly_than_a_group_pause_it():
    work = Work("mac", (Port(1, 4),), Loop(1), Loop(1), Loop(1), outputs=8, elements=4)

    assert mac_walk(work, Fold(1, 4, 8, 2)).idle == 3  # 4 beats, 1 step
    assert mac_walk(work, Fold(1, 1, 8, 2)).idle == 0  # 4 beats, 4 steps


def test_add_reads_each_input_at_the_same_place():
    work = Work("add", (Port(3, 4),) * 3, Loop(3, dy=1), Loop(1), Loop(4, dx=1))

    read = list(steps(vector_walk(work, 2)))

    assert read[:6] == [(0, 0)] * 3 + [(0, 2)] * 3
    assert len(read) == 3 * 2 * 3
