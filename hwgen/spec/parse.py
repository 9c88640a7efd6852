"""From text to a Spec: what can be used, and every mistake of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hwgen.errors import Diagnostic, Mark
from hwgen.ops.registry import block_names
from hwgen.spec.document import (
    AcceleratorDoc,
    BudgetDoc,
    DefaultPrecisionDoc,
    Document,
    FileDoc,
    InputDoc,
    LayerDoc,
    MixedDoc,
    PrecisionDoc,
    QuantizeDoc,
    StreamDoc,
    VerifyDoc,
    WeightsDoc,
)
from hwgen.spec.explain import explain
from hwgen.spec.model import (
    Accelerator,
    Accumulator,
    Budget,
    FoldSpec,
    InputSpec,
    LayerSpec,
    Memory,
    Mixed,
    Precision,
    Quantize,
    Spec,
    Stream,
    Verify,
    Weights,
    Windows,
)
from hwgen.spec.names import module_name_problem, name_problem
from hwgen.spec.paths import resolve
from hwgen.spec.references import Reference, Wiring, check_wiring
from hwgen.spec.source import read_text
from hwgen.spec.tree import Ambiguous, Tree, compose

__all__ = ["parse_spec", "parse_text"]

M = TypeVar("M", bound=BaseModel)

_COMMON = ("name", "op", "in")
_WEIGHT_FILES = (".npz", ".safetensors")
_DATA_FILES = (".npz",)


def parse_spec(
    path: str | Path, *, allow_path: bool = False
) -> tuple[Spec | None, list[Diagnostic]]:
    """Return what is usable of a spec file, and every mistake in it.

    Parameters
    ----------
    path
        The file.
    allow_path
        Whether files that it names may lie outside its folder.

    Returns
    -------
    spec
        None if it is not even a mapping.  Layers and inputs with a mistake are left out, other
        sections with one hold defaults, so that later checks can go on; it is complete if there
        is no diagnostic.
    diagnostics
        In no particular order.
    """
    path = Path(path)
    text, diagnostics = read_text(path)
    if text is None:
        return None, diagnostics
    return parse_text(text, path, allow_path=allow_path)


def parse_text(
    text: str, path: Path, *, allow_path: bool = False
) -> tuple[Spec | None, list[Diagnostic]]:
    """Return the same for a text that stands, or would stand, in the file ``path``."""
    tree, diagnostics = compose(text, str(path))
    start = Mark(str(path), 1, 1)
    if tree is None:
        if not diagnostics:
            hint = "hwgen init writes a starter spec"
            diagnostics = [Diagnostic("HG111", "the file is empty", start, hint)]
        return None, diagnostics
    if not isinstance(tree.value, dict):
        if not isinstance(tree.value, Ambiguous):
            hint = "a spec starts with 'hwgen: 1'; hwgen init writes one"
            diagnostics.append(Diagnostic("HG112", "a spec is a mapping", tree.mark, hint))
        return None, diagnostics
    reader = _Parser(tree, path, diagnostics, allow_path)
    return reader.spec(), reader.diagnostics


class _Parser:
    """Takes one tree apart; each section on its own, so that one mistake hides no other."""

    def __init__(
        self, tree: Tree, path: Path, diagnostics: list[Diagnostic], allow_path: bool
    ) -> None:
        self.tree = tree
        self.path = path
        self.folder = path.parent.resolve()
        self.diagnostics = diagnostics
        self.allow_path = allow_path

    def spec(self) -> Spec:
        try:
            Document.model_validate(self.tree.data())
        except ValidationError as error:
            found = explain(error, Document, lambda path, key: self.tree.place(path, key=key))
            self.diagnostics += found
        self.diagnostics += check_wiring(self._wiring())
        name = self._value("name")
        board = self._value("board")
        return Spec(
            path=self.folder / self.path.name,
            name=name if isinstance(name, str) and not module_name_problem(name) else "unnamed",
            inputs=self._inputs(),
            layers=self._layers(),
            outputs=tuple(item.name for item in _references(self._items("model", "outputs"))),
            weights=self._weights(),
            quantize=self._quantize(),
            accelerator=self._accelerator(),
            board=board if isinstance(board, str) else None,
            verify=self._verify(),
            stream=self._stream(),
            marks={
                key: mark
                for key, mark in self.tree.marks().items()
                if not key.startswith("model.layers.")
            },
        )

    # -- sections -----------------------------------------------------------------------------

    def _inputs(self) -> tuple[InputSpec, ...]:
        found = []
        for name, tree in self._entries("model", "inputs"):
            doc = _try(InputDoc, tree)
            if doc is not None and not name_problem(name):
                lengths = tuple(sorted(doc.lengths or (), reverse=True))
                lengths = lengths if len(lengths) > 1 else ()
                found.append(InputSpec(name, tuple(doc.shape), tree.mark, lengths))
        return tuple(found)

    def _layers(self) -> tuple[LayerSpec, ...]:
        found = []
        for tree in self._items("model", "layers"):
            doc = _try(LayerDoc, tree)
            if doc is None:
                continue
            params = {key: item for key, item in tree.data().items() if key not in _COMMON}
            marks = {"": tree.mark, **tree.marks()}
            found.append(LayerSpec(doc.name, doc.op, tuple(doc.inputs), params, marks))
        return tuple(found)

    def _weights(self) -> Weights:
        tree = self.tree.child("weights") or self.tree
        doc = _try(WeightsDoc, tree)
        if doc is None:
            return Weights(None, None, tree.mark)
        if doc.random is not None:
            return Weights(None, doc.random, tree.place(["random"]))
        return Weights(
            self._file(doc.file, _WEIGHT_FILES, "weights", "file"), None, tree.place(["file"])
        )

    def _quantize(self) -> Quantize:
        tree = self.tree.child("quantize") or self.tree
        default = _precision(self._doc(DefaultPrecisionDoc, "quantize", "default"), Precision())
        layers = {
            name: _precision(_try(PrecisionDoc, entry), default)
            for name, entry in self._entries("quantize", "layers")
        }
        calibrate = self._doc(FileDoc, "quantize", "calibrate")
        file = None
        if calibrate is not None:
            file = self._file(calibrate.file, _DATA_FILES, "quantize", "calibrate", "file")
        doc = _try(QuantizeDoc, tree) or QuantizeDoc()
        return Quantize(default, layers, file, tree.mark, doc.rounding, doc.equalize, doc.rotate)

    def _accelerator(self) -> Accelerator:
        tree = self.tree.child("accelerator") or self.tree
        doc = _try(AcceleratorDoc, tree)
        if doc is None:
            schedule, budget, clock = "sequential", BudgetDoc(multipliers=1), 50.0
            folds, external, multiplier, family = {}, None, "auto", None
        else:
            schedule, budget, clock = doc.schedule, doc.budget, doc.clock_mhz
            external, multiplier, family = doc.memory, doc.multiplier, doc.family
            folds = {
                name: FoldSpec(
                    fold.rows,
                    fold.elements,
                    fold.outputs,
                    self.tree.place(["accelerator", "folding", name]),
                    fold.groups,
                    fold.positions,
                )
                for name, fold in doc.folding.items()
            }
        limits = Budget(budget.multipliers, budget.onchip_kib)
        memory = None
        if external is not None:
            memory = Memory(external.port_bits, external.latency, external.kib)
        return Accelerator(
            *(schedule, limits, folds, float(clock), tree.mark, memory),
            multiplier=multiplier,
            family=family,
        )

    def _verify(self) -> Verify:
        doc = self._doc(VerifyDoc, "verify") or VerifyDoc()
        labels = None
        if doc.labels is not None:
            labels = self._file(doc.labels, _DATA_FILES, "verify", "labels")
        return Verify(doc.vectors, doc.seed, labels)

    def _stream(self) -> Stream | None:
        doc = self._doc(StreamDoc, "stream")
        if doc is None:
            return None
        if doc.chunk is not None:
            return Stream(doc.chunk, self.tree.place(["stream", "chunk"]))
        assert doc.hop is not None
        assert doc.window is not None
        windows = Windows(doc.window, doc.padding, self.tree.place(["stream", "window"]))
        return Stream(doc.hop, self.tree.place(["stream", "hop"]), windows)

    def _rotates(self) -> bool:
        rotate = (self.tree.child("quantize") or self.tree).child("rotate")
        return rotate is not None and rotate.value == "online"

    def _wiring(self) -> Wiring:
        layers, blocks = [], []
        outputs = self._items("model", "outputs")
        understood = bool(outputs) and len(_references(outputs)) == len(outputs)
        for tree in self._items("model", "layers"):
            name, reads = tree.child("name"), tree.child("in")
            used = (
                [] if reads is None else reads.value if isinstance(reads.value, list) else [reads]
            )
            names = _references(used)
            understood &= reads is None or 0 < len(names) == len(used)
            if name is not None:
                labels = _references([name])
                layers += [(label, names) for label in labels]
                op = tree.child("op")
                if op is not None and op.value in block_names():
                    blocks += [label.name for label in labels]
        return Wiring(
            inputs=self._keys("model", "inputs"),
            layers=layers,
            outputs=_references(outputs),
            precisions=self._keys("quantize", "layers"),
            foldings=self._keys("accelerator", "folding"),
            blocks=blocks,
            uses_known=understood,
            rotates=self._rotates(),
        )

    # -- access -------------------------------------------------------------------------------

    def _doc(self, model: type[M], *path: str) -> M | None:
        """Return the section as its model, or None if it is absent or wrong."""
        tree = self.tree.get(*path)
        return None if tree is None else _try(model, tree)

    def _file(self, name: str, suffixes: tuple[str, ...], *path: str) -> Path | None:
        mark = self.tree.place(path)
        file, diagnostics = resolve(
            name, self.folder, mark, suffixes=suffixes, allow_path=self.allow_path
        )
        self.diagnostics += diagnostics
        return file

    def _value(self, *path: str) -> Any:
        tree = self.tree.get(*path)
        return None if tree is None else tree.value

    def _items(self, *path: str) -> list[Tree]:
        value = self._value(*path)
        return value if isinstance(value, list) else []

    def _entries(self, *path: str) -> list[tuple[str, Tree]]:
        value = self._value(*path)
        return list(value.items()) if isinstance(value, dict) else []

    def _keys(self, *path: str) -> list[Reference]:
        tree = self.tree.get(*path)
        if tree is None or not isinstance(tree.value, dict):
            return []
        return [Reference(key, tree.keys[key]) for key in tree.value]


def _references(trees: list[Tree]) -> list[Reference]:
    return [
        Reference(tree.value, tree.mark)
        for tree in trees
        if isinstance(tree.value, str) and not isinstance(tree.value, Ambiguous)
    ]


def _precision(doc: DefaultPrecisionDoc | PrecisionDoc | None, default: Precision) -> Precision:
    """Return widths in bits; what ``doc`` leaves open is the default's."""
    if doc is None:
        return default
    return Precision(
        weights=int(doc.weights[3:]) if doc.weights else default.weights,
        activations=int(doc.activations[3:]) if doc.activations else default.activations,
        symmetric=default.symmetric if doc.symmetric is None else doc.symmetric,
        narrow=default.narrow if doc.narrow is None else doc.narrow,
        range=doc.range or default.range,
        mixed=_mixed(doc.mixed, default.mixed),
        accumulator=(
            Accumulator(doc.accumulator.bits, doc.accumulator.overflow)
            if doc.accumulator
            else default.accumulator
        ),
    )


def _mixed(doc: MixedDoc | bool | None, default: Mixed | None) -> Mixed | None:
    if isinstance(doc, MixedDoc):
        return Mixed(doc.channels, float(doc.loss))
    return default if doc is None else None


def _try(model: type[M], tree: Tree) -> M | None:
    """Return the section as its model, or None: the whole document's check says why."""
    try:
        return model.model_validate(tree.data())
    except ValidationError:
        return None
