"""The spec as a JSON Schema, for editors: made from the classes that validate it."""

from __future__ import annotations

from typing import Any

from hwgen.ops.registry import block_names, get_block, get_op, op_names
from hwgen.spec.document import Document

__all__ = ["json_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec.

    A layer is one of as many forms as there are ops and blocks, told apart by ``op``.  What a
    schema cannot say (names that refer to each other, shapes that fit, files) ``hwgen check`` says.
    """
    schema = Document.model_json_schema()
    definitions = schema.pop("$defs")
    common = definitions.pop("LayerDoc")
    names = sorted((*op_names(), *block_names()))
    for name in names:
        definitions[f"Layer_{name}"] = _layer(name, common, definitions)
    forms = [{"$ref": f"#/$defs/Layer_{name}"} for name in names]
    definitions["ModelDoc"]["properties"]["layers"]["items"] = {"oneOf": forms}
    cleaned: dict[str, Any] = _clean({"$schema": _DIALECT, **schema, "$defs": definitions})
    return cleaned


def _layer(name: str, common: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one op's layer; what it refers to goes into ``definitions``."""
    op = get_block(name) if name in block_names() else get_op(name)
    own = op.Params.model_json_schema()
    definitions |= own.pop("$defs", {})
    least, most = op.arity
    inputs = dict(common["properties"]["in"])
    bounds = {"minItems": least} if most is None else {"minItems": least, "maxItems": most}
    names = {"type": "array", "items": {"type": "string"}, **bounds}
    inputs["anyOf"] = [{"type": "string"}, names] if least == 1 else [names]
    return {
        "type": "object",
        "description": op.summary,
        "properties": {
            "name": common["properties"]["name"],
            "op": {"const": name, "description": op.summary},
            "in": inputs,
            **own.get("properties", {}),
        },
        "required": [*common["required"], *own.get("required", [])],
        "additionalProperties": False,
    }


def _clean(value: Any, *, names: bool = False) -> Any:
    """Return a schema without pydantic's titles and nulls: a spec has no null.

    ``names`` is true inside an object whose keys are names, not words of JSON Schema.
    """
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if not isinstance(value, dict):
        return value
    if names:
        return {key: _clean(item) for key, item in value.items()}
    found = {
        key: _clean(item, names=key in ("properties", "$defs", "patternProperties"))
        for key, item in value.items()
        if key not in ("title", "default") or (key == "default" and item not in (None, ""))
    }
    if "anyOf" in found:
        members = [item for item in found["anyOf"] if item != {"type": "null"}]
        del found["anyOf"]
        found |= members[0] if len(members) == 1 else {"anyOf": members}
    # Pydantic writes dicts with checked keys as patternProperties, which lets other keys pass.
    if "patternProperties" in found:
        found["additionalProperties"] = False
    return found
