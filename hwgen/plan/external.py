"""What lies in external memory: where, how wide the port is, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hwgen.errors import Diagnostic, LimitError, SpecError
from hwgen.ops.work import Attend
from hwgen.plan.array_cycles import Fetch
from hwgen.plan.cost import lowest_set_bit
from hwgen.plan.items import Item
from hwgen.plan.model import Engine, Fold, MemoryPort, Plan, Task
from hwgen.plan.packed import PACKED_BITS
from hwgen.plan.timing import APPEND, FETCH, GATHER, PHASE_OVERHEAD
from hwgen.spec.model import Accelerator, Memory

__all__ = [
    "EXTERNAL",
    "append_cycles",
    "bits_of",
    "cache_bytes",
    "check_columns",
    "fetch_of",
    "is_external",
    "memory_engine",
    "memory_fold",
    "memory_port",
    "openings",
]

EXTERNAL = "memory"
"""Name of the external memory, as a place of tensors and as the engine that serves it."""

_PAGE = 4096
_LONGEST_BURST = 16
_CODES = (4, 8)
_SIZE_BITS = 8


def is_external(attend: Attend | None) -> bool:
    """Return whether a work's cache lies in external memory."""
    return attend is not None and attend.external


def bits_of(item: Item) -> int:
    """Return the bits of a code in a cache."""
    assert item.work.attend is not None
    return PACKED_BITS if item.work.attend.kv4 else item.types[1].bits


def cache_bytes(attend: Attend, bits: int) -> int:
    """Return the bytes of a cache: whole tiles of keys and values, and sizes, of every key head."""
    slots = attend.kv_heads * -(-attend.keys // attend.tile) * attend.tile
    sizes = 2 * _SIZE_BITS if attend.kv4 else 0
    return slots * ((attend.inner + attend.features) * bits + sizes) // 8


def memory_port(items: Sequence[Item], accelerator: Accelerator) -> MemoryPort | None:
    """Return the port and the places of all caches that lie behind it, or None.

    Raises
    ------
    SpecError
        HG416 (a cache wants external memory and ``accelerator.memory`` is absent, or its rows
        are no whole number of beats), HG424 (the sizes of a tile are none), HG432 (codes of
        several widths).
    LimitError
        HG417 (the caches are larger than the memory).
    """
    users = [item for item in items if is_external(item.work.attend)]
    if not users:
        return None
    memory = accelerator.memory
    if memory is None:
        raise SpecError(
            "HG416",
            f"the cache of {users[0].name} lies in external memory, and there is none",
            where=accelerator.mark,
            hint="memory: {port_bits: 128, kib: 65536} under accelerator, or cache: {memory: "
            "onchip}",
        )
    problems = [problem for item in users for problem in _row_problems(item, memory, accelerator)]
    if problems:
        raise SpecError.of(problems)
    widths = {bits_of(item): item.name for item in users}
    if len(widths) > 1:
        (one, first), (other, second), *_ = sorted(widths.items())
        raise SpecError(
            "HG432",
            f"the caches of {first} and {second} in external memory have codes of {one} and "
            f"{other} bits, and one port serves both",
            where=accelerator.mark,
            hint="the same cache bits and activations for all of them, or memory: onchip for some",
        )
    caches, end = {}, 0
    for item in users:
        assert item.work.attend is not None
        caches[item.name] = end
        end += -(-cache_bytes(item.work.attend, bits_of(item)) // _PAGE) * _PAGE
    if end > memory.kib << 10:
        sizes = ", ".join(
            f"{item.name} {cache_bytes(item.work.attend, bits_of(item))}"
            for item in users
            if item.work.attend is not None
        )
        raise LimitError(
            "HG417",
            f"caches of {end} bytes do not fit {memory.kib} KiB of external memory ({sizes})",
            where=accelerator.mark,
            hint=f"kib: {-(-end >> 10)} or more, or a shorter cache or window",
        )
    burst = min(_LONGEST_BURST, _PAGE * 8 // memory.port_bits)
    return MemoryPort(
        data_bits=memory.port_bits,
        address_bits=max(13, (end - 1).bit_length()),
        burst=burst,
        depth=1 << (memory.latency + 4 + 2 * burst - 1).bit_length(),
        latency=memory.latency,
        caches=caches,
    )


def memory_fold(items: Sequence[Item], memory: MemoryPort) -> Fold:
    """Return the beats in which keys and values are read to be appended: up to a port's beat."""
    users = [item for item in items if is_external(item.work.attend)]
    bits = _element_bits(users)
    lanes = min(
        lowest_set_bit(port.row * bits_of(item) // bits)
        for item in users
        for port in item.work.ports[1:3]
    )
    return Fold(lanes=min(lanes, memory.data_bits // bits))


def _element_bits(users: Sequence[Item]) -> int:
    """Return the bits of an element of the buffer that is appended: a code, or two packed ones."""
    return max(8 if item.work.attend and item.work.attend.kv4 else bits_of(item) for item in users)


def memory_engine(items: Sequence[Item], fold: Fold) -> Engine:
    """Return the engine that serves external memory."""
    bits = _element_bits([item for item in items if is_external(item.work.attend)])
    return Engine(
        name=EXTERNAL,
        template=EXTERNAL,
        fold=fold,
        in_bits=bits,
        in_signed=True,
        weight_bits=0,
        acc_bits=0,
        out_bits=bits,
        out_depth=0,
    )


def check_columns(items: Sequence[Item], array: Fold, accelerator: Accelerator) -> None:
    """Refuse more queries at once than the array has columns: tiles are fetched once.

    Raises
    ------
    SpecError
        HG418.
    """
    for item in items:
        attend = item.work.attend
        if attend is None or not attend.external:
            continue
        entries = attend.queries * attend.heads // attend.kv_heads
        if entries > array.outputs:
            raise SpecError(
                "HG418",
                f"{item.name} has {entries} queries per key head and tensor, the array "
                f"{array.outputs} columns: its cache in external memory would be read twice",
                where=accelerator.mark,
                hint=f"multipliers: {entries * array.rows} or more, fewer tokens per tensor, or "
                "cache: {memory: onchip}",
            )


def openings(plan: Plan) -> dict[str, str]:
    """Return the task with which reading a cache may begin, by the cache's node.

    The first one of all tasks, or the one after that which reads the cache before: one reader
    serves all of them, in order.
    """
    found, first = {}, plan.tasks[0].name
    for task, following in zip(plan.tasks, (*plan.tasks[1:], None), strict=True):
        if is_external(task.work.attend):
            found[task.node] = first
            first = following.name if following else ""
    return found


def append_cycles(plan: Plan, task: Task) -> int:
    """Return the cycles of appending a tensor, from the phase's first cycle to its last beat."""
    memory, engine, results = plan.memory, plan.engine(task.engine), task.work.results
    assert memory is not None
    beats = results // engine.fold.lanes
    sent = results * engine.in_bits // memory.data_bits
    attend = plan.task(task.node).work.attend
    assert attend is not None
    # An address per key head, and a cycle from a token's last one to the next token's first.
    addresses = attend.queries * (attend.kv_heads + 1) - 1
    cycles = max(beats, sent, addresses) + APPEND + GATHER * (beats > sent)
    if task.sizes:  # they go first: codes follow when the last one's address is out
        cycles += addresses + 1
    return cycles


def fetch_of(
    attend: Attend, bits: int, array: Fold, memory: MemoryPort, *, early: int, lead: int
) -> Fetch:
    """Return how the tiles of a cache come to the array: beats of ``array.rows`` codes.

    Parameters
    ----------
    early
        Slots before the first one that the present tensor changes.
    lead
        Cycles from the first ask for one of them to the array's start.
    """
    wanted = array.rows * bits
    tile = cache_bytes(replace(attend, keys=attend.tile, kv_heads=1), bits) * 8 // memory.data_bits
    return Fetch(
        first=FETCH + GATHER * (wanted > memory.data_bits) + memory.latency,
        beats=max(1, wanted // memory.data_bits),
        per=max(1, memory.data_bits // wanted),
        size_beats=_SIZE_BITS // bits,
        early=early // attend.tile * tile,
        lead=lead,
        # The last answer comes so many cycles after the last append's end.
        written=max(0, memory.latency - PHASE_OVERHEAD),
        latency=memory.latency,
    )


def _row_problems(item: Item, memory: Memory, accelerator: Accelerator) -> list[Diagnostic]:
    attend = item.work.attend
    assert attend is not None
    found = []
    kinds = item.types[1:3]
    bits = bits_of(item)
    if not attend.kv4 and {(k.bits, k.signed) for k in kinds} not in [
        {(legal, True)} for legal in _CODES
    ]:
        codes = " and ".join(f"{'' if k.signed else 'u'}int{k.bits}" for k in kinds)
        found.append(
            Diagnostic(
                "HG416",
                f"keys and values of {item.name} have codes of {codes}",
                accelerator.mark,
                "both int4 or both int8 in external memory: quantize.layers",
            )
        )
    for name, elements in (("key", attend.inner), ("value", attend.features)):
        if elements * bits % memory.port_bits:
            found.append(
                Diagnostic(
                    "HG416",
                    f"a {name} of {item.name} has {elements} codes of {bits} bits, no whole "
                    f"number of beats of {memory.port_bits} bits",
                    accelerator.mark,
                    f"port_bits: {_widest(elements * bits)} or less, or larger heads",
                )
            )
    sizes = 2 * attend.tile * _SIZE_BITS
    if attend.kv4 and sizes % memory.port_bits:
        found.append(
            Diagnostic(
                "HG424",
                f"the sizes of a tile of {attend.tile} keys and values of {item.name} have {sizes} "
                f"bits, no whole number of beats of {memory.port_bits} bits",
                accelerator.mark,
                f"port_bits: {sizes} or less, or tile: {memory.port_bits // (2 * _SIZE_BITS)}",
            )
        )
    return found


def _widest(bits: int) -> int:
    return max(32, min(512, bits & -bits))
