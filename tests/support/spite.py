"""Block memories that answer with noise where a read meets a write."""

from amaranth.hdl import Module, Mux, Signal

from rtl_templates.memory.block_memory import BlockMemory

__all__ = ["spite"]


def spite(monkeypatch):
    """Make every :class:`BlockMemory` elaborated from now on lie about words just written."""
    elaborate = BlockMemory.elaborate

    def lying(self, platform):
        m = Module()
        m.submodules.inner = inner = BlockMemory(self.width, self.depth)
        inner.elaborate = elaborate.__get__(inner)
        met = Signal()
        m.d.sync += met.eq(self.write & (self.written == self.address))
        m.d.comb += [
            *(
                getattr(inner, name).eq(getattr(self, name))
                for name in ("write", "written", "value", "address")
            ),
            self.data.eq(Mux(met, ~inner.data, inner.data)),
        ]
        return m

    monkeypatch.setattr(BlockMemory, "elaborate", lying)
