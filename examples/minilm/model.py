"""Sentence vectors from the integer model; the host takes the mean of its rows, of length one.

python examples/minilm/model.py "How do I reset my password?" "I forgot my login."
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from convert import HERE, write
from package import Missing
from reference import pool
from tokens import encode

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.graph.model import Graph
from hwgen.quant import quantize
from hwgen.quant.model import QGraph
from hwgen.spec import load_spec
from hwgen.spec.model import Spec

__all__ = ["BATCH", "Model", "variant"]

BATCH = 8
"""Sentences at a time, for little memory."""

Array = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


def variant(folder: Path, bits: int, length: int) -> Path:
    """Write ``minilm_w<bits>a8.yaml`` for another number of tokens; return its path.

    Its files are those of this folder, which are made if they are not there.
    """
    if not (HERE / "minilm.safetensors").exists():
        list(write())
    spec = yaml.safe_load((HERE / f"minilm_w{bits}a8.yaml").read_text())
    spec["name"] = f"{spec['name']}_{length}"
    spec["model"]["inputs"]["ids"]["shape"] = [length]
    spec["weights"]["file"] = str(HERE / "minilm.safetensors")
    spec["quantize"]["calibrate"]["file"] = str(HERE / f"calibration_{length}.npz")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{spec['name']}.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


class Model:
    """A quantised model.

    Parameters
    ----------
    path
        A spec of this folder, or a :func:`variant`.
    """

    def __init__(self, path: Path) -> None:
        self.spec: Spec = load_spec(path, allow_path=True)
        self.graph: Graph = build_graph(self.spec)
        self.qgraph: QGraph = quantize(self.graph, self.spec)
        (self.length,) = self.qgraph.tensor("ids").shape

    def inputs(self, sentences: Sequence[str]) -> dict[str, Ids]:
        """Return what the accelerator reads for these sentences."""
        ids, counts = encode(sentences, self.length)
        return {"ids": ids, "count": counts[:, None]}

    def embed(self, sentences: Sequence[str]) -> Array:
        """Return unit sentence vectors, (n, features)."""
        found = []
        for start in range(0, len(sentences), BATCH):
            inputs = self.inputs(sentences[start : start + BATCH])
            found.append(self.vectors(inputs, golden.run(self.qgraph, inputs)))
        return np.concatenate(found)

    def vectors(self, inputs: Mapping[str, Ids], codes: Mapping[str, Ids]) -> Array:
        """Return the unit sentence vectors of the accelerator's results."""
        (name,) = self.qgraph.outputs
        rows = golden.decode_tensor(self.qgraph, name, codes[name])
        counts = inputs["count"][:, 0]
        return pool([row[:count] for row, count in zip(rows, counts, strict=True)])


def main() -> int:
    """Print how similar sentences are; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sentence", nargs="+")
    parser.add_argument("--bits", type=int, choices=(4, 8), default=8, help="of the weights")
    parser.add_argument("--length", type=int, choices=(32, 128), default=32, help="tokens")
    choice = parser.parse_args()
    try:
        model = Model(variant(Path("build") / "minilm", choice.bits, choice.length))
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    vectors = model.embed(choice.sentence)
    for row in vectors @ vectors.T:
        print("  ".join(f"{value:6.3f}" for value in row))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
