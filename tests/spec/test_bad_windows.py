"""Specs whose network cannot judge windows of a stream: code, place and what would be legal."""

import pytest

from hwgen.errors import SpecError
from hwgen.graph import check_model

HEAD = """\
hwgen: 1
name: bad
model:
  inputs: {x: {shape: [%s]}}
  layers:
%s
  outputs: [y]
weights: {random: 1}
accelerator: {schedule: dataflow, budget: {multipliers: 8}}
stream: %s
"""
BODY = (
    "name: a, op: conv1d, in: x, channels: 2, kernel: 3, padding: same",
    "name: b, op: max_pool1d, in: a, kernel: 4",
    "name: c, op: avg_pool1d, in: b, kernel: 3, stride: 2",
)
POOL = "name: p, op: global_avg_pool, in: c"
LINEAR = "name: y, op: linear, in: p, features: 3"


def mistakes(tmp_path, layers, stream, rows=48, shape=None):
    path = tmp_path / "spec.yaml"
    shape = shape or f"{rows}, 2"
    path.write_text(HEAD % (shape, "\n".join(f"    - {{{line}}}" for line in layers), stream))
    with pytest.raises(SpecError) as error:
        check_model(path)
    return error.value.diagnostics


def mistake(tmp_path, layers, stream, rows=48, **keys):
    (found,) = mistakes(tmp_path, layers, stream, rows, **keys)
    return found


def test_a_hop_is_a_multiple_of_the_strides(tmp_path):
    found = mistake(tmp_path, [*BODY, POOL, LINEAR], "{window: 48, hop: 12}")

    assert found.code == "HG495"
    assert "hop 12 is not a multiple of 8, the product of the strides" in found.message
    # 8 / gcd(12, 8) phases; (4 - 1) * 2 pi and (3 - 1) * 2 pi.
    assert "2 copies of the network" in found.message
    assert "b 18.8 A fmax/fs, c 12.6 A fmax/fs" in found.message
    assert found.hint == "a multiple of 8, such as 8, 16, 24"
    assert (found.where.line, found.where.column) == (14, 27)


def test_a_strided_convolution_has_no_bound(tmp_path):
    strided = "name: c, op: conv1d, in: x, channels: 2, kernel: 3, stride: 4, padding: 1"
    found = mistake(tmp_path, [strided, POOL, LINEAR], "{window: 48, hop: 6}")

    assert found.code == "HG495"
    assert "2 copies" in found.message
    assert "error" not in found.message


@pytest.mark.parametrize(
    ("stream", "rows", "message", "hint"),
    [
        ("{window: 40, hop: 8}", 48, "input x has 48", "window: 48, or an input of 40 rows"),
        ("{window: 44, hop: 8}", 44, "window 44 is not a multiple of 8", "such as 40, 48, 56"),
    ],
)
def test_a_window_is_what_the_inputs_have(tmp_path, stream, rows, message, hint):
    found = mistake(tmp_path, [*BODY, POOL, LINEAR], stream, rows)

    assert found.code == "HG496"
    assert message in found.message
    assert hint in found.hint
    assert (found.where.line, found.where.column) == (14, 18)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("{window: 48}", "has window"),
        ("{hop: 8}", "has hop"),
        ("{chunk: 8, hop: 8}", "has chunk and hop"),
        ("{chunk: 8, window: 48, hop: 8}", "has chunk and window and hop"),
        ("{chunk: 8, padding: signal}", "has chunk and padding"),
        ("{padding: signal}", "has neither chunk nor window and hop"),
        ("{window: 48, hop: 56}", "has a hop of 56, larger than its window of 48"),
    ],
)
def test_chunks_or_windows_and_hops(tmp_path, stream, message):
    found = mistake(tmp_path, [*BODY, POOL, LINEAR], stream)

    assert found.code == "HG497"
    assert message in found.message
    assert found.hint
    assert found.where.line == 14


@pytest.mark.parametrize("stream", ["{window: 0, hop: 8}", "{window: 48, hop: 8, padding: zero}"])
def test_counts_and_kinds_of_padding(tmp_path, stream):
    found = mistake(tmp_path, [*BODY, POOL, LINEAR], stream)
    assert found.code in ("HG112", "HG113")
    assert found.where.line == 14


def test_a_window_is_as_long_as_what_a_row_sees(tmp_path):
    layers = [
        "name: a, op: conv1d, in: x, channels: 2, kernel: 5, dilation: 3, padding: same",
        "name: c, op: conv1d, in: a, channels: 2, kernel: 4, stride: 2, padding: 2",
        POOL,
        LINEAR,
    ]
    found = mistake(tmp_path, layers, "{window: 14, hop: 2}", 14)

    assert found.code == "HG498"
    assert "shorter than the 16 rows" in found.message  # 12 + 1, and 3 more
    assert "at least 16 rows" in found.hint
    assert found.where.line == 13


def test_a_window_is_judged_as_a_whole(tmp_path):
    layers = ["name: y, op: conv1d, in: x, channels: 2, kernel: 3, padding: same"]
    found = mistake(tmp_path, layers, "{window: 48, hop: 8}")

    assert found.code == "HG499"
    assert "global_avg_pool" in found.hint
    assert found.where.line == 10


def test_the_body_works_row_by_row(tmp_path):
    layers = ["name: c, op: flatten, in: x", "name: y, op: linear, in: c, features: 2"]
    codes = {found.code for found in mistakes(tmp_path, layers, "{window: 48, hop: 8}")}
    assert codes == {"HG456", "HG499"}


def test_chunks_still_have_no_global_pooling(tmp_path):
    found = mistake(tmp_path, ["name: y, op: global_avg_pool, in: x"], "{chunk: 8}")
    assert found.code == "HG456"


@pytest.mark.parametrize(
    ("hop", "message"),
    [
        (16, "a hop of 16 does not divide the window"),
        # The first row of c that sees no padding, its delay, and a row beside: (1 + 1 + 1) * 8.
        (8, "a hop of 8 has no room for the ends of a window, which need 24 rows"),
    ],
)
def test_hops_of_windows_with_zero_padding(tmp_path, hop, message):
    stream = f"{{window: 72, hop: {hop}, padding: window_exact}}"
    found = mistake(tmp_path, [*BODY, POOL, LINEAR], stream, 72)

    assert found.code == "HG495"
    assert message in found.message
    assert found.hint == "24, 72"
    assert (found.where.line, found.where.column) == (14, 27)


def test_padding_must_leave_room(tmp_path):
    stream = "{window: 16, hop: 8, padding: window_exact}"
    found = mistake(tmp_path, [*BODY, POOL, LINEAR], stream, 16)

    assert found.code == "HG498"
    assert "no hop of a window of 16 has room for its ends" in found.message
    assert (found.where.line, found.where.column) == (14, 18)


def test_cones_of_up_sampling_are_missing(tmp_path):
    layers = ["name: c, op: upsample1d, in: x, factor: 2", POOL, LINEAR]
    found = mistake(tmp_path, layers, "{window: 48, hop: 24, padding: window_exact}")

    assert found.code == "HG499"
    assert "upsample1d c makes more rows than it reads" in found.message
    assert found.where.line == 6


def test_cones_of_row_phases_are_missing(tmp_path):
    phase = "name: c, op: conv_transpose2d, in: x, channels: 2, kernel: 3, padding: 1"
    layers = [phase, POOL, LINEAR]
    stream = "{window: 48, hop: 24, padding: window_exact}"
    found = mistake(tmp_path, layers, stream, shape="2, 48, 3")

    assert found.code == "HG499"
    assert "conv_phase2d c makes more rows" in found.message
