"""Layers of blocks of 4 and 8 bits: random ones, the integers they mean, and what a bench sees."""

import numpy as np

from rtl_templates.arith.requantize import Scale
from rtl_templates.mac_array.geometry import Block, Layer
from support.streams import pack, unpack

__all__ = ["codes_of", "expected", "input_beats", "random_layer", "results_of"]


def random_layer(rng, *, tokens, outputs, sizes, signed=True, order=True, corners=False, digits=1):
    """Return a layer of blocks ``sizes``: (channels, bits, shift, up)."""
    channels = sum(size for size, *_ in sizes)
    places = rng.permutation(channels) if order else np.arange(channels)
    blocks, start = [], 0
    for size, bits, shift, up in sizes:
        blocks.append(Block(tuple(places[start : start + size].tolist()), bits, shift, up))
        start += size
    most = (7, 112)[digits - 1]
    weights = (
        rng.choice([-most, most], (outputs, channels))
        if corners
        else rng.integers(-most, most + 1, (outputs, channels))
    )
    reach = max(1, int(np.sqrt(channels) * 40 * most / 7 * 2 ** max(up for *_, up in sizes)))
    return Layer(
        tokens=tokens,
        weights=tuple(map(tuple, weights.tolist())),
        biases=tuple(rng.integers(-reach, reach + 1, outputs).tolist()),
        multipliers=tuple(rng.integers(20000, 65536, outputs).tolist()),
        blocks=tuple(blocks),
        scale=Scale(int(15 + reach.bit_length() - 6), 3, -128, 127),
        signed=signed,
        digits=digits,
    )


def codes_of(rng, layer, bits, *, corners=False):
    """Return random codes (tokens, channels), with all the extremes."""
    low, high = (
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if layer.signed else (0, (1 << bits) - 1)
    )
    codes = rng.integers(low, high + 1, (layer.tokens, layer.channels))
    return rng.choice([low, high], codes.shape) if corners else codes


def expected(layer, codes):
    """Return the results (tokens, outputs): products one by one, in Python's integers."""
    results = []
    for row in codes.tolist():
        line = []
        for weights, bias, factor in zip(
            layer.weights, layer.biases, layer.multipliers, strict=True
        ):
            total = bias
            for block in layer.blocks:
                low, high = {
                    (4, True): (-8, 7),
                    (8, True): (-128, 119),
                    (4, False): (0, 15),
                    (8, False): (0, 255),
                }[block.bits, layer.signed]
                for channel in block.channels:
                    half = (1 << block.shift) >> 1
                    operand = min(high, max(low, (row[channel] + half) >> block.shift))
                    total += weights[channel] * operand * 2**block.up
            scale = layer.scale
            value = ((total * factor + (1 << scale.shift >> 1)) >> scale.shift) + scale.zero_point
            line.append(min(scale.high, max(scale.low, value)))
        results.append(line)
    return np.array(results)


def input_beats(geometry, codes, bits):
    """Return the beats of a tensor."""
    return pack(codes.ravel().tolist(), geometry.beat, bits)


def results_of(geometry, beats, bits):
    """Return the results (tokens, outputs) of beats (data, index)."""
    layer = geometry.layer
    found = np.full(layer.tokens * layer.outputs, -999)
    width = 2 * geometry.columns // layer.digits
    for data, index in beats:
        tile_end = min((index % layer.outputs) // width * width + width, layer.outputs)
        room = min(geometry.lanes, tile_end - index % layer.outputs)
        codes = unpack([data], geometry.lanes, bits, signed=True)[:room]
        assert (found[index : index + room] == -999).all(), f"results at {index} come twice"
        found[index : index + room] = codes
    return found.reshape(layer.tokens, layer.outputs)
