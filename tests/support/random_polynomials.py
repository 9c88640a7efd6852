"""Random specs whose convolutions can take several samples and taps per multiplier."""

import numpy as np
import yaml

from hwgen.plan.multipliers import PORTS

__all__ = ["polynomial_spec"]


def polynomial_spec(seed):
    """Return the YAML text of a dataflow plan's spec: one to three convolutions, and more."""
    rng = np.random.default_rng([23, seed])
    pick = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731
    sequence, layers, here = bool(rng.integers(2)), [], "x"
    length = int(rng.integers(6, 15))
    for k in range(int(rng.integers(1, 4))):
        taps = int(rng.integers(2, 6))
        sides = [int(rng.integers(taps)) for _ in range(2)]
        sides[1] = max(sides[1], taps - 1 - sides[0])  # so that no line gets shorter
        keys = {"channels": pick(1, 2, 4, 6), "activation": pick("none", "relu")}
        if sequence:
            keys |= {"op": "conv1d", "kernel": taps, "padding": sides}
        else:
            rows = int(rng.integers(1, 4))
            ends = [int(rng.integers(rows)), rows - 1]
            keys |= {"op": "conv2d", "kernel": [rows, taps], "padding": [ends, sides]}
            keys["stride"] = [pick(1, 1, 2), 1]
            keys["dilation"] = [pick(1, 1, 2) if rows == 2 and ends[0] == 0 else 1, 1]
        layers.append({"name": f"c{k}", "in": here, **keys})
        here = f"c{k}"
        if pick(True, False, False):
            op = "max_pool1d" if sequence else "max_pool2d"
            kernel = 2 if sequence else [1, 2]
            layers.append({"name": f"p{k}", "op": op, "in": here, "kernel": kernel, "stride": 1})
            here = f"p{k}"
    channels = int(rng.integers(1, 4))
    shape = [length, channels] if sequence else [channels, int(rng.integers(3, 6)), length]
    codes = {"weights": f"int{pick(2, 3, 4)}", "activations": f"int{pick(2, 3, 4)}"}
    spec = {
        "hwgen": 1,
        "name": "random_polynomials",
        "model": {"inputs": {"x": {"shape": shape}}, "layers": layers, "outputs": [here]},
        "weights": {"random": seed},
        "quantize": {"default": codes | {"symmetric": bool(rng.integers(2))}},
        "accelerator": {
            "schedule": "dataflow",
            "budget": {"multipliers": int(rng.integers(90, 400))},
            "multiplier": "polynomial",
            "family": pick(*sorted(PORTS)),
        },
    }
    return yaml.safe_dump(spec, sort_keys=False)
