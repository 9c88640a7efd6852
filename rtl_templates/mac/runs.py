"""A convolution along lines of samples, worked on several samples at a time."""

from dataclasses import dataclass

from rtl_templates.memory.walk import Level, Walk

__all__ = ["RunFold", "Runs", "line_for", "row_walk", "step_codes", "token_walk"]


def line_for(results, taps, before, padding):
    """Return the line that :func:`rtl_templates.packing.forms.best_convolution` takes."""
    return results, taps - 1 if padding else taps - 1 - before


@dataclass(frozen=True)
class Runs:
    """The runs of a line: ``samples`` neighbouring samples meet ``together`` taps at a time.

    Run b yields the results ``b * samples - lead`` and the ``samples - 1`` after it; what else its
    samples give belongs to the results that follow, and is carried over.  A kernel of more taps
    takes several passes, each with samples ``together`` further.

    Parameters
    ----------
    samples, together
        Of a multiplier.
    taps
        Of the kernel along the line.
    before
        Samples of padding before the line, at most ``taps - 1``.
    results
        Of a line; windows are one sample apart.
    padding
        Whether padding reads as something else than 0.

    Raises
    ------
    ValueError
        If what is carried over reaches beyond the next run.
    """

    samples: int
    together: int
    taps: int
    before: int
    results: int
    padding: bool = False

    def __post_init__(self):
        if self.together > self.samples + 1:
            raise ValueError(f"{self.samples} samples carry over too many of {self.together} taps")

    @property
    def passes(self):
        """How often a run's samples are taken."""
        return -(-self.taps // self.together)

    @property
    def lead(self):
        """Results of the first run that are none: their samples begin the line's first sums.

        Samples of padding that read as 0 begin none.
        """
        most = self.together - 1
        return most if self.padding else min(most, self.taps - 1 - self.before)

    @property
    def count(self):
        """Runs of a line."""
        return -(-(self.results + self.lead) // self.samples)

    @property
    def last(self):
        """Results of the last run that are some, counted from its first sample."""
        return self.results + self.lead - (self.count - 1) * self.samples

    @property
    def first(self):
        """The sample with which the first run's first pass begins; often in the padding."""
        reach = self.taps - 1 - self.before
        return reach - self.lead - (self.passes - 1) * self.together

    @property
    def reach(self):
        """Samples from a run's first one to its last one, over all passes."""
        return (self.passes - 1) * self.together + self.samples - 1

    def valid(self, first, last):
        """Return the results of a run that are some: (first, one after the last)."""
        return (self.lead if first else 0), (self.last if last else self.samples)

    def tap(self, part, place):
        """Return the tap at a place of a pass's polynomial; None where there is no more."""
        tap = part * self.together + self.together - 1 - place
        tap -= self.passes * self.together - self.taps
        return tap if tap >= 0 else None


@dataclass(frozen=True)
class RunFold:
    """How much is done in one cycle.

    Parameters
    ----------
    rows
        Kernel rows at once: 1, or all of them.
    elements
        Channels of a sample at once; the last word is filled with zero weights.
    outputs
        Output channels at once, a divisor of all.
    lanes
        Results per beat, a power of two that divides ``outputs``.
    """

    rows: int = 1
    elements: int = 1
    outputs: int = 1
    lanes: int = 1

    @property
    def multipliers(self):
        """Packed multipliers."""
        return self.rows * self.elements * self.outputs


def step_codes(weights, fold, runs):
    """Yield the weights of every step of a position: by output, kernel row, channel, tap.

    What a step has more than there is, is 0.

    Parameters
    ----------
    weights : nested sequence of int
        Codes (output channel, kernel row, tap along the line, channel).
    fold : RunFold
    runs : Runs
    """
    kernel, channels = len(weights[0]), len(weights[0][0][0])

    def code(output, row, tap, channel):
        if tap is None or channel >= channels:
            return 0
        return int(weights[output][row][tap][channel])

    for block in range(0, len(weights), fold.outputs):
        for row in range(0, kernel, fold.rows):
            for part in range(runs.passes):
                taps = [runs.tap(part, place) for place in range(runs.together)]
                for start in range(0, channels, fold.elements):
                    yield [
                        code(output, line, tap, channel)
                        for output in range(block, block + fold.outputs)
                        for line in range(row, row + fold.rows)
                        for channel in range(start, start + fold.elements)
                        for tap in taps
                    ]


def row_walk(runs, fold, *, channels, rows, width, out_rows, step, kernel, apart, top, outputs):
    """Return the walk where lines are rows of an image: rows, runs, blocks of outputs; kernel
    rows, passes, words.

    Parameters
    ----------
    channels, rows, width
        Of the image.
    out_rows, step
        Rows of results, and the rows between them.
    kernel, apart, top
        Kernel rows, rows between them, rows of padding.
    outputs
        Output channels.
    """
    row = width * channels
    taken = Level(kernel, apart * row) if fold.rows == 1 else Level(1)
    return _walk(
        (Level(out_rows, step * row), Level(runs.count, 0, runs.samples * channels)),
        (taken, Level(runs.passes, 0, runs.together * channels)),
        runs,
        fold,
        channels=channels,
        outputs=outputs,
        elements=rows * row,
        row=row,
        origin=(-top * row, runs.first * channels),
        reach=((kernel - 1) * apart * row, (runs.reach + 1) * channels - 1),
    )


def token_walk(runs, fold, *, features, tokens, outputs):
    """Return the walk along a sequence, one line: runs, blocks of outputs; passes, words."""
    return _walk(
        (Level(runs.count, runs.samples * features), Level(1)),
        (Level(runs.passes, runs.together * features), Level(1)),
        runs,
        fold,
        channels=features,
        outputs=outputs,
        elements=tokens * features,
        row=features,
        origin=(runs.first * features, 0),
        reach=(runs.reach * features, features - 1),
    )


def _walk(positions, segments, runs, fold, *, channels, outputs, **keys):
    words = -(-channels // fold.elements)
    steps = segments[0].count * segments[1].count * words
    beats = runs.samples * fold.outputs // fold.lanes
    return Walk(
        levels=(
            *positions,
            Level(1),
            Level(outputs // fold.outputs),
            *segments,
            Level(words, 0, fold.elements),
        ),
        group=3,
        idle=max(0, beats - steps),
        **keys,
    )
