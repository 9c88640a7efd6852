"""Both ends of a valid/ready stream, with stalls, protocol checks and cycle numbers.

A driver changes its signals right after a clock edge and looks at them right before the next one,
as a register would.  While it has nothing to do it sleeps until the other side moves, so that the
price of a simulation is paid for each transfer and not for each cycle.
"""

from collections.abc import Callable, Sequence

from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

__all__ = ["PERIOD_NS", "Ports", "ProtocolError", "Ruler", "StreamSink", "StreamSource"]

PERIOD_NS = 10


class ProtocolError(Exception):
    """The design broke the stream protocol; ``kind`` says how."""

    def __init__(self, kind: str, sink: str):
        super().__init__(f"{sink}: {kind}")
        self.kind = kind
        self.sink = sink


class Ruler:
    """Numbers the cycles: cycle 0 begins where :meth:`restart` is called, after an edge."""

    def __init__(self):
        self._origin = 0.0

    def restart(self):
        """Call the present cycle 0."""
        self._origin = get_sim_time("ns")

    @property
    def cycle(self) -> int:
        """Number of the cycle that the latest edge began."""
        return int(get_sim_time("ns") - self._origin) // PERIOD_NS


class Ports:
    """The signals of one stream; ``last`` is None where the stream has none."""

    def __init__(self, data, valid, ready, last=None):
        self.data = data
        self.valid = valid
        self.ready = ready
        self.last = last

    @classmethod
    def axi(cls, dut, prefix: str) -> "Ports":
        """Return the AXI-Stream ``<prefix>_{tdata,tvalid,tready,tlast}`` of a top."""
        names = (f"{prefix}_{signal}" for signal in ("tdata", "tvalid", "tready", "tlast"))
        return cls(*(getattr(dut, name) for name in names))

    @classmethod
    def component(
        cls, dut, name: str, payload: str = "payload", last: str | None = None
    ) -> "Ports":
        """Return an Amaranth stream ``<name>__{payload,valid,ready}`` of a component.

        ``payload`` and ``last`` name the fields where the payload is a structure.
        """
        data = getattr(dut, f"{name}__{payload}")
        close = getattr(dut, f"{name}__{last}") if last else None
        return cls(data, getattr(dut, f"{name}__valid"), getattr(dut, f"{name}__ready"), close)


class StreamSource:
    """Sends beats.

    Parameters
    ----------
    willing
        Whether it may offer its next beat in a cycle; an offered beat stays until it is taken.

    Attributes
    ----------
    cycles
        Cycle of each transfer.
    """

    def __init__(self, clk, ports: Ports, ruler: Ruler, willing: Callable[[int], bool]):
        self._edge = RisingEdge(clk)
        self._ports = ports
        self._ruler = ruler
        self._willing = willing
        self.cycles: list[int] = []

    async def send(
        self,
        beats: Sequence[int],
        ends: Sequence[int],
        begun: Callable[[int], None] | None = None,
    ):
        """Transfer the beats.

        Parameters
        ----------
        ends
            Beats up to the end of each tensor.
        begun
            Called with a tensor's number in the cycle after its first beat's transfer.
        """
        ports, edge = self._ports, self._edge
        accepted = RisingEdge(ports.ready)
        last, first = set(ends), {0: 0, **{end: k for k, end in enumerate(ends, start=1)}}
        for index, beat in enumerate(beats, start=1):
            while not self._willing(self._ruler.cycle):
                ports.valid.value = 0
                await edge
            ports.data.value = beat
            ports.valid.value = 1
            if ports.last is not None:
                ports.last.value = int(index in last)
            await edge
            while not ports.ready.value:
                await accepted
                await edge
            self.cycles.append(self._ruler.cycle - 1)
            if begun is not None and index - 1 in first:
                begun(first[index - 1])
        ports.valid.value = 0


class StreamSink:
    """Takes beats and checks that an offered one stays as it is until it is taken.

    Parameters
    ----------
    ready
        ``None``: always; ``"late"``: in the cycle after it saw ``valid``; else a function of
        the cycle.

    Attributes
    ----------
    cycles, beats, lasts
        Of each transfer.
    """

    def __init__(
        self, clk, ports: Ports, ruler: Ruler, ready: Callable[[int], bool] | str | None, name=""
    ):
        self._edge = RisingEdge(clk)
        self._ports = ports
        self._ruler = ruler
        self._ready = ready
        self._name = name
        self.cycles: list[int] = []
        self.beats: list[int] = []
        self.lasts: list[int] = []

    async def receive(self, count: int):
        """Take ``count`` beats; raise :class:`ProtocolError` if the design breaks the protocol."""
        if self._ready is None:
            await self._receive_always(count)
        else:
            await self._receive_stalling(count)

    async def refuse_more(self, cycles: int):
        """Watch that no further beat comes for some cycles."""
        self._ports.ready.value = 1
        for _ in range(cycles):
            await self._edge
            if self._ports.valid.value:
                raise ProtocolError("surplus", self._name)

    async def _receive_always(self, count: int):
        valid = self._ports.valid
        offered = RisingEdge(valid)
        self._ports.ready.value = 1
        while len(self.cycles) < count:
            await self._edge
            if valid.value:
                self._take(self._look())
            else:
                await offered

    async def _receive_stalling(self, count: int):
        ports, held, saw_valid = self._ports, None, False
        while len(self.cycles) < count:
            late = self._ready == "late"
            ready = saw_valid if late else bool(self._ready(self._ruler.cycle))
            ports.ready.value = int(ready)
            await self._edge
            valid = bool(ports.valid.value)
            beat = self._look() if valid else None
            if held is not None and not valid:
                raise ProtocolError("valid_withdrawn", self._name)
            if held is not None and beat != held:
                raise ProtocolError("beat_changed", self._name)
            taken = valid and ready
            if taken:
                self._take(beat)
            held = None if taken else beat
            saw_valid = valid and not taken

    def _look(self) -> tuple[int, int]:
        last = self._ports.last
        return self._ports.data.value.to_unsigned(), int(last.value) if last is not None else 0

    def _take(self, beat: tuple[int, int]):
        self.cycles.append(self._ruler.cycle - 1)
        self.beats.append(beat[0])
        self.lasts.append(beat[1])
