"""Yosys as SymbiYosys calls it (``-ql LOG SCRIPT``), from the native ``pyosys`` wheel.

The WebAssembly Yosys would do, but is compiled for minutes when it is called for the first time.
"""

import sys

from pyosys import libyosys


def main(flags, log, script):
    assert flags == "-ql"
    libyosys.run_pass(f"tee -q -o {log} script {script}", libyosys.Design())


if __name__ == "__main__":
    main(*sys.argv[1:])
