"""From the streaming graph of a TFLite file to layers that work on a whole sequence.

A step of the file keeps the past of each convolution in a state variable, puts the new frames
behind it, and convolves without padding.  Over a whole sequence that is one convolution with
padding before the first token only: as many tokens as the variable holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tflite_file import Array, FlatGraph, FlatOp

__all__ = ["Layer", "layers"]

_RELU = 1


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution over tokens, or (without weights) a concatenation.

    Parameters
    ----------
    before
        Tokens of padding before the first one.
    weight
        (channels, input channels / groups, kernel), as hwgen has it; None of a concatenation.
    """

    name: str
    inputs: tuple[str, ...]
    before: int = 0
    stride: int = 1
    groups: int = 1
    relu: bool = False
    weight: Array | None = None
    bias: Array | None = None


@dataclass(frozen=True)
class _Source:
    """What a tensor of the file is: tokens of a layer, ``new`` in each step, ``window`` in all."""

    layer: str
    window: int
    new: int


def layers(graph: FlatGraph, name: str) -> list[Layer]:
    """Return the layers up to the logit, which is the last one; ``name`` is that of the input.

    Raises
    ------
    ValueError
        For an operator, or a use of one, that has no such form.
    """
    return _Walk(graph, name).run()


class _Walk:
    def __init__(self, graph: FlatGraph, name: str) -> None:
        self._graph = graph
        self._layers: dict[str, Layer] = {}
        frames = graph.tensors[graph.input].shape[1]
        self._sources = {graph.input: _Source(name, frames, frames)}
        self._past: dict[int, int] = {}  # tokens in a tensor that was read from a variable

    def run(self) -> list[Layer]:
        for op in self._graph.ops:
            if op.kind == "LOGISTIC":
                return list(self._layers.values())
            handler = getattr(self, f"_{op.kind.lower()}", None)
            if handler is None:
                raise ValueError(f"no layer for the operator {op.kind}")
            handler(op)
        raise ValueError("the file has no LOGISTIC")

    # -- state -----------------------------------------------------------------------------------

    def _call_once(self, op: FlatOp) -> None:
        pass

    _var_handle = _assign_variable = _call_once

    def _read_variable(self, op: FlatOp) -> None:
        self._past[op.outputs[0]] = self._graph.tensors[op.outputs[0]].shape[1]

    def _strided_slice(self, op: FlatOp) -> None:
        """The newest tokens of a window; where they are for a variable, nobody asks."""
        source = self._sources[op.inputs[0]]
        kept = self._graph.tensors[op.outputs[0]].shape[1]
        self._sources[op.outputs[0]] = _Source(source.layer, kept, source.new)

    def _concatenation(self, op: FlatOp) -> None:
        if op.inputs[0] in self._past:
            source = self._sources[op.inputs[1]]
            window = self._past[op.inputs[0]] + source.window
            self._sources[op.outputs[0]] = _Source(source.layer, window, source.new)
            return
        sources = [self._sources[number] for number in op.inputs]
        self._add(Layer(self._name("join"), tuple(item.layer for item in sources)), op, 1)

    def _reshape(self, op: FlatOp) -> None:
        self._sources[op.outputs[0]] = self._sources[op.inputs[0]]

    def _split_v(self, op: FlatOp) -> None:
        """Split the layer that makes the channels: it has no other reader."""
        source = self._sources[op.inputs[0]]
        whole = self._layers.pop(source.layer)
        assert whole.weight is not None and whole.bias is not None and whole.groups == 1
        ends = np.cumsum(self._graph.tensors[op.inputs[1]].data)
        start = 0
        for number, end, letter in zip(op.outputs, ends, "abcdefgh", strict=False):
            part = Layer(
                f"{whole.name}{letter}",
                whole.inputs,
                whole.before,
                whole.stride,
                1,
                whole.relu,
                whole.weight[start:end],
                whole.bias[start:end],
            )
            self._layers[part.name] = part
            self._sources[number] = _Source(part.name, source.window, source.new)
            start = end

    # -- convolutions ----------------------------------------------------------------------------

    def _conv_2d(self, op: FlatOp) -> None:
        weight = self._graph.tensors[op.inputs[1]].data
        assert weight is not None
        kind = "point" if weight.shape[1] == 1 else "conv"
        self._convolution(op, kind, weight[:, :, 0].transpose(0, 2, 1))

    def _depthwise_conv_2d(self, op: FlatOp) -> None:
        weight = self._graph.tensors[op.inputs[1]].data
        assert weight is not None and op.options["DepthMultiplier"] == 1
        channels = weight.shape[-1]
        self._convolution(op, "depth", weight[0, :, 0].T[:, None], groups=channels)

    def _fully_connected(self, op: FlatOp) -> None:
        """One output of a flattened window: a convolution as long as the window."""
        weight = self._graph.tensors[op.inputs[1]].data
        assert weight is not None
        window = self._sources[op.inputs[0]].window
        self._convolution(op, "logit", weight.reshape(len(weight), window, -1).transpose(0, 2, 1))

    def _convolution(self, op: FlatOp, kind: str, weight: Array, groups: int = 1) -> None:
        source = self._sources[op.inputs[0]]
        kernel = weight.shape[2]
        if source.window != kernel:
            raise ValueError(f"a window of {source.window} tokens and a kernel of {kernel}")
        layer = Layer(
            kind if kind == "logit" else self._name(kind),
            (source.layer,),
            kernel - source.new,
            source.new,
            groups,
            op.options["FusedActivationFunction"] == _RELU,
            weight,
            self._graph.tensors[op.inputs[2]].data,
        )
        self._add(layer, op, 1)

    def _name(self, kind: str) -> str:
        used = {name.rstrip("abcdefgh") for name in self._layers}
        return next(f"{kind}{n}" for n in range(1, 100) if f"{kind}{n}" not in used)

    def _add(self, layer: Layer, op: FlatOp, new: int) -> None:
        self._layers[layer.name] = layer
        self._sources[op.outputs[0]] = _Source(layer.name, new, new)
