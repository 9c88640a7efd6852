"""What the pooling ops share: windows over images, over sequences and over all of a tensor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import (
    Lowered,
    LowerOptions,
    Op,
    OpParams,
    ParamError,
    Part,
    Real,
    Shape,
)
from hwgen.ops.history import RowWindow, visible_rows, with_history
from hwgen.ops.params import Count, Pair, Size2d, expect_image, expect_sequence, pair
from hwgen.ops.scaling import identity, rescale
from hwgen.ops.types import QType
from hwgen.ops.window import Window, image_of, sequence_of
from hwgen.ops.work import Loop, Port, Work

__all__ = [
    "AvgPool",
    "GlobalParams",
    "ImagePool",
    "MaxPool",
    "Pool",
    "Pool1dParams",
    "Pool2dParams",
    "SequencePool",
    "WholePool",
]


class Pool2dParams(OpParams):
    """Spec keys of the pooling ops of images."""

    kernel: Size2d = Field(description="window size: one number or [height, width]")
    stride: Size2d | None = Field(
        None, description="step of the window: one number or [height, width]; default: the kernel"
    )


class Pool1dParams(OpParams):
    """Spec keys of the pooling ops of sequences."""

    kernel: Count = Field(description="tokens of a window")
    stride: Count | None = Field(
        None, description="tokens from one window to the next; default: the kernel"
    )


class GlobalParams(OpParams):
    """Global pooling has no keys."""


class Pool(Op):
    """One value per channel and window; a sequence is an image of one column."""

    @abstractmethod
    def window(self, params: Any, shape: Shape) -> Window:
        """Return the window over an input; raise :class:`ParamError` if there is none."""

    @abstractmethod
    def result_shape(self, channels: int, size: Pair) -> Shape:
        """Return the shape of ``size`` values per channel."""

    @abstractmethod
    def arranged(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return (n, channels, height, width) values with the result's axes."""

    def shape(self, params: Any, inputs: Sequence[Shape]) -> Shape:
        """Return the output shape; the remainder at the end is not read."""
        window = self.window(params, inputs[0])
        channels, height, width = _image_shape(inputs[0])
        axes = ("height", "width") if len(inputs[0]) == 3 else ("length",)
        return self.result_shape(channels, window.outputs((height, width), axes))

    def patches(self, window: Window, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return (n, channels, out height, out width, elements of a window)."""
        windows = window.patches(data if data.ndim == 4 else image_of(data))
        return windows.reshape(*windows.shape[:4], -1)

    def row_window(self, params: Any, inputs: Sequence[Shape]) -> RowWindow | None:
        """Return the window along the height, or the tokens."""
        return self.window(params, inputs[0]).rows

    def pool_work(self, kind: str, lowered: Lowered, shape: Shape) -> Work:
        """Return work of ``kind``: one channel at a time over the window."""
        channels, height, width = _image_shape(shape)
        window = _lowered(lowered)
        (rows, columns), (down, across) = window.kernel, window.stride
        visible, history, skipped = visible_rows(height, lowered.attrs)
        out = window.outputs((visible - skipped, width))
        return Work(
            kind=kind,
            ports=(Port(visible, width * channels, history, lowered.attrs.get("warmup", 0)),),
            row=Loop(out[0], dy=down),
            column=Loop(out[1], dx=across * channels),
            channel=Loop(channels, dx=1),
            reduce=(Loop(rows, dy=1), Loop(columns, dx=channels)),
            origin=(skipped, 0),
            pad=lowered.attrs.get("pad", 0),
        )


class ImagePool(Pool):
    """Windows over images."""

    def window(self, params: Pool2dParams, shape: Shape) -> Window:
        """Return the window of the keys."""
        expect_image(self.name, shape)
        kernel = pair(params.kernel)
        return Window(kernel, kernel if params.stride is None else pair(params.stride))

    def result_shape(self, channels: int, size: Pair) -> Shape:
        """Return (channels, height, width)."""
        return channels, *size

    def arranged(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values as they are."""
        return values


class SequencePool(Pool):
    """Windows over the tokens of sequences."""

    def window(self, params: Pool1dParams, shape: Shape) -> Window:
        """Return the window of the keys, one column wide."""
        expect_sequence(self.name, shape)
        return Window((params.kernel, 1), (params.stride or params.kernel, 1))

    def result_shape(self, channels: int, size: Pair) -> Shape:
        """Return (tokens, features)."""
        return size[0], channels

    def arranged(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return (n, tokens, features)."""
        return sequence_of(values)


class WholePool(Pool):
    """One window over all of an image or a sequence; in parts the same over some rows, and so on.

    What is left of the rows of a part is their sum, or their largest element, without rounding: so
    the result does not depend on the parts.
    """

    in_parts: ClassVar[bool] = True
    parts_of: ClassVar[tuple[str, str]]
    """Ops of a part: of images, and of sequences."""

    def window(self, params: GlobalParams, shape: Shape) -> Window:
        """Return the window that covers the input."""
        if len(shape) == 1:
            raise ParamError(
                f"{self.name} needs an image or a sequence, got {list(shape)}",
                hint="an input of shape (channels, height, width) or (tokens, features)",
            )
        size = _image_shape(shape)[1:]
        return Window(size, size)

    def row_window(self, params: Any, inputs: Sequence[Shape]) -> RowWindow | None:
        """Return that it takes all rows."""
        return None

    def result_shape(self, channels: int, size: Pair) -> Shape:
        """Return (channels,)."""
        return (channels,)

    def arranged(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return (n, channels)."""
        return values[:, :, 0, 0]

    def left(self, kind: QType, terms: int) -> QType:
        """Return the type of what is left of so many elements: by default their own."""
        return kind

    def part(self, lowered: Lowered, shape: Shape, kind: QType, rows: int) -> Part:
        """Return the pooling of rows, all columns of them."""
        window = rows, _image_shape(shape)[2]
        out = self.left(kind, prod(window))
        requant = None if lowered.requant is None else identity(out)
        attrs = {"kernel": window, "stride": window}
        return Part(self.parts_of[len(shape) == 2], Lowered(attrs=attrs, requant=requant), out)

    def of_parts(self, lowered: Lowered, rows: int, columns: int) -> Lowered:
        """Return the pooling of the parts, with the same multiplier."""
        window = rows, columns
        return replace(lowered, attrs={**lowered.attrs, "kernel": window, "stride": window})


class MaxPool(Pool):
    """The largest element of each window; codes keep their type."""

    def real(self, params: Any, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the maxima."""
        window = self.window(params, inputs[0].shape[1:])
        result: Real = self.patches(window, inputs[0]).max(axis=-1)
        return self.arranged(result)

    def out_type(
        self, params: Any, inputs: Sequence[QType], proposed: QType, shapes: Sequence[Shape]
    ) -> QType:
        """Return the input's type."""
        return inputs[0]

    def lower(
        self,
        params: Any,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the window; there is nothing to requantise."""
        window = self.window(params, shapes[0])
        return Lowered(attrs={"kernel": window.kernel, "stride": window.stride})

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the largest codes: scales are positive, so order is kept."""
        data = with_history(inputs[0], lowered.attrs)
        found = self.patches(_lowered(lowered), data).max(axis=-1)
        return np.asarray(self.arranged(found), dtype=np.int64)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``max`` work."""
        return self.pool_work("max", lowered, inputs[0])


class AvgPool(Pool):
    """The mean of each window: a sum of codes, and 1 / elements in the multiplier."""

    def real(self, params: Any, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the means."""
        window = self.window(params, inputs[0].shape[1:])
        result: Real = self.patches(window, inputs[0]).mean(axis=-1)
        return self.arranged(result)

    def lower(
        self,
        params: Any,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the window and a multiplier that divides by its elements."""
        window = self.window(params, shapes[0])
        return Lowered(
            attrs={"kernel": window.kernel, "stride": window.stride},
            requant=rescale(types, out, terms=prod(window.kernel)),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the sums of codes, requantised."""
        assert lowered.requant is not None
        data = with_history(inputs[0], lowered.attrs)
        sums = self.patches(_lowered(lowered), data).sum(axis=-1)
        whole = np.asarray(self.arranged(sums), dtype=np.int64)
        return lowered.requant.apply(whole)

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of the sum of a window's codes."""
        terms = prod(lowered.attrs["kernel"])
        return min(terms * types[0].low, 0), max(terms * types[0].high, 0)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``sum`` work."""
        return self.pool_work("sum", lowered, inputs[0])


def _lowered(lowered: Lowered) -> Window:
    """Return the window that a lowered op has in its attributes."""
    return Window(lowered.attrs["kernel"], lowered.attrs["stride"])


def _image_shape(shape: Shape) -> tuple[int, int, int]:
    """Return (channels, height, width); (tokens, features) are (features, tokens, 1)."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (shape[1], shape[0], 1)
