"""Reflected padding: a window waits for what it reads, and what is read again is kept."""

import pytest

from hwgen.ops import get_op
from hwgen.ops.history import RowWindow
from hwgen.plan.folding import can_be_flat, legal_rows
from hwgen.plan.model import Fold
from hwgen.plan.taps import real_macs, real_taps
from hwgen.plan.window import visits
from hwgen.quant import quantize
from support.graphs import make_graph, make_spec
from support.walk import reflected


def work_of(op, shape, **keys):
    layer = {"name": "y", "op": op, "in": "x", "channels": 4, "padding_mode": "reflect", **keys}
    graph = make_graph({"x": shape}, [layer])
    qgraph = quantize(graph, make_spec(graph))
    node = qgraph.node("y")
    return get_op(op).work(node.lowered, [shape], [qgraph.inputs[0].type])


WORKS = {
    "same": lambda: work_of("conv2d", (3, 6, 5), kernel=3, padding="same"),
    "strided": lambda: work_of("conv2d", (2, 7, 6), kernel=[4, 3], stride=2, padding=2),
    "one_window": lambda: work_of("conv2d", (1, 3, 3), kernel=5, padding=[[2, 0], [0, 2]]),
    "dilated": lambda: work_of("conv2d", (2, 7, 7), kernel=3, dilation=[2, 3], padding=4),
    "rows_only": lambda: work_of("conv2d", (2, 6, 4), kernel=3, padding=[[2, 2], [0, 0]]),
    "groups": lambda: work_of("conv2d", (4, 5, 5), kernel=3, padding=1, groups=2),
    "tokens": lambda: work_of("conv1d", (9, 3), kernel=5, padding=[4, 3]),
    "causal": lambda: work_of("conv1d", (6, 2), kernel=3, dilation=2, padding="causal"),
}


def reads(work, row, column):
    """Return the elements that a position reads, by the definition of reflection."""
    (port,) = work.ports
    inner = work.reduce[1] if len(work.reduce) > 1 else None
    found = set()
    for group in range(work.channel.count):
        for i in range(work.reduce[0].count):
            for j in range(inner.count if inner else 1):
                y = work.origin[0] + row * work.row.dy + i * work.reduce[0].dy
                x = work.origin[1] + column * work.column.dx + group * work.channel.dx
                x += j * inner.dx if inner else 0
                for place in range(x, x + work.elements):
                    at, element = divmod(place, work.mirror)
                    at = reflected(at, port.row // work.mirror)
                    at_row = reflected(y, port.rows) * port.row
                    found.add(at_row + at * work.mirror + element)
    return found


@pytest.mark.parametrize("name", WORKS)
def test_windows_wait_and_keep(name):
    work = WORKS[name]()
    assert work.mirror
    found = list(visits(work, Fold(1, work.elements, 4, 1)))
    columns = work.column.count
    later = set()
    for row in reversed(range(work.row.count)):
        for column in range(columns):
            ((_, need),) = found[row * columns + column].need
            assert max(reads(work, row, column)) < need <= work.ports[0].elements
        ((_, release),) = found[row * columns + columns - 1].release
        if later:
            assert release <= min(later)
            # Nothing is kept longer than the row of what is read again.
            assert release > min(later) - work.ports[0].row
        for column in range(columns):
            later |= reads(work, row, column)


@pytest.mark.parametrize("name", WORKS)
def test_no_step_is_padding(name):
    work = WORKS[name]()
    assert legal_rows(work) == (1,)
    assert not can_be_flat(work)
    assert real_taps(work, Fold(1, 1)) is None
    assert real_macs(work) == work.macs


def test_columns_alone_can_be_reflected_in_a_stream():
    op = get_op("conv2d")
    keys = {"channels": 1, "kernel": 3, "padding": [[0, 0], [1, 1]], "padding_mode": "reflect"}
    assert op.row_window(op.Params.model_validate(keys), [(1, 8, 8)]) == RowWindow(3, 1, 0)
