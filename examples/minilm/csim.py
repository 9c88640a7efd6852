"""Run the whole model as HLS C++ on sentences; compare every result with the golden model.

Only the C++ is written, without the RTL of ten million weights that hwgen build would make too.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from convert import TEST, sentences
from model import Model, variant
from package import Missing

from hwgen.emit import hls
from hwgen.errors import HwgenError
from hwgen.plan import make_plan
from hwgen.verify.hls import check_hls

__all__ = ["simulate"]


def simulate(model: Model, chosen: Sequence[str], folder: Path) -> int:
    """Return how many results were compared.

    Raises
    ------
    HwgenError
        If one differs, or there is no compiler.
    """
    shutil.rmtree(folder, ignore_errors=True)
    hls.emit(make_plan(model.qgraph, model.spec.accelerator), model.qgraph, folder)
    got = check_hls(folder, model.qgraph, model.inputs(chosen))
    return sum(array.size for array in got.values())


def main() -> int:
    """Simulate and say what was compared; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sentence", nargs="*", default=sentences(TEST)[-3:])
    parser.add_argument("--bits", type=int, choices=(4, 8), default=8, help="of the weights")
    parser.add_argument("--length", type=int, choices=(32, 128), default=128, help="tokens")
    choice = parser.parse_args()
    folder = Path("build") / "minilm"
    try:
        model = Model(variant(folder, choice.bits, choice.length))
        count = simulate(model, choice.sentence, folder / "hls")
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except HwgenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{len(choice.sentence)} sentences, {count:,} codes: equal to the golden model's")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
