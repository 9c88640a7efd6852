"""YAML text to a tree of plain values that knows the place of every key and value.

Built from parser events, not by a YAML constructor: no tag is ever acted upon, nesting and
alias expansion are bounded while reading, and a scalar that readers of YAML 1.1 and 1.2
understand differently is refused instead of guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.reader import Reader

from hwgen.errors import Diagnostic, Mark
from hwgen.spec.limits import MAX_DEPTH, MAX_NODES
from hwgen.spec.names import quoted

__all__ = ["Ambiguous", "Tree", "compose"]

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_OTHER_BOOL = re.compile(r"(?i:yes|no|on|off)")
_OTHER_NUMBER = re.compile(
    r"[-+]?("
    r"0[0-9_]+|0b[01_]+|0[xX][0-9a-fA-F_]+|0o[0-7]+"  # octal, binary, hexadecimal
    r"|[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?"  # 1_000
    r"|[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"  # 1:30, base sixty
    r"|([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+"  # 1e3, a string in YAML 1.1
    r")"
)
_MAX_DIGITS = 20


@dataclass(frozen=True)
class Tree:
    """A YAML value: a scalar, a list of trees or a mapping of trees by key.

    Parameters
    ----------
    value
        bool, int, float, str, list of trees, or dict of trees.
    mark
        Where the value starts.
    keys
        Where each key of a mapping stands.
    size
        Values in it, itself and every key included.
    height
        Levels below it.
    """

    value: Any
    mark: Mark
    keys: Mapping[str, Mark] = field(default_factory=dict)
    size: int = 1
    height: int = 0

    def data(self) -> Any:
        """Return the plain Python value."""
        if isinstance(self.value, dict):
            return {key: tree.data() for key, tree in self.value.items()}
        if isinstance(self.value, list):
            return [tree.data() for tree in self.value]
        return self.value

    def get(self, *path: str | int) -> Tree | None:
        """Return the tree at a path of keys and indices, or None if there is none."""
        tree = self
        for step in path:
            inner = tree.child(step)
            if inner is None:
                return None
            tree = inner
        return tree

    def child(self, step: str | int) -> Tree | None:
        """Return the tree under one key or index, or None."""
        if isinstance(self.value, dict):
            found = self.value.get(step)
            return found if isinstance(found, Tree) else None
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            item: Tree = self.value[step]
            return item
        return None

    def place(self, path: Sequence[str | int], *, key: bool = False) -> Mark:
        """Return the place of the value at ``path`` (or of its key), or of the nearest parent."""
        tree = self
        mark = self.mark
        for step in path:
            inner = tree.child(step)
            if inner is None:
                break
            mark = tree.keys.get(str(step), inner.mark) if key else inner.mark
            tree = inner
        return mark

    def marks(self, prefix: str = "") -> dict[str, Mark]:
        """Return the places of all values below, by dotted path; ``path:`` is a key's place."""
        found: dict[str, Mark] = {}
        if isinstance(self.value, dict):
            for key, tree in self.value.items():
                found[f"{prefix}{key}"] = tree.mark
                found[f"{prefix}{key}:"] = self.keys[key]
                found |= tree.marks(f"{prefix}{key}.")
        elif isinstance(self.value, list):
            for index, tree in enumerate(self.value):
                found[f"{prefix}{index}"] = tree.mark
                found |= tree.marks(f"{prefix}{index}.")
        return found


class Ambiguous(str):
    """A value that has been reported; no later check may complain about it again."""


class _Refused(Exception):
    """The text is beyond what the reader accepts; reading stops."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass
class _Frame:
    """A list or mapping that is being read."""

    mark: Mark
    anchor: str | None
    mapping: bool
    items: list[Tree] = field(default_factory=list)
    entries: dict[str, Tree] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    key: Tree | None = None
    size: int = 1
    height: int = 0
    refused: bool = False

    def tree(self) -> Tree:
        value: Any = self.entries if self.mapping else self.items
        if self.refused:
            value = Ambiguous()
        return Tree(value, self.mark, self.keys, self.size, self.height)


def compose(text: str, file: str) -> tuple[Tree | None, list[Diagnostic]]:
    """Return the tree of a YAML text and every mistake in it.

    Parameters
    ----------
    text
        The whole file.
    file
        Its name, for the marks.

    Returns
    -------
    tree
        None if the text cannot be read at all; else without the offending keys.
    diagnostics
        HG102 (a limit), HG103 (a control character), HG104 (syntax), HG105 (a key twice),
        HG106 (a YAML feature that specs do not use), HG107 (an ambiguous scalar),
        HG112 (a key that is not a string, or no value).
    """
    bad = Reader.NON_PRINTABLE.search(text)
    if bad:
        before = text[: bad.start()]
        mark = Mark(file, before.count("\n") + 1, bad.start() - (before.rfind("\n") + 1) + 1)
        return None, [
            Diagnostic("HG103", f"control character {bad.group()!r}", mark, "a spec is plain text")
        ]
    reader = _Reader(file)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            reader.take(event)
    except _Refused as stop:
        return None, [*reader.diagnostics, stop.diagnostic]
    except yaml.MarkedYAMLError as error:
        return None, [*reader.diagnostics, _syntax(error, text, file)]
    except yaml.YAMLError as error:
        return None, [Diagnostic("HG104", f"not YAML: {error}", Mark(file, 1, 1))]
    return reader.root, reader.diagnostics


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic:
    at = error.problem_mark or error.context_mark
    mark = Mark(file, at.line + 1, at.column + 1) if at else Mark(file, 1, 1)
    hint = "check brackets, quotes, colons and the indentation"
    if at and "".join(text.split("\n")[at.line : at.line + 1])[at.column : at.column + 1] == "\t":
        hint = "YAML is indented with spaces, not tabs"
    elif error.context:
        hint = f"it was found {error.context}; {hint}"
    return Diagnostic("HG104", f"not YAML: {error.problem}", mark, hint)


class _Reader:
    """Turns events into a tree, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Tree | None = None
        self.diagnostics: list[Diagnostic] = []
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Tree] = {}
        self._nodes = 0

    def take(self, event: Any) -> None:
        mark = Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.DocumentStartEvent):
            if self.root is not None:
                self._stop("HG106", "a second YAML document", mark, "a spec is one document")
            return
        if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
            self._count(1, mark)
            if event.tag is not None:
                self._report(
                    "HG106", f"YAML tag {quoted(event.tag)}", mark, "specs use no tags; delete it"
                )
        if isinstance(event, yaml.CollectionStartEvent):
            self._deepen(0, mark)
            mapping = isinstance(event, yaml.MappingStartEvent)
            refused = event.tag is not None
            self._stack.append(_Frame(mark, event.anchor, mapping, refused=refused))
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = self._stack.pop()
            self._finish(frame.tree(), frame.anchor)
        elif isinstance(event, yaml.ScalarEvent):
            self._finish(Tree(self._scalar(event, mark), mark), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, mark)

    def _alias(self, name: str | None, mark: Mark) -> None:
        tree = self._anchors.get(name or "")
        if tree is None:
            self._stop("HG104", f"alias *{name} to nothing", mark, f"write &{name} before it")
            return
        self._count(tree.size, mark)
        self._deepen(tree.height, mark)
        self._finish(tree, None)

    def _count(self, nodes: int, mark: Mark) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            hint = f"a spec has at most {MAX_NODES} keys and values, aliases expanded"
            self._stop("HG102", f"more than {MAX_NODES} keys and values", mark, hint)

    def _deepen(self, height: int, mark: Mark) -> None:
        if len(self._stack) + height >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            self._stop("HG102", message, mark, "a spec needs six levels")

    def _finish(self, tree: Tree, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = tree
        if not self._stack:
            self.root = tree
            return
        frame = self._stack[-1]
        frame.size += tree.size
        frame.height = max(frame.height, tree.height + 1)
        if not frame.mapping:
            frame.items.append(tree)
        elif frame.key is None:
            frame.key = tree
        else:
            self._entry(frame, frame.key, tree)
            frame.key = None

    def _entry(self, frame: _Frame, key: Tree, tree: Tree) -> None:
        name, mark = key.value, key.mark
        if not isinstance(name, str):
            if not isinstance(name, Ambiguous):
                hint = "a key is a name of the spec; quote it if it is meant as text"
                self._report("HG112", "a key must be a string", mark, hint)
        elif name == "<<":
            self._report("HG106", "YAML merge key '<<'", mark, "write the keys out")
        elif name in frame.entries:
            hint = f"the first one is in line {frame.keys[name].line}; delete one"
            self._report("HG105", f"key {quoted(name)} is there twice", mark, hint)
        else:
            frame.entries[name] = tree
            frame.keys[name] = mark

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Any:
        text = event.value
        if event.tag is not None:
            return Ambiguous(text)
        if event.style:
            return text
        if text in _NULL:
            self._report("HG112", "no value", mark, "give it a value, or delete the key")
            return Ambiguous(text)
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _INT.fullmatch(text) and len(text) <= _MAX_DIGITS:
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        hint = ""
        if _OTHER_BOOL.fullmatch(text):
            hint = f"write true or false, or '{text}' in quotes if it is a name"
        elif _INT.fullmatch(text):
            hint = f"a number has at most {_MAX_DIGITS} digits"
        elif _OTHER_NUMBER.fullmatch(text):
            hint = "write a plain decimal number such as 1000 or 0.5, or put it in quotes"
        if not hint:
            return text
        self._report("HG107", f"YAML readers disagree about {quoted(text)}", mark, hint)
        return Ambiguous(text)

    def _report(self, code: str, message: str, mark: Mark, hint: str) -> None:
        self.diagnostics.append(Diagnostic(code, message, mark, hint))

    def _stop(self, code: str, message: str, mark: Mark, hint: str) -> None:
        raise _Refused(Diagnostic(code, message, mark, hint))
