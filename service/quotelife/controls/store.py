"""Changes the desk's controls in the supervisor, publishes them in shared memory and saves them to disk.

A control takes effect at once, is then saved, and is applied again after a restart, so that no stop is forgotten.
Names that are not configured now stay in the file, since they may be configured again.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from quotelife.config import Config, ConfigError
from quotelife.config.paths import RunPaths, data_paths
from quotelife.controls import layout as L
from quotelife.controls.region import ALL, CLIENT, INSTRUMENT, Controls
from quotelife.runtime.clock import utc_timestamp, wall_ns
from quotelife_models.enums import MARKET_STATES

SCOPES = (ALL, INSTRUMENT, CLIENT)
_MAX_LISTED_NAMES = 20  # in a message


class Stop(msgspec.Struct, frozen=True):
    """Wall-clock time of the stop in nanoseconds, and the reason as the operator gave it."""

    since_ns: int
    reason: str = ""


class StoredControls(msgspec.Struct, forbid_unknown_fields=True):
    """Contents of the controls file."""

    all: Stop | None = None
    instruments: dict[str, Stop] = {}
    clients: dict[str, Stop] = {}
    market_states: dict[str, str] = {}


class InvalidControl(ValueError):
    """A control with an unknown scope, name or state; the text lists the allowed values."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; allowed: {allowed}")
        self.field = field


class ControlsStore:
    """Applies and saves controls; the only writer of the file and of `region`, which the quoting processes read."""

    def __init__(self, config: Config, run: RunPaths, log: Callable[[str], None]) -> None:
        self._run = run
        self._rows = {i.symbol: n for n, i in enumerate(config.instrument)}
        self._clients = {c.name: n for n, c in enumerate(config.client)}
        self._path = data_paths(config).controls
        self._log = log
        self.stored = _read(config, self._path)
        self.region = Controls.create(run.controls, len(self._rows), len(self._clients))
        self._earlier: list[Controls] = []  # which readers may still have
        self._publish()
        for text in self._active_controls():
            self._log(text)

    def configure(self, config: Config) -> None:
        """Know the clients of another version, the first of which are those of the version in force. OSError if there
        is no room."""
        if len(config.client) > self.region.n_clients:
            region = Controls.create(self._run.controls, len(self._rows), len(config.client))
            self._earlier = [*self._earlier[-1:], self.region]
            self.region = region
        clients = {c.name: n for n, c in enumerate(config.client)}
        if clients != self._clients:
            self._clients = clients
            self._publish()

    def stop(self, scope: str, name: str, reason: str) -> bool:
        """Stop quoting; False if it was stopped already. InvalidControl for a name that is not configured."""
        stops = self._stops(scope, name)
        if name in stops:
            return False
        stops[name] = Stop(wall_ns(), reason)
        self._save_stops(scope, stops)
        self._log(f"{_subject(scope, name)} stopped" + (f": {reason}" if reason else ""))
        return True

    def resume(self, scope: str, name: str) -> bool:
        """Resume quoting; False if it was not stopped. InvalidControl for a name that is not configured."""
        stops = self._stops(scope, name)
        if stops.pop(name, None) is None:
            return False
        self._save_stops(scope, stops)
        self._log(f"{_subject(scope, name)} resumed")
        return True

    def hold_market(self, symbol: str, state: str | None) -> bool:
        """Set an instrument's market state, or derive it from the features again (None).

        False if nothing changed. InvalidControl for an unknown symbol or state.
        """
        self._check_name("symbol", symbol, self._rows)
        if state is not None and state not in MARKET_STATES:
            raise InvalidControl("state", state, f"{', '.join(MARKET_STATES)}, or null to derive it from the features")
        if self.stored.market_states.get(symbol) == state:
            return False
        states = {**self.stored.market_states, symbol: state}
        self._save(msgspec.structs.replace(self.stored, market_states={s: v for s, v in states.items() if v}))
        self._log(f"market state of {symbol} " + (f"held at {state}" if state else "derived from the features"))
        return True

    def counts(self) -> dict[str, int]:
        """Number of stops in force, by scope."""
        stored = self.stored
        return {ALL: int(stored.all is not None), INSTRUMENT: len(stored.instruments), CLIENT: len(stored.clients)}

    def document(self) -> dict[str, object]:
        """All controls in force, as the HTTP API reports them."""
        stored = self.stored
        return {
            "all": _stop_document(stored.all) if stored.all else None,
            "instruments": {name: _stop_document(stop) for name, stop in stored.instruments.items()},
            "clients": {name: _stop_document(stop) for name, stop in stored.clients.items()},
            "market_states": stored.market_states,
        }

    def _stops(self, scope: str, name: str) -> dict[str, Stop]:
        if scope == ALL:
            if name:
                raise InvalidControl("name", name, "no name with scope all")
            return {} if self.stored.all is None else {"": self.stored.all}
        if scope == INSTRUMENT:
            self._check_name("name", name, self._rows)
            return dict(self.stored.instruments)
        if scope == CLIENT:
            self._check_name("name", name, self._clients)
            return dict(self.stored.clients)
        raise InvalidControl("scope", scope, ", ".join(SCOPES))

    def _save_stops(self, scope: str, stops: dict[str, Stop]) -> None:
        stored = self.stored
        match scope:
            case "all":
                stored = msgspec.structs.replace(stored, all=stops.get(""))
            case "instrument":
                stored = msgspec.structs.replace(stored, instruments=stops)
            case _:
                stored = msgspec.structs.replace(stored, clients=stops)
        self._save(stored)

    def _save(self, stored: StoredControls) -> None:
        """Publish, then save. OSError if it cannot be saved: the control is then in force until the next restart."""
        self.stored = stored
        self._publish()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with open(fresh, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(stored)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)

    def _publish(self) -> None:
        for region in (*self._earlier, self.region):
            self._publish_to(region)

    def _publish_to(self, region: Controls) -> None:
        words, stored = region.words, self.stored
        words[L.H_STOPPED_NS] = stored.all.since_ns if stored.all else 0
        for symbol, row in self._rows.items():
            at, state = L.instruments_at(row), stored.market_states.get(symbol)
            words[at + L.I_STOPPED_NS] = _since(stored.instruments.get(symbol))
            words[at + L.I_HELD_STATE] = MARKET_STATES.index(state) if state else L.DERIVED
        names = list(self._clients)
        for client in range(region.n_clients):
            stop = stored.clients.get(names[client]) if client < len(names) else None
            words[L.clients_at(len(self._rows), client)] = _since(stop)
        words[L.H_GENERATION] += 1

    def _active_controls(self) -> list[str]:
        stored = self.stored
        stops = [("all", "", stored.all)] if stored.all else []
        stops += [("instrument", name, stop) for name, stop in stored.instruments.items()]
        stops += [("client", name, stop) for name, stop in stored.clients.items()]
        lines = [f"{_subject(scope, name)} stopped since {utc_timestamp(stop.since_ns)}" for scope, name, stop in stops]
        return lines + [f"market state of {symbol} held at {state}" for symbol, state in stored.market_states.items()]

    @staticmethod
    def _check_name(field: str, name: str, known: dict[str, int]) -> None:
        if name not in known:
            names = list(known)
            rest = f" and {len(names) - _MAX_LISTED_NAMES} more" if len(names) > _MAX_LISTED_NAMES else ""
            raise InvalidControl(field, name, ", ".join(names[:_MAX_LISTED_NAMES]) + rest)


def _since(stop: Stop | None) -> int:
    return stop.since_ns if stop else 0


def _stop_document(stop: Stop) -> dict[str, str]:
    return {"since": utc_timestamp(stop.since_ns), "reason": stop.reason}


def _subject(scope: str, name: str) -> str:
    return "all quoting" if scope == ALL else f"{scope} {name}"


def _read(config: Config, path: Path) -> StoredControls:
    """The saved controls. ConfigError for an unreadable file: it might contain a stop, so nothing starts without it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StoredControls)
    except FileNotFoundError:
        return StoredControls()
    except (OSError, msgspec.DecodeError) as error:
        allowed = f"{path}: {error}; allowed: the controls as the service wrote them, or no file (nothing stopped)"
        raise ConfigError(Path(config.file), "paths.data", config.paths.data, allowed) from None
