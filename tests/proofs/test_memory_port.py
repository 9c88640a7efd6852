# amaranth: UnusedElaboratable=no
"""Masters of the memory port, unbounded; each proof finds the bugs planted in it."""

import pytest

from rtl_templates.memory_port import block_reader, block_writer, bursts, kv_sizes
from rtl_templates.memory_port.kv_layout import KvLayout
from support.memory_port_harness import (
    BurstsHarness,
    ReaderHarness,
    SizesHarness,
    WriterHarness,
)
from support.prove import mutant, prove

SIZE = {"address_bits": 6, "data_bits": 16, "burst": 4, "beats": 8}


def bursts_proof(component=bursts.Bursts):
    return BurstsHarness(component(**SIZE))


def reader_proof(component=block_reader.BlockReader):
    return ReaderHarness(component(depth=5, **SIZE))


def writer_proof(component=block_writer.BlockWriter):
    return WriterHarness(component(pending=3, **SIZE))


def sizes_proof(component=kv_sizes.KvSizes):
    layout = KvLayout(0, 2, 2, 4, 4, 4, 8, 32, sized=True)
    ring = {"slots": 7, "pinned": 2, "start": 4}
    buffer = {"address": 0, "lanes": 2, "bits": 8, "address_bits": 8}
    return SizesHarness(component(layout, value=True, tokens=3, **ring, **buffer))


PROOFS = {
    "bursts": bursts_proof,
    "reader": reader_proof,
    "writer": writer_proof,
    "sizes": sizes_proof,
}
Bursts, Reader, Writer = bursts.Bursts, block_reader.BlockReader, block_writer.BlockWriter
Sizes = kv_sizes.KvSizes
BUGS = {
    "bursts_not_aligned": (bursts_proof, Bursts, "(self.burst - 1) - (", "(self.burst - 1) | ("),
    "bursts_skip_a_beat": (
        bursts_proof,
        Bursts,
        "((length + 1) << shift)",
        "((length + 2) << shift)",
    ),
    "bursts_go_on": (bursts_proof, Bursts, "rest.eq(rest - length - 1)", "rest.eq(rest - length)"),
    "reader_counts_one_less": (reader_proof, Reader, "payload.length + 1)", "payload.length)"),
    "reader_asks_too_early": (
        reader_proof,
        Reader,
        "queue.room > bursts.o.payload.length",
        "queue.room >= bursts.o.payload.length",
    ),
    "writer_idle_too_early": (
        writer_proof,
        Writer,
        "~bursts.o.valid & (waiting == 0)",
        "~bursts.o.valid",
    ),
    "writer_forgets_to_restart": (
        writer_proof,
        Writer,
        "Mux(self.w.payload.last, 0, beat + 1)",
        "beat + 1",
    ),
    "writer_too_many": (
        writer_proof,
        Writer,
        "(waiting < self.pending)",
        "(waiting <= self.pending)",
    ),
    "writer_writes_every_byte": (writer_proof, Writer, "eq(self.i.payload.strobe)", "eq(-1)"),
    "sizes_in_the_byte_beside": (sizes_proof, Sizes, "row + self.rows.first", "row + 1"),
    "sizes_move_unasked": (sizes_proof, Sizes, "places.push.eq(moves)", "places.push.eq(1)"),
    "sizes_lose_the_last_one": (
        sizes_proof,
        Sizes,
        "self.sent.eq(gone == count)",
        "self.sent.eq(gone == last)",
    ),
}


# The writer's takes minutes; its planted bugs are found in seconds.
@pytest.mark.parametrize(
    "proof",
    [
        pytest.param(proof, id=name, marks=pytest.mark.nightly if name == "writer" else ())
        for name, proof in PROOFS.items()
    ],
)
def test_proved(proof, tmp_path):
    assert prove(proof(), tmp_path, timeout=600) == "PASS"


@pytest.mark.parametrize(("proof", "component", "old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(proof, component, old, new, tmp_path):
    assert prove(proof(mutant(component, old, new)), tmp_path) == "FAIL"
