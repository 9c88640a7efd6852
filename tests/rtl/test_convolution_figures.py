# amaranth: UnusedElaboratable=no
"""The convolution layer of the documented figures: cycles, and the area of its memories."""

import random

import pytest

from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.conv.conv2d import Conv2d
from rtl_templates.mac.mac_op import MacFold


def layer(fold, pad=0):
    rng = random.Random(1)
    taps = [[[rng.randint(-127, 127) for _ in range(3)] for _ in range(3)] for _ in range(16)]
    return Conv2d(
        height=32,
        width=32,
        channels=16,
        weights=[taps] * 16,
        padding=((1, 1), (1, 1)),
        x=Codes(8, True),
        biases=[0] * 16,
        multipliers=[1] * 16,
        scale=Scale(8, 0, -128, 127),
        out_bits=8,
        fold=fold,
        pad=pad,
    )


@pytest.mark.parametrize(
    ("fold", "most"), [(MacFold(3, 3, 8, 1), 33_100), (MacFold(3, 6, 8, 2), 16_700)]
)
def test_a_layer_takes_fewer_cycles_than_its_nominal_multiplications(fold, most):
    component = layer(fold)
    nominal = 32 * 32 * 16 * 144 // fold.multipliers
    assert component.cycles < nominal < most
    assert component.utilisation > 0.97


def test_steps_of_whole_words_leave_out_exactly_the_padding():
    component = layer(MacFold(1, 8, 8, 2))
    assert component.cycles == (32 * 3 - 2) ** 2 * 2 * 2  # taps inside; 2 words, 2 blocks
    assert component.utilisation == 1


def test_padding_that_counts_takes_its_cycles():
    assert layer(MacFold(1, 8, 8, 2), pad=1).cycles == 32 * 32 * 9 * 2 * 2
