"""Specs whose linear layers read blocks of 4 and 8 bits, made of random specs of any kind."""

import numpy as np
import yaml

from hwgen.graph import build_graph
from hwgen.spec import load_spec

__all__ = ["with_blocks"]


def with_blocks(text, number, folder):
    """Return a spec with `mixed` in some of its linear layers; write its calibration data.

    Sizes of blocks, losses, outliers and widths of weights follow from a seed.  None if the spec
    has no linear layer, or an input whose codes are no samples of a signal (indices, counts of
    keys).
    """
    spec = yaml.safe_load(text)
    layers = spec["model"]["layers"]
    names = [item["name"] for item in layers if item["op"] == "linear"]
    if not names or any(item["op"] == "embedding" or item.get("padded") for item in layers):
        return None
    (folder / "plain.yaml").write_text(text)
    graph = build_graph(load_spec(folder / "plain.yaml"))
    rng, widths = np.random.default_rng(number), np.random.default_rng([number, 1])
    named = spec["quantize"].setdefault("layers", {})
    for name in [name for name in names if rng.random() < 0.7] or names[:1]:
        # With blocks of its own a layer is not fused with a relu, whose name it has here.
        fused = [item["name"] for item in layers if item.get("in") == name]
        channels = next(
            graph.weights[f"{key}.weight"].shape[1]
            for key in (name, *fused)
            if f"{key}.weight" in graph.weights
        )
        sizes = [size for size in range(1, channels + 1) if channels % size == 0]
        mixed = {
            "channels": int(rng.choice(sizes)),
            "loss": float(rng.choice([0.0, 0.3, 1.0, 3.0, 100.0])),
        }
        bits = widths.choice([4, 4, 5, 8])
        weights = {"weights": f"int{bits}", "narrow": bool(bits == 4 or widths.random() < 0.5)}
        named[name] = named.get(name, {}) | weights | {"mixed": mixed}
    spec["quantize"]["calibrate"] = {"file": "c.npz"}
    accelerator = spec["accelerator"]
    accelerator.pop("folding", None)
    accelerator["schedule"] = "sequential"
    if accelerator["multiplier"] == "polynomial":
        accelerator["multiplier"] = "packed"
    accelerator["budget"]["multipliers"] += 4 + int(rng.integers(0, 60))
    samples = {}
    for item in graph.inputs:
        values = rng.standard_normal((40, *item.shape))
        values[..., :: int(rng.integers(2, 6))] *= 10.0
        samples[item.name] = values
    np.savez(folder / "c.npz", **samples)
    return yaml.safe_dump(spec, sort_keys=False, default_flow_style=None, width=100)
