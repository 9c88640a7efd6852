"""Attention's lanes against the golden arithmetic, with every call as early as it may come."""

import random

import numpy as np
import pytest

from hwgen.ops.attention_keys import slots_for
from hwgen.ops.work import Attend
from rtl_templates.attention.lanes import Lanes
from rtl_templates.attention.shape import LaneShape
from support.lane_calls import Pass, lane_task, play, timetable

WHOLE = (40000, 22)
"""From scores of up to 2**20 to logarithms of up to 156 octaves."""


def shape_of(columns=4, tile=8, normalisers=2, lanes=4):
    return LaneShape(
        columns=columns,
        tile=tile,
        score_bits=24,
        sum_bits=22,
        normalisers=normalisers,
        lanes=lanes,
        out_bits=8,
    )


def attend_of(**changes):
    fixed = dict(queries=5, keys=21, heads=2, kv_heads=1, inner=8, features=8, tile=8)
    return Attend(**{**fixed, **changes})


def operands(rng, attend, spread):
    entries = attend.queries * (attend.heads // attend.kv_heads)
    scores = rng.integers(-spread, spread, (attend.kv_heads, entries, attend.keys), endpoint=True)
    values = rng.integers(-128, 127, (attend.kv_heads, attend.keys, attend.features), endpoint=True)
    return scores, values


def check(lanes, task, tensor, *, slack=0, index=0, seed=0):
    timetable(lanes, task, tensor.slots, random.Random(seed), slack=slack)
    beats, clamped = play(lanes, index, tensor)
    got = np.full(tensor.results.size, 9999)
    masked = np.zeros(tensor.results.size, bool)
    for _, element, codes, nothing in beats:
        assert (got[element : element + len(codes)] == 9999).all()
        got[element : element + len(codes)] = codes
        masked[element : element + len(codes)] = nothing
    assert got.tolist() == tensor.results.reshape(-1).tolist()
    assert (masked.reshape(tensor.results.shape) == tensor.masked[..., None]).all()
    assert clamped == tensor.clamped
    entries_left = task.entries % lanes.shape.columns
    if not entries_left:
        assert beats[-1][0] == tensor.slots[-1].merge + lanes.latency(task)
    return beats


@pytest.mark.parametrize("slack", [0, 7])
@pytest.mark.parametrize("seed", range(3))
def test_plain_attention(seed, slack):
    rng = np.random.default_rng(seed)
    attend = attend_of(queries=[4, 5, 7][seed], heads=4, kv_heads=[4, 2, 1][seed])
    task = lane_task(attend, multiplier=40000, shift=22 + 2 * seed)
    lanes = Lanes(shape_of(), [task])
    tensor = Pass(lanes.shape, attend, task, *operands(rng, attend, 1 << 17))
    check(lanes, task, tensor, slack=slack, seed=seed)
