"""A small feed-forward network in NumPy: forward, backward, Adam; floating point or quantised.

Only what the digits example needs.  The quantised forward pass rounds weights and activations
with the compiler's own functions, and the backward pass treats rounding as the identity
(straight-through estimator: Bengio, Leonard, Courville 2013, arXiv:1308.3432).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hwgen.ops.mac import quantize_weights
from hwgen.ops.types import QType
from hwgen.quant.execute import decode, encode
from hwgen.quant.ranges import Histogram, choose_type

__all__ = ["Adam", "Layer", "Network", "cnn", "mlp"]

Array = npt.NDArray[np.float64]


@dataclass
class Layer:
    """One ``conv`` (3x3, same), ``pool`` (2x2 maximum) or ``linear`` layer.

    ``relu`` ends a conv or linear layer; ``bits`` is the width of its result in the quantised
    pass.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    relu: bool = False
    bits: int = 4
    type: QType | None = None
    memory: dict[str, Array] = field(default_factory=dict)


class Network:
    """Layers in sequence, with weights by ``<layer>.weight`` and ``<layer>.bias``."""

    def __init__(self, layers: list[Layer], random: np.random.Generator) -> None:
        self.layers = layers
        self.weights: dict[str, Array] = {}
        for layer in layers:
            if layer.shape:
                fan_in = int(np.prod(layer.shape[1:]))
                scale = np.sqrt(2.0 / fan_in)  # He et al. 2015, for ReLU
                self.weights[f"{layer.name}.weight"] = scale * random.standard_normal(layer.shape)
                self.weights[f"{layer.name}.bias"] = np.zeros(layer.shape[0])
        self.input_type: QType | None = None

    def calibrate(self, images: Array, bits: int) -> None:
        """Choose the types of the quantised pass from the tensors of these images."""
        self.input_type = choose_type(Histogram.of(images), bits, symmetric=True)
        data = images
        for layer in self.layers:
            data = self._step(layer, data, None)
            if layer.shape:
                layer.type = choose_type(Histogram.of(data), layer.bits, symmetric=True)

    def forward(self, images: Array, weight_bits: int | None = None) -> Array:
        """Return the logits; with ``weight_bits`` every weight and activation is rounded."""
        data = images
        if weight_bits is not None:
            assert self.input_type is not None
            data = decode(encode(data, self.input_type), self.input_type)
        for layer in self.layers:
            data = self._step(layer, data, weight_bits)
        return data

    def backward(self, gradient: Array) -> dict[str, Array]:
        """Return the gradients of the weights for the last forward pass."""
        found: dict[str, Array] = {}
        for layer in reversed(self.layers):
            memory = layer.memory
            if layer.kind == "pool":
                spread = gradient[:, :, :, None, :, None] * memory["mask"]
                gradient = spread.reshape(memory["shape"])
                continue
            gradient = gradient * memory["open"]
            weight = memory["weight"]
            if layer.kind == "linear":
                found[f"{layer.name}.weight"] = gradient.T @ memory["input"]
                found[f"{layer.name}.bias"] = gradient.sum(axis=0)
                gradient = (gradient @ weight).reshape(memory["shape"])
                continue
            rows = gradient.transpose(0, 2, 3, 1).reshape(-1, weight.shape[0])
            found[f"{layer.name}.weight"] = (rows.T @ memory["input"]).reshape(weight.shape)
            found[f"{layer.name}.bias"] = rows.sum(axis=0)
            flipped = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
            windows = _windows(gradient) @ flipped.reshape(flipped.shape[0], -1).T
            gradient = _image(windows, gradient.shape)
        return found

    def _step(self, layer: Layer, data: Array, weight_bits: int | None) -> Array:
        memory = layer.memory
        memory["shape"] = data.shape
        if layer.kind == "pool":
            count, channels, height, width = data.shape
            cells = data.reshape(count, channels, height // 2, 2, width // 2, 2)
            largest = cells.max(axis=(3, 5), keepdims=True)
            mask = (cells == largest).astype(np.float64)
            memory["mask"] = mask / mask.sum(axis=(3, 5), keepdims=True)
            return largest[:, :, :, 0, :, 0]
        weight = self.weights[f"{layer.name}.weight"]
        if weight_bits is not None:
            codes, scales = quantize_weights(weight, weight_bits)
            weight = codes * scales.reshape((-1,) + (1,) * (weight.ndim - 1))
        memory["weight"] = weight
        bias = self.weights[f"{layer.name}.bias"]
        if layer.kind == "linear":
            memory["input"] = data.reshape(len(data), -1)
            result = memory["input"] @ weight.T + bias
        else:
            memory["input"] = _windows(data)
            sums = memory["input"] @ weight.reshape(weight.shape[0], -1).T + bias
            result = _image(sums, data.shape)
        memory["open"] = (result > 0).astype(np.float64) if layer.relu else np.ones_like(result)
        if layer.relu:
            result = np.maximum(result, 0.0)
        if weight_bits is not None and layer.type is not None:
            kind = layer.type
            inside = (result >= kind.low * kind.scale) & (result <= kind.high * kind.scale)
            memory["open"] = memory["open"] * inside
            result = decode(encode(result, kind), kind)
        return result


@dataclass
class Adam:
    """Adam (Kingma, Ba 2014, arXiv:1412.6980) with decoupled weight decay."""

    weights: dict[str, Array]
    decay: float
    step: int = 0
    first: dict[str, Array] = field(default_factory=dict)
    second: dict[str, Array] = field(default_factory=dict)

    def update(self, gradients: dict[str, Array], rate: float) -> None:
        """Change the weights in place."""
        self.step += 1
        for name, gradient in gradients.items():
            first = 0.9 * self.first.get(name, 0.0) + 0.1 * gradient
            second = 0.999 * self.second.get(name, 0.0) + 0.001 * gradient**2
            self.first[name], self.second[name] = first, second
            move = first / (1 - 0.9**self.step)
            move = move / (np.sqrt(second / (1 - 0.999**self.step)) + 1e-8)
            weight = self.weights[name]
            shrink = self.decay * weight if name.endswith(".weight") else 0.0
            self.weights[name] = weight - rate * (move + shrink)


def mlp(random: np.random.Generator) -> Network:
    """Return 64 - 32 - 10."""
    return Network(
        [
            Layer("fc1", "linear", (32, 64), relu=True),
            Layer("fc2", "linear", (10, 32), bits=8),
        ],
        random,
    )


def cnn(random: np.random.Generator) -> Network:
    """Return conv 3x3x8 - pool - conv 3x3x16 - pool - linear 10."""
    return Network(
        [
            Layer("conv1", "conv", (8, 1, 3, 3), relu=True),
            Layer("pool1", "pool"),
            Layer("conv2", "conv", (16, 8, 3, 3), relu=True),
            Layer("pool2", "pool"),
            Layer("fc", "linear", (10, 64), bits=8),
        ],
        random,
    )


def _windows(data: Array) -> Array:
    """Return (positions, channels * 9): the 3x3 neighbourhood of each pixel, zero outside."""
    padded = np.pad(data, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return views.transpose(0, 2, 3, 1, 4, 5).reshape(-1, data.shape[1] * 9)


def _image(rows: Array, like: tuple[int, ...]) -> Array:
    """Return (positions, channels) as (n, channels, height, width) of ``like``'s size."""
    return rows.reshape(like[0], like[2], like[3], -1).transpose(0, 3, 1, 2)
