"""Write the spec of a wake-word network, and the files that it reads.

    python examples/wakeword/convert.py               # alexa, as it is in this folder
    python examples/wakeword/convert.py --word all --into build/wakeword

Needs what ``make wakeword`` installs, and espeak-ng.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from package import WORDS, Missing, load
from reference import Reference
from speech import CALIBRATION, FRAMES, OTHERS, TEST, Voice, features, say
from tflite_file import Array, read
from topology import Layer, layers

__all__ = ["HERE", "SCALE", "utterances", "write"]

HERE = Path(__file__).resolve().parent
SCALE = 10 / 256
"""Real value of one of the front end's units."""

_INPUT = "features"

_HEAD = """\
# The wake word "{phrase}": 40 features every 10 ms, a logit every 30 ms.
# Made by examples/wakeword/convert.py from the network of pymicro-wakeword (Apache-2.0).
hwgen: 1
name: {name}
model:
  inputs:
    features: {{shape: [{frames}, 40]}}      # the front end's integers
  layers:
"""
_TAIL = """\
  outputs: [logit]
weights: {{file: {name}.npz}}
quantize:
  default: {{weights: int8, activations: int8, symmetric: false}}
  calibrate: {{file: {name}_calib.npz}}
stream: {{chunk: 3}}                      # frames of a tensor that is sent
accelerator:
  schedule: dataflow
  budget: {{multipliers: {multipliers}}}
  clock_mhz: 25
board: ulx3s_85f
"""
_MULTIPLIERS = 24


def write(name: str, into: Path) -> Iterator[Path]:
    """Write one word's spec, weights, calibration and test data; yield each file's path."""
    word = load(name)
    found = layers(read(word.model), _INPUT)
    into.mkdir(parents=True, exist_ok=True)
    path = into / f"{name}.yaml"
    head = _HEAD.format(phrase=name.replace("_", " "), name=name, frames=FRAMES)
    tail = _TAIL.format(name=name, multipliers=max(_MULTIPLIERS, len(found)))
    path.write_text(head + "".join(f"    - {_line(layer)}\n" for layer in found) + tail)
    yield path
    arrays = {}
    for layer in found:
        if layer.weight is not None and layer.bias is not None:
            scale = SCALE if layer.inputs == (_INPUT,) else 1.0
            arrays[f"{layer.name}.weight"] = (layer.weight * scale).astype(np.float32)
            arrays[f"{layer.name}.bias"] = layer.bias.astype(np.float32)
    path = into / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    yield path
    path = into / f"{name}_calib.npz"
    calibration, _ = utterances(name, CALIBRATION, 1)
    np.savez_compressed(path, features=calibration)
    yield path
    path = into / f"{name}_test.npz"
    heard, spoken = utterances(name, TEST[::2], 1)
    reference = Reference(word.model)
    logits = np.array([reference.logits(item * SCALE) for item in heard])
    np.savez_compressed(path, features=heard, spoken=spoken, logits=logits.astype(np.float32))
    yield path


def utterances(name: str, voices: Sequence[Voice], others: int) -> tuple[Array, Array]:
    """Return the features of the word by all voices, and of other texts, and which are the word.

    Parameters
    ----------
    others
        Texts that each voice says besides, in turn.
    """
    phrase = name.replace("_", " ")
    texts = []
    for index, voice in enumerate(voices):
        texts.append((phrase, voice))
        texts += [(OTHERS[(index * others + k) % len(OTHERS)], voice) for k in range(others)]
    heard = np.array([features(say(text, voice)) for text, voice in texts])
    return heard, np.array([text == phrase for text, _ in texts])


def _line(layer: Layer) -> str:
    """Return a layer's line of the spec."""
    if layer.weight is None:
        return f"{{name: {layer.name}, op: concat, in: [{', '.join(layer.inputs)}]}}"
    channels, _, kernel = layer.weight.shape
    keys = [f"name: {layer.name}", "op: conv1d", f"in: {layer.inputs[0]}"]
    keys += [f"channels: {channels}", f"kernel: {kernel}"]
    if layer.stride > 1:
        keys.append(f"stride: {layer.stride}")
    if layer.before:
        keys.append("padding: causal" if layer.stride == 1 else f"padding: [{layer.before}, 0]")
    if layer.groups > 1:
        keys.append(f"groups: {layer.groups}")
    if layer.relu:
        keys.append("activation: relu")
    return f"{{{', '.join(keys)}}}"


def main() -> int:
    """Write the files and say so; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--word", default="alexa", choices=(*WORDS, "all"))
    parser.add_argument("--into", type=Path, default=HERE, help="folder (default: this one)")
    choice = parser.parse_args()
    try:
        for name in WORDS if choice.word == "all" else (choice.word,):
            for path in write(name, choice.into):
                print(f"{path}  {path.stat().st_size / 1e3:.0f} kB")
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
