"""Load a spec with all that can be wrong with it, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hwgen.board.load import board_names, load_board
from hwgen.errors import HwgenError, SpecError
from hwgen.flow.front import Front
from hwgen.graph import check_model
from hwgen.quant.samples import load_samples
from hwgen.spec import load_spec
from hwgen.spec.model import Spec
from hwgen.spec.names import nearest

__all__ = ["all_mistakes", "load"]


def load(path: Path, *, allow_path: bool = False) -> Spec:
    """Return the spec of a file.

    Raises
    ------
    SpecError
        With every mistake in the file, its layers and its board.
    """
    try:
        spec = load_spec(path, allow_path=allow_path)
    except SpecError:
        check_model(path, allow_path=allow_path)  # finds more, and raises
        raise
    names = board_names()
    if spec.board is not None and spec.board not in names:
        hint = f"{nearest(spec.board, names)}boards: {', '.join(names)}"
        where = spec.marks.get("board")
        with all_mistakes(spec):
            raise SpecError("HG820", f"no board {spec.board!r}", where=where, hint=hint)
    return _for_board(spec)


def _for_board(spec: Spec) -> Spec:
    """Return a spec whose accelerator knows the family of its board, and the multipliers there.

    Raises
    ------
    SpecError
        HG481, if the spec names another family.
    """
    if spec.board is None:
        return spec
    board, asked = load_board(spec.board), spec.accelerator.family
    if asked not in (None, board.family):
        with all_mistakes(spec):
            raise SpecError(
                "HG481",
                f"family: {asked}, but the {board.name} has one of the family {board.family}",
                where=spec.marks.get("accelerator.family"),
                hint=f"family: {board.family}, or leave it out; without board it can be any",
            )
    parts = board.resources.multipliers
    accelerator = replace(spec.accelerator, family=board.family, parts=parts)
    return replace(spec, accelerator=accelerator)


@contextmanager
def all_mistakes(spec: Spec) -> Iterator[None]:
    """Join an error of the block with what else is wrong with the spec's data and budget.

    Raises
    ------
    SpecError
        If something else is wrong, too; otherwise the error of the block itself.
    """
    try:
        yield
    except HwgenError as error:
        found = list(error.diagnostics)
        for attempt in _attempts(spec):
            try:
                attempt()
            except HwgenError as other:
                found += [item for item in other.diagnostics if item not in found]
        if len(found) == len(error.diagnostics):
            raise
        raise SpecError.of(found) from error


def _attempts(spec: Spec) -> Iterator[Callable[[], object]]:
    """Give what can fail independently: the data files, and a plan that needs none of them."""
    shapes = {item.name: item.shape for item in spec.inputs}
    calibrate, labels = spec.quantize.calibrate, spec.verify.labels
    if calibrate is not None:
        where = spec.marks.get("quantize.calibrate.file")
        yield lambda: load_samples(calibrate, shapes, where)
    if labels is not None:
        where_labels = spec.marks.get("verify.labels")
        yield lambda: load_samples(labels, shapes, where_labels, labelled=True)
    front = Front(replace(spec, quantize=spec.quantize.without_data()))
    yield lambda: front.plan
