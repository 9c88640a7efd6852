"""A dataflow plan as one engine per node, joined by channels."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import gcd
from typing import Any

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring

from hwgen.emit.rtl.accelerator import Accelerator, Trace
from hwgen.emit.rtl.memories import channel_words, weight_words
from hwgen.emit.rtl.rows import ROW_CORES, walk_of_rows
from hwgen.emit.rtl.tasks import (
    input_types,
    mac_task,
    multiplier_bits,
    polynomial_task,
    products_of,
    vector_acc_bits,
    vector_task,
)
from hwgen.emit.rtl.walks import granule, mac_walk, run_walk, vector_walk
from hwgen.ops import get_op
from hwgen.plan.cost import ROWS
from hwgen.plan.model import Channel, Engine, Task
from hwgen.plan.polynomial import run_form, run_weights
from hwgen.plan.runs import line_of
from rtl_templates.control.tensor_end import TensorEnd
from rtl_templates.mac.mac_core import MacShape
from rtl_templates.mac.mac_engine import MacEngine
from rtl_templates.mac.polynomial_core import PolynomialCore, PolynomialShape, polynomial_words
from rtl_templates.mac.positions import PositionsShape
from rtl_templates.row.row_engine import RowEngine
from rtl_templates.streams.fork import Fork
from rtl_templates.vector.concat_engine import ConcatEngine
from rtl_templates.vector.vector_core import VectorShape
from rtl_templates.vector.vector_engine import VectorEngine

__all__ = ["DataflowAccelerator"]


class DataflowAccelerator(Accelerator):
    """See :class:`Accelerator`; the plan's schedule is ``dataflow``."""

    def build(
        self, m: Module, inputs: dict[str, Any], outputs: dict[str, Any]
    ) -> tuple[list[tuple[Any, Any]], list[Trace]]:
        """Instantiate the engines and fork every tensor to its sinks."""
        engines = {}
        activity, traces = [], []
        for task in self.plan.tasks:
            engine = self._engine(task)
            m.submodules[f"engine_{task.engine}"] = engine
            if task.work.kind == "rope" or task.work.ports[0].missing:
                m.d.comb += engine.clear.eq(self.fresh)
            engines[task.engine] = engine
            activity.append((engine.active, engine.waiting))
            traces.append(self._trace(m, task, engine))
        sources = inputs | {task.node: engines[task.engine].o for task in self.plan.tasks}
        for tensor, source in sources.items():
            channels = [item for item in self.plan.channels if item.tensor == tensor]
            m.submodules[f"fork_{tensor}"] = fork = Fork(source.payload.shape(), len(channels))
            wiring.connect(m, source, fork.i)
            for channel, branch in zip(channels, fork.o, strict=True):
                if channel.sink:
                    self._feed(m, channel, branch, engines[channel.sink])
                else:
                    wiring.connect(m, branch, outputs[tensor])
        return activity, traces

    def _feed(self, m: Module, channel: Channel, branch: Any, engine: Any) -> None:
        """Connect a branch to an engine's port, whose elements may be wider."""
        port = engine.i[channel.port]
        wide = engine.core.shape.x_bits
        lanes = []
        for lane in range(channel.lanes):
            value = branch.payload.word_select(lane, channel.bits)
            value = value.as_signed() if channel.signed else value
            lanes.append(_extend(value, wide))
        m.d.comb += [
            port.payload.eq(Cat(lanes)),
            port.valid.eq(branch.valid),
            branch.ready.eq(port.ready),
        ]

    def _trace(self, m: Module, task: Task, engine: Any) -> Trace:
        lanes = self.plan.engine(task.engine).fold.lanes
        beats = TensorEnd(task.work.results // lanes)
        m.submodules[f"trace_{task.name}"] = beats
        m.d.comb += beats.transfer.eq(engine.core.beat_valid)
        return Trace(task.name, engine.core.beat_valid, beats.index * lanes, engine.core.beat)

    def _engine(self, task: Task) -> Any:
        channels = [item for item in self.plan.channels if item.sink == task.engine]
        channels.sort(key=lambda item: item.port)
        if task.work.kind == "mac":
            several = self.plan.engine(task.engine).fold.samples > 1
            return (self._polynomial if several else self._mac)(task, channels[0])
        if task.work.kind in ROWS:
            return self._row(task, channels[0])
        return self._vector(task, channels)

    def _mac(self, task: Task, channel: Channel) -> MacEngine:
        engine = self.plan.engine(task.engine)
        node = self.qgraph.node(task.node)
        fold, work = engine.fold, task.work
        assert node.lowered.requant is not None
        factor_bits = multiplier_bits(node.lowered.requant)
        pitch = work.reduce[0].dy * work.ports[0].row if fold.copies > 1 else 0
        if fold.flat:
            pitch -= work.elements
        shape = MacShape(
            rows=fold.rows,
            row_pitch=pitch,
            elements=fold.elements,
            outputs=fold.outputs,
            groups=fold.groups,
            flat=fold.flat,
            lanes=fold.lanes,
            x_bits=channel.bits,
            x_signed=channel.signed,
            weight_bits=engine.weight_bits,
            acc_bits=node.acc_bits,
            multiplier_bits=factor_bits,
            out_bits=node.out.type.bits,
            **products_of(engine.multiplier),
        )
        walk = mac_walk(work, fold)
        shapes = [self.qgraph.tensor(name).shape for name in node.inputs]
        weights = get_op(node.op).stream_weights(node.lowered, shapes)
        (x,) = input_types(self.qgraph, node)
        return MacEngine(
            shape,
            mac_task(node, x, work, fold, walk, 0, 0),
            weight_words(weights, work, fold, engine.weight_bits, engine.multiplier),
            channel_words(
                node.lowered.constants["bias"],
                node.lowered.requant,
                fold.lanes,
                node.acc_bits,
                factor_bits,
            ),
            elements=work.ports[0].fresh,
            depth=channel.depth,
            beat=channel.lanes,
            banks=channel.banks,
            granule=granule(walk, channel.banks, pitch),
            queue=engine.out_depth,
        )

    def _polynomial(self, task: Task, channel: Channel) -> MacEngine:
        engine = self.plan.engine(task.engine)
        node = self.qgraph.node(task.node)
        fold, work, line = engine.fold, task.work, line_of(task.work)
        requant = node.lowered.requant
        assert requant is not None
        assert line is not None
        shape = (_positions(engine) if fold.taps == 1 else PolynomialShape)(
            form=run_form(engine),
            rows=fold.rows,
            row_pitch=work.reduce[0].dy * work.ports[0].row if fold.rows > 1 else 0,
            elements=fold.elements,
            pitch=line.sample,
            outputs=fold.outputs,
            lanes=fold.lanes,
            x_bits=channel.bits,
            acc_bits=node.acc_bits,
            multiplier_bits=multiplier_bits(requant),
            out_bits=node.out.type.bits,
        )
        walk = run_walk(work, fold)
        apart = gcd(shape.row_pitch, 0 if shape.together else shape.pitch)
        return MacEngine(
            shape,
            polynomial_task(node, work, fold, walk),
            polynomial_words(run_weights(self.qgraph, task, engine), engine.weight_bits),
            channel_words(
                node.lowered.constants["bias"],
                requant,
                fold.lanes,
                node.acc_bits,
                shape.multiplier_bits,
            ),
            elements=work.ports[0].fresh,
            depth=channel.depth,
            beat=channel.lanes,
            banks=channel.banks,
            granule=granule(walk, channel.banks, apart),
            queue=engine.out_depth,
            core=PolynomialCore,
        )

    def _row(self, task: Task, channel: Channel) -> RowEngine:
        engine = self.plan.engine(task.engine)
        node = self.qgraph.node(task.node)
        core = ROW_CORES[task.work.kind](
            [node],
            [*input_types(self.qgraph, node)],
            lanes=engine.fold.lanes,
            x_bits=channel.bits,
            out_bits=node.out.type.bits,
        )
        walk = walk_of_rows(task.work, engine.fold.lanes)
        return RowEngine(
            core,
            walk,
            depth=channel.depth,
            beat=channel.lanes,
            banks=channel.banks,
            granule=granule(walk, channel.banks),
            queue=engine.out_depth,
        )

    def _vector(self, task: Task, channels: list[Channel]) -> VectorEngine | ConcatEngine:
        engine = self.plan.engine(task.engine)
        node = self.qgraph.node(task.node)
        types = input_types(self.qgraph, node)
        tokens = node.out.shape[0] if len(node.out.shape) == 2 else 1
        constants = vector_task(node, task.work.kind, types, None, tokens)
        constants = replace(constants, pad=task.work.pad)
        mixed = len({item.signed for item in types}) > 1
        shape = VectorShape(
            lanes=engine.fold.lanes,
            ports=len(types),
            x_bits=max(item.bits for item in types) + mixed,
            acc_bits=vector_acc_bits(node, constants, types, task.work),
            out_bits=node.out.type.bits,
        )
        depths = [item.depth for item in channels]
        beats = [item.lanes for item in channels]
        banks = [item.banks for item in channels]
        if task.work.kind == "concat":
            return ConcatEngine(
                shape,
                constants,
                positions=task.work.row.count,
                channels=[port.row for port in task.work.ports],
                depths=depths,
                beats=beats,
                banks=banks,
                queue=engine.out_depth,
            )
        walk = vector_walk(task.work, shape.lanes)
        return VectorEngine(
            shape,
            constants,
            walk,
            elements=walk.fresh,
            depths=depths,
            beats=beats,
            banks=banks,
            granule=granule(walk, max(banks)),
            queue=engine.out_depth,
        )


def _positions(engine: Engine) -> Any:
    """Return the shape of an engine whose positions share the weights of a step."""
    return partial(PositionsShape, digit_bits=engine.weight_bits)


def _extend(value: Any, bits: int) -> Any:
    """Return ``value`` extended to ``bits`` bits according to its sign."""
    sign = value[-1] if value.shape().signed else 0
    return Cat(value, *[sign] * (bits - len(value)))
