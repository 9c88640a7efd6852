"""Proof harnesses of the stream components: FIFO, fork, queue with credits, store."""

from amaranth.hdl import Assert, Assume, Elaboratable, Module, Mux, Signal

from support.prove import assume_holds, holds

__all__ = ["CreditHarness", "FifoHarness", "ForkHarness", "StoreHarness"]


class _Order:
    """Follows one word, chosen freely among those that enter, until it leaves.

    What leaves before it are as many words as were inside when it entered; then it must leave
    itself, unchanged.  As the choice is free, this is true of every word: none is lost, made
    up, changed or overtaken.
    """

    def __init__(self, m, mark, enters, word, leaves, result, depth):
        followed, ahead = Signal(), Signal(range(depth + 2))
        kept = Signal(len(word))
        level = Signal(range(depth + 2))
        self.level = level
        m.d.sync += level.eq(level + enters - leaves)
        m.d.comb += [Assert(level <= depth), Assert(~(leaves & (level == 0)))]
        with m.If(followed & leaves):
            m.d.sync += ahead.eq(ahead - 1)
            with m.If(ahead == 0):
                m.d.comb += Assert(result == kept)
                m.d.sync += followed.eq(0)
        with m.Elif(mark & ~followed & enters):
            m.d.sync += [followed.eq(1), kept.eq(word), ahead.eq(level - leaves)]


class FifoHarness(Elaboratable):
    def __init__(self, fifo):
        self.fifo = fifo
        width = fifo.i.payload.shape()
        self.mark, self.valid, self.ready = Signal(), Signal(), Signal()
        self.word = Signal(width)
        self.inputs = [self.mark, self.valid, self.ready, self.word]

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = self.fifo
        m.d.comb += [
            fifo.i.valid.eq(self.valid),
            fifo.i.payload.eq(self.word),
            fifo.o.ready.eq(self.ready),
        ]
        holds(m, fifo.o)
        enters, leaves = fifo.i.valid & fifo.i.ready, fifo.o.valid & fifo.o.ready
        order = _Order(m, self.mark, enters, self.word, leaves, fifo.o.payload, fifo.depth)
        m.d.comb += [
            Assert(fifo.i.ready == (order.level < fifo.depth)),
            Assert(fifo.o.valid == (order.level > 0)),
        ]
        return m


class ForkHarness(Elaboratable):
    def __init__(self, fork):
        self.fork = fork
        self.valid, self.word = Signal(), Signal(3)
        self.ready = Signal(fork.sinks)
        self.inputs = [self.valid, self.word, self.ready]

    def elaborate(self, platform):
        m = Module()
        m.submodules.fork = fork = self.fork
        m.d.comb += [fork.i.valid.eq(self.valid), fork.i.payload.eq(self.word)]
        assume_holds(m, self.valid, fork.i.ready, self.word)
        advances = self.valid & fork.i.ready
        entered = Signal(3)
        m.d.sync += entered.eq(entered + advances)
        for k, out in enumerate(fork.o):
            m.d.comb += out.ready.eq(self.ready[k])
            holds(m, out, f"offer_{k}")
            takes = out.valid & out.ready
            taken = Signal(3, name=f"taken_{k}")
            m.d.sync += taken.eq(taken + takes)
            now = Signal(3, name=f"now_{k}")
            m.d.comb += now.eq(taken + takes)
            # At most one copy of the present word, and exactly one when the next word comes.
            m.d.comb += Assert((taken == entered) | (taken == (entered + 1)[:3]))
            with m.If(takes):
                m.d.comb += [Assert(out.payload == self.word), Assert(taken == entered)]
            with m.If(advances):
                m.d.comb += Assert(now == (entered + 1)[:3])
            # Nothing but its own copy keeps an output from being offered the word.
            m.d.comb += Assert(out.valid == (self.valid & (taken == entered)))
        with m.If(self.valid & self.ready.all()):
            m.d.comb += Assert(advances)
        return m


class CreditHarness(Elaboratable):
    """Reserves at will, pushes at will what was reserved in an earlier cycle."""

    def __init__(self, queue):
        self.queue = queue
        self.mark, self.push, self.ready = Signal(), Signal(), Signal()
        self.reserve = Signal(queue.reserve.shape())
        self.word = Signal(queue.payload.shape())
        self.inputs = [self.mark, self.push, self.ready, self.reserve, self.word]

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = self.queue
        depth = queue.depth
        owed = Signal(range(depth + 1))  # reserved, not pushed
        m.d.comb += [
            queue.reserve.eq(self.reserve),
            queue.push.eq(self.push),
            queue.payload.eq(self.word),
            queue.o.ready.eq(self.ready),
            Assume(self.reserve <= queue.room),
            Assume(~self.push | (owed > 0)),
        ]
        m.d.sync += owed.eq(owed + self.reserve - self.push)
        leaves = queue.o.valid & queue.o.ready
        holds(m, queue.o)
        order = _Order(m, self.mark, self.push, self.word, leaves, queue.o.payload, depth)
        m.d.comb += [
            Assert(~self.push | queue.fifo.i.ready),
            Assert(queue.room + owed + order.level == depth),
        ]
        return m


class StoreHarness(Elaboratable):
    """A memory whose element ``a`` holds ``a``; the sequencer runs until ``done``, then pauses."""

    def __init__(self, store, beats):
        self.store = store
        self.beats = beats
        self.ready, self.begin = Signal(), Signal()
        self.inputs = [self.ready, self.begin]

    def elaborate(self, platform):
        m = Module()
        m.submodules.store = store = self.store
        running = Signal()
        m.d.comb += [store.run.eq(running), store.o.ready.eq(self.ready)]
        with m.If(~running):
            m.d.sync += running.eq(self.begin)
        with m.Elif(store.done):
            m.d.sync += running.eq(0)
        m.d.sync += store.data.eq(store.read)
        holds(m, store.o)
        count = Signal(range(self.beats))
        leaves = store.o.valid & store.o.ready
        with m.If(leaves):
            m.d.sync += count.eq(Mux(count == self.beats - 1, 0, count + 1))
            word = (store.first + store.lanes * count)[: len(store.o.payload)]
            m.d.comb += Assert(store.o.payload == word)
        with m.If(store.done):
            m.d.comb += [
                Assert(running),
                Assert(store.read == store.first + store.lanes * (self.beats - 1)),
            ]
        m.d.comb += Assert(~store.queue.push | store.queue.fifo.i.ready)
        return m
