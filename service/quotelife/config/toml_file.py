"""Reads a TOML file into a struct; an error names the file, the key, its value and what is allowed."""

import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from quotelife.config.allowed import describe, keys_at, type_at, value_at

T = TypeVar("T", bound=msgspec.Struct)
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]+)`")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")
SECRET = re.compile(r"(password|secret|token)[^.]*(?<!_env)(?<!_file)\Z")  # keys whose values are not shown
ABSENT = object()  # instead of a value, in an error about a key that is not there


class ConfigError(Exception):
    """An invalid configuration; the text names the file, the key, the value and what is allowed."""

    def __init__(self, file: Path, key: str, value: object, allowed: str) -> None:
        self.file, self.key, self.value, self.allowed = file, key, value, allowed
        shown = "" if value is ABSENT or SECRET.search(key) else f" = {toml_text(value)}"
        super().__init__(f"{file}: {key}{shown}: {allowed}" if key else f"{file}: {allowed}")


def read_toml(path: Path, kind: type[T]) -> T:
    """The file as a struct of this type. ConfigError for the first error."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); allowed: a readable TOML file"
        raise ConfigError(path, "", ABSENT, reason) from None
    except UnicodeDecodeError as error:
        raise ConfigError(path, "", ABSENT, f"not UTF-8 (byte {error.start}); allowed: a TOML file in UTF-8") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, "", ABSENT, f"not TOML: {error}; allowed: a TOML file") from None
    for key, value in _floats("", raw):
        if not math.isfinite(value):
            raise ConfigError(path, key, value, "allowed: a finite number")
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise _explain(path, kind, raw, str(error)) from None


def _explain(path: Path, kind: type[msgspec.Struct], raw: dict[str, Any], message: str) -> ConfigError:
    """Turn msgspec's message into a ConfigError."""
    match = _AT.match(message)
    assert match is not None
    what, where = match["what"], match["path"] or ""
    if unknown := _UNKNOWN.search(what):
        key = f"{where}.{unknown['name']}".lstrip(".")
        allowed = ", ".join(keys_at(where, kind))
        return ConfigError(path, key, value_at(raw, key, ABSENT), f"no such key; allowed: {allowed}")
    if missing := _MISSING.search(what):
        key = f"{where}.{missing['name']}".lstrip(".")
        return ConfigError(path, key, ABSENT, f"missing; allowed: {describe(type_at(key, kind))}")
    return ConfigError(path, where, value_at(raw, where, ABSENT), f"allowed: {describe(type_at(where, kind))}")


def toml_text(value: object) -> str:
    """The value in TOML syntax, shortened for a message."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _floats(where: str, raw: Any) -> Iterator[tuple[str, float]]:
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _floats(f"{where}.{key}".lstrip("."), value)
    elif isinstance(raw, list):
        for n, value in enumerate(raw):
            yield from _floats(f"{where}[{n}]", value)
    elif isinstance(raw, float):
        yield where, raw
