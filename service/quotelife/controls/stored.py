"""The controls as they are saved to disk and as the HTTP API reports them."""

from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from quotelife.config import Config, ConfigError
from quotelife.controls.region import ALL, CLIENT, INSTRUMENT
from quotelife.runtime.clock import utc_timestamp

SCOPES = (ALL, INSTRUMENT, CLIENT)


class Stop(msgspec.Struct, frozen=True):
    """Wall-clock time of the stop in nanoseconds, and the reason as the operator gave it."""

    since_ns: int
    reason: str = ""

    def document(self) -> dict[str, object]:
        return {"since": utc_timestamp(self.since_ns), "reason": self.reason}


class HeldState(msgspec.Struct, frozen=True):
    """A market state that the desk holds; the rest as of a `Stop`."""

    state: str
    since_ns: int = 0  # 0: held by a version that did not note it
    reason: str = ""

    def document(self) -> dict[str, object]:
        since = utc_timestamp(self.since_ns) if self.since_ns else None
        return {"state": self.state, "since": since, "reason": self.reason}


class ForcedModel(msgspec.Struct, frozen=True):
    """An expiry model that the desk forces; the rest as of a `Stop`."""

    model: str
    since_ns: int
    reason: str = ""

    def document(self) -> dict[str, object]:
        return {"model": self.model, "since": utc_timestamp(self.since_ns), "reason": self.reason}


class ForcedModels(msgspec.Struct, forbid_unknown_fields=True):
    """The forced models by scope."""

    all: ForcedModel | None = None
    instruments: dict[str, ForcedModel] = {}
    clients: dict[str, ForcedModel] = {}


class StoredControls(msgspec.Struct, forbid_unknown_fields=True):
    """Contents of the controls file: the stops by scope, held market states, forced models."""

    all: Stop | None = None
    instruments: dict[str, Stop] = {}
    clients: dict[str, Stop] = {}
    market_states: dict[str, HeldState | str] = {}  # a text: written by an earlier version
    models: ForcedModels = msgspec.field(default_factory=ForcedModels)

    def document(self) -> dict[str, object]:
        """All controls in force, as the HTTP API reports them."""
        return by_scope(self) | {
            "market_states": {symbol: held.document() for symbol, held in self.held().items()},
            "models": by_scope(self.models),
        }

    def held(self) -> dict[str, HeldState]:
        """The held market states by symbol."""
        return {s: HeldState(h) if isinstance(h, str) else h for s, h in self.market_states.items()}


_Scoped = TypeVar("_Scoped", StoredControls, ForcedModels)


def by_scope(controls: StoredControls | ForcedModels) -> dict[str, object]:
    """Stops or forced models as the HTTP API reports them."""
    return {
        "all": controls.all.document() if controls.all else None,
        "instruments": {name: control.document() for name, control in controls.instruments.items()},
        "clients": {name: control.document() for name, control in controls.clients.items()},
    }


@overload
def of_scope(controls: StoredControls, scope: str) -> dict[str, Stop]: ...
@overload
def of_scope(controls: ForcedModels, scope: str) -> dict[str, ForcedModel]: ...


def of_scope(controls: StoredControls | ForcedModels, scope: str) -> dict[str, Any]:
    """Those of one scope by name, the one of scope all under the empty name."""
    if scope == ALL:
        return {} if controls.all is None else {"": controls.all}
    return dict(controls.instruments if scope == INSTRUMENT else controls.clients)


def with_scope(controls: _Scoped, scope: str, named: dict) -> _Scoped:
    """The same with others of one scope."""
    field = {ALL: "all", INSTRUMENT: "instruments", CLIENT: "clients"}[scope]
    return msgspec.structs.replace(controls, **{field: named.get("") if scope == ALL else named})


def subject(scope: str, name: str) -> str:
    """What a control applies to, for a log."""
    return "all quoting" if scope == ALL else f"{scope} {name}"


def in_words(stored: StoredControls) -> list[str]:
    """A line for each control in force."""
    lines = []
    for scope in SCOPES:
        for name, stop in of_scope(stored, scope).items():
            lines.append(f"{subject(scope, name)} stopped since {utc_timestamp(stop.since_ns)}")
    lines += [f"market state of {symbol} held at {held.state}" for symbol, held in stored.held().items()]
    for scope in SCOPES:
        for name, forced in of_scope(stored.models, scope).items():
            lines.append(f"{subject(scope, name)}: expiry model {forced.model} forced")
    return lines


def read_stored(config: Config, path: Path) -> StoredControls:
    """The saved controls. ConfigError for an unreadable file: it might contain a stop, so nothing starts without it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StoredControls)
    except FileNotFoundError:
        return StoredControls()
    except (OSError, msgspec.DecodeError) as error:
        allowed = f"{path}: {error}; allowed: the controls as the service wrote them, or no file (nothing stopped)"
        raise ConfigError(Path(config.file), "paths.data", config.paths.data, allowed) from None
