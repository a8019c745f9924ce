"""Loading and checking of the TOML file; an error names the key, its value and what is allowed."""

import ipaddress
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import msgspec

from quotelife.config.client_sections import ROLE_KEYS, Client, Copies
from quotelife.config.extras import install
from quotelife.config.instrument_checks import check_instruments
from quotelife.config.instrument_sections import Instrument
from quotelife.config.sections import Config, Model
from quotelife.config.shipped import ENGINE_SETTINGS, resolve
from quotelife.config.toml_file import ConfigError, read_toml
from quotelife.config.value_types import SIGNALS
from quotelife.config.venues.profiles import with_profiles
from quotelife.config.venues.venue_sessions import venue_sessions


def load(path: str | Path) -> Config:
    """Read and check the configuration and the profiles of its venues, whose defaults its [[venue]]s then have.

    ConfigError for the first error."""
    path = Path(path).absolute()
    config = read_toml(path, Config)
    sessions = [session for client in config.client for session in client.sessions]
    config = msgspec.structs.replace(config, file=str(path), session_numbers=sessions)
    _check_names(path, config)
    _check_values(path, config)
    config = with_profiles(config)
    venue_sessions(config)
    return config


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
        _check_instrument_venues(path, f"instrument[{n}]", i, venues)
        for key, value in (("correlated", i.correlated), ("volatility_index", i.volatility_index)):
            if value is not None:
                _one_of(path, f"instrument[{n}].{key}", value, [s for s in symbols if s != i.symbol])
    for n, rule in enumerate(config.rule):
        for m, symbol in enumerate(rule.instrument):
            _one_of(path, f"rule[{n}].instrument[{m}]", symbol, symbols)
        for m, name in enumerate(rule.client):
            _one_of(path, f"rule[{n}].client[{m}]", name, clients)


def _check_instrument_venues(path: Path, at: str, instrument: Instrument, venues: list[str]) -> None:
    """The venues exist and are named once; what stands by venue is of a venue of the instrument."""
    if isinstance(instrument.venue, str):
        _one_of(path, f"{at}.venue", instrument.venue, [*venues, SIGNALS])
    else:
        for m, name in enumerate(instrument.venue):
            _one_of(path, f"{at}.venue[{m}]", name, venues)
        _check_unique(path, [(f"{at}.venue[{m}]", name) for m, name in enumerate(instrument.venue)])
    for key in ("venue_symbol", "security_id", "group"):
        by_venue = getattr(instrument, key)
        for name in by_venue if isinstance(by_venue, dict) else ():
            _one_of(path, f"{at}.{key}", name, instrument.venues)
    for key in ("security_id", "group"):
        value = getattr(instrument, key)
        texts = {f".{name}": text for name, text in value.items()} if isinstance(value, dict) else {"": value or ""}
        for suffix, text in texts.items():
            if not (text.isascii() and text.isprintable()) or " " in text:
                raise ConfigError(path, f"{at}.{key}{suffix}", text, "allowed: 1 to 64 printable ASCII characters")


def _check_values(path: Path, config: Config) -> None:
    """Constraints that involve several keys or cannot be stated in a type."""
    for n, v in enumerate(config.venue):
        _not_above(path, f"venue[{n}].reconnect_min_ms", v.reconnect_min_ms, "reconnect_max_ms", v.reconnect_max_ms)
    _check_networks(path, "acceptor.allowed_addresses", config.acceptor.allowed_addresses)
    if config.machine.spin and config.acceptor.engine != "native":
        raise ConfigError(path, "machine.spin", True, 'allowed with acceptor.engine = "native" only')
    for n, c in enumerate(config.client):
        _check_networks(path, f"client[{n}].allowed_addresses", c.allowed_addresses)
        _check_role(path, f"client[{n}]", c)
        for m, name in enumerate(c.copies.clients):
            quoted = [other.name for other in config.client if other.role == "quotes"]
            _one_of(path, f"client[{n}].copies.clients[{m}]", name, quoted)
        for m, name in enumerate(c.copies.instruments):
            _one_of(path, f"client[{n}].copies.instruments[{m}]", name, [i.symbol for i in config.instrument])
    for n, i in enumerate(config.instrument):
        at = f"instrument[{n}]"
        if i.venue == SIGNALS and i.quotable:
            allowed = f'allowed: quotable = false where the venue is "{SIGNALS}": there is no market to hedge in'
            raise ConfigError(path, f"{at}.venue", i.venue, allowed)
        for key, text in (("tick", i.tick), ("lot", i.lot)):
            if not _is_positive_decimal(text):
                raise ConfigError(path, f"{at}.{key}", text, 'allowed: a positive decimal as text, for example "0.01"')
        _not_above(path, f"{at}.min_lifetime_ms", i.min_lifetime_ms, "max_lifetime_ms", i.max_lifetime_ms)
    check_instruments(path, config.instrument)
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


def _check_role(path: Path, at: str, client: Client) -> None:
    """A key that has no meaning for the client's role is an error."""
    if client.role == "quotes" and client.copies != Copies():
        raise ConfigError(path, f"{at}.copies", client.copies, 'allowed with role "drop_copy" only')
    keys = ROLE_KEYS.get(client.role)
    for key in msgspec.structs.fields(Client) if keys is not None else ():
        value = getattr(client, key.name)
        if keys is not None and key.name not in keys and value != key.default:
            allowed = f'allowed with role "{client.role}": {", ".join(keys)}'
            raise ConfigError(path, f"{at}.{key.name}", value, allowed)


def _is_positive_decimal(text: str) -> bool:
    try:
        return Decimal(text).is_finite() and Decimal(text) > 0
    except InvalidOperation:
        return False


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
