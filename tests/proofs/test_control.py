# amaranth: UnusedElaboratable=no
"""Sequencer and ends of tensors, by induction; each proof finds the bugs planted in it."""

import pytest

from rtl_templates.control import sequencer, tensor_end
from support.control_harness import SequencerHarness, TensorEndHarness
from support.prove import INDUCTION, mutant, prove


def sequencer_proof(component=sequencer.Sequencer, phases=3, lengths=1):
    return SequencerHarness(component(phases, lengths))


def lists_proof(component=sequencer.Sequencer):
    return sequencer_proof(component, phases=3, lengths=3)


def end_proof(component=tensor_end.TensorEnd, beats=5):
    return TensorEndHarness(component(beats))


PROOFS = {
    "sequencer_1": lambda: sequencer_proof(phases=1),
    "sequencer_3": sequencer_proof,
    "sequencer_4": lambda: sequencer_proof(phases=4),
    "sequencer_of_3_lengths": lists_proof,
    "sequencer_of_short_lists": lambda: sequencer_proof(phases=1, lengths=2),
    "end_1": lambda: end_proof(beats=1),
    "end_5": end_proof,
    "end_of_3_lengths": lambda: end_proof(beats=(5, 2, 1)),
}
BUGS = {
    "a_phase_is_skipped": (sequencer_proof, sequencer.Sequencer, "phase + 1)", "phase + 2)"),
    "the_last_phase_is_left_out": (
        sequencer_proof,
        sequencer.Sequencer,
        "self.phases - 1 for",
        "self.phases - 2 for",
    ),
    "constants_are_not_awaited": (
        sequencer_proof,
        sequencer.Sequencer,
        "looked_up.eq(0)",
        "looked_up.eq(1)",
    ),
    "done_is_seen_at_rest": (
        sequencer_proof,
        sequencer.Sequencer,
        "m.Elif(self.running)",
        "m.Elif(self.running | self.done)",
    ),
    "the_length_is_taken_late": (
        lists_proof,
        sequencer.Sequencer,
        "[self.length]",
        "[self.list]",
    ),
    "no_tensor_is_awaited": (lists_proof, sequencer.Sequencer, "m.If(self.go)", "m.If(1)"),
    "a_beat_is_missed": (end_proof, tensor_end.TensorEnd, "[n - 1 for", "[n - 2 for"),
}


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS)
def test_proved(proof, tmp_path):
    assert prove(proof(), tmp_path, engine=INDUCTION, depth=3) == "PASS"


@pytest.mark.parametrize(("proof", "component", "old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(proof, component, old, new, tmp_path):
    planted = proof(mutant(component, old, new))

    assert prove(planted, tmp_path, engine=INDUCTION, depth=12) == "FAIL"
