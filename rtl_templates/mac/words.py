"""Contents of the weight and channel memories of a MAC core, and the width of its sums."""

from itertools import product

from rtl_templates.arith.codes import bits_for

__all__ = ["acc_bits", "channel_words", "weight_words"]


def weight_words(weights, *, groups, rows, together, elements, outputs, bits, side=1):
    """Return the words that the core reads, one a step, in the order of one position.

    Parameters
    ----------
    weights : nested sequence of int
        Codes (output channel, segment, element); the channels of a group lie together.
    groups : int
        Convolution groups.
    rows : int
        Count of the outer loop over segments (kernel rows).
    together : int
        Rows in one step: 1, or ``rows``.
    elements, outputs : int
        Elements and results at once; words and blocks are filled up with zeros.
    bits : int
        Width of a weight.
    side : int
        Convolution groups at once, the last ones filled up with zeros.
    """
    per_group = len(weights) // groups
    columns = len(weights[0]) // rows
    size = len(weights[0][0])
    mask = (1 << bits) - 1

    def code(group, output, row, column, element):
        if group >= groups or output >= per_group or element >= size:
            return 0
        return int(weights[group * per_group + output][row * columns + column][element]) & mask

    words = []
    for first in range(0, groups, side):
        for block in range(0, per_group, outputs):
            for row in range(0, rows, together):
                for column in range(columns):
                    for start in range(0, size, elements):
                        word = 0
                        place = 0
                        parts = product(
                            range(first, first + side),
                            range(block, block + outputs),
                            range(row, row + together),
                            range(start, start + elements),
                        )
                        for group, output, line, element in parts:
                            word |= code(group, output, line, column, element) << place
                            place += bits
                        words.append(word)
    return words


def channel_words(biases, multipliers, *, lanes, bias_bits, multiplier_bits):
    """Return one word per beat of a position: bias and multiplier of each lane."""
    words = []
    for start in range(0, len(biases), lanes):
        word, place = 0, 0
        for channel in range(start, start + lanes):
            word |= (int(biases[channel]) & ((1 << bias_bits) - 1)) << place
            word |= int(multipliers[channel]) << (place + bias_bits)
            place += bias_bits + multiplier_bits
        words.append(word)
    return words


def acc_bits(weights, biases, x):
    """Return the width that holds every partial sum, in any order, by interval analysis."""
    low = high = 0
    for channel, bias in zip(weights, biases, strict=True):
        flat = [int(weight) for segment in channel for weight in segment]
        ends = [(weight * x.low, weight * x.high) for weight in flat]
        low = min(low, sum(min(0, *pair) for pair in ends) + min(0, int(bias)))
        high = max(high, sum(max(0, *pair) for pair in ends) + max(0, int(bias)))
    return bits_for(low, high)
