"""Train the networks of this folder and write their weights and data files.

    python examples/digits/train.py                    # writes mlp.npz cnn.npz calib.npz test.npz
    python examples/digits/train.py --cross-validate   # five folds of the training part, no files

Needs scikit-learn for the data alone (the ``train`` dependency group).  Deterministic: one
thread, one seed for each choice.  See README.md for the split and the results.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: sums in one order

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from network import Adam, Network, cnn, mlp

HERE = Path(__file__).resolve().parent
SPLIT_SEED = 2024
TRAIN_SEED = 7
TEST_IMAGES = 599  # a third of 1,797
CALIBRATION_IMAGES = 256
FOLDS = 5
BATCH = 64
EPOCHS = {"mlp": (150, 150), "cnn": (30, 120)}  # floating point, then quantised
MOVED = 0.2  # share of images that are moved along an axis
NOISE = 0.06  # standard deviation, of a full pixel

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
MODELS: dict[str, Callable[[np.random.Generator], Network]] = {"mlp": mlp, "cnn": cnn}


def load() -> tuple[npt.NDArray[np.uint8], Labels]:
    """Return the 1,797 images (n, 1, 8, 8) with pixels 0 to 16, and their digits."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.images.astype(np.uint8)[:, None], data.target.astype(np.int64)


def split(labels: Labels) -> tuple[Labels, Labels]:
    """Return the indices of the held-out third and of the rest.

    Each class is shuffled and gives a third to the test, rounded so that 599 come together
    (largest remainders first).  The rest comes in an order in which every run of it holds the
    classes in proportion: image k of n in its class stands at (k + 1/2) / n.
    """
    random = np.random.default_rng(SPLIT_SEED)
    classes = [random.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    shares = [len(members) // 3 for members in classes]
    by_remainder = sorted(range(10), key=lambda digit: -(len(classes[digit]) % 3))
    for digit in by_remainder[: TEST_IMAGES - sum(shares)]:
        shares[digit] += 1
    tested = np.concatenate([c[:n] for c, n in zip(classes, shares, strict=True)])
    rest = [c[n:] for c, n in zip(classes, shares, strict=True)]
    place = np.concatenate([(np.arange(len(c)) + 0.5) / len(c) for c in rest])
    return np.sort(tested), np.concatenate(rest)[np.argsort(place, kind="stable")]


def augment(images: Array, random: np.random.Generator) -> Array:
    """Return the images moved by -1, 0 or 1 pixels in each axis, with a little noise."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (8, 8), axis=(2, 3))
    moves = random.choice(3, size=(2, len(images)), p=[MOVED / 2, 1 - MOVED, MOVED / 2])
    moved = views[np.arange(len(images)), :, moves[0], moves[1]]
    return np.clip(moved + random.normal(0.0, NOISE, moved.shape), 0.0, 1.0)


def softmax_gradient(logits: Array, labels: Labels) -> Array:
    """Return the gradient of the mean cross-entropy with respect to the logits."""
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    likely[np.arange(len(labels)), labels] -= 1.0
    return likely / len(labels)


def train(model: str, images: Array, labels: Labels, seed: int) -> Network:
    """Return a network trained on images in [0, 1]."""
    random = np.random.default_rng(seed)
    network = MODELS[model](random)
    fit(network, EPOCHS[model], images, labels, random)
    return network


def fit(
    network: Network,
    epochs: tuple[int, int],
    images: Array,
    labels: Labels,
    random: np.random.Generator,
    scale: Callable[[Array], Array] = np.asarray,
) -> None:
    """Train a network, first in float, then for 4 bits: so many epochs each.

    In the second part each batch passes twice, in floating point and rounded, so that one set
    of weights serves both.  ``scale`` makes what the network sees of 8x8 images.
    """
    adam = Adam(network.weights, decay=0.01)
    plain, rounded = epochs
    batches = len(images) // BATCH
    for epoch in range(plain + rounded):
        if epoch >= plain:
            network.calibrate(scale(images[:CALIBRATION_IMAGES]), 4)
        order = random.permutation(len(images))
        for batch in range(batches):
            progress = (epoch + batch / batches) / (plain + rounded)
            rate = 0.004 * 0.5 * (1 + np.cos(np.pi * progress))
            chosen = order[batch * BATCH : (batch + 1) * BATCH]
            shown = scale(augment(images[chosen], random))
            wanted = labels[chosen]
            gradients = network.backward(softmax_gradient(network.forward(shown), wanted))
            if epoch >= plain:
                logits = network.forward(shown, weight_bits=4)
                more = network.backward(softmax_gradient(logits, wanted))
                gradients = {k: (v + more[k]) / 2 for k, v in gradients.items()}
            adam.update(gradients, rate)
    network.calibrate(scale(images[:CALIBRATION_IMAGES]), 4)


def accuracy(network: Network, images: Array, labels: Labels, bits: int | None = None) -> float:
    """Return the share of right answers, 0 to 1."""
    return float(np.mean(network.forward(images, bits).argmax(axis=1) == labels))


def folds(labels: Labels) -> Labels:
    """Return the fold of each image: 0 to 4 in turn within its class."""
    number = np.empty(len(labels), dtype=np.int64)
    for digit in range(10):
        members = np.flatnonzero(labels == digit)
        number[members] = np.arange(len(members)) % FOLDS
    return number


def cross_validate(model: str, images: Array, labels: Labels) -> None:
    """Print the accuracy of five networks, each tested on the fifth it has not seen."""
    scores = []
    for fold in range(FOLDS):
        held = folds(labels) == fold
        network = train(model, images[~held], labels[~held], TRAIN_SEED + fold)
        scores.append([accuracy(network, images[held], labels[held], bits) for bits in (None, 4)])
        print(f"{model} fold {fold}: float {scores[-1][0]:.2%}, 4-bit {scores[-1][1]:.2%}")
    mean = np.mean(scores, axis=0)
    print(f"{model} mean of {FOLDS} folds: float {mean[0]:.2%}, 4-bit {mean[1]:.2%}")


def main() -> None:
    """Train, or cross-validate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cross-validate", action="store_true", help="five folds, no files")
    arguments = parser.parse_args()

    pixels, labels = load()
    tested, seen = split(labels)
    images = pixels / 16.0
    if arguments.cross_validate:
        for model in MODELS:
            cross_validate(model, images[seen], labels[seen])
        return

    for model in MODELS:
        network = train(model, images[seen], labels[seen], TRAIN_SEED)
        for name, bits in (("float", None), ("4-bit", 4)):
            score = accuracy(network, images[tested], labels[tested], bits)
            print(f"{model} {name}: {score:.2%} of {len(tested)} held-out images")
        weights = {k: v.astype(np.float32) for k, v in network.weights.items()}
        first = network.layers[0].name
        weights[f"{first}.weight"] /= 16  # the files hold pixels 0 to 16
        np.savez_compressed(HERE / f"{model}.npz", **weights)
    np.savez_compressed(HERE / "calib.npz", image=pixels[seen[:CALIBRATION_IMAGES]])
    np.savez_compressed(
        HERE / "test.npz", image=pixels[tested], labels=labels[tested].astype(np.uint8)
    )


if __name__ == "__main__":
    main()
