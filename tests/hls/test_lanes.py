"""Packed products in C++: every form that a plan can choose, and planted bugs."""

import subprocess
from itertools import product
from pathlib import Path

import pytest

from hwgen.emit.hls.multipliers import form_methods, form_sizes
from hwgen.plan.multipliers import MOST_WEIGHTS, PORTS
from hwgen.resources import data_dir
from rtl_templates.packing.forms import best_convolution, position_weights, vector_form
from rtl_templates.packing.lanes import Range
from support.hls import TYPES, compile_cpp

SOURCE = Path(__file__).with_name("lanes.cpp")
BUGS = {
    "a borrow is lost": ("field + taken", "field + taken * 0"),
    "the next lane's low bits stay": (
        "code -= ap_uint<width>(next) << C::PITCH;",
        "code += next * 0;",
    ),
    "a positive code is negative": ("(negative > 0)", "(negative > 999)"),
    "an operand does not borrow": ("number[k] + sign", "number[k] + sign * 0"),
}

FULL, NARROW = Range.signed(4), Range.signed(4, narrow=True)
FEW = [
    best_convolution(FULL, FULL, 3, (18, 18)),  # lanes overlap; comparisons tell signs
    position_weights(FULL, NARROW, (27, 18), 2, MOST_WEIGHTS),
    vector_form(FULL, NARROW, (18, 18), MOST_WEIGHTS),
]


def forms():
    """Yield every form that a plan can choose for a few kinds of operands."""
    kinds = [
        *((FULL, NARROW), (FULL, FULL), (Range.unsigned(4), FULL), (Range.unsigned(2), NARROW)),
        *((Range.signed(8), NARROW), (Range.signed(2), Range(-1, 1)), (Range(-3, 5), FULL)),
    ]
    found = set()
    for ports, (x, w) in product(sorted(set(PORTS.values())), kinds):
        found.add(vector_form(x, w, ports, MOST_WEIGHTS))
        found |= {position_weights(x, w, ports, count, MOST_WEIGHTS) for count in (2, 3, 4)}
        found |= {best_convolution(x, w, taps, ports) for taps in (2, 3, 4, 5)}
    return sorted(found - {None}, key=repr)


def forms_text(chosen):
    """Return ``forms.hpp``."""
    lines = []
    for number, form in enumerate(chosen):
        sizes = [
            *form_sizes(form),
            *zip(("SAMPLES", "TAPS"), form.counts, strict=True),
            *(("X_LOW", form.a.low), ("X_HIGH", form.a.high)),
            *(("W_LOW", form.w.low), ("W_HIGH", form.w.high)),
        ]
        lines.append(f"struct form_{number} {{")
        lines += [f"  static constexpr int {name} = {value};" for name, value in sizes]
        lines += [
            f"  static constexpr {head}(int k) {{ return {value}; }}"
            for head, value in form_methods(form)
        ]
        lines.append("};")
    calls = " & ".join(f'check<form_{number}>("{number}")' for number in range(len(chosen)))
    return "\n".join([*lines, f"bool check_all() {{ return {calls}; }}", ""])


def verdict(chosen, folder, types="shim", flags=()):
    """Return the exit status of the check of some forms, and what it prints."""
    (folder / "forms.hpp").write_text(forms_text(chosen))
    program = compile_cpp([SOURCE], folder / "lanes", types, [folder], flags)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.hls
@pytest.mark.parametrize("types", [*TYPES[:1], pytest.param("vendor", marks=pytest.mark.nightly)])
def test_some_forms(types, tmp_path):
    assert verdict(FEW, tmp_path, types) == (0, "")


@pytest.mark.hls
@pytest.mark.nightly
def test_every_form(tmp_path):
    chosen = forms()
    assert len(chosen) > 60
    for start in range(0, len(chosen), 8):
        assert verdict(chosen[start : start + 8], tmp_path) == (0, "")


@pytest.mark.hls
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug, tmp_path):
    right, wrong = BUGS[bug]
    header = (data_dir("hls") / "include" / "hwgen" / "lanes.hpp").read_text()
    assert header.count(right) == 1
    (tmp_path / "hwgen").mkdir()
    (tmp_path / "hwgen" / "lanes.hpp").write_text(header.replace(right, wrong))

    status, text = verdict(FEW, tmp_path, flags=[f"-I{tmp_path}"])

    assert status == 1
    assert "wrong in round" in text
