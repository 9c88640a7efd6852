"""A TFLite file as plain Python values, with its constants dequantised.

The format is read by the package ``tflite`` (the classes that flatc makes of TensorFlow's schema).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from package import Missing

__all__ = ["Array", "FlatGraph", "FlatOp", "FlatTensor", "read"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class FlatTensor:
    """A tensor: float64 if it has a scale; ``data`` is None unless it is a constant."""

    shape: tuple[int, ...]
    scale: float | None
    zero_point: int
    data: Array | None


@dataclass(frozen=True)
class FlatOp:
    """An operator: its builtin name, the numbers of its tensors, and its options."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, int]


@dataclass(frozen=True, eq=False)
class FlatGraph:
    """The main subgraph, in order of execution."""

    tensors: tuple[FlatTensor, ...]
    ops: tuple[FlatOp, ...]
    input: int
    output: int


# The options that the networks here have, by operator.
_OPTIONS = {
    "CONV_2D": ("Conv2DOptions", ("Padding", "StrideH", "StrideW", "FusedActivationFunction")),
    "DEPTHWISE_CONV_2D": (
        "DepthwiseConv2DOptions",
        ("Padding", "StrideH", "StrideW", "DepthMultiplier", "FusedActivationFunction"),
    ),
    "CONCATENATION": ("ConcatenationOptions", ("Axis",)),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction",)),
    "STRIDED_SLICE": (
        "StridedSliceOptions",
        ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask"),
    ),
}


def read(path: Path) -> FlatGraph:
    """Return the main subgraph of a file.

    Raises
    ------
    Missing
        If the package ``tflite`` is not installed.
    """
    try:
        import tflite
    except ImportError as error:
        raise Missing("tflite is not installed: run 'make wakeword'") from error
    model = tflite.Model.GetRootAs(path.read_bytes(), 0)
    names = {number: name for name, number in vars(tflite.BuiltinOperator).items()}
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    graph = model.Subgraphs(0)
    ops = []
    for index in range(graph.OperatorsLength()):
        item = graph.Operators(index)
        code = codes[item.OpcodeIndex()]
        kind = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        options: dict[str, int] = {}
        if kind in _OPTIONS:
            table, keys = _OPTIONS[kind]
            reader = getattr(tflite, table)()
            place = item.BuiltinOptions()
            reader.Init(place.Bytes, place.Pos)
            options = {key: int(getattr(reader, key)()) for key in keys}
        inputs, outputs = _numbers(item, "Inputs"), _numbers(item, "Outputs")
        ops.append(FlatOp(kind, inputs, outputs, options))
    tensors = tuple(_tensor(model, graph.Tensors(i)) for i in range(graph.TensorsLength()))
    return FlatGraph(tensors, tuple(ops), int(graph.Inputs(0)), int(graph.Outputs(0)))


def _numbers(item: Any, what: str) -> tuple[int, ...]:
    count = getattr(item, f"{what}Length")()
    return tuple(int(getattr(item, what)(i)) for i in range(count))


def _tensor(model: Any, item: Any) -> FlatTensor:
    import tflite

    kinds = {
        tflite.TensorType.INT8: "<i1",
        tflite.TensorType.INT32: "<i4",
        tflite.TensorType.UINT8: "<u1",
    }
    shape = tuple(int(item.Shape(i)) for i in range(item.ShapeLength()))
    quantization = item.Quantization()
    scales, zero_points = np.zeros(0), np.zeros(0)
    if quantization is not None and quantization.ScaleLength():
        scales = quantization.ScaleAsNumpy().astype(np.float64)
        zero_points = quantization.ZeroPointAsNumpy().astype(np.float64)
    buffer = model.Buffers(item.Buffer())
    data = None
    if buffer.DataLength():
        data = np.frombuffer(buffer.DataAsNumpy().tobytes(), kinds[item.Type()]).reshape(shape)
        if len(scales):
            axes = [1] * len(shape)
            axes[quantization.QuantizedDimension()] = len(scales)
            data = (data - zero_points.reshape(axes)) * scales.reshape(axes)
    return FlatTensor(
        shape,
        float(scales[0]) if len(scales) == 1 else None,
        int(zero_points[0]) if len(zero_points) == 1 else 0,
        data,
    )
