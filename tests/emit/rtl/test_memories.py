import numpy as np
import pytest

from hwgen.emit.rtl.memories import channel_words, pack, weight_words
from hwgen.ops.types import Requant
from hwgen.ops.work import Loop, Port, Work
from hwgen.plan.model import Fold


def unpack(word, bits, count):
    codes = [(word >> (bits * k)) & ((1 << bits) - 1) for k in range(count)]
    return [code - (1 << bits) if code >> (bits - 1) else code for code in codes]


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
def test_pack_puts_the_first_code_lowest(bits):
    rng = np.random.default_rng(bits)
    codes = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (5, 7))

    words = pack(codes, bits)

    assert [unpack(word, bits, 7) for word in words] == codes.tolist()


@pytest.mark.parametrize(
    ("groups", "outputs", "rows", "columns", "elements", "fold"),
    [
        (1, 5, 1, 1, 7, Fold(1, 1, 1, 1)),
        (1, 5, 1, 1, 7, Fold(1, 3, 2, 1)),
        (1, 6, 3, 1, 8, Fold(3, 4, 4, 2)),
        (2, 3, 3, 2, 4, Fold(1, 4, 3, 1)),
        (4, 1, 2, 2, 3, Fold(2, 2, 1, 1)),
        (5, 2, 2, 2, 3, Fold(2, 3, 2, 1, groups=2)),
    ],
)
def test_words_follow_the_walk(groups, outputs, rows, columns, elements, fold):
    bits = 4
    rng = np.random.default_rng(groups * outputs)
    weights = rng.integers(-8, 8, (groups * outputs, rows * columns, elements))
    work = Work(
        kind="mac",
        ports=(Port(rows, columns * elements * groups),),
        row=Loop(1),
        column=Loop(1),
        channel=Loop(groups, dx=elements),
        outputs=outputs,
        reduce=(Loop(rows, dy=1), Loop(columns, dx=elements * groups)),
        elements=elements,
    )

    words = iter(weight_words(weights, work, fold, bits))

    for group in range(0, groups, fold.groups):
        for first in range(0, outputs, fold.outputs):
            for row in range(0, rows, fold.rows):
                for column in range(columns):
                    for element in range(0, elements, fold.elements):
                        expected = [
                            weights[(group + g) * outputs + o, (row + r) * columns + column, e]
                            if group + g < groups and o < outputs and e < elements
                            else 0
                            for g in range(fold.groups)
                            for o in range(first, first + fold.outputs)
                            for r in range(fold.rows)
                            for e in range(element, element + fold.elements)
                        ]
                        assert unpack(next(words), bits, len(expected)) == expected
    assert next(words, None) is None


def test_channel_words_hold_bias_and_multiplier_of_each_lane():
    bias = np.array([5, -6, 7, -8])
    requant = Requant(np.array([1, 2, 3, 65535]), 4, 0, -8, 7, np.array([0]))

    words = channel_words(bias, requant, lanes=2, acc_bits=10, multiplier_bits=16)

    lanes = [(word >> (26 * k)) & ((1 << 26) - 1) for word in words for k in range(2)]
    assert [unpack(lane, 10, 1)[0] for lane in lanes] == bias.tolist()
    assert [lane >> 10 for lane in lanes] == [1, 2, 3, 65535]
