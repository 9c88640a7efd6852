"""Integer graphs made by hand, for tests of the planner: shapes and types, no real weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from hwgen.errors import Mark
from hwgen.ops.base import Lowered, Shape
from hwgen.ops.products import attend_attrs
from hwgen.ops.registry import get_op
from hwgen.ops.types import QType
from hwgen.ops.work import Attend
from hwgen.plan import make_plan
from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph, QNode, QTensor
from hwgen.spec.model import Accelerator, Budget, FoldSpec

MARK = Mark("net.yaml", 30, 3)


class Net:
    """Builds a qgraph layer by layer; every tensor is named as its layer."""

    def __init__(self, **inputs: Shape) -> None:
        self.inputs = tuple(
            QTensor(name, shape, QType(8, False, 1.0)) for name, shape in inputs.items()
        )
        self.tensors = {tensor.name: tensor for tensor in self.inputs}
        self.nodes: list[QNode] = []

    def _add(
        self,
        name: str,
        op: str,
        sources: Sequence[str],
        lowered: Lowered,
        shape: Shape,
        **kind: Any,
    ) -> str:
        out = QTensor(name, shape, QType(kind.get("bits", 8), kind.get("signed", False), 1.0))
        acc = 20 if lowered.weight_type else 0
        self.nodes.append(QNode(name, op, tuple(sources), lowered, out, acc))
        self.tensors[name] = out
        return name

    def conv(
        self,
        name: str,
        source: str,
        channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
        **kind: Any,
    ) -> str:
        depth, height, width = self.tensors[source].shape
        pads = ((pad, pad), (pad, pad))
        size = [(n + 2 * pad - kernel) // stride + 1 for n in (height, width)]
        lowered = Lowered(
            attrs={
                "kernel": (kernel, kernel),
                "stride": (stride, stride),
                "dilation": (1, 1),
                "padding": pads,
                "groups": groups,
                "pad": 0,
            },
            constants={
                "weight": np.ones((channels, depth // groups, kernel, kernel), dtype=np.int64)
            },
            weight_type=QType(4, True, 1.0),
        )
        return self._add(name, "conv2d", [source], lowered, (channels, *size), **kind)

    def linear(self, name: str, source: str, features: int, **kind: Any) -> str:
        shape = self.tensors[source].shape
        tokens = shape[:1] if len(shape) == 2 else ()
        elements = prod(shape) // prod(tokens)
        lowered = Lowered(
            attrs={"pad": 0},
            constants={"weight": np.ones((features, elements), dtype=np.int64)},
            weight_type=QType(4, True, 1.0),
        )
        return self._add(name, "linear", [source], lowered, (*tokens, features), **kind)

    def attention(self, name: str, *sources: str, heads: int = 1, **keys: Any) -> str:
        """Add attention; ``cache`` is the number of slots."""
        shapes = [self.tensors[source].shape for source in sources]
        kv_heads = keys.pop("kv_heads", heads)
        attend = Attend(
            queries=shapes[0][0],
            keys=keys.pop("cache", 0) or shapes[1][0],
            heads=heads,
            kv_heads=kv_heads,
            inner=shapes[0][1] // heads,
            features=shapes[2][1] // kv_heads,
            **{"tile": 8, **keys},
        )
        shape = (attend.queries, heads * attend.features)
        lowered = Lowered(attrs=attend_attrs(attend))
        return self._add(name, "attention", sources, lowered, shape, signed=True)

    def matmul(self, name: str, first: str, second: str, *, transposed: bool = False) -> str:
        (tokens, inner), other = self.tensors[first].shape, self.tensors[second].shape
        features = other[0] if transposed else other[1]
        attend = Attend(tokens, other[0], 1, 1, inner, features, 0, transposed=transposed)
        lowered = Lowered(attrs=attend_attrs(attend))
        return self._add(name, "matmul", [first, second], lowered, (tokens, features), signed=True)

    def pool(self, name: str, source: str, kernel: int = 2, stride: int = 2) -> str:
        depth, height, width = self.tensors[source].shape
        size = [(n - kernel) // stride + 1 for n in (height, width)]
        lowered = Lowered(attrs={"kernel": (kernel, kernel), "stride": (stride, stride)})
        return self._add(name, "max_pool2d", [source], lowered, (depth, *size))

    def relu(self, name: str, source: str, **kind: Any) -> str:
        return self._add(name, "relu", [source], Lowered(), self.tensors[source].shape, **kind)

    def rows(self, name: str, op: str, source: str) -> str:
        """Add ``layer_norm``, ``rms_norm``, ``softmax`` or ``hadamard``."""
        return self._add(name, op, [source], Lowered(), self.tensors[source].shape)

    def add(self, name: str, *sources: str) -> str:
        return self._add(name, "add", sources, Lowered(), self.tensors[sources[0]].shape)

    def concat(self, name: str, *sources: str) -> str:
        shapes = [self.tensors[source].shape for source in sources]
        shape = (sum(shape[0] for shape in shapes), *shapes[0][1:])
        return self._add(name, "concat", sources, Lowered(), shape)

    def flatten(self, name: str, source: str) -> str:
        return self._add(name, "flatten", [source], Lowered(), (self.tensors[source].elements,))

    def argmax(self, name: str, source: str) -> str:
        return self._add(name, "argmax", [source], Lowered(), (1,))

    def qgraph(self, *outputs: str) -> QGraph:
        return QGraph("net", self.inputs, tuple(self.nodes), outputs or (self.nodes[-1].name,))


def accelerator(
    schedule: str,
    multipliers: int,
    onchip_kib: int | None = None,
    **folding: tuple[int | None, ...],
) -> Accelerator:
    specs = {name: FoldSpec(*values[:3], MARK, *values[3:]) for name, values in folding.items()}
    return Accelerator(schedule, Budget(multipliers, onchip_kib), specs, 50.0, MARK)


def plan(
    qgraph: QGraph,
    schedule: str,
    multipliers: int,
    **folding: tuple[int | None, ...],
) -> Plan:
    return make_plan(qgraph, accelerator(schedule, multipliers, **folding))


def digits_cnn() -> QGraph:
    net = Net(image=(1, 8, 8))
    net.conv("conv1", "image", 8, pad=1)
    net.pool("pool1", "conv1")
    net.conv("conv2", "pool1", 16, pad=1)
    net.pool("pool2", "conv2")
    net.linear("fc", "pool2", 10, signed=True)
    return net.qgraph()


def digits_mlp() -> QGraph:
    net = Net(image=(64,))
    net.linear("fc1", "image", 32)
    net.linear("fc2", "fc1", 10, signed=True)
    return net.qgraph()


def works(qgraph: QGraph) -> dict[str, Any]:
    return {
        node.name: get_op(node.op).work(
            node.lowered,
            [qgraph.tensor(name).shape for name in node.inputs],
            [qgraph.tensor(name).type for name in node.inputs],
        )
        for node in qgraph.nodes
    }
