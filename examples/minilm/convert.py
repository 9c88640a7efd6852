"""Write what the specs here read: the weights under their layers' names, and calibration data.

    python examples/minilm/convert.py

The files are large or follow from the package, so they are not in the repository.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from package import Missing, config, folder
from tokens import encode

from hwgen.graph.safetensors import SafetensorsFile

__all__ = ["CALIBRATION", "HERE", "LENGTHS", "TEST", "sentences", "tensor_names", "write"]

HERE = Path(__file__).parent
CALIBRATION, TEST = HERE / "calibration.txt", HERE / "test.txt"
LENGTHS = (32, 128)
LAYER = 0
"""The layer of ``minilm_layer.yaml``; as the first one it comes with the norm before it."""

_BLOCK = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "project": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}


def sentences(path: Path) -> list[str]:
    """Return the lines of a text file."""
    return path.read_text(encoding="utf-8").splitlines()


def tensor_names(layers: int) -> dict[str, str]:
    """Return the tensor of the package by the array of the specs, embeddings aside."""
    found = {}
    for short in ("weight", "bias"):
        found[f"start.{short}"] = f"embeddings.LayerNorm.{short}"
        for index in range(layers):
            for part, tensor in _BLOCK.items():
                name = f"encoder_{index}_{part}.{short}"
                found[name] = f"encoder.layer.{index}.{tensor}.{short}"
    return found


def write(target: Path = HERE) -> Iterator[Path]:
    """Write the weights and the calibration data into a folder; yield each file's path."""
    settings = config()
    file = SafetensorsFile(folder() / "model.safetensors")
    arrays = {
        ours: file.load(theirs).astype(np.float32)
        for ours, theirs in tensor_names(int(settings["num_hidden_layers"])).items()
    }
    words = file.load("embeddings.word_embeddings.weight")
    # Every token has type 0, whose row is one more constant.
    kind = file.load("embeddings.token_type_embeddings.weight")[0]
    arrays["words.weight"] = words.astype(np.float32)
    positions = file.load("embeddings.position_embeddings.weight")
    arrays["words.position"] = (positions + kind).astype(np.float32)
    path = target / "minilm.safetensors"
    _save(path, arrays)
    yield path
    layer = {name: array for name, array in arrays.items() if name.startswith("start.")}
    prefix = f"encoder_{LAYER}_"
    for name, array in arrays.items():
        if name.startswith(prefix):
            layer[f"layer_{name.removeprefix(prefix)}"] = array
    path = target / "minilm_layer.safetensors"
    _save(path, layer)
    yield path
    for length in LENGTHS:
        ids, counts = encode(sentences(CALIBRATION), length)
        path = target / f"calibration_{length}.npz"
        np.savez(path, ids=ids, count=counts[:, None])
        yield path
    rows = arrays["words.weight"][ids] + arrays["words.position"][: ids.shape[1]]
    path = target / "layer_calibration.npz"
    np.savez(path, x=rows, count=counts[:, None])
    yield path


def _save(path: Path, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Write a safetensors file: length of the header, the header, the data."""
    header, offset = {}, 0
    for name, array in arrays.items():
        end = offset + array.nbytes
        shape, places = list(array.shape), [offset, end]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": places}
        offset = end
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little"))
        stream.write(text)
        for array in arrays.values():
            stream.write(np.ascontiguousarray(array, dtype="<f4").tobytes())


def main() -> int:
    """Write the files and say so; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=HERE, help="folder (default: this one)")
    try:
        for path in write(parser.parse_args().into):
            print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
