"""A memory that reads any contiguous elements in one cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["BankedMemory"]


class BankedMemory(wiring.Component):
    """Elements interleaved over banks: one write of a beat and one unaligned read per cycle.

    Element ``a`` lies in bank ``(a // granule) % (banks // granule)``, a bank word holds
    ``granule`` elements.  A read returns elements ``address .. address + lanes - 1`` (modulo
    the size): each bank is read once, and a rotator puts the words in order.  With
    ``granule == banks`` there is one bank and no rotator.

    Latency: data in the cycle after the address.  Throughput: one read and one write per
    cycle; a read in the cycle of a write to the same element returns the old one.
    Cost: ``elements * bits`` of RAM and ``log2(banks / granule)`` levels of ``banks * bits``
    2-way multiplexers.

    Parameters
    ----------
    elements : int
        Size, a multiple of ``banks``.
    bits : int
        Width of an element.
    banks : int
        Elements per row of banks, a power of two.
    granule : int
        Every read address is a multiple of it; a power of two, at most ``banks``.
    lanes : int
        Elements read at once, at most ``banks``.

    Members
    -------
    r_address : ``In``
        First element to read, below ``elements``.
    r_data : ``Out(lanes * bits)``
        In the next cycle; the first element in the low bits.
    w_enable : ``In(banks)``
        Elements of the row to write.
    w_row : ``In``
        Row of banks.
    w_data : ``In(banks * bits)``
    """

    LATENCY = 1

    def __init__(self, *, elements, bits, banks, granule, lanes):
        for name, value in (("Banks", banks), ("Granule", granule)):
            if value < 1 or value & (value - 1):
                raise ValueError(f"{name} must be a power of two, not {value}")
        if elements < 1 or elements % banks:
            raise ValueError(f"Elements must be a multiple of {banks} banks, not {elements}")
        if granule > banks:
            raise ValueError(f"Granule must be at most {banks} banks, not {granule}")
        if not 1 <= lanes <= banks:
            raise ValueError(f"Lanes must be in [1, {banks}], not {lanes}")
        self.elements = elements
        self.bits = bits
        self.banks = banks
        self.granule = granule
        self.lanes = lanes
        self.rows = elements // banks
        super().__init__(
            {
                "r_address": In(range(max(2, elements))),
                "r_data": Out(lanes * bits),
                "w_enable": In(banks),
                "w_row": In(range(max(2, self.rows))),
                "w_data": In(banks * bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count = self.banks // self.granule
        word = self.granule * self.bits
        low = (self.granule - 1).bit_length()
        width = (count - 1).bit_length()
        start = self.r_address[low : low + width]  # bank of the first element
        row = Signal(range(max(2, self.rows)))
        following = Signal.like(row)
        m.d.comb += [
            row.eq(self.r_address >> (low + width)),
            following.eq(Mux(row == self.rows - 1, 0, row + 1)),
        ]
        words = []
        for bank in range(count):
            # A memory of one word would have an address of no bits, which is no legal Verilog.
            memory = Memory(shape=unsigned(word), depth=max(2, self.rows), init=[])
            m.submodules[f"bank_{bank}"] = memory
            reader = memory.read_port()
            writer = memory.write_port(granularity=self.bits)
            elements = slice(bank * self.granule, (bank + 1) * self.granule)
            m.d.comb += [
                reader.en.eq(1),
                reader.addr.eq(Mux(bank < start, following, row) if bank < count - 1 else row),
                writer.en.eq(self.w_enable[elements]),
                writer.addr.eq(self.w_row),
                writer.data.eq(self.w_data[bank * word : (bank + 1) * word]),
            ]
            words.append(reader.data)
        if count > 1:
            amount = Signal(width)
            m.d.sync += amount.eq(start)
            for bit in range(width):
                turned = words[1 << bit :] + words[: 1 << bit]
                stage = [Signal(word, name=f"turn_{bit}_{k}") for k in range(count)]
                for k in range(count):
                    m.d.comb += stage[k].eq(Mux(amount[bit], turned[k], words[k]))
                words = stage
        m.d.comb += self.r_data.eq(Cat(words))
        return m
