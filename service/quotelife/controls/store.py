"""The desk's orders: who may not be quoted, what state a market is held for; kept on disk, published in memory.

An order is in force at once, then written down, and in force again after a restart: nobody has to remember that
something was stopped. Names that a new configuration does not know are kept, for it may come back.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec

from quotelife.config import Config, ConfigError, resolve
from quotelife.config.sections import MarketState
from quotelife.controls import layout as L
from quotelife.controls.region import ALL, CLIENT, INSTRUMENT, Controls
from quotelife.runtime.clock import utc_timestamp, wall_ns

FILE = "controls.json"
MARKETS: tuple[str, ...] = get_args(MarketState)
SCOPES = (ALL, INSTRUMENT, CLIENT)
_SHOWN = 20  # names in a message


class Stop(msgspec.Struct, frozen=True):
    """Since when (wall clock, ns), and why, in the words of who ordered it."""

    since_ns: int
    reason: str = ""


class Kept(msgspec.Struct, forbid_unknown_fields=True):
    """What is in the file."""

    all: Stop | None = None
    instruments: dict[str, Stop] = {}
    clients: dict[str, Stop] = {}
    market_states: dict[str, str] = {}


class OrderError(ValueError):
    """An order for something that is not there; the text says what is allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; allowed: {allowed}")
        self.field = field


class Orders:
    """Takes orders; the only writer of the file and of `controls`, which is what those who quote see."""

    def __init__(self, config: Config, run_directory: Path, say: Callable[[str], None]) -> None:
        self._rows = {i.symbol: n for n, i in enumerate(config.instrument)}
        self._clients = {c.name: n for n, c in enumerate(config.client)}
        self._path = resolve(config, config.paths.data) / FILE
        self._say = say
        self.kept = _read(config, self._path)
        self.controls = Controls.create(run_directory / "controls", len(self._rows), len(self._clients))
        self._publish()
        for text in self._told():
            self._say(text)

    def stop(self, scope: str, name: str, reason: str) -> bool:
        """Quote it no more; False if that was so already. OrderError for a name that is not configured."""
        stops = self._stops(scope, name)
        if name in stops:
            return False
        stops[name] = Stop(wall_ns(), reason)
        self._keep(scope, stops)
        self._say(f"{_words(scope, name)} stopped" + (f": {reason}" if reason else ""))
        return True

    def resume(self, scope: str, name: str) -> bool:
        """Quote it again; False if it was not stopped. OrderError for a name that is not configured."""
        stops = self._stops(scope, name)
        if stops.pop(name, None) is None:
            return False
        self._keep(scope, stops)
        self._say(f"{_words(scope, name)} quoted again")
        return True

    def force(self, symbol: str, state: str | None) -> bool:
        """Hold an instrument's market for `state`, or let it follow from the features again (None); False if that was
        so already. OrderError for a symbol or state that there is not."""
        self._known("symbol", symbol, self._rows)
        if state is not None and state not in MARKETS:
            raise OrderError("state", state, f"{', '.join(MARKETS)}, or null for what the features say")
        if self.kept.market_states.get(symbol) == state:
            return False
        states = {**self.kept.market_states, symbol: state}
        self._save(msgspec.structs.replace(self.kept, market_states={s: v for s, v in states.items() if v}))
        self._say(f"the market of {symbol} is " + (f"held for {state}" if state else "what its features say"))
        return True

    def counts(self) -> dict[str, int]:
        """How many stops of each scope are in force."""
        kept = self.kept
        return {ALL: int(kept.all is not None), INSTRUMENT: len(kept.instruments), CLIENT: len(kept.clients)}

    def document(self) -> dict[str, object]:
        """All orders, for whoever asks."""
        kept = self.kept
        return {
            "all": _shown(kept.all) if kept.all else None,
            "instruments": {name: _shown(stop) for name, stop in kept.instruments.items()},
            "clients": {name: _shown(stop) for name, stop in kept.clients.items()},
            "market_states": kept.market_states,
        }

    def _stops(self, scope: str, name: str) -> dict[str, Stop]:
        if scope == ALL:
            if name:
                raise OrderError("name", name, "none where scope is all")
            return {} if self.kept.all is None else {"": self.kept.all}
        if scope == INSTRUMENT:
            self._known("name", name, self._rows)
            return dict(self.kept.instruments)
        if scope == CLIENT:
            self._known("name", name, self._clients)
            return dict(self.kept.clients)
        raise OrderError("scope", scope, ", ".join(SCOPES))

    def _keep(self, scope: str, stops: dict[str, Stop]) -> None:
        kept = self.kept
        match scope:
            case "all":
                kept = msgspec.structs.replace(kept, all=stops.get(""))
            case "instrument":
                kept = msgspec.structs.replace(kept, instruments=stops)
            case _:
                kept = msgspec.structs.replace(kept, clients=stops)
        self._save(kept)

    def _save(self, kept: Kept) -> None:
        """In force, then on disk. OSError if it cannot be written down: then it holds until the next restart."""
        self.kept = kept
        self._publish()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{FILE}.{os.getpid()}")
        with open(fresh, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(kept)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)

    def _publish(self) -> None:
        words, kept = self.controls.words, self.kept
        words[L.H_STOPPED_NS] = kept.all.since_ns if kept.all else 0
        for symbol, row in self._rows.items():
            at, state = L.instruments_at(row), kept.market_states.get(symbol)
            words[at + L.I_STOPPED_NS] = _since(kept.instruments.get(symbol))
            words[at + L.I_FORCED] = MARKETS.index(state) if state else L.DERIVED
        for name, client in self._clients.items():
            words[L.clients_at(len(self._rows), client)] = _since(kept.clients.get(name))
        words[L.H_GENERATION] += 1

    def _told(self) -> list[str]:
        kept = self.kept
        stops = [("all", "", kept.all)] if kept.all else []
        stops += [("instrument", name, stop) for name, stop in kept.instruments.items()]
        stops += [("client", name, stop) for name, stop in kept.clients.items()]
        told = [f"{_words(scope, name)} stopped since {utc_timestamp(stop.since_ns)}" for scope, name, stop in stops]
        return told + [f"the market of {symbol} is held for {state}" for symbol, state in kept.market_states.items()]

    @staticmethod
    def _known(field: str, name: str, known: dict[str, int]) -> None:
        if name not in known:
            names = list(known)
            rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise OrderError(field, name, ", ".join(names[:_SHOWN]) + rest)


def _since(stop: Stop | None) -> int:
    return stop.since_ns if stop else 0


def _shown(stop: Stop) -> dict[str, str]:
    return {"since": utc_timestamp(stop.since_ns), "reason": stop.reason}


def _words(scope: str, name: str) -> str:
    return "all quoting is" if scope == ALL else f"{scope} {name} is"


def _read(config: Config, path: Path) -> Kept:
    """The orders that were kept. What cannot be read might have been a stop, so nothing is started without it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept()
    except (OSError, msgspec.DecodeError) as error:
        allowed = f"{path}: {error}; allowed: the desk's orders as they were written, or no such file (nothing stopped)"
        raise ConfigError(Path(config.file), "paths.data", config.paths.data, allowed) from None
