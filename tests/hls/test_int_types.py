"""The integer types against Python's integers: exhaustive over small codes, and wide extremes."""

import random
import subprocess
from pathlib import Path

import numpy as np
import pytest

from support.hls import TYPES, compile_cpp

HERE = Path(__file__).parent
UNARY = (2, 3, 5, 8, 16, 31, 48)
PAIRS = ((1, 3), (3, 2), (4, 4), (8, 5), (16, 16), (17, 31), (32, 16))
SLICES = (12, 64, 70, 150)


def wrap(value, bits, signed):
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def stimulus():
    """All codes of 4 bits, and wide values around every power of two."""
    rng = random.Random(7)
    wide = [
        sign * (1 << k) + d for k in (7, 15, 16, 30, 31, 47) for sign in (1, -1) for d in (-1, 0)
    ]
    return [*range(-8, 16), *wide, *(rng.randrange(-(1 << 60), 1 << 60) for _ in range(8))]


def unary(values, bits, signed):
    for value in values:
        a = wrap(value, bits, signed)
        yield a
        yield wrap(a, 32, True)
        yield -a
        yield wrap(a, bits + 3, True)
        yield wrap(a, (bits + 1) // 2, False)
        yield wrap(a, bits, True)
        for shift in range(bits):
            yield a >> shift
            yield wrap(a << shift, bits, signed)


def binary(values, left, right):
    for i in values:
        for k in values:
            a, b = wrap(i, *left), wrap(k, *right)
            yield a + b
            yield a - b
            yield a * b
            kept = wrap(a + b, *left)
            yield kept
            yield wrap(kept - a * b, *left)


def compare(values, left, right):
    for i in values:
        for k in values:
            a, b = wrap(i, *left), wrap(k, *right)
            flags = (a < b, a <= b, a > b, a >= b, a == b, a != b)
            yield sum(flag << n for n, flag in enumerate(flags))


def slices(values, bits):
    for value in values:
        word = 0
        part = wrap(value, 7, False)
        for low in range(0, bits - 6, 5):
            word = word & ~(0x7F << low) | part << low
            yield part
        yield from (word >> low & 1 for low in range(bits))


def expected(values):
    for bits in UNARY:
        yield from unary(values, bits, True)
        yield from unary(values, bits, False)
    for a, b in PAIRS:
        for left in (True, False):
            for right in (True, False):
                yield from binary(values, (a, left), (b, right))
        yield from compare(values, (a, True), (b, True))
        yield from compare(values, (a, False), (b, False))
    for bits in SLICES:
        yield from slices(values, bits)


@pytest.mark.hls
@pytest.mark.parametrize("types", TYPES)
def test_operations_equal_python_integers(tmp_path, types):
    program = compile_cpp([HERE / "int_ops.cpp"], tmp_path / "int_ops", types)
    values = stimulus()
    (tmp_path / "values").write_bytes(np.array(values, "<i8").tobytes())

    subprocess.run([program, "values", "results"], cwd=tmp_path, check=True)

    got = np.fromfile(tmp_path / "results", "<i8")
    wanted = np.array([wrap(value, 64, True) for value in expected(values)])
    assert got.size == wanted.size
    different = np.flatnonzero(got != wanted)
    assert different.size == 0, f"result {different[0]} is {got[different[0]]}"


REFUSED = {
    "sum of 64 bits": "ap_int<64> a = 1; a + ap_int<64>(1)",
    "product of 65 bits": "ap_int<33> a = 1; a * ap_int<32>(1)",
    "signs mixed in a comparison": "ap_int<8> a = 1; ap_int<2>(a < ap_uint<8>(1))",
    "width 0": "ap_int<0> a; a + 1",
    "a fraction": "ap_int<8> a = 1.5; a + 1",
}


@pytest.mark.hls
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_the_shim_refuses_what_it_cannot_do_exactly(tmp_path, text):
    source = tmp_path / "bad.cpp"
    body = text.split("; ")
    source.write_text(
        '#include "hwgen/int_types.hpp"\n'
        f"int main() {{ {body[0]}; return ({body[1]}).to_int64() != 0; }}\n"
    )

    with pytest.raises(AssertionError, match="error"):
        compile_cpp([source], tmp_path / "bad")
