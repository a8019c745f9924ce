"""What differs between two configurations, by key, and what of it a running service can take over.

`client[Fund].tier` is the key `tier` of the [[client]] whose name is Fund. The content of a file that a key names
counts as its value: a certificate changes by `acceptor.tls.certificate (content)`.
"""

import hashlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import msgspec

from quotelife.config.allowed import BY_LOAD
from quotelife.config.load import settings_file
from quotelife.config.sections import Config
from quotelife.config.shipped import resolve
from quotelife.config.toml_file import SECRET, toml_text
from quotelife.config.versions.succession import owners

_NAMED = {"venue": "name", "instrument": "symbol", "client": "name"}  # lists whose items have a name, and its key
_SAME = "..."  # for a value that is not shown
# Keys, as patterns, that change while the service runs. All others need a restart.
_LIVE = (
    *("client[[]*", "tier", "tier.*", "rule", "models.*", "hits.*", "streaming.*", "shutdown.*", "limits.*"),
    *("market.active_*", "market.stressed_*", "market.news_sentiment", "pricing.inventory_skew_ticks"),
    *("withdrawal.*", "acceptor.allowed_addresses", "acceptor.tls.*"),
    *(f"instrument[[]*].{key}" for key in ("max_quantity", "max_position", "min_half_spread_ticks", "session")),
    *(f"instrument[[]*].{key}" for key in ("min_lifetime_ms", "max_lifetime_ms")),
)


class Change(NamedTuple):
    """A key with its values before and after, as text ("" where there was none); secrets are not shown."""

    key: str
    before: str
    after: str

    @property
    def is_live(self) -> bool:
        """Whether a running service can take it over."""
        return any(fnmatchcase(self.key, pattern) for pattern in _LIVE)

    def __str__(self) -> str:
        if not self.before or not self.after:
            return f"{self.key} {'added' if self.after else 'removed'}"
        return f"{self.key}: {self.before} -> {self.after}" if self.before != self.after else f"{self.key} changed"


def compare(in_force: Config, new: Config) -> list[Change]:
    """The differences, in the order of the sections. `new` has the order of `in_force` (`succession.succeed`)."""
    return list(_differences("", _by_name(in_force), _by_name(new)))


def needs_restart(changes: list[Change], in_force: Config, new: Config) -> list[Change]:
    """The changes that a running service cannot take over."""
    before, after = owners(in_force), owners(new)
    fixed = []
    for session in before.keys() & after.keys():  # which the engine cannot give another version or dictionary
        old, fresh = before[session].version(session), after[session].version(session)
        if old != fresh:
            fixed.append(Change(f"client[{after[session].name}].versions.{session}", old, fresh))
        if before[session].role != after[session].role:
            fixed.append(Change(f"client[{after[session].name}].role", before[session].role, after[session].role))
    return [change for change in changes if not change.is_live] + fixed


def file_digests(config: Config) -> dict[str, str]:
    """The content of the files that the configuration names, hashed, by key; of a missing file the empty text."""
    tls, named = config.acceptor.tls, {"acceptor.settings": settings_file(config)}
    if tls is not None:
        files = {"certificate": tls.certificate, "key": tls.key, "client_ca": tls.client_ca}
        named |= {f"acceptor.tls.{key}": resolve(config, text) for key, text in files.items() if text is not None}
    for client in config.client:
        for session, logon in client.logon.items():
            if logon.password_hash_file is not None:
                key = f"client[{client.name}].logon.{session}.password_hash_file"
                named[key] = resolve(config, logon.password_hash_file)
    for venue in config.venue:
        if venue.profile.endswith(".toml"):
            named[f"venue[{venue.name}].profile"] = resolve(config, venue.profile)
    digests = {}
    for key, path in named.items():
        try:
            digests[key] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            digests[key] = ""
    return digests


def compare_files(before: dict[str, str], after: dict[str, str]) -> list[Change]:
    """The files whose content differs under the same key."""
    return [Change(f"{key} (content)", _SAME, _SAME) for key in before if key in after and before[key] != after[key]]


def _by_name(config: Config) -> dict[str, Any]:
    """The configuration as tables, those of venues, instruments and clients by their names."""
    tables: dict[str, Any] = msgspec.to_builtins(config)
    for key in BY_LOAD:
        del tables[key]
    for section, name in _NAMED.items():
        tables |= {f"{section}[{item.pop(name)}]": item for item in tables.pop(section)}
    return tables


def _differences(at: str, old: Any, new: Any) -> Iterator[Change]:
    is_client = at.startswith("client[") and at.endswith("]")
    if is_client and _serves(old) != _serves(new):
        yield Change(at, _SAME if _serves(old) else "", _SAME if _serves(new) else "")
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(f"{at}.{key}" if at else key, old.get(key), new.get(key))
    elif old != new and not is_client:
        yield Change(at, _text(at, old), _text(at, new))


def _serves(client: Any) -> bool:
    """Whether this is a client with a session: one without comes and goes, and nothing changes."""
    return client is not None and bool(client["sessions"])


def _text(key: str, value: Any) -> str:
    if value is None or value == [] or value == {}:
        return ""
    return _SAME if SECRET.search(key) or isinstance(value, dict) else toml_text(value)
