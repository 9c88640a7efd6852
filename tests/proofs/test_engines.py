"""Whole engines: what a group reserved has room; no combinational path between the streams."""

import pytest
from amaranth.hdl import Assert, Elaboratable, Module, Signal

from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.mac import mac_engine
from rtl_templates.mac.linear import Linear
from rtl_templates.mac.mac_op import MacFold
from rtl_templates.vector import concat_engine, vector_engine
from rtl_templates.vector.add import Add
from rtl_templates.vector.concat import Concat
from support.prove import mutant, prove, reaches

X = Codes(2, False)
SCALE = Scale(0, 0, 0, 3)


def linear():
    return Linear(
        x=X,
        weights=[[1, -1], [-2, 1], [0, 1], [1, 1]],
        biases=[0] * 4,
        multipliers=[1] * 4,
        scale=SCALE,
        out_bits=2,
        fold=MacFold(elements=2, outputs=2, lanes=1),
        queue=3,
    )


def add():
    return Add(x=X, positions=1, channels=2, multipliers=[1, 2], scale=SCALE, out_bits=2, queue=2)


def concat():
    return Concat(
        x=X,
        positions=2,
        channels=[1, 2],
        multipliers=[1, 1],
        offsets=[0, 0],
        scale=SCALE,
        out_bits=2,
        queue=2,
    )


class EngineHarness(Elaboratable):
    """Streams that offer and take at will."""

    def __init__(self, engine):
        self.engine = engine
        self.valid = Signal(len(engine.i))
        self.ready = Signal()
        self.inputs = [self.valid, self.ready]

    def elaborate(self, platform):
        m = Module()
        m.submodules.engine = engine = self.engine
        queue = engine.queue
        m.d.comb += [port.valid.eq(self.valid[k]) for k, port in enumerate(engine.i)]
        m.d.comb += [
            engine.o.ready.eq(self.ready),
            Assert(~queue.push | queue.fifo.i.ready),
            Assert(queue.reserve <= queue.room),
        ]
        waits = Signal()
        m.d.sync += waits.eq(engine.o.valid & ~self.ready)
        m.d.comb += Assert(~waits | engine.o.valid)
        return m


ENGINES = {"linear": linear, "add": add, "concat": concat}
BUGS = {
    "linear": (linear, mac_engine, "MacEngine", "queue.room >= core.beats", "queue.room >= 1"),
    "add": (add, vector_engine, "VectorEngine", "queue.room >= 1", "queue.room >= 0"),
    "concat": (concat, concat_engine, "ConcatEngine", "has_data & has_room", "has_data"),
}


@pytest.mark.parametrize("build", ENGINES.values(), ids=ENGINES)
def test_no_result_is_lost(build, tmp_path):
    assert prove(EngineHarness(build()), tmp_path) == "PASS"


@pytest.mark.parametrize(("build", "module", "name", "old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(build, module, name, old, new, tmp_path, monkeypatch):
    engine = getattr(module, name)
    monkeypatch.setattr(engine, "elaborate", mutant(engine, old, new).elaborate)

    assert prove(EngineHarness(build()), tmp_path) == "FAIL"


@pytest.mark.parametrize("build", ENGINES.values(), ids=ENGINES)
def test_no_stream_waits_for_another_in_the_same_cycle(build):
    engine = build()
    inputs = [f"i__{k}" for k in range(len(engine.i))]
    for target in ("o__valid", *(f"{port}__ready" for port in inputs)):
        for source in ("o__ready", *(f"{port}__valid" for port in inputs)):
            assert not reaches(build(), source, target), f"{source} reaches {target}"
