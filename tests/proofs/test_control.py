# amaranth: UnusedElaboratable=no
"""Sequencer and ends of tensors, by induction; each proof finds the bugs planted in it."""

import pytest

from rtl_templates.control import sequencer, tensor_end
from support.control_harness import SequencerHarness, TensorEndHarness
from support.prove import INDUCTION, mutant, prove


def sequencer_proof(component=sequencer.Sequencer, phases=3):
    return SequencerHarness(component(phases))


def end_proof(component=tensor_end.TensorEnd, beats=5):
    return TensorEndHarness(component(beats))


PROOFS = {
    "sequencer_1": lambda: sequencer_proof(phases=1),
    "sequencer_3": sequencer_proof,
    "sequencer_4": lambda: sequencer_proof(phases=4),
    "end_1": lambda: end_proof(beats=1),
    "end_5": end_proof,
}
BUGS = {
    "a_phase_is_skipped": (sequencer_proof, sequencer.Sequencer, "phase + 1)", "phase + 2)"),
    "the_last_phase_is_left_out": (
        sequencer_proof,
        sequencer.Sequencer,
        "self.phases - 1,",
        "self.phases - 2,",
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
        "m.If(self.running)",
        "m.If(self.running | self.done)",
    ),
    "a_beat_is_missed": (end_proof, tensor_end.TensorEnd, "self.beats - 1)", "self.beats - 2)"),
}


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS)
def test_proved(proof, tmp_path):
    assert prove(proof(), tmp_path, engine=INDUCTION, depth=3) == "PASS"


@pytest.mark.parametrize(("proof", "component", "old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(proof, component, old, new, tmp_path):
    planted = proof(mutant(component, old, new))

    assert prove(planted, tmp_path, engine=INDUCTION, depth=12) == "FAIL"
