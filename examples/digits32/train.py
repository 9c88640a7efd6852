"""Train the network of this folder and write its weights and data files.

    python examples/digits32/train.py         # writes cnn32.npz calib.npz test.npz

Training is that of examples/digits, whose images, scaled up, are the data.  See README.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: sums in one order
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "digits"))

import numpy as np  # noqa: E402
import train as digits  # noqa: E402
from network import Array, Layer, Network  # noqa: E402

FACTOR = 4
EPOCHS = (20, 30)  # floating point, then quantised
CALIBRATION_IMAGES = 128


def cnn32(random: np.random.Generator) -> Network:
    """Return three times conv 3x3 - pool, with 8, 16 and 16 channels, and linear 10."""
    return Network(
        [
            Layer("conv1", "conv", (8, 1, 3, 3), relu=True),
            Layer("pool1", "pool"),
            Layer("conv2", "conv", (16, 8, 3, 3), relu=True),
            Layer("pool2", "pool"),
            Layer("conv3", "conv", (16, 16, 3, 3), relu=True),
            Layer("pool3", "pool"),
            Layer("fc", "linear", (10, 256), bits=8),
        ],
        random,
    )


def scaled_up(images: Array) -> Array:
    """Return (n, 1, 8, 8) as (n, 1, 32, 32), between the pixels bilinear, at the rim constant."""
    size = images.shape[-1]
    place = (np.arange(size * FACTOR) + 0.5) / FACTOR - 0.5
    place = np.clip(place, 0, size - 1)
    left = np.minimum(place.astype(np.int64), size - 2)
    mix = np.zeros((len(place), size))
    rows = np.arange(len(place))
    mix[rows, left] = left + 1 - place
    mix[rows, left + 1] = place - left
    result: Array = mix @ images @ mix.T
    return result


def main() -> None:
    """Train, print the accuracy, write the files."""
    pixels, labels = digits.load()
    tested, seen = digits.split(labels)
    random = np.random.default_rng(digits.TRAIN_SEED)
    network = cnn32(random)
    digits.fit(network, EPOCHS, pixels[seen] / 16.0, labels[seen], random, scaled_up)
    # The files hold whole pixels, 0 to 16.
    large = np.floor(scaled_up(pixels.astype(np.float64)) + 0.5).astype(np.uint8)
    for name, bits in (("float", None), ("4-bit", 4)):
        score = digits.accuracy(network, large[tested] / 16.0, labels[tested], bits)
        print(f"cnn32 {name}: {score:.2%} of {len(tested)} held-out images")
    weights = {name: array.astype(np.float32) for name, array in network.weights.items()}
    weights["conv1.weight"] /= 16
    np.savez_compressed(HERE / "cnn32.npz", **weights)
    np.savez_compressed(HERE / "calib.npz", image=large[seen[:CALIBRATION_IMAGES]])
    np.savez_compressed(
        HERE / "test.npz", image=large[tested], labels=labels[tested].astype(np.uint8)
    )


if __name__ == "__main__":
    main()
