"""What the systolic array does in how many cycles, counted in Verilator.

``python benchmarks/systolic.py`` prints the tables; ``--write docs/attention.md`` puts them between
the markers of that page.  Every result is compared with the golden model on the way, and every
last beat with the predicted cycle.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path

from amaranth.back import rtlil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hwgen.plan.cost import useful_of
from hwgen.verify.array import ArrayTrace
from support.array_bench import ArrayBench, Case

BEGIN, END = "<!-- systolic: begin -->", "<!-- systolic: end -->"
HEAD = 64
HEIGHTS = (8, 16, 32, 64)


def attention(queries: int, keys: int, inner: int, tile: int, **more: object) -> Case:
    """Return one head of attention."""
    shapes = [(queries, inner), (keys, inner), (keys, inner)]
    return Case("attention", {"heads": 1, "tile": tile, **more}, shapes)


def run(bench: ArrayBench, number: int, folder: Path) -> ArrayTrace:
    """Return the trace of a case on random codes."""
    case = bench.cases[number]
    (trace,) = bench.run([(number, case.codes(seed=1, spread=0.5), {})], folder)
    return trace


def utilisation(folder: Path) -> list[str]:
    """Return the rows of multiplications per multiplier-cycle."""
    lines = [
        "| array | task | slots of | array | with loading and results |",
        "|---|---|---:|---:|---:|",
    ]
    arrays = [
        (32, 64, 32, [("256 queries, 1,024 keys", attention(256, 1024, HEAD, 32))]),
        (
            *(16, 32, 16),
            [
                ("128 queries, 512 keys", attention(128, 512, HEAD, 16)),
                ("causal, 1,024 queries and keys", attention(1024, 1024, HEAD, 16, causal=True)),
            ],
        ),
    ]
    for side, lanes, beat, tasks in arrays:
        cases = [case for _, case in tasks]
        sizes = {"rows": side, "columns": side, "lanes": lanes, "beat": beat, "normalisers": 8}
        bench = ArrayBench(cases, **sizes).build(optimise=0)
        for number, (name, case) in enumerate(tasks):
            trace = run(bench, number, folder)
            useful = useful_of(case.work)
            # Row and column skew: the last element multiplies so much later than the first.
            window = trace.working[-1, 1] - trace.working[0, 0] + 2 * side - 2
            in_array = useful / (window * side * side)
            overall = useful / ((trace.last_beat + 1) * side * side)
            lines.append(
                f"| {side} x {side} | {name}, {HEAD} elements | {2 * HEAD} cycles "
                f"| {in_array:.2%} | {overall:.2%} |"
            )
    return lines


def memory_bits(bench: ArrayBench) -> int:
    """Return the bits of all memories of an elaborated core."""
    text = rtlil.convert(bench.core, name="array")
    pairs = re.findall(r"^\s*memory width (\d+) size (\d+)", text, flags=re.MULTILINE)
    return sum(int(width) * int(size) for width, size in pairs)


def memories() -> list[str]:
    """Return the rows of on-chip memory by number of keys."""
    lines = ["| keys | memory of a 32 x 32 array, 64 elements |", "|---:|---:|"]
    for keys in (256, 1024, 16384):
        case = attention(256, keys, HEAD, 32)
        sizes = {"rows": 32, "columns": 32, "lanes": 64, "beat": 32, "normalisers": 8}
        bits = memory_bits(ArrayBench([case], **sizes))
        lines.append(f"| {keys:,} | {bits / 8192:.2f} KiB |")
    return lines


def tile_law(folder: Path) -> list[str]:
    """Return the rows of cycles per tile: the slope between two numbers of key tiles."""
    lines = ["| N | E | cycles per N x N tile | 2E + 10 + E/M1 |", "|---:|---:|---:|---:|"]
    few, many = 8, 16  # tiles of keys per block
    for side in (8, 16, 32):
        for inner in (8, 16, 32):
            cases = [attention(2 * side, count * side, inner, side) for count in (few, many)]
            sizes = {"rows": side, "columns": side, "lanes": 2 * side, "beat": 8}
            bench = ArrayBench(cases, **sizes, normalisers=8).build(optimise=0)
            first, second = (run(bench, number, folder).last_beat for number in range(2))
            cycles = (second - first) / (2 * (many - few))
            lines.append(f"| {side} | {inner} | {cycles:g} | {2 * inner + 10 + inner / many:g} |")
    return lines


def products(folder: Path) -> list[str]:
    """Return the rows of linear layers and products: busy cycles from the second tile on."""
    side = 16
    cases = [
        ("linear, 32 tokens, 64 to 64", Case("linear", {"features": 64}, [(32, 64)])),
        ("linear, 32 tokens, 32 to 64", Case("linear", {"features": 64}, [(32, 32)])),
        ("linear, 33 tokens, 64 to 72", Case("linear", {"features": 72}, [(33, 64)])),
        (
            "the same, operand stationary",
            Case("linear", {"features": 72}, [(33, 64)], stays=True),
        ),
        ("matmul, 32 x 64 by 64 x 64", Case("matmul", {}, [(32, 64), (64, 64)])),
    ]
    sizes = {"rows": side, "columns": side, "lanes": 64, "beat": 8}
    bench = ArrayBench([case for _, case in cases], **sizes).build(optimise=0)
    lines = [f"| product on {side} x {side} | array | of it padding |", "|---|---:|---:|"]
    for number, (name, case) in enumerate(cases):
        trace = run(bench, number, folder)
        tokens, inner = case.shapes[0]
        first = case.work.outputs if case.stays else inner
        begin, end = trace.working[0, 0] + first, trace.working[-1, 1]
        busy = sum(max(0, int(b) - max(int(a), begin)) for a, b in trace.working)
        padding = 1 - tokens * inner * case.work.outputs / (trace.steps * side * side)
        lines.append(f"| {name} | {busy / (end - begin):.2%} | {padding:.2%} |")
    return lines


def outputs_stay(features: int, inner: int, rows: int, columns: int, beat: int) -> int:
    """Return the cycles of a block of tokens that is output stationary."""
    return -(-features // rows) * max(inner, rows, rows // beat * columns)


def operands_stay(features: int, inner: int, rows: int, columns: int, beat: int) -> int:
    """Return the cycles of a block of tokens that is operand stationary."""
    tiles = -(-inner // rows)
    return tiles * max(features, rows + 1, -(-features // beat * columns // tiles))


def stationarity() -> list[str]:
    """Return how operand stationary slots compare with output stationary ones, by features.

    Cycles of the array alone.  Once with the best height, width and beat of each within the
    multipliers; once on the columns and rows of an array that attention or other layers fixed.
    """

    def best(length: Callable[..., int], tokens: int, *sizes: int) -> int:
        *work, most = sizes
        return min(
            -(-tokens // columns) * length(*work, rows, columns, beat)
            for rows in HEIGHTS
            for columns in range(1, min(tokens, most // rows) + 1)
            for beat in (1, 2, 4, 8, 16, 32)
            if rows % beat == 0 and work[0] % beat == 0
        )

    head = "faster | as fast | slower | at most |"
    lines = [
        f"| best shapes: features | cases | operand stationary {head}",
        "|---|---:|---:|---:|---:|---:|",
    ]
    groups = {"powers of two": (8, 64, 256, 1024), "others": (10, 24, 48, 96, 384, 1000)}
    for name, features in groups.items():
        ratios = [
            best(outputs_stay, *sizes) / best(operands_stay, *sizes)
            for sizes in product(
                (1, 4, 16, 64, 197, 256), features, (4, 8, 12, 16, 24, 32, 64, 384), (64, 256, 1024)
            )
        ]
        lines.append(f"| {name} | {_counted(ratios)} |")
    lines += [
        "",
        f"| same array: rows | cases | operand stationary {head} useful: output | faster of two |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for rows in HEIGHTS:
        ratios, useful = [], []
        for features, inner in product(range(10, 401, 10), repeat=2):
            beat = min(rows, features & -features)
            columns = beat  # as many as write a beat of results in every cycle
            output, operand = (
                length(features, inner, rows, columns, beat)
                for length in (outputs_stay, operands_stay)
            )
            ratios.append(output / operand)
            ideal = features * inner / rows
            useful.append((ideal / output, ideal / min(output, operand)))
        shares = [sum(column) / len(useful) for column in zip(*useful, strict=True)]
        lines.append(f"| {rows} | {_counted(ratios)} | {shares[0]:.1%} | {shares[1]:.1%} |")
    return lines


def _counted(ratios: list[float]) -> str:
    """Return how many ratios there are above, at and below 1, and the largest one."""
    faster, slower = (sum(r > 1 for r in ratios), sum(r < 1 for r in ratios))
    same = len(ratios) - faster - slower
    return f"{len(ratios)} | {faster} | {same} | {slower} | {max(ratios):.2f}"


def main() -> None:
    """Print the tables, or put them into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument(
        "--only", choices=["utilisation", "products", "stationarity", "memory", "tiles"]
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = {
            "utilisation": lambda: utilisation(folder),
            "products": lambda: products(folder),
            "stationarity": stationarity,
            "memory": memories,
            "tiles": lambda: tile_law(folder),
        }
        chosen = [arguments.only] if arguments.only else list(tables)
        text = "\n\n".join("\n".join(tables[table]()) for table in chosen)
    print(text)
    if arguments.write:
        page = arguments.write.read_text(encoding="utf-8")
        head, rest = page.split(BEGIN)
        page = f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}"
        arguments.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
