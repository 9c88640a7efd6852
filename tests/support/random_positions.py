"""Random specs whose layers take two tokens, or two columns, with the same weights."""

import numpy as np
import yaml

from hwgen.plan.multipliers import PORTS

__all__ = ["positions_spec"]


def positions_spec(seed):
    """Return the YAML text of a spec whose layers take several tokens, or columns, at a time."""
    rng = np.random.default_rng([31, seed])
    pick = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731
    tokens, layers, folding = bool(rng.integers(2)), [], {}
    size, channels = int(rng.integers(2, 12)), int(rng.integers(1, 8))
    shape = [size, channels] if tokens else [channels, 4, size]
    for k in range(int(rng.integers(1, 3))):
        name, outputs = f"y{k}", int(rng.integers(1, 9))
        fold = {
            "elements": int(rng.integers(1, channels + 1)),
            "outputs": pick(*(n for n in range(1, outputs + 1) if outputs % n == 0)),
            "positions": 2,
        }
        layer = {"name": name, "in": f"y{k - 1}" if k else "x", "activation": pick("none", "relu")}
        if tokens:
            layer |= {"op": "linear", "features": outputs}
        else:
            rows = int(rng.integers(1, 4))
            sides = [[int(rng.integers(rows)), rows - 1], [0, 0]]
            layer |= {"op": "conv2d", "channels": outputs, "kernel": [rows, 1], "padding": sides}
            fold["rows"] = pick(1, rows)
        layers.append(layer)
        folding[name] = fold
        channels = outputs
    codes = {"weights": f"int{pick(2, 3, 4)}", "activations": f"int{pick(2, 3, 4)}"}
    spec = {
        "hwgen": 1,
        "name": "random_positions",
        "model": {
            "inputs": {"x": {"shape": shape}},
            "layers": layers,
            "outputs": [layers[-1]["name"]],
        },
        "weights": {"random": seed},
        "quantize": {
            "default": codes | {"narrow": pick(True, False), "symmetric": pick(True, False)}
        },
        "accelerator": {
            "schedule": "dataflow",
            "budget": {"multipliers": 2000},
            "multiplier": "packed",
            "family": pick(*sorted(PORTS)),
            "folding": folding,
        },
    }
    return yaml.safe_dump(spec, sort_keys=False)
