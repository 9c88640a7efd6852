"""Rounding and saturation against exact fractions."""

import subprocess
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest

from support.hls import TYPES, compile_cpp

HERE = Path(__file__).parent
WIDTHS = (5, 12, 33, 49)


def wrap(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def expected(values):
    for bits in WIDTHS:
        for value in values:
            v = wrap(value, bits)
            for shift in range(bits):
                yield floor(Fraction(v, 1 << shift) + Fraction(1, 2))
            yield min(max(v, -5), 9)


@pytest.mark.hls
@pytest.mark.parametrize("types", TYPES)
def test_rounds_half_up_and_saturates(tmp_path, types):
    program = compile_cpp([HERE / "rounding.cpp"], tmp_path / "rounding", types)
    ends = [sign * (1 << bits - 1) + d for bits in WIDTHS for sign in (1, -1) for d in (-1, 0, 1)]
    values = [*range(-40, 40), *ends]
    (tmp_path / "values").write_bytes(np.array(values, "<i8").tobytes())

    subprocess.run([program, "values", "results"], cwd=tmp_path, check=True)

    assert np.fromfile(tmp_path / "results", "<i8").tolist() == list(expected(values))
