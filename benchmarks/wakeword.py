"""Wake words: what float network, hwgen's integers and TFLite's hear in synthetic speech.

Writes the specs into build/wakeword, then prints a Markdown table.  Needs what ``make wakeword``
installs, and espeak-ng.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "wakeword"))

from convert import SCALE, utterances, write  # noqa: E402
from detect import heard, probabilities  # noqa: E402
from integer import tflite_logits  # noqa: E402
from package import WORDS, Missing, load  # noqa: E402
from reference import Reference  # noqa: E402
from speech import TEST  # noqa: E402

from hwgen import golden  # noqa: E402
from hwgen.flow.front import Front  # noqa: E402
from hwgen.spec import load_spec  # noqa: E402

FOLDER = Path("build") / "wakeword"
OTHERS = 2
HEAD = (
    "word | heard: float | heard: hwgen int8 | heard: TFLite int8 | false: float | false: hwgen "
    "| false: TFLite | hwgen decides as float | probability off by, hwgen | TFLite "
    "| SQNR of hwgen's logits"
)


def row(name: str) -> str:
    """Convert one network, run all three on the test utterances; return their row."""
    list(write(name, FOLDER))
    word = load(name)
    features, spoken = utterances(name, TEST, OTHERS)
    front = Front(load_spec(FOLDER / f"{name}.yaml"))
    reference = Reference(word.model)
    real = np.array([reference.logits(item * SCALE) for item in features])
    inputs = golden.encode_inputs(front.qgraph, {"features": features.astype(np.float64)})
    steps = inputs["features"].reshape(len(features), -1, *front.qgraph.inputs[0].shape)
    codes = [golden.run(front.qgraph, {"features": item})["logit"] for item in steps]
    integer = golden.decode_tensor(front.qgraph, "logit", np.array(codes))[..., 0, 0]
    theirs = np.array([tflite_logits(word, item * SCALE) for item in features])
    found = [heard(logits, word.cutoff, word.window) for logits in (real, integer, theirs)]
    cells = [
        name.replace("_", " "),
        *(f"{np.sum(f & spoken)} of {spoken.sum()}" for f in found),
        *(f"{np.sum(f & ~spoken)} of {np.sum(~spoken)}" for f in found),
        f"{np.sum(found[0] == found[1])} of {len(spoken)}",
        *(f"{_apart(real, logits):.4f}" for logits in (integer, theirs)),
        f"{_sqnr(real, integer):.1f} dB",
    ]
    return f"| {' | '.join(cells)} |"


def _apart(real: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(probabilities(other) - probabilities(real)).mean())


def _sqnr(real: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(real**2) / np.mean((other - real) ** 2)))


def main() -> int:
    """Print the table; return the exit code."""
    try:
        print(f"| {HEAD} |")
        print(f"|---|{'---:|' * HEAD.count('|')}")
        for name in WORDS:
            print(row(name), flush=True)
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
