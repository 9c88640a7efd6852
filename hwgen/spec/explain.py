"""Pydantic's errors as diagnostics in the words and places of the spec."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from hwgen.errors import Diagnostic, Mark
from hwgen.spec.names import listing, nearest, quoted
from hwgen.spec.tree import Ambiguous

__all__ = ["Place", "explain", "legal_keys", "show"]

Place = Callable[[Sequence[str | int], bool], Mark]
"""Place of the value at a path, or (true) of its key."""

_WANTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_from_float": "an integer",
    "int_type": "an integer",
    "list_type": "a list",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "a string",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
}
_ABOUT_KEYS = ("missing", "extra_forbidden")
_NO_MEMBER = "no_member"
_STRANGER = frozenset((*_WANTED, "literal_error"))
_MOST = 40


def show(value: Any) -> str:
    """Return a value as it would stand in YAML, shortened."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, list):
        text = f"[{', '.join(map(show, value[:_MOST]))}]"
    elif isinstance(value, dict):
        text = f"{{{', '.join(f'{listing([key])}: {show(item)}' for key, item in value.items())}}}"
    else:
        text = repr(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


def legal_keys(model: type[BaseModel]) -> list[str]:
    """Return the keys of a model as the spec spells them."""
    return [info.alias or name for name, info in model.model_fields.items()]


def explain(
    error: ValidationError,
    model: type[BaseModel],
    place: Place,
    *,
    subject: str = "",
    more_keys: Sequence[str] = (),
) -> list[Diagnostic]:
    """Return one diagnostic per mistake.

    Parameters
    ----------
    error
        What validating ``model`` raised.
    place
        Where a path of it stands in the file.
    subject
        What the paths are relative to (``layer 'conv1'``), or empty for the file.
    more_keys
        Further legal keys of ``model`` that are checked elsewhere.

    Returns
    -------
    list of Diagnostic
        HG110 (unknown key), HG111 (missing key), HG112 (type), HG113 (value), or the code that
        a validator of the model chose.  The alternatives of a union give one diagnostic.
    """
    found: dict[tuple[str | int, ...], Diagnostic] = {}
    for item in _without_strangers(error, model):
        kind, at = item["type"], _follow(model, item["loc"])
        at = replace(at, path=item.get("path", at.path))
        if isinstance(item["input"], Ambiguous) and kind not in _ABOUT_KEYS:
            continue
        name = _dotted(at.path[:-1] if kind in _ABOUT_KEYS else at.path, subject)
        where = place(at.path, kind == "extra_forbidden" or item["loc"][-1] == "[key]")
        if kind == _NO_MEMBER:
            message = f"{name}must not be {show(item['input'])}"
            found[at.path] = Diagnostic("HG113", message, where, at.describe())
            continue
        more = more_keys if at.owner is model else ()
        code, message, hint = _words(item, at, more)
        found[at.path] = Diagnostic(code, f"{name}{message}", where, hint)
    return list(found.values())


def _without_strangers(error: ValidationError, model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return the errors without those of union members that the value was not meant to be.

    Where the value has the type of one member only, that member's errors remain; else one
    error of the kind ``_NO_MEMBER`` stands for all.
    """
    kept: list[dict[str, Any]] = []
    unions: dict[tuple[str | int, ...], dict[str | int, list[dict[str, Any]]]] = {}
    for details in error.errors(include_url=False):
        item: dict[str, Any] = {**details}
        at = _follow(model, item["loc"])
        if at.union:
            member = item["loc"][len(at.path)]
            unions.setdefault(at.path, {}).setdefault(member, []).append(item)
        else:
            kept.append(item)
    for path, members in unions.items():
        depth = len(path) + 1
        meant = [
            items
            for items in members.values()
            if not any(len(i["loc"]) == depth and i["type"] in _STRANGER for i in items)
        ]
        if len(meant) == 1:
            kept += [{**i, "path": (*path, *i["loc"][depth:])} for i in meant[0]]
        else:
            every = [item for items in members.values() for item in items]
            nearest_root = min(every, key=lambda item: len(item["loc"]))
            kept.append({"type": _NO_MEMBER, "loc": path, "input": nearest_root["input"]})
    return kept


@dataclass(frozen=True)
class _Field:
    """What an error is about: its path, the model that has the key, and the key's field."""

    path: tuple[str | int, ...]
    owner: type[BaseModel]
    info: FieldInfo | None
    union: bool

    def describe(self) -> str:
        """Return the field's description with an example."""
        if self.info is None or not self.info.description:
            return ""
        text = " ".join(self.info.description.split()).rstrip(".")
        examples = self.info.examples or ()
        return f"{text}; for example {show(examples[0])}" if examples else text


def _follow(model: type[BaseModel], loc: Sequence[str | int]) -> _Field:
    """Return the field of an error: ``loc`` without the names of union members."""
    path: list[str | int] = []
    info: FieldInfo | None = None
    owner = model
    current: Any = model
    for step in loc:
        origin = get_origin(current)
        if step == "[key]":
            break
        if isinstance(current, type) and issubclass(current, BaseModel):
            fields = {field.alias or name: field for name, field in current.model_fields.items()}
            owner, info = current, fields.get(str(step))
            current = _bare(info.annotation) if info else None
        elif origin is dict:
            current = _bare(get_args(current)[1])
        elif origin is list:
            current = _bare(get_args(current)[0])
        elif origin in (Union, types.UnionType):
            return _Field(tuple(path), owner, info, union=True)
        else:
            break
        path.append(step)
    return _Field(tuple(path), owner, info, union=False)


def _bare(annotation: Any) -> Any:
    """Return a type without ``Annotated`` and ``None``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [item for item in get_args(annotation) if item is not type(None)]
        if len(members) == 1:
            return _bare(members[0])
    return annotation


def _dotted(path: Sequence[str | int], subject: str) -> str:
    """Return ``model.layers[3].in``, after the subject, with a space behind."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{listing([step])}"
    text = text.removeprefix(".")
    parts = (f"{subject}:" if subject and text else subject, text)
    return "".join(f"{part} " for part in parts if part) or "the spec "


def _words(item: dict[str, Any], at: _Field, more_keys: Sequence[str]) -> tuple[str, str, str]:
    """Return code, message without its subject, and hint of one error."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    hint = at.describe()
    if kind == "missing":
        return "HG111", f"lacks the key {quoted(str(at.path[-1]))}", hint
    if kind == "extra_forbidden":
        keys = [*more_keys, *legal_keys(at.owner)]
        guess = nearest(str(at.path[-1]), keys)
        hint = f"{guess}legal keys: {', '.join(keys)}" if keys else "it has no keys"
        return "HG110", f"has an unknown key {quoted(str(at.path[-1]))}", hint
    if kind.startswith("HG"):
        return kind, f"{context['message']}: {show(value)}", context["hint"]
    if kind in _WANTED:
        return "HG112", f"must be {_WANTED[kind]}, not {show(value)}", hint
    if kind == "literal_error":
        legal = context["expected"].replace("'", "").replace(" or ", ", ")
        guess = nearest(str(value), legal.split(", "))
        return "HG113", f"must not be {show(value)}", f"{guess}legal: {legal}"
    if kind == "too_short" and context["min_length"] == 1:
        return "HG113", "must not be empty", hint
    if kind in _BOUNDS:
        return "HG113", f"{_BOUNDS[kind].format(**context)}, not {show(value)}", hint
    message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return "HG113", f"is {show(value)}: {message[:1].lower()}{message[1:]}", hint
