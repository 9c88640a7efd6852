"""The whole board top in Verilator, driven over its serial pins by the host driver."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen.board import interface_of
from hwgen.emit.rtl.top import build_top
from hwgen.golden import encode_inputs, run, to_stream
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from support.adder_stream import INTERFACE, AdderStream
from support.board_bench import run_board_bench

DIGITS = Path(__file__).parents[2] / "examples/digits"

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


def check(outcome):
    """Every case of the bench was run and passed."""
    failed = {name: log for name, log in outcome.items() if log}
    assert not failed, "\n".join(failed.values())
    assert set(outcome) == CASES


@pytest.mark.verilator
def test_a_small_accelerator_with_two_inputs(tmp_path):
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

    check(outcome)


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("example", "schedule"),
    [
        ("mlp", "sequential"),
        pytest.param("mlp", "dataflow", marks=pytest.mark.nightly),
        pytest.param("cnn", "sequential", marks=pytest.mark.nightly),
        pytest.param("cnn", "dataflow", marks=pytest.mark.nightly),
    ],
)
def test_digits_on_real_scans(tmp_path, example, schedule):
    spec = load_spec(DIGITS / f"{example}.yaml")
    accelerator = replace(spec.accelerator, schedule=schedule)
    qgraph = quantize(build_graph(spec), spec)
    plan = make_plan(qgraph, accelerator)
    with np.load(DIGITS / "test.npz", allow_pickle=False) as held_out:
        codes = encode_inputs(qgraph, {"image": held_out["image"][:4].astype(float)})
    golden = run(qgraph, codes)

    outcome = run_board_bench(
        build_top(plan, qgraph),
        interface_of(plan, qgraph, "0f" * 32, (0, 1, 0)),
        {"image": to_stream(codes["image"])},
        {name: to_stream(golden[name]) for name in qgraph.outputs},
        tmp_path,
        seed=12,
    )

    check(outcome)
