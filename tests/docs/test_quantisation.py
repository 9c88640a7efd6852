"""The table of the digits networks in docs/quantisation.md is what the benchmark prints."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.nightly
def test_the_table_of_the_digits(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    quantiser = pytest.importorskip("quantiser")
    begin, end = (mark.format("digits") for mark in quantiser.MARKS)
    page = (ROOT / "docs/quantisation.md").read_text(encoding="utf-8")
    printed = page.split(begin)[1].split(end)[0].strip().splitlines()
    assert list(quantiser.digits()) == printed
