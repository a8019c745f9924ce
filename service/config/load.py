"""Read the TOML file, check it, and say of the first error where it is, what stands there and what is allowed."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from service.config.sections import Config

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]+)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class ConfigError(Exception):
    """A configuration that cannot be used; the text names file, key, value and what is allowed."""

    def __init__(self, file: Path, key: str, value: object, allowed: str) -> None:
        self.file, self.key, self.value, self.allowed = file, key, value, allowed
        shown = "" if value is _ABSENT else f" = {value!r}"
        super().__init__(f"{file}: {key or 'file'}{shown}: {allowed}")


_ABSENT = object()


def load(path: str | Path) -> Config:
    """Read and check the configuration; ConfigError on the first thing wrong."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(path, "", _ABSENT, f"cannot be read: {error.strerror}; allowed: a readable TOML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(path, "", _ABSENT, f"not UTF-8 (byte {error.start}); allowed: a TOML file in UTF-8") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, "", _ABSENT, f"not TOML: {error}") from None
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise _explain(path, raw, str(error)) from None
    config = msgspec.structs.replace(config, file=str(path))
    _check_references(path, config)
    return config


def _explain(path: Path, raw: dict[str, Any], message: str) -> ConfigError:
    """Turn msgspec's message into one that names key, value and what is allowed."""
    match = _AT.match(message)
    assert match is not None
    what, where = match["what"], match["path"] or ""
    where = _resolve(raw, where)
    unknown = _UNKNOWN.search(what)
    if unknown:
        key = f"{where}.{unknown['name']}".lstrip(".")
        allowed = ", ".join(_fields_at(where))
        return ConfigError(path, key, _value_at(raw, key), f"no such key; allowed: {allowed}")
    return ConfigError(path, where.lstrip("."), _value_at(raw, where), what[0].lower() + what[1:])


def _resolve(raw: Any, where: str) -> str:
    """msgspec writes `[...]` for keys of a mapping; leave the rest as it is."""
    return where.replace("[...]", ".*")


def _value_at(raw: Any, where: str) -> object:
    for name, index in _STEP.findall("." + where.lstrip(".")):
        try:
            raw = raw[name] if name else raw[int(index)]
        except (KeyError, IndexError, TypeError, ValueError):
            return _ABSENT
    return raw


def _fields_at(where: str) -> list[str]:
    """Names of the keys allowed in the table at `where`."""
    kind: Any = Config
    for name, _index in _STEP.findall("." + where.lstrip(".") if where else ""):
        if name and name != "*":
            kind = _struct_of({f.encode_name: f.type for f in msgspec.structs.fields(kind)}[name])
    return [f.encode_name for f in msgspec.structs.fields(kind) if f.name != "file"]


def _struct_of(kind: Any) -> Any:
    """The struct inside a (possibly optional, list or dict) annotation."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    if get_origin(kind) is not None:
        for arg in get_args(kind):
            found = _struct_of(arg)
            if found is not None:
                return found
    return None


def _check_references(path: Path, config: Config) -> None:
    """Names in one section that must exist in another, and what one field says of another."""
    symbols = [i.symbol for i in config.instrument]
    venues = [v.name for v in config.venue]
    models = ("client_priority", "risk_averse", "liquidity_provider")
    _no_twins(path, "venue[{}].name", venues)
    _no_twins(path, "instrument[{}].symbol", symbols)
    _no_twins(path, "client[{}].name", [c.name for c in config.client])
    _no_twins(path, "client[].sessions", [s for c in config.client for s in c.sessions])
    for n, i in enumerate(config.instrument):
        at = f"instrument[{n}]"
        _one_of(path, f"{at}.venue", i.venue, venues)
        for key, value in (("correlated", i.correlated), ("volatility_index", i.volatility_index)):
            if value is not None:
                _one_of(path, f"{at}.{key}", value, [s for s in symbols if s != i.symbol])
        for key, text in (("tick", i.tick), ("lot", i.lot)):
            if not i.is_decimal(text):
                raise ConfigError(path, f"{at}.{key}", text, 'allowed: a positive decimal as text, for example "0.01"')
        if i.min_lifetime_ms > i.max_lifetime_ms:
            raise ConfigError(path, f"{at}.min_lifetime_ms", i.min_lifetime_ms, f"allowed: at most max_lifetime_ms ({i.max_lifetime_ms})")
    for n, rule in enumerate(config.rule):
        for symbol in rule.instrument:
            _one_of(path, f"rule[{n}].instrument", symbol, symbols)
        for name in rule.client:
            _one_of(path, f"rule[{n}].client", name, [c.name for c in config.client])
        _one_of(path, f"rule[{n}].model", rule.model, list(models))


def _one_of(path: Path, key: str, value: str, allowed: list[str]) -> None:
    if value not in allowed:
        raise ConfigError(path, key, value, f"allowed: {', '.join(allowed) or 'nothing (none is configured)'}")


def _no_twins(path: Path, key: str, names: list[str]) -> None:
    for n, name in enumerate(names):
        if name in names[:n]:
            raise ConfigError(path, key.format(n), name, "named twice; allowed: each name once")
