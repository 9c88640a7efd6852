import re
import sys
import time

import pytest

from hwgen.cli import output
from hwgen.cli.output import Progress, table


def test_a_table_is_aligned_by_kind():
    rows = [("conv1", "1,024", "ok"), ("fc", "7", "-"), ("x", "-", "97%")]
    assert table(("layer", "cycles", "what"), rows) == [
        "layer  cycles  what",
        "conv1   1,024  ok",
        "fc          7  -",
        "x           -  97%",
    ]


def test_an_empty_table_has_a_head():
    assert table(("a", "b"), []) == ["a  b"]


def pretend_terminal(monkeypatch, delay=0.05):
    """Call it in a test, not in a fixture: a captured stderr is another object there."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(Progress, "DELAY", delay)


def wait_until_shown(progress):
    deadline = time.monotonic() + 30
    while progress._status is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_progress_names_a_step_that_takes_long(capsys, monkeypatch):
    pretend_terminal(monkeypatch)
    with Progress(as_json=False) as progress:
        progress("compile")
        wait_until_shown(progress)
        progress("simulate")
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", captured.err).splitlines()
    assert [line for line in lines if re.fullmatch(r"compile: \d+\.\d s", line)]
    assert not [line for line in lines if line.startswith("simulate: ")]


def test_progress_is_silent_for_short_steps(capsys, monkeypatch):
    pretend_terminal(monkeypatch, delay=30)
    with Progress(as_json=False) as progress:
        progress("compile")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("as_json", [True, False])
def test_progress_is_silent_without_a_terminal_or_for_json(as_json, capsys, monkeypatch):
    monkeypatch.setattr(Progress, "DELAY", 0.01)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: as_json, raising=False)
    with Progress(as_json) as progress:
        progress("compile")
        time.sleep(0.05)
    assert capsys.readouterr() == ("", "")


def test_progress_cleans_up_after_an_error(monkeypatch):
    pretend_terminal(monkeypatch)
    with pytest.raises(KeyError), Progress(as_json=False) as progress:
        progress("compile")
        wait_until_shown(progress)
        raise KeyError
    assert not [t for t in output.threading.enumerate() if isinstance(t, output.threading.Timer)]
