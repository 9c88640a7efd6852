"""Random integer graphs for the planner: forks, joins, strides and padding on small images."""

from __future__ import annotations

from hypothesis import strategies as st

from hwgen.ops.orthogonal import factors
from hwgen.quant.model import QGraph
from support.plan_graphs import Net

sizes = st.integers(1, 6)


@st.composite
def graphs(draw: st.DrawFn) -> QGraph:
    """Draw up to seven layers on a small image, with forks, joins, strides and padding."""
    net = Net(x=(draw(st.sampled_from([1, 2, 3, 4, 8])), draw(sizes), draw(sizes)))
    unread = ["x"]
    for k in range(draw(st.integers(1, 6))):
        source = draw(st.sampled_from(sorted(net.tensors)))
        name = f"n{k}"
        channels, height, width = net.tensors[source].shape
        same = sorted(n for n, t in net.tensors.items() if t.shape == (channels, height, width))
        plane = sorted(n for n, t in net.tensors.items() if t.shape[1:] == (height, width))
        kind = draw(st.sampled_from(["conv", "conv", "pool", "relu", "add", "concat", "rows"]))
        read = [source]
        if kind == "conv":
            kernel = draw(st.integers(1, min(3, height, width)))
            groups = draw(st.sampled_from([g for g in (1, 2, 4) if channels % g == 0]))
            net.conv(
                name,
                source,
                groups * draw(st.sampled_from([1, 2, 3, 4, 6])),
                kernel,
                stride=draw(st.integers(1, 2)),
                pad=draw(st.integers(0, kernel - 1)),
                groups=groups,
            )
        elif kind == "pool" and min(height, width) > 1:
            kernel = draw(st.integers(1, 2))
            net.pool(name, source, kernel, draw(st.integers(1, 3)))
        elif kind == "add":
            read = [source, draw(st.sampled_from(same))]
            net.add(name, *read)
        elif kind == "concat" and channels <= 8:
            read = [source, draw(st.sampled_from(plane))]
            net.concat(name, *read)
        elif kind == "rows":
            ops = ["layer_norm", "softmax", *(["hadamard"] if factors(channels) else [])]
            net.rows(name, draw(st.sampled_from(ops)), source)
        else:
            net.relu(name, source)
        unread = [n for n in unread if n not in read] + [name]
    ends = [name for name in unread if name != "x"]
    if "x" in unread:
        raise AssertionError("the first layer reads x")
    if draw(st.booleans()) and len(ends) == 1 and len(net.tensors[ends[0]].shape) == 3:
        net.flatten("flat", ends[0])
        net.linear("fc", "flat", draw(st.integers(1, 7)))
        net.argmax("top", "fc")
        ends = ["top"]
    return net.qgraph(*ends)
