"""Allowed values of a configuration key, described from its declared type."""

import re
from typing import Any

from msgspec import inspect

from quotelife.config.sections import Config

BY_LOAD = ("file", "session_numbers")  # of the whole, not keys of the file
STEP = re.compile(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def type_at(where: str, root: Any = Config) -> inspect.Type | None:
    """The declared type of the key at `where` (`client[0].tier`) of `root`; None if there is no such key."""
    kind: inspect.Type | None = inspect.type_info(root)
    for name, index in STEP.findall(where):
        kind = _inside(kind, name) if name else _item(kind, index)
        if kind is None:
            return None
    return kind


def keys_at(where: str, root: Any = Config) -> list[str]:
    """The keys allowed in the table at `where`; empty if it is not a table."""
    kind = _bare(type_at(where, root))
    if not isinstance(kind, inspect.StructType):
        return []
    return [f.encode_name for f in kind.fields if not (where == "" and f.name in BY_LOAD)]


def describe(kind: inspect.Type | None) -> str:
    """Description of the allowed values of a type: "an integer from 0 to 65535", "one of calm, active"."""
    if isinstance(kind, inspect.Metadata) and kind.extra and "words" in kind.extra:
        return str(kind.extra["words"])
    if isinstance(kind, inspect.UnionType):
        return " or ".join(describe(t) for t in kind.types if not isinstance(t, inspect.NoneType))
    kind = _bare(kind)
    match kind:
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(str(v) for v in values)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "an integer" + _bounds(kind)
        case inspect.FloatType():
            return "a number" + _bounds(kind)
        case inspect.StrType():
            return "text" + _text(kind)
        case inspect.ListType():
            least = f"at least {kind.min_length} of " if kind.min_length else ""
            return f"a list of {least}({describe(kind.item_type)})"
        case inspect.TupleType(item_types=items):
            return "a list of " + " and ".join(describe(i) for i in items)
        case inspect.DictType():
            return f"a table whose values are {describe(kind.value_type)}"
        case inspect.StructType():
            return "a table of " + ", ".join(f.encode_name for f in kind.fields)
    raise TypeError(f"no words for {kind}")


def _bare(kind: inspect.Type | None) -> inspect.Type | None:
    """Without `| None`, which in TOML is the absence of the key, and without metadata."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return _bare(next(t for t in kind.types if not isinstance(t, inspect.NoneType)))
    return kind


def _alternatives(kind: inspect.Type | None) -> list[inspect.Type | None]:
    """The types that a value may have, each without metadata."""
    if isinstance(kind, inspect.Metadata):
        return _alternatives(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [one for t in kind.types for one in _alternatives(t)]
    return [kind]


def _inside(kind: inspect.Type | None, name: str) -> inspect.Type | None:
    for one in _alternatives(kind):
        if isinstance(one, inspect.StructType):
            return next((f.type for f in one.fields if f.encode_name == name), None)
        if isinstance(one, inspect.DictType):
            return one.value_type
    return None


def _item(kind: inspect.Type | None, index: str) -> inspect.Type | None:
    for one in _alternatives(kind):
        if isinstance(one, inspect.ListType):
            return one.item_type
        if isinstance(one, inspect.DictType):
            return one.value_type  # msgspec does not name the key
        if isinstance(one, inspect.TupleType) and index.isdigit() and int(index) < len(one.item_types):
            return one.item_types[int(index)]
    return None


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    low = f"above {_number(kind.gt)}" if kind.gt is not None else None
    if kind.ge is not None:
        low = f"at least {_number(kind.ge)}"
    high = f"below {_number(kind.lt)}" if kind.lt is not None else None
    if kind.le is not None:
        high = f"at most {_number(kind.le)}"
    if kind.ge is not None and kind.le is not None:
        return f" from {_number(kind.ge)} to {_number(kind.le)}"
    parts = [p for p in (low, high) if p]
    return " " + " and ".join(parts) if parts else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _text(kind: inspect.StrType) -> str:
    if kind.pattern is not None:
        return f" that matches {kind.pattern}"
    if kind.min_length is not None and kind.max_length is not None:
        return f" of {kind.min_length} to {kind.max_length} characters"
    return ""


def value_at(raw: Any, where: str, absent: object) -> object:
    """The value at `where` in the parsed file, or `absent`."""
    for name, index in STEP.findall(where):
        try:
            raw = raw[name] if name else raw[int(index)]
        except (KeyError, IndexError, TypeError, ValueError):
            return absent
    return raw
