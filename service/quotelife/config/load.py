"""Loading and checking of the TOML file; an error names the key, its value and what is allowed."""

import ipaddress
import math
import re
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import msgspec

from quotelife.config.allowed import describe, keys_at, type_at, value_at
from quotelife.config.extras import install
from quotelife.config.limits import MAX_VENUES
from quotelife.config.sections import SIGNALS, Config, Model
from quotelife.config.shipped import ENGINE_SETTINGS, base_folder

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]+)`")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")
_SECRET = re.compile(r"(password|secret|token)[^.]*(?<!_env)(?<!_file)\Z")  # keys whose values are not shown
ABSENT = object()  # instead of a value, in an error about a key that is not there


class ConfigError(Exception):
    """An invalid configuration; the text names the file, the key, the value and what is allowed."""

    def __init__(self, file: Path, key: str, value: object, allowed: str) -> None:
        self.file, self.key, self.value, self.allowed = file, key, value, allowed
        shown = "" if value is ABSENT or _SECRET.search(key) else f" = {_toml(value)}"
        super().__init__(f"{file}: {key}{shown}: {allowed}" if key else f"{file}: {allowed}")


def load(path: str | Path) -> Config:
    """Read and check the configuration. ConfigError for the first error."""
    path = Path(path).absolute()
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
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise _explain(path, raw, str(error)) from None
    config = msgspec.structs.replace(config, file=str(path))
    _check_names(path, config)
    _check_values(path, config)
    return config


def resolve(config: Config, text: str) -> Path:
    """An absolute path from one of the configuration, which is relative to the file's folder (see `base_folder`)."""
    return (base_folder(Path(config.file)) / text).resolve()


def settings_file(config: Config) -> Path:
    """The file with the FIX engine's settings; the data dictionaries are in the same folder."""
    named = config.acceptor.settings
    return ENGINE_SETTINGS if named is None else resolve(config, named)


def check_capture(config: Config) -> None:
    """ConfigError if a capture is wanted and the library that writes it is not there."""
    if config.capture.enabled and find_spec("pyarrow") is None:
        allowed = f"needs pyarrow: {install('capture')}; allowed without it: false"
        raise ConfigError(Path(config.file), "capture.enabled", True, allowed)


def check_files(config: Config) -> None:
    """ConfigError if a file or folder that the configuration names is not there."""
    settings = settings_file(config)
    if not settings.is_file():
        allowed = f"allowed: a file that exists ({settings} does not)"
        raise ConfigError(Path(config.file), "acceptor.settings", config.acceptor.settings, allowed)
    if config.paths.parameters is not None:
        parameters = resolve(config, config.paths.parameters)
        if not parameters.is_dir():
            allowed = f"allowed: a folder of parameter files that exists ({parameters} does not)"
            raise ConfigError(Path(config.file), "paths.parameters", config.paths.parameters, allowed)


def _explain(path: Path, raw: dict[str, Any], message: str) -> ConfigError:
    """Turn msgspec's message into a ConfigError."""
    match = _AT.match(message)
    assert match is not None
    what, where = match["what"], match["path"] or ""
    if unknown := _UNKNOWN.search(what):
        key = f"{where}.{unknown['name']}".lstrip(".")
        return ConfigError(path, key, value_at(raw, key, ABSENT), f"no such key; allowed: {', '.join(keys_at(where))}")
    if missing := _MISSING.search(what):
        key = f"{where}.{missing['name']}".lstrip(".")
        return ConfigError(path, key, ABSENT, f"missing; allowed: {describe(type_at(key))}")
    return ConfigError(path, where, value_at(raw, where, ABSENT), f"allowed: {describe(type_at(where))}")


def _toml(value: object) -> str:
    """The value in TOML syntax, shortened."""
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


def _check_names(path: Path, config: Config) -> None:
    """Names are unique, and references to other sections exist."""
    symbols = [i.symbol for i in config.instrument]
    venues = [v.name for v in config.venue]
    clients = [c.name for c in config.client]
    _check_unique(
        path, [("signals, which has no section", SIGNALS)] + [(f"venue[{n}].name", v) for n, v in enumerate(venues)]
    )
    _check_unique(path, [(f"instrument[{n}].symbol", name) for n, name in enumerate(symbols)])
    _check_unique(path, [(f"client[{n}].name", name) for n, name in enumerate(clients)])
    sessions = [
        (f"client[{n}].sessions[{m}]", s) for n, c in enumerate(config.client) for m, s in enumerate(c.sessions)
    ]
    _check_unique(path, sessions)
    for n, c in enumerate(config.client):
        for session in c.versions:
            _one_of(path, f"client[{n}].versions", session, c.sessions)
        for session in c.logon:
            _one_of(path, f"client[{n}].logon", session, c.sessions)
    for n, i in enumerate(config.instrument):
        _one_of(path, f"instrument[{n}].venue", i.venue, [*venues, SIGNALS])
        for key, value in (("correlated", i.correlated), ("volatility_index", i.volatility_index)):
            if value is not None:
                _one_of(path, f"instrument[{n}].{key}", value, [s for s in symbols if s != i.symbol])
    for n, rule in enumerate(config.rule):
        for m, symbol in enumerate(rule.instrument):
            _one_of(path, f"rule[{n}].instrument[{m}]", symbol, symbols)
        for m, name in enumerate(rule.client):
            _one_of(path, f"rule[{n}].client[{m}]", name, clients)


def _check_values(path: Path, config: Config) -> None:
    """Constraints that involve several keys or cannot be stated in a type."""
    if len(config.venue) >= MAX_VENUES:
        raise ConfigError(path, "venue", f"{len(config.venue)} venues", f"allowed: at most {MAX_VENUES - 1}")
    for n, v in enumerate(config.venue):
        _not_above(path, f"venue[{n}].reconnect_min_ms", v.reconnect_min_ms, "reconnect_max_ms", v.reconnect_max_ms)
    _check_networks(path, "acceptor.allowed_addresses", config.acceptor.allowed_addresses)
    for n, c in enumerate(config.client):
        _check_networks(path, f"client[{n}].allowed_addresses", c.allowed_addresses)
    for n, i in enumerate(config.instrument):
        at = f"instrument[{n}]"
        if i.venue == SIGNALS and i.quotable:
            allowed = f'allowed: quotable = false where the venue is "{SIGNALS}": there is no market to hedge in'
            raise ConfigError(path, f"{at}.venue", i.venue, allowed)
        for key, text in (("tick", i.tick), ("lot", i.lot)):
            if not i.is_decimal(text):
                raise ConfigError(path, f"{at}.{key}", text, 'allowed: a positive decimal as text, for example "0.01"')
        _not_above(path, f"{at}.min_lifetime_ms", i.min_lifetime_ms, "max_lifetime_ms", i.max_lifetime_ms)
    for model in get_args(Model):
        steps = getattr(config.models, model).tolerance_curve
        for n in range(1, len(steps)):
            if steps[n][0] <= steps[n - 1][0]:
                at = f"models.{model}.tolerance_curve[{n}]"
                allowed = f"allowed: a probability above that of the step before ({steps[n - 1][0]})"
                raise ConfigError(path, at, list(steps[n]), allowed)
    listening = [("acceptor", config.acceptor.host, config.acceptor.port)]
    listening.append(("admin", config.admin.host, config.admin.port))
    if config.api is not None and config.api.tcp:
        listening.append(("api", config.api.host, config.api.port))
    for n, (section, host, port) in enumerate(listening):
        for other, other_host, other_port in listening[:n]:
            if port == other_port != 0 and host == other_host:
                raise ConfigError(path, f"{section}.port", port, f"allowed: another port than {other}.port")


def _check_networks(path: Path, key: str, networks: list[str]) -> None:
    for n, text in enumerate(networks):
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            allowed = f'{error}; allowed: an IP address or a network, "10.1.2.0/24"'
            raise ConfigError(path, f"{key}[{n}]", text, allowed) from None


def _not_above(path: Path, key: str, value: float, limit_key: str, limit: float) -> None:
    if value > limit:
        raise ConfigError(path, key, value, f"allowed: at most {limit_key} ({limit})")


def _one_of(path: Path, key: str, value: str, allowed: list[str]) -> None:
    if value not in allowed:
        choice = f"one of {', '.join(allowed)}" if allowed else "nothing (none is configured)"
        raise ConfigError(path, key, value, f"allowed: {choice}")


def _check_unique(path: Path, names: list[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for key, name in names:
        if name in seen:
            raise ConfigError(path, key, name, f"also at {seen[name]}; allowed: each name once")
        seen[name] = key
