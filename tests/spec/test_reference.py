from pathlib import Path

from hwgen.ops.registry import block_names, op_names
from hwgen.spec.reference import reference

COMMITTED = Path(__file__).resolve().parents[2] / "docs/spec.md"


def test_the_committed_reference_is_current():
    assert COMMITTED.read_text(encoding="utf-8") == reference(), (
        "run: python -m hwgen.spec.reference > docs/spec.md"
    )


def test_every_op_has_a_section():
    for name in (*op_names(), *block_names()):
        assert f"\n### `{name}`\n" in reference()
