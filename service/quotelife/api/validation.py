"""Problems for malformed JSON bodies: the field, its value and what is allowed."""

import re
from http import HTTPStatus
from typing import Any

import msgspec

from quotelife.config.allowed import describe, keys_at, type_at, value_at
from quotelife.http.problems import Problem

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"(?P<what>unknown|missing required) field `(?P<name>[^`]+)`")
_ABSENT = object()
_MAX_SHOWN = 200  # characters of a value that is quoted in a problem


def malformed(body: bytes | msgspec.Raw | str, kind: Any, error: msgspec.DecodeError) -> Problem:
    """The problem of a body that cannot be decoded as `kind`."""
    if not isinstance(error, msgspec.ValidationError):
        return Problem(HTTPStatus.BAD_REQUEST, f"not JSON: {error}", "malformed")
    match = _AT.match(str(error))
    assert match is not None
    what, where = match["what"], match["path"] or ""
    members: dict[str, object] = {"field": where}
    named = _NAMED.search(what)
    if named is not None:
        members["field"] = f"{where}.{named['name']}".lstrip(".")
        if named["what"] == "unknown":
            members["allowed"] = keys_at(where, kind)
    if "allowed" not in members:
        members["allowed"] = _allowed(str(members["field"]), kind)
    value = _value(body, where) if named is None else _ABSENT
    if value is not _ABSENT:
        members["value"] = value
    return Problem(HTTPStatus.BAD_REQUEST, what, "malformed", **members)


def _value(body: bytes | msgspec.Raw | str, where: str) -> object:
    """The value at this path, shortened; _ABSENT if the body is not JSON."""
    try:
        value = value_at(msgspec.json.decode(body), where, _ABSENT)
    except (msgspec.DecodeError, RecursionError):
        return _ABSENT
    if value is _ABSENT or value is None or isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def _allowed(where: str, kind: Any) -> str:
    declared = type_at(where, kind) if where else msgspec.inspect.type_info(kind)
    return "nothing" if declared is None else describe(declared)
