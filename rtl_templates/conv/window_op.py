"""What convolutions share: from the geometry of their windows and codes to an engine."""

from dataclasses import dataclass

from rtl_templates.conv.padding import real_taps, real_words, skip_padding
from rtl_templates.mac.mac_op import MacFold, MacOp
from rtl_templates.memory.walk import Level, Walk

__all__ = ["WindowOp", "Windows", "as_columns", "padded_positions"]


@dataclass(frozen=True)
class Windows:
    """Where the windows of a convolution stand; pairs are (down, across).

    Parameters
    ----------
    size : tuple of int
        (height, width, channels) of the input; a sequence is one column of tokens, whose
        distances across are 0.
    kernel, stride, dilation : tuple of int
        Elements of a window, distances between windows and between the elements of one.
    positions : tuple of int
        Windows.
    origin : tuple of int
        Row and column of the first window's first element; negative in padding.
    groups : int
        Divides the input and the output channels.
    halves : tuple of int
        Positions that the second half of the results looks further; (0, 0): all are alike.  Not
        with groups.
    reflect : tuple of bool
        Axes whose padding reads as the input mirrored at its edges.
    """

    size: tuple[int, int, int]
    kernel: tuple[int, int]
    positions: tuple[int, int]
    origin: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    halves: tuple[int, int] = (0, 0)
    reflect: tuple[bool, bool] = (False, False)

    def __post_init__(self):
        if self.groups > 1 and any(self.halves):
            raise ValueError("Groups have no halves")

    @property
    def row(self):
        """Elements of a row."""
        return self.size[1] * self.size[2]

    @property
    def parts(self):
        """Groups, or halves: how often a window is visited."""
        return 2 if any(self.halves) else self.groups

    @property
    def whole(self):
        """Whether the columns of a kernel row are one contiguous segment in their order."""
        return self.groups == 1 and self.dilation[1] == 1 and not self.reflect[1]

    def segments(self, weights):
        """Return (input channel, row, column) weights of an output channel as segments."""
        rows, columns = range(self.kernel[0]), range(self.kernel[1])
        if not self.whole:
            return [[w[r][c] for w in weights] for r in rows for c in columns]
        return [[w[r][c] for c in columns for w in weights] for r in rows]

    def walk(self, outputs, fold=None, *, skip=True):
        """Return the walk: rows, columns, parts, blocks; kernel rows, kernel columns, words.

        With ``skip``, steps that lie in padding as a whole are left out if results leave in time.

        Parameters
        ----------
        outputs
            Results of a part.
        """
        fold = fold or MacFold()
        (height, width, channels), row = self.size, self.row
        (down, across), whole = self.dilation, self.whole
        per_group = channels // self.groups
        segment = self.kernel[1] * channels if whole else per_group
        rows = Level(self.kernel[0], down * row) if fold.rows == 1 else Level(1)
        columns = Level(1) if whole else Level(self.kernel[1], 0, across * channels)
        words = -(-segment // fold.elements)
        further = self.halves[1] * channels if any(self.halves) else per_group
        further = self.halves[0] * row, further * fold.groups if self.parts > 1 else 0
        results = min(self.parts, fold.groups) * min(outputs, fold.outputs)
        beats = -(-results // fold.lanes)
        walk = Walk(
            elements=height * row,
            row=row,
            levels=(
                Level(self.positions[0], self.stride[0] * row),
                Level(self.positions[1], 0, self.stride[1] * channels),
                Level(-(-self.parts // fold.groups), *further),
                Level(-(-outputs // fold.outputs)),
                rows,
                columns,
                Level(words, 0, fold.elements),
            ),
            group=3,
            origin=(self.origin[0] * row, self.origin[1] * channels),
            reach=(
                ((self.kernel[0] - 1) * down + self.halves[0]) * row,
                ((self.kernel[1] - 1) * across + 1 + self.halves[1]) * channels - 1,
            ),
            idle=max(0, beats - rows.count * columns.count * words),
            mirror=channels if any(self.reflect) else 0,
        )
        if not skip or any(self.reflect):
            return walk
        taken = [(0, rows.count)] * self.positions[0]
        if fold.rows == 1 and not self.halves[0]:
            taken = self._real_taps(0, height)
        taps = [(0, columns.count if columns.count > 1 else words)] * self.positions[1]
        if not self.halves[1]:
            starts = [
                (self.origin[1] + column * self.stride[1]) * channels
                for column in range(self.positions[1])
            ]
            taps = real_words(words, fold.elements, segment, starts, row)
            if columns.count > 1:
                taps = self._real_taps(1, width)
        return skip_padding(walk, taken, taps, beats)

    def useful(self, results, channels):
        """Return the multiplications by elements that are no padding; None if all are.

        Parameters
        ----------
        results, channels
            Of all parts, and input channels of one.
        """
        if any(self.reflect):
            return None
        total = results // (2 if any(self.halves) else 1) * channels
        for k in range(2):
            places = [
                self.origin[k] + half + position * self.stride[k] + tap * self.dilation[k]
                for half in sorted({0, self.halves[k]})
                for position in range(self.positions[k])
                for tap in range(self.kernel[k])
            ]
            total *= sum(0 <= place < self.size[k] for place in places)
        return total

    def _real_taps(self, axis, size):
        """Return by position of an axis the kernel elements that meet the input."""
        kernel, stride, dilation = self.kernel[axis], self.stride[axis], self.dilation[axis]
        return real_taps(self.positions[axis], kernel, stride, dilation, -self.origin[axis], size)


class WindowOp(MacOp):
    """A :class:`MacOp` made from the geometry of its windows.

    Parameters
    ----------
    windows : Windows
    weights : nested sequence of int
        (result, input channel of its group, kernel row, kernel column), signed; the halves one
        after the other.
    fold : MacFold
    keys
        See :class:`MacOp`.
    """

    def __init__(self, windows, weights, *, fold=None, **keys):
        fold = fold or MacFold()
        _, _, channels = windows.size
        if channels % windows.groups or len(weights[0]) != channels // windows.groups:
            raise ValueError(
                f"Weights must have {channels} / {windows.groups} input channels, "
                f"not {len(weights[0])}"
            )
        if len(weights) % windows.parts:
            raise ValueError(f"Parts must divide {len(weights)} results, not {windows.parts}")
        if any(windows.reflect) and fold.rows > 1:
            raise ValueError("Reflected rows are not read together")
        skip = keys.get("pad", 0) == 0
        super().__init__(
            walk=windows.walk(len(weights) // windows.parts, fold, skip=skip),
            weights=[windows.segments(output) for output in weights],
            groups=windows.parts,
            kernel_rows=windows.kernel[0],
            pitch=windows.dilation[0] * windows.row,
            fold=fold,
            useful=windows.useful(len(weights), len(weights[0])),
            **keys,
        )


def padded_positions(size, kernel, stride, dilation, padding, *, reflect=False):
    """Return how many windows a padded axis has.

    Raises
    ------
    ValueError
        If the padding is as long as a window, reflects more than there is, or leaves none.
    """
    extent = (kernel - 1) * dilation + 1
    if not 0 <= min(padding) <= max(padding) < extent:
        raise ValueError(f"Padding must be in [0, {extent}) for this kernel, not {padding}")
    if reflect and max(padding) >= size:
        raise ValueError(f"Padding of {max(padding)} reflects more than {size} elements")
    positions = (size + sum(padding) - extent) // stride + 1
    if positions < 1:
        raise ValueError(f"A window of {extent} elements does not fit {size}")
    return positions


def as_columns(weights):
    """Return (result, feature, tap) weights as those of windows of one column."""
    return [[[[code] for code in taps] for taps in output] for output in weights]
