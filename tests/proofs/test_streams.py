# amaranth: UnusedElaboratable=no
"""FIFO, fork, credit queue, store and entry, unbounded; each proof finds the bugs planted in it."""

import pytest

from rtl_templates.control import store, tensor_entry
from rtl_templates.streams import credits, fifo, fork
from support.control_harness import TensorEntryHarness
from support.prove import mutant, prove, reaches
from support.stream_harness import CreditHarness, FifoHarness, ForkHarness, StoreHarness


def fifo_proof(component=fifo.Fifo, depth=3):
    return FifoHarness(component(2, depth))


def fork_proof(component=fork.Fork, sinks=3):
    return ForkHarness(component(3, sinks))


def credit_proof(component=credits.CreditQueue, depth=3):
    return CreditHarness(component(2, depth))


def store_proof(component=store.Store):
    return StoreHarness(component(address=4, lanes=2, bits=2, beats=3), 3)


def entry_proof(component=tensor_entry.TensorEntry, beats=4):
    return TensorEntryHarness(component(2, beats, fill=2))


PROOFS = {
    "fifo_1": lambda: fifo_proof(depth=1),
    "fifo_3": fifo_proof,
    "fifo_4": lambda: fifo_proof(depth=4),
    "fork_1": lambda: fork_proof(sinks=1),
    "fork_3": fork_proof,
    "credits_1": lambda: credit_proof(depth=1),
    "credits_3": credit_proof,
    "store": store_proof,
    "entry_1": lambda: entry_proof(beats=1),
    "entry_4": entry_proof,
    "entry_of_3_lengths": lambda: entry_proof(beats=(5, 2, 1)),
}

Queue, Entry = credits.CreditQueue, tensor_entry.TensorEntry
BUGS = {
    "fifo_forgets_ready": (
        fifo_proof,
        fifo.Fifo,
        "queue.r_en.eq(self.o.ready)",
        "queue.r_en.eq(1)",
    ),
    "fifo_accepts_too_much": (fifo_proof, fifo.Fifo, ".eq(queue.w_rdy)", ".eq(1)"),
    "fork_gives_twice": (fork_proof, fork.Fork, "self.i.valid & ~taken[k]", "self.i.valid"),
    "fork_waits_for_all": (
        fork_proof,
        fork.Fork,
        "self.i.ready.eq((taken | takes).all())",
        "self.i.ready.eq(takes.all())",
    ),
    "fork_remembers": (fork_proof, fork.Fork, "taken.eq(0)", "taken.eq(takes)"),
    "credits_return_early": (
        credit_proof,
        Queue,
        "Mux(leaves, 1, 0)",
        "self.o.valid",
    ),
    "credits_miscounted": (
        credit_proof,
        Queue,
        "- self.reserve +",
        "- self.reserve[0] +",
    ),
    "store_ignores_room": (store_proof, store.Store, "self.run & (queue.room != 0)", "self.run"),
    "store_stops_early": (store_proof, store.Store, "[beats - 1 for", "[beats - 2 for"),
    "a_short_tensor_stays_short": (entry_proof, Entry, "[filling.eq(last), ", "["),
    "surplus_begins_a_tensor": (entry_proof, Entry, ", dropping.eq(~last)]", "]"),
    "one_beat_is_dropped": (entry_proof, Entry, "m.Elif(self.i.valid & last)", "m.Else()"),
    "the_next_tensor_fills": (entry_proof, Entry, "(self.o.ready & ~filling)", "self.o.ready"),
}


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS)
def test_proved(proof, tmp_path):
    assert prove(proof(), tmp_path) == "PASS"


@pytest.mark.parametrize(("proof", "component", "old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(proof, component, old, new, tmp_path):
    assert prove(proof(mutant(component, old, new)), tmp_path) == "FAIL"


@pytest.mark.parametrize(
    ("component", "outputs"),
    [(fifo.Fifo(2, 3), ["o"]), (fork.Fork(2, 2), ["o__0", "o__1"])],
    ids=["fifo", "fork"],
)
def test_valid_waits_for_no_ready(component, outputs):
    for out in outputs:
        for other in outputs:
            assert not reaches(component, f"{other}__ready", f"{out}__valid")


def test_a_combinational_path_is_found():
    assert reaches(fork.Fork(2, 2), "o__1__ready", "i__ready")
    assert reaches(fork.Fork(2, 2), "i__valid", "o__0__valid")
    waits = mutant(fork.Fork, "self.i.valid & ~taken[k]", "self.i.valid & self.o[0].ready")
    assert reaches(waits(2, 2), "o__0__ready", "o__1__valid")
