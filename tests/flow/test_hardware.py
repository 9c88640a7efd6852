"""The verbs bitstream and flash on a very small design, with the real tools."""

import json
from pathlib import Path

import pytest

import hwgen
from hwgen.cli import main
from hwgen.errors import LimitError, SpecError

SMALL = """\
hwgen: 1
name: little
model:
  inputs: {x: {shape: [4]}}
  layers:
    - {name: fc, op: linear, in: x, features: 2}
  outputs: [fc]
weights: {random: 7}
quantize: {default: {weights: int4, activations: int4}}
accelerator: {schedule: dataflow, budget: {multipliers: 1}, clock_mhz: 25}
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("hardware") / "little.yaml"
    path.write_text(SMALL)
    return path


@pytest.mark.parametrize("verb", [hwgen.bitstream, hwgen.flash])
def test_a_board_must_be_named(spec, verb):
    with pytest.raises(SpecError, match="HG924: the spec names no board") as caught:
        verb(spec, spec.parent / "build")
    assert "ulx3s_85f" in caught.value.diagnostics[0].hint
    with pytest.raises(SpecError, match="HG820: there is no board 'ulx3'"):
        verb(spec, spec.parent / "build", board="ulx3")


@pytest.mark.xdist_group("flow_bitstream")
def test_a_bitstream_from_the_command_line(spec, capsys):
    words = [str(spec), "-o", str(spec.parent / "build"), "--board", "ulx3s_85f"]
    assert main(["bitstream", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert (found["board"], found["clock_mhz"], found["cached"]) == ("ulx3s_85f", 25.0, False)
    assert found["fmax_mhz"] >= 25
    assert 0 < found["used"]["lut4"] < found["available"]["lut4"] == 83640
    bitstream = spec.parent / "build" / "bitstream" / "top.bit"
    assert found["bitstream"] == str(bitstream)
    assert b"Part: LFE5U-85F-6CABGA381" in bitstream.read_bytes()[:1000]

    assert main(["bitstream", *words]) == 0  # nothing has changed
    text = capsys.readouterr().out
    assert text.startswith(
        f"little: {bitstream}\nulx3s_85f: f_max {found['fmax_mhz']:g} MHz, 25 MHz"
    )
    assert hwgen.build(spec, spec.parent / "build").ran == ()
    page = " ".join((spec.parent / "build" / "report.html").read_text().split())
    assert f"{found['fmax_mhz']:.1f} MHz" in page
    assert "of 83,640" in page


def test_a_board_without_a_memory_controller_is_refused(tmp_path):
    source = Path(__file__).resolve().parents[2] / "examples" / "transformer" / "external.yaml"
    (tmp_path / "external.yaml").write_text(source.read_text() + "board: ulx3s_85f\n")

    with pytest.raises(LimitError, match="HG829: external uses external memory") as error:
        hwgen.bitstream(tmp_path / "external.yaml")
    assert "m_axi_mem" in str(error.value)
