"""Changes the desk's controls in the supervisor, publishes them in shared memory and saves them to disk.

A control takes effect at once, is then saved, and is applied again after a restart, so that no stop is forgotten.
Names that are not configured now stay in the file, since they may be configured again.
"""

import os
from collections.abc import Callable

import msgspec

from quotelife.config import Config
from quotelife.config.paths import RunPaths, data_paths
from quotelife.controls import layout as L
from quotelife.controls.region import ALL, CLIENT, INSTRUMENT, Controls
from quotelife.controls.stored import (
    SCOPES,
    ForcedModel,
    HeldState,
    Stop,
    StoredControls,
    in_words,
    of_scope,
    read_stored,
    subject,
    with_scope,
)
from quotelife.runtime.clock import wall_ns
from quotelife_models.enums import MARKET_STATES, MODELS

_MAX_LISTED_NAMES = 20  # in a message


class InvalidControl(ValueError):
    """A control with an unknown scope, name, state or model; the text lists the allowed values."""

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
        self.stored = read_stored(config, self._path)
        self.region = Controls.create(run.controls, len(self._rows), len(self._clients))
        self._earlier: list[Controls] = []  # which readers may still have
        self._publish()
        for text in in_words(self.stored):
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
        self._check_scope(scope, name)
        stops = of_scope(self.stored, scope)
        if name in stops:
            return False
        self._save(with_scope(self.stored, scope, {**stops, name: Stop(wall_ns(), reason)}))
        self._log(f"{subject(scope, name)} stopped{_because(reason)}")
        return True

    def resume(self, scope: str, name: str, reason: str = "") -> bool:
        """Resume quoting; False if it was not stopped. InvalidControl for a name that is not configured."""
        self._check_scope(scope, name)
        stops = of_scope(self.stored, scope)
        if stops.pop(name, None) is None:
            return False
        self._save(with_scope(self.stored, scope, stops))
        self._log(f"{subject(scope, name)} resumed{_because(reason)}")
        return True

    def hold_market(self, symbol: str, state: str | None, reason: str = "") -> bool:
        """Set an instrument's market state, or derive it from the features again (None).

        False if nothing changed. InvalidControl for an unknown symbol or state.
        """
        self._check_name("symbol", symbol, self._rows)
        if state is not None and state not in MARKET_STATES:
            raise InvalidControl("state", state, f"{', '.join(MARKET_STATES)}, or null to derive it from the features")
        states = self.stored.held()
        held = states.pop(symbol, None)
        if state == (held.state if held else None):
            return False
        if state is not None:
            states[symbol] = HeldState(state, wall_ns(), reason)
        self._save(msgspec.structs.replace(self.stored, market_states=states))
        now = f"held at {state}" if state else "derived from the features"
        self._log(f"market state of {symbol} {now}{_because(reason)}")
        return True

    def force_model(self, scope: str, name: str, model: str | None, reason: str = "") -> bool:
        """Force the expiry model of quotes, or leave it to the rules again (None): from the next decision on.

        False if nothing changed. InvalidControl for an unknown scope, name or model.
        """
        self._check_scope(scope, name)
        if model is not None and model not in MODELS:
            raise InvalidControl("model", model, f"{', '.join(MODELS)}, or null to leave it to the rules")
        models = of_scope(self.stored.models, scope)
        forced = models.pop(name, None)
        if model == (forced.model if forced else None):
            return False
        if model is not None:
            models[name] = ForcedModel(model, wall_ns(), reason)
        self._save(msgspec.structs.replace(self.stored, models=with_scope(self.stored.models, scope, models)))
        now = f"expiry model {model} forced" if model else "expiry model selected by the rules"
        self._log(f"{subject(scope, name)}: {now}{_because(reason)}")
        return True

    def counts(self) -> dict[str, int]:
        """Number of stops in force, by scope."""
        return {scope: len(of_scope(self.stored, scope)) for scope in SCOPES}

    def document(self) -> dict[str, object]:
        """All controls in force, as the HTTP API reports them."""
        return self.stored.document()

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
        words, stored, states = region.words, self.stored, self.stored.held()
        models = stored.models
        words[L.H_STOPPED_NS], words[L.H_MODEL] = _since(stored.all), _index(models.all)
        for symbol, row in self._rows.items():
            at, held = L.instruments_at(row), states.get(symbol)
            words[at + L.I_STOPPED_NS] = _since(stored.instruments.get(symbol))
            words[at + L.I_HELD_STATE] = MARKET_STATES.index(held.state) if held else L.DERIVED
            words[at + L.I_MODEL] = _index(models.instruments.get(symbol))
        names = list(self._clients)
        for client in range(region.n_clients):
            at, name = L.clients_at(len(self._rows), client), names[client] if client < len(names) else None
            words[at + L.C_STOPPED_NS] = _since(stored.clients.get(name)) if name is not None else 0
            words[at + L.C_MODEL] = _index(models.clients.get(name)) if name is not None else L.BY_RULES
        words[L.H_GENERATION] += 1

    def _check_scope(self, scope: str, name: str) -> None:
        if scope not in SCOPES:
            raise InvalidControl("scope", scope, ", ".join(SCOPES))
        if scope == INSTRUMENT:
            self._check_name("name", name, self._rows)
        elif scope == CLIENT:
            self._check_name("name", name, self._clients)
        elif scope == ALL and name:
            raise InvalidControl("name", name, "no name with scope all")

    @staticmethod
    def _check_name(field: str, name: str, known: dict[str, int]) -> None:
        if name not in known:
            names = list(known)
            rest = f" and {len(names) - _MAX_LISTED_NAMES} more" if len(names) > _MAX_LISTED_NAMES else ""
            raise InvalidControl(field, name, ", ".join(names[:_MAX_LISTED_NAMES]) + rest)


def _since(stop: Stop | None) -> int:
    return stop.since_ns if stop else 0


def _index(forced: ForcedModel | None) -> int:
    return MODELS.index(forced.model) if forced else L.BY_RULES


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
