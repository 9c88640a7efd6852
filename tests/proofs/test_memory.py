# amaranth: UnusedElaboratable=no
"""Window buffer and mover, unbounded; each proof finds the bugs planted in it.

The address of every step of a mover is checked against the loops, so that with the buffer's
proof a step reads what was written there.
"""

from dataclasses import replace

import pytest

from rtl_templates.memory import mover, window_buffer
from rtl_templates.memory.walk import Level, Walk
from support.memory_harness import MoverHarness, WindowBufferHarness
from support.prove import mutant, prove

# elements, depth, bits, beat, banks, granule, lanes, low, high
BUFFERS = {
    "one_bank": (3, 4, 2, 1, 1, 1, 1, 0, 2),
    "ring_of_5": (3, 5, 1, 1, 1, 1, 1, -1, 2),
    "unaligned": (4, 8, 1, 2, 2, 1, 2, -2, 3),
    "odd_rows": (4, 6, 1, 1, 2, 2, 2, 0, 2),
    "wide_beat": (8, 4, 1, 4, 4, 4, 2, 0, 4),
}


def buffer_proof(component=window_buffer.WindowBuffer, case="unaligned"):
    names = ("elements", "depth", "bits", "beat", "banks", "granule", "lanes", "low", "high")
    keys = dict(zip(names, BUFFERS[case], strict=True))
    return WindowBufferHarness(component(**keys, reads=1))


# A 3 x 3 window of a 3 x 3 image with padding; a 2 x 2 pool of 2 channels; sums of two inputs.
CONV = Walk(
    elements=9,
    row=3,
    levels=(Level(3, 3), Level(3, 0, 1), Level(1), Level(2), Level(3, 3), Level(1), Level(2, 0, 2)),
    group=3,
    origin=(-3, -1),
    reach=(6, 2),
    idle=2,
)
# The same without the rows and columns that lie in padding.
EDGE = replace(
    CONV, levels=(*CONV.levels[:4], Level(3, 3), Level(1), Level(3, 0, 1)), idle=0
).skipping(rows=((1, 3), (0, 3), (0, 2)), columns=((1, 3), (0, 3), (0, 2)))
STRIDE = Walk(
    elements=16,
    row=4,
    levels=(Level(2, 8), Level(2, 0, 2), Level(1), Level(1), Level(1), Level(1), Level(1)),
    group=3,
)
POOL = Walk(
    elements=16,
    row=8,
    levels=(Level(1, 16), Level(2, 0, 4), Level(2, 0, 1), Level(2, 8), Level(2, 0, 2)),
    group=2,
    reach=(8, 3),
)
ADD = Walk(
    elements=4,
    row=2,
    levels=(Level(2, 2), Level(1), Level(2, 0, 1), Level(2), Level(1)),
    group=2,
    reach=(0, 1),
)


# The proof looks at the registers inside.
BEFORE = "        if self.sequential:\n            m.d.comb += self.done"
SEEN = mutant(
    mover.Mover, BEFORE, "        self.inside = index, axes, taps, idle, active\n" + BEFORE
)


def mover_proof(component=SEEN, walks=(CONV,), sequential=False):
    return MoverHarness(component(walks, sequential=sequential))


def turns_proof(component=SEEN):
    return mover_proof(component, (POOL, ADD), sequential=True)


def edge_proof(component=SEEN):
    return mover_proof(component, (EDGE,))


def edge_turns_proof(component=SEEN):
    return mover_proof(component, (EDGE, replace(CONV, idle=0).counting_words(3)), sequential=True)


PROOFS = {f"buffer_{case}": (lambda case=case: buffer_proof(case=case)) for case in BUFFERS}
PROOFS |= {
    "mover_conv": mover_proof,
    "mover_stride": lambda: mover_proof(walks=(STRIDE,)),
    "mover_pool": lambda: mover_proof(walks=(POOL,)),
    "mover_turns": turns_proof,
    "mover_edge": edge_proof,
    "mover_edge_turns": edge_turns_proof,
}

Buffer, Mover = window_buffer.WindowBuffer, SEEN
BUGS = {
    "ready_one_beat_early": (buffer_proof, Buffer, "self.level + self.beat <=", "self.level <="),
    "release_forgotten": (buffer_proof, Buffer, "released.eq(0), ", ""),
    "level_misses_the_beat": (buffer_proof, Buffer, "written - self.elements", "self.level - 4"),
    "ring_forgets_its_row": (
        lambda component: buffer_proof(component, "odd_rows"),
        Buffer,
        "row == rows - 1",
        "row == rows",
    ),
    "base_stays": (
        lambda component: buffer_proof(component, "ring_of_5"),
        Buffer,
        "following = base + step",
        "following = base",
    ),
    "mover_stops_inside": (mover_proof, Mover, "(~first | (self.go", "((self.go"),
    "mover_never_rests": (mover_proof, Mover, "idle.eq(pause)", "idle.eq(0)"),
    "mover_skips": (mover_proof, Mover, "self._zero(index, k + 1,", "self._zero(index, k + 2,"),
    "mover_forgets_the_edge": (
        edge_proof,
        Mover,
        'taps, "here" if k > 1 else "ahead"',
        'taps, "here"',
    ),
    "mover_starts_in_padding": (
        edge_proof,
        Mover,
        'self._zero(index, 0, taps, "ahead")',
        'self._zero(index, 0, taps, "here")',
    ),
    "mover_needs_less": (
        lambda component: mover_proof(component, (STRIDE,)),
        Mover,
        "waits & (release > window)",
        "0",
    ),
    "mover_releases_more": (
        mover_proof,
        Mover,
        "kept.following, kept.now",
        "kept.following, kept.following",
    ),
    "mover_keeps_the_walk": (
        turns_proof,
        Mover,
        'for axis in axes:\n                    m.d.sync += axis.restart("start")',
        'for axis in axes[1:]:\n                    m.d.sync += axis.restart("start")',
    ),
}


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS)
def test_proved(proof, tmp_path):
    assert prove(proof(), tmp_path) == "PASS"


@pytest.mark.parametrize(("proof", "component", "old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(proof, component, old, new, tmp_path):
    assert prove(proof(mutant(component, old, new)), tmp_path) == "FAIL"
