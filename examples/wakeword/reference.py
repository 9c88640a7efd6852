"""A wake-word network in floating point, operator by operator as the TFLite file has them.

Step by step: a step takes three frames, and the state variables of the file carry the past.  It
shares no code with hwgen, and does not know that the steps are convolutions over time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tflite_file import Array, FlatGraph, FlatOp, read

__all__ = ["Reference"]

_RELU = 1
_VALID = 1


class Reference:
    """Runs the main subgraph with dequantised constants; nothing is rounded or saturated."""

    def __init__(self, model: Path) -> None:
        self._graph: FlatGraph = read(model)
        self.frames = self._graph.tensors[self._graph.input].shape[1]
        self._states: dict[int, Array] = {}

    def logits(self, features: Array) -> Array:
        """Return the logit of each step from a fresh state.

        Parameters
        ----------
        features
            (frames, 40), as the front end gives them; frames that fill no step are left out.
        """
        self._states = {}
        steps = len(features) // self.frames
        return np.array(
            [self._step(features[i * self.frames : (i + 1) * self.frames]) for i in range(steps)]
        )

    def _step(self, frames: Array) -> float:
        graph = self._graph
        values: dict[int, Array] = {
            number: tensor.data
            for number, tensor in enumerate(graph.tensors)
            if tensor.data is not None
        }
        values[graph.input] = frames[None].astype(np.float64)
        variables: dict[int, int] = {}  # by the tensor that stands for it
        for op in graph.ops:
            if op.kind == "VAR_HANDLE":
                variables[op.outputs[0]] = op.outputs[0]
            elif op.kind == "READ_VARIABLE":
                (result,) = op.outputs
                fresh = np.zeros(graph.tensors[result].shape)
                values[result] = self._states.get(op.inputs[0], fresh)
            elif op.kind == "ASSIGN_VARIABLE":
                self._states[op.inputs[0]] = values[op.inputs[1]]
            elif op.kind == "LOGISTIC":
                return float(values[op.inputs[0]][0, 0])
            elif op.kind != "CALL_ONCE":  # it sets the variables to zero
                results = _run(op, [values[number] for number in op.inputs])
                values.update(zip(op.outputs, results, strict=True))
        raise ValueError("the file has no LOGISTIC")


def _run(op: FlatOp, inputs: list[Array]) -> list[Array]:
    match op.kind:
        case "RESHAPE":
            return [inputs[0].reshape(inputs[1])]
        case "CONCATENATION":
            return [np.concatenate(inputs, axis=op.options["Axis"])]
        case "SPLIT_V":
            return np.split(inputs[0], np.cumsum(inputs[1])[:-1], axis=int(inputs[2]))
        case "STRIDED_SLICE":
            return [_slice(op, *inputs)]
        case "FULLY_CONNECTED":
            return [inputs[0].reshape(-1, inputs[1].shape[1]) @ inputs[1].T + inputs[2]]
        case "CONV_2D":
            windows = _windows(op, inputs[0], inputs[1].shape[1])
            sums = np.einsum("ntkc,okc->nto", windows, inputs[1][:, :, 0])
            return [_activated(op, sums + inputs[2])[:, :, None]]
        case "DEPTHWISE_CONV_2D":
            windows = _windows(op, inputs[0], inputs[1].shape[1])
            sums = np.einsum("ntkc,kc->ntc", windows, inputs[1][0, :, 0])
            return [_activated(op, sums + inputs[2])[:, :, None]]
    raise ValueError(f"no operator {op.kind} here")


def _windows(op: FlatOp, data: Array, kernel: int) -> Array:
    """Return (n, positions, kernel, channels) of (n, time, 1, channels), without padding."""
    assert data.shape[2] == 1
    step = op.options["StrideH"]
    count = (data.shape[1] - kernel) // step + 1
    assert op.options["Padding"] == _VALID or count == data.shape[1] == kernel == 1
    starts = np.arange(count) * step
    return data[:, starts[:, None] + np.arange(kernel), 0]


def _activated(op: FlatOp, sums: Array) -> Array:
    return np.maximum(sums, 0.0) if op.options["FusedActivationFunction"] == _RELU else sums


def _slice(op: FlatOp, data: Array, begin: Array, end: Array, strides: Array) -> Array:
    masks = op.options
    assert not masks["EllipsisMask"] and not masks["NewAxisMask"] and not masks["ShrinkAxisMask"]
    places = []
    for axis in range(len(begin)):
        start = None if masks["BeginMask"] >> axis & 1 else int(begin[axis])
        stop = None if masks["EndMask"] >> axis & 1 else int(end[axis])
        places.append(slice(start, stop, int(strides[axis])))
    return data[tuple(places)]
