"""A package imports only what stands to its left in docs/architecture.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hwgen"


def documented_order():
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = re.search(r"```\n(errors .*?)```", text, re.DOTALL)[1]
    groups = block.replace("\n", " ").split("<")
    return {name: level for level, group in enumerate(groups) for name in group.split()}


def layer_of(module, order):
    """The layer of ``hwgen.x.y``, or of the package itself, which only looks verbs up."""
    parts = module.split(".")
    return order[parts[1]] if len(parts) > 1 else -1


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "hwgen":
                yield from (f"hwgen.{alias.name}" for alias in node.names)
            else:
                yield node.module


def modules():
    return list(_modules())


def _modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.name not in ("__main__.py",) and relative.as_posix() != "__init__.py":
            yield pytest.param(path, id=relative.as_posix())


def violations(path, order):
    own = order[path.relative_to(PACKAGE).with_suffix("").parts[0]]
    for module in imports(path):
        if module.startswith("hwgen") and layer_of(module, order) > own:
            yield module


@pytest.mark.parametrize("path", modules())
def test_imports_only_to_the_left(path):
    assert list(violations(path, documented_order())) == []


def test_every_package_is_in_the_documented_order():
    entries = [path for path in PACKAGE.iterdir() if not path.name.startswith("_")]
    there = {path.stem for path in entries if path.is_dir() or path.suffix == ".py"}
    assert there == set(documented_order())


def test_a_wrong_import_is_found(tmp_path, monkeypatch):
    planted = PACKAGE / "graph" / "planted.py"
    source = "def f():\n    from hwgen.board import load\n    import hwgen.cli\n"
    monkeypatch.setattr(Path, "read_text", lambda self, *_, **__: source)

    assert [*violations(planted, {"graph": 1, "board": 5, "cli": 9})] == [
        "hwgen.board",
        "hwgen.cli",
    ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "rtl_templates").rglob("*.py")), ids=lambda p: p.stem
)
def test_templates_know_nothing_of_the_compiler(path):
    assert [name for name in imports(path) if name.split(".")[0] == "hwgen"] == []
