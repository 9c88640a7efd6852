"""The figures of the accuracy table: a smaller version here, the whole one every night."""

import re
import sys
from importlib import util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks/attention_accuracy.py"


@pytest.fixture(scope="module")
def accuracy():
    spec = util.spec_from_file_location("attention_accuracy", SCRIPT)
    module = util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)  # for its dataclass
        spec.loader.exec_module(module)
    return module


def check(figures):
    for name, keys, (exponents, running, end_to_end, ceiling) in figures:
        assert exponents >= 40, (name, keys)
        assert exponents > running + 3, (name, keys)
        # What the arithmetic adds to the noise of 8-bit inputs and results is little.
        assert end_to_end > min(ceiling, 37) - 3, (name, keys)
        if name == "U(-4, 4)":
            assert end_to_end >= 36


def test_figures_up_to_1024_keys(accuracy):
    figures = list(accuracy.figures(draws=4, lengths=(1024,)))
    assert len(figures) == 6
    check(figures)


@pytest.mark.nightly
def test_figures_up_to_65536_keys(accuracy):
    check(accuracy.figures())


def test_the_table_of_the_page_reaches_what_the_page_says():
    text = (ROOT / "docs/attention.md").read_text(encoding="utf-8")
    table = text.split("<!-- attention accuracy: begin -->")[1].split("<!-- attention")[0]
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \| ([\d.]+) \|", table, flags=re.MULTILINE)
    assert {keys for _, keys, _ in rows} == {"197", "1,024", "16,384", "65,536"}
    assert min(float(ratio) for *_, ratio in rows) >= 40


def test_four_bits_need_the_mean_of_the_keys_removed(accuracy):
    assert accuracy.cached(4.0, 8) > 40
    with_mean, without = accuracy.cached(4.0, 4), accuracy.cached(4.0, 4, mean=False)
    assert with_mean > 13
    assert with_mean > without + 10
    assert accuracy.cached(0.0, 4) > 13
