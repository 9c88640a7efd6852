"""The whole board top in Verilator, driven over its serial pins by the host driver."""

import numpy as np
import pytest

from support.adder_stream import INTERFACE, AdderStream
from support.board_bench import run_board_bench

CASES = {
    "says_who_it_is_and_runs_tensors",
    "a_damaged_request_is_sent_again",
    "a_damaged_reply_does_not_repeat_the_request",
    "a_truncated_frame_is_reported",
    "frames_that_make_no_sense_are_refused",
    "noise_on_the_line_is_survived",
    "an_unplugged_port_ends_the_run",
    "reset_drops_a_tensor_in_flight",
    "the_button_resets",
}


@pytest.mark.verilator
def test_every_case_on_a_small_accelerator(tmp_path):
    rng = np.random.default_rng(5)
    wide = rng.integers(-256, 256, (4, 12))
    narrow = rng.integers(0, 16, (4, 12))

    outcome = run_board_bench(
        AdderStream(),
        INTERFACE,
        {"wide": wide, "narrow": narrow},
        {"total": wide + narrow},
        tmp_path,
        seed=11,
    )

    failed = {name: log for name, log in outcome.items() if log}
    assert not failed, "\n".join(failed.values())
    assert set(outcome) == CASES
