"""``python -m hwgen.board.yosys_worker PASS...``: run Yosys passes in a process of its own.

Yosys ends the whole process on an error, and cannot be interrupted; here it takes nothing along.
"""

from __future__ import annotations

import sys

from pyosys import libyosys


def main(passes: list[str]) -> None:
    """Run the passes in the current folder on one design."""
    design = libyosys.Design()
    for command in passes:
        design.run_pass(command)


if __name__ == "__main__":
    main(sys.argv[1:])
