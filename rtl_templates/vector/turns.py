"""The factors of rotary embeddings: phase accumulators and a quarter of a sine."""

from dataclasses import dataclass

from amaranth.hdl import Array, Const, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField, by_length, per_length

__all__ = ["Turn", "Turns"]

PHASE = 32
"""Bits of a phase: a turn is 2**32."""


@dataclass(frozen=True)
class Turn:
    """The rotation of one task.

    Parameters
    ----------
    steps
        Phase of position 1 by frequency; as many as a head has pairs.
    sine
        Magnitudes of the first quarter's arcs, 16 bits: a power of two.
    tokens, heads
        Of a tensor; ``tokens`` can be several, one for each length of it.
    start
        Position of the first token.
    limit
        Positions stop at ``limit - 1``; 0: never.
    running
        Whether positions go on from tensor to tensor.
    interleaved
        Whether the two results of a pair come one after the other, not all first ones first.
    """

    steps: tuple[int, ...]
    sine: tuple[int, ...]
    tokens: int | tuple[int, ...]
    heads: int
    start: int = 0
    limit: int = 0
    running: bool = False
    interleaved: bool = False


class Turns(wiring.Component):
    """Sine or cosine of ``lanes`` neighbouring frequencies for each step of a rotation.

    A group is two steps, the first and the second element of the pairs, for one of the two
    results: ``first * cos - second * sin``, or ``first * sin + second * cos``.  Groups walk the
    frequencies (or, interleaved, the two results of each pair), then the results, heads, tokens.
    Each frequency has a phase that grows by its step when a token ends, modulo a turn, so angles
    are exact after any number of tokens and the state is constant.

    Latency: the factor 2 cycles after its step, its sign 3 cycles after.  Throughput: one step per
    cycle.  Cost: per frequency a phase and a step of 32 bits, a 32-bit adder per lane, and a
    memory of a quarter of a sine, words of 16 bits with a read port per lane.

    Parameters
    ----------
    lanes : int
    turns : sequence of Turn or None
        One per task, all with the same sine.

    Members
    -------
    task : ``In``
    length : ``In``
        Index of the present tensor's length.
    step, first : ``In(1)``
        A step of a rotation is issued in this cycle; it is the first of its group.
    clear : ``In(1)``
        Running positions begin anew; between two tensors.
    factors : ``Out(lanes * 16)``
        Unsigned magnitudes.
    negative : ``Out(lanes)``
    """

    def __init__(self, *, lanes, turns):
        self.lanes = lanes
        self.turns = list(turns)
        self.lengths = max(len(per_length(turn.tokens)) for turn in self.turns if turn is not None)
        (self.sine,) = {turn.sine for turn in self.turns if turn is not None}
        if len(self.sine) & (len(self.sine) - 1):
            raise ValueError(f"A quarter must have a power of two arcs, not {len(self.sine)}")
        for turn in self.turns:
            if turn is not None and len(turn.steps) % lanes:
                raise ValueError(
                    f"Lanes must divide the {len(turn.steps)} pairs of a head, not {lanes}"
                )
        super().__init__(
            {
                "length": In(range(max(2, self.lengths))),
                "task": In(range(max(2, len(self.turns)))),
                "step": In(1),
                "first": In(1),
                "clear": In(1),
                "factors": Out(lanes * 16),
                "negative": Out(lanes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        field = TaskField(m, self.task)
        word, half, token_ends, at_start, advances = self._walk(m, field)
        phases = self._phases(m, field, word, token_ends, at_start, advances)

        arc_bits = (len(self.sine) - 1).bit_length()
        m.submodules.sine = sine = Memory(shape=unsigned(16), depth=len(self.sine), init=self.sine)
        second, result = Signal(), Signal()
        m.d.sync += [second.eq(~self.first), result.eq(half)]
        cosine = second == result
        turned_back = second & ~result
        for k, phase in enumerate(phases):
            arc = phase[PHASE - arc_bits - 2 :]
            quarter = (arc[arc_bits:] + cosine)[:2]
            reader = sine.read_port()
            sign = Signal(name=f"sign_{k}")
            m.d.comb += [
                reader.en.eq(1),
                reader.addr.eq(arc[:arc_bits] ^ quarter[0].replicate(arc_bits)),
                self.factors.word_select(k, 16).eq(reader.data),
            ]
            m.d.sync += [sign.eq(quarter[1] ^ turned_back), self.negative[k].eq(sign)]
        return m

    def _of(self, field, name, value, default=0):
        return field([default if t is None else value(t) for t in self.turns], name)

    def _walk(self, m, field):
        """Return where the walk is: word of frequencies, result, and what the token is about."""
        used = [turn for turn in self.turns if turn is not None]
        words = [len(turn.steps) // self.lanes for turn in used]
        word = Signal(range(max(2, *words)))
        half = Signal()
        head = Signal(range(max(2, *(turn.heads for turn in used))))
        counts = [per_length(turn.tokens) for turn in used]
        token = Signal(range(max(2, *(max(count) for count in counts))))
        last_tokens = [
            self._of(field, f"last_token_{k}", lambda t, k=k: per_length(t.tokens)[k] - 1)
            for k in range(self.lengths)
        ]
        last_word = word == self._of(field, "last_word", lambda t: len(t.steps) // self.lanes - 1)
        last_head = head == self._of(field, "last_head", lambda t: t.heads - 1)
        last_token = token == by_length(last_tokens, self.length)
        interleaved = self._of(field, "interleaved", lambda t: t.interleaved)
        word_moves = ~interleaved | half
        half_moves = interleaved | last_word
        group_ends = self.step & ~self.first
        head_ends = group_ends & last_word & half
        token_ends = head_ends & last_head
        tensor_ends = token_ends & last_token
        with m.If(group_ends):
            with m.If(word_moves):
                m.d.sync += word.eq(Mux(last_word, 0, word + 1))
            with m.If(half_moves):
                m.d.sync += half.eq(~half)
        with m.If(head_ends):
            m.d.sync += head.eq(Mux(last_head, 0, head + 1))
        with m.If(token_ends):
            m.d.sync += token.eq(Mux(last_token, 0, token + 1))

        fresh = self._fresh(m, token_ends)
        at_start = (token == 0) & fresh
        advances = self._advances(m, field, token_ends, tensor_ends)
        return word, half, half & last_head, at_start, advances

    def _fresh(self, m, token_ends):
        """Return whether the first token of this tensor has the first position."""
        if not any(turn and turn.running for turn in self.turns):
            return Const(1)
        flags = []
        for k, turn in enumerate(self.turns):
            if turn is None or not turn.running:
                flags.append(Const(1))
                continue
            flag = Signal(init=1, name=f"fresh_{k}")
            with m.If(token_ends & (self.task == k if len(self.turns) > 1 else 1)):
                m.d.sync += flag.eq(0)
            with m.If(self.clear):
                m.d.sync += flag.eq(1)
            flags.append(flag)
        return Array(flags)[self.task] if len(flags) > 1 else flags[0]

    def _advances(self, m, field, token_ends, tensor_ends):
        """Return whether the next token has another position."""
        if not any(turn and turn.limit for turn in self.turns):
            return Const(1)
        flags = []
        for k, turn in enumerate(self.turns):
            if turn is None or not turn.limit:
                flags.append(Const(1))
                continue
            most = turn.limit - 1 - turn.start
            left = Signal(range(max(2, most + 1)), init=most, name=f"left_{k}")
            here = self.task == k if len(self.turns) > 1 else Const(1)
            with m.If(token_ends & here & (left != 0)):
                m.d.sync += left.eq(left - 1)
            with m.If(self.clear if turn.running else tensor_ends & here):
                m.d.sync += left.eq(most)
            flags.append(left != 0)
        return Array(flags)[self.task] if len(flags) > 1 else flags[0]

    def _phases(self, m, field, word, last_visit, at_start, advances):
        """Return the phases of the group's frequencies, one cycle after its first step."""
        begins, steps, bases = [], [], []
        for turn in self.turns:
            bases.append(len(steps))
            if turn is None:
                continue
            for start in range(0, len(turn.steps), self.lanes):
                part = turn.steps[start : start + self.lanes]
                steps.append(_packed(part))
                begins.append(_packed([turn.start * step % (1 << PHASE) for step in part]))
        fill = [0] * max(0, 2 - len(steps))
        begins, steps = begins + fill, steps + fill
        width = self.lanes * PHASE
        address = Signal(range(len(steps)))
        m.d.comb += address.eq(field([min(b, len(steps) - 1) for b in bases], "base") + word)
        reads = self.step & self.first

        m.submodules.phases = state = Memory(shape=unsigned(width), depth=len(steps), init=[])
        reader, writer = state.read_port(), state.write_port()
        m.submodules.steps = stepping = Memory(shape=unsigned(width), depth=len(steps), init=steps)
        step_reader = stepping.read_port()
        begin = Const(0, width)
        if any(begins):
            m.submodules.begins = first = Memory(
                shape=unsigned(width), depth=len(steps), init=begins
            )
            begin_reader = first.read_port()
            m.d.comb += [begin_reader.en.eq(reads), begin_reader.addr.eq(address)]
            begin = begin_reader.data
        from_start, grows = Signal(), Signal()
        with m.If(reads):
            m.d.sync += [from_start.eq(at_start), grows.eq(advances), writer.addr.eq(address)]
        m.d.sync += writer.en.eq(reads & last_visit)
        m.d.comb += [
            reader.en.eq(reads),
            reader.addr.eq(address),
            step_reader.en.eq(reads),
            step_reader.addr.eq(address),
        ]
        phases = []
        for k in range(self.lanes):
            phase = Signal(PHASE, name=f"phase_{k}")
            step = step_reader.data.word_select(k, PHASE)
            m.d.comb += [
                phase.eq(
                    Mux(
                        from_start,
                        begin[k * PHASE : (k + 1) * PHASE],
                        reader.data.word_select(k, PHASE),
                    )
                ),
                writer.data.word_select(k, PHASE).eq(phase + Mux(grows, step, 0)),
            ]
            phases.append(phase)
        return phases


def _packed(values):
    """Return words of 32 bits as one, the first lowest."""
    return sum(value << (PHASE * k) for k, value in enumerate(values))
