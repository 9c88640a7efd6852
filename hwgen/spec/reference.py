"""``docs/spec.md``: the spec's keys, made from the schema (``python -m hwgen.spec.reference``)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from hwgen.ops.base import Op
from hwgen.ops.block import Block
from hwgen.ops.registry import block_names, get_block, get_op, op_names
from hwgen.spec.document import LayerDoc
from hwgen.spec.limits import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, MAX_NAME, MAX_NODES
from hwgen.spec.schema import json_schema
from hwgen.spec.starters import starter_text

__all__ = ["reference"]

_INTRODUCTION = f"""\
# The spec

<!-- Made by `python -m hwgen.spec.reference > docs/spec.md`. -->

A spec is one YAML file. `hwgen init` writes a commented one, `hwgen check` finds every mistake in
it, and `hwgen schema` prints a JSON Schema for editors. Nothing is ignored: an unknown key, a value
of another type, or a name that refers to nothing is an error with its line and column
([errors.md](errors.md) lists them).

- Names are a lower-case letter, then lower-case letters, digits and underscores, at most {MAX_NAME}
  characters, and no reserved word of Verilog or C++.
- Files are given relative to the spec's folder and must lie inside it, unless `--allow-path` is
  passed.
- Scalars that YAML 1.1 and 1.2 read differently (`no`, `010`, `1e3`, `1:30`) are refused; so are
  tags and merge keys. A key has a value or is absent: there is no `null`.
- Limits: {MAX_BYTES} bytes, {MAX_DEPTH} levels, {MAX_NODES} keys and values with aliases expanded,
  {MAX_ELEMENTS} elements of a tensor, and as many weights in all.
- Layers may stand in any order. Every input and every layer must be read by another layer or be an
  output.
- A `relu` layer is merged into the convolution, `linear` or `add` layer before it if nothing else
  reads that one; the result has the relu's name. A `flatten` of an image that only `linear` layers
  read disappears. Layers with an entry of their own in `quantize.layers` or
  `accelerator.folding` are not merged into the next one.

An example:

"""

_WEIGHTS = """\
A weights file holds floating-point arrays (float16, float32, float64; bfloat16 in .safetensors)
named `<layer>.weight` and `<layer>.bias`, all finite, none missing and none left over:

| op | weight |
|---|---|
| `conv1d` | (output channels, input features / groups, kernel) |
| `conv2d` | (output channels, input channels / groups, kernel height, kernel width) |
| `conv_phase2d` | (input channels, output channels / groups, kernel rows, kernel columns) |
| `conv_transpose1d` | (input features, output channels / groups, kernel) |
| `linear` | (output features, input features); of an image: all, in the order of its shape |
| `layer_norm`, `rms_norm` | (features,) |
| `embedding` | (vocabulary, features); `<layer>.position` is (positions, features) |

A bias has one value per output channel or feature. [Blocks](#blocks) have layers of their own.

"""

_BLOCKS = """## Blocks

A block is one layer of the spec that stands for several; the compiler expands it, and everything
after that (plan, reports, traces) shows its layers. The layers of a block `enc` are named
`enc_<part>`; with `repeat: 6` they are `enc_0_<part>` to `enc_5_<part>`. The layer with the block's
result is called `enc`, so that other layers and `outputs` can name it.

- Arrays of the weights file have the names of the parts: `enc_0_query.weight`, and also
  `enc_5_norm2.weight`, if that is the part with the result.
- In `quantize.layers`, a part (`enc_5_norm2`), one repetition (`enc_5`) or the whole block (`enc`)
  can have an entry; for each layer the narrowest one counts.
- Other layers cannot read the parts of a block, only its result.

"""


def reference() -> str:
    """Return the text of ``docs/spec.md``."""
    schema = json_schema()
    definitions = schema["$defs"]
    parts = [_INTRODUCTION, f"```yaml\n{starter_text('cnn')}```\n\n"]
    parts += ["## Keys of the file\n\n", *_table(schema, definitions)]
    for key in ("model", "weights", "quantize", "accelerator", "verify"):
        parts += _section(key, _resolve(schema["properties"][key], definitions), definitions)
        if key == "model":
            parts += ["## `model.layers`\n\n", *_table(LayerDoc.model_json_schema(), {})]
        if key == "weights":
            parts.append(_WEIGHTS)
    parts.append("## Ops\n\nKeys of a layer besides `name`, `op` and `in`.\n\n")
    for name in op_names():
        parts += _op(get_op(name), definitions)
    parts.append(_BLOCKS)
    for name in block_names():
        block = get_block(name)
        parts += _op(block, definitions)
        parts.append(f"{block.naming}\n\n")
    return "".join(parts).rstrip() + "\n"


def _section(path: str, schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    """Yield a heading and a table for an object of the schema and for every object in it."""
    yield f"## `{path}`\n\n{schema.get('description', '')}\n\n"
    yield from _table(schema, definitions)
    for key, value in schema["properties"].items():
        inner = _resolve(value, definitions)
        if "properties" in inner:
            yield from _section(f"{path}.{key}", inner, definitions)
        entries = _entries(inner, definitions)
        if entries:
            yield from _section(f"{path}.{key}.<name>", entries, definitions)


def _op(op: Op | Block, definitions: dict[str, Any]) -> Iterator[str]:
    name = op.name
    least, most = op.arity
    count = (
        f"{least}" if least == most else f"{least} or more" if most is None else f"{least}-{most}"
    )
    yield f"### `{name}`\n\n`{name}`: {_text(op.summary)}. Inputs: {count}.\n\n"
    yield f"```yaml\n- {op.example}\n```\n\n"
    schema = definitions[f"Layer_{name}"]
    own: dict[str, Any] = {}
    for key, value in schema["properties"].items():
        if key not in ("name", "op", "in"):
            inner = _resolve(value, definitions).get("properties", {})
            own |= {key: value} | {f"{key}.{more}": item for more, item in inner.items()}
    if own:
        yield from _table({**schema, "properties": own}, definitions)


def _table(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    for key, value in schema["properties"].items():
        inner = _resolve(value, definitions)
        default = "required" if key in schema.get("required", ()) else _default(value)
        meaning = _text(value.get("description") or inner.get("description", ""))
        yield f"| `{key}` | {_kind(inner, definitions)} | {default} | {meaning} |\n"
    yield "\n"


def _text(description: str) -> str:
    """Return a description as Markdown, in one line."""
    return " ".join(description.split()).replace("<", "\\<")


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if default is None or default == {} or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default).strip(chr(34))}`"


def _kind(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return the legal values in words."""
    schema = _resolve(schema, definitions)
    if "anyOf" in schema:
        return ", or ".join(dict.fromkeys(_kind(item, definitions) for item in schema["anyOf"]))
    if "const" in schema:
        return f"`{json.dumps(schema['const']).strip(chr(34))}`"
    if "enum" in schema:
        values = [f"`{value}`" for value in schema["enum"]]
        return ", ".join(values) if len(values) < 6 else f"{values[0]} to {values[-1]}"
    match schema.get("type"):
        case "object":
            return "mapping"
        case "array":
            inner = _kind(schema["items"], definitions)
            return f"[{inner}, ...]"
        case "integer" | "number" as kind:
            return _bounded(kind, schema)
        case str(kind):
            return {"boolean": "`true` or `false`"}.get(kind, kind)
    return "layer"


def _bounded(kind: str, schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None or high is None:
        return f"{kind} from {low}" if low is not None else kind
    if "exclusiveMaximum" in schema:
        high -= 1
    return f"{kind}, {low} to {high}"


def _entries(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the values of a mapping by name look like, or None if it is no such mapping."""
    values = list(schema.get("patternProperties", {}).values()) or [
        schema.get("additionalProperties")
    ]
    inner = _resolve(values[0], definitions) if isinstance(values[0], dict) else {}
    return inner if "properties" in inner else None


def _resolve(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = definitions[schema["$ref"].removeprefix("#/$defs/")]
    return found


if __name__ == "__main__":
    sys.stdout.write(reference())
