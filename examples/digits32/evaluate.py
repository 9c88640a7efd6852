"""Print the accuracy of the two specs of this folder on the held-out third.

python examples/digits32/evaluate.py
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent))

from digits.evaluate import table  # noqa: E402


def main() -> None:
    """Print a Markdown table."""
    for line in table(HERE, ("cnn32", "cnn32_int8")):
        print(line)


if __name__ == "__main__":
    main()
