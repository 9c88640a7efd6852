"""Which steps of a window lie in padding as a whole, and need not be issued."""

__all__ = ["real_taps", "real_words", "skip_padding"]


def real_taps(positions, taps, stride, dilation, padding, size):
    """Return by position the taps that meet the input: (first, one after the last).

    Where a whole window lies in padding one tap is left, as a group has a step at least.
    """
    found = []
    for position in range(positions):
        start = position * stride - padding
        real = [tap for tap in range(taps) if 0 <= start + tap * dilation < size]
        found.append((real[0], real[-1] + 1) if real else (0, 1))
    return found


def real_words(words, elements, segment, starts, row):
    """Return, by the position where a segment starts, its words that meet the row."""
    found = []
    for start in starts:
        real = [
            word
            for word in range(words)
            if start + word * elements < row and start + min((word + 1) * elements, segment) > 0
        ]
        found.append((real[0], real[-1] + 1) if real else (0, 1))
    return found


def skip_padding(walk, rows, columns, beats):
    """Return a walk that takes only these steps, or the walk if the beats need more cycles."""
    shorter = walk.skipping(rows, columns)
    return shorter if beats <= shorter.least_steps else walk
