"""The desk's controls: kept over restarts, seen at once by who quotes, refused in words where it names nothing."""

import msgspec
import pytest

from quotelife.config import Config, ConfigError
from quotelife.config.paths import DataPaths, RunPaths
from quotelife.config.sections import MarketState
from quotelife.controls import layout as L
from quotelife.controls.region import Controls
from quotelife.controls.store import ControlsStore, InvalidControl
from quotelife.shm.region import RegionError
from quotelife_models.enums import CLIENT_PRIORITY, LIQUIDITY_PROVIDER, MARKET_CLOSED, MARKET_STATES, RISK_AVERSE


@pytest.fixture
def config(tmp_path):
    raw = {
        "paths": {"run": str(tmp_path / "run"), "data": str(tmp_path / "data")},
        "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
        "instrument": [{"symbol": s, "venue": "SIM", "tick": "1", "lot": "1"} for s in ("A", "B")],
        "client": [{"name": n, "sessions": [n]} for n in ("Fund", "Bank", "Shop")],
    }
    (tmp_path / "run").mkdir()
    (tmp_path / "data").mkdir()
    return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(tmp_path / "q.toml"))


@pytest.fixture
def make(config, tmp_path):
    def make() -> tuple[ControlsStore, list[str]]:
        said: list[str] = []
        return ControlsStore(config, RunPaths(tmp_path / "run"), said.append), said

    return make


def seen(tmp_path) -> Controls:
    return Controls.attach(tmp_path / "run" / "controls", 2, 3)


def test_new_controls_restrict_nothing(make, tmp_path):
    _, said = make()
    controls = seen(tmp_path)
    assert said == []
    assert [controls.stopped(row, client) for row in range(2) for client in range(3)] == [None] * 6
    assert [controls.held_state(row) for row in range(2)] == [L.DERIVED] * 2


def test_without_a_supervisor_nothing_is_restricted():
    controls = Controls.none(2, 3)
    assert controls.stopped(1, 2) is None and controls.held_state(1) == L.DERIVED


@pytest.mark.parametrize(
    ("scope", "name", "reached"),
    [
        ("all", "", {(r, c) for r in range(2) for c in range(3)}),
        ("instrument", "B", {(1, 0), (1, 1), (1, 2)}),
        ("client", "Bank", {(0, 1), (1, 1)}),
    ],
)
def test_a_stop_applies_to_its_scope_only(make, tmp_path, scope, name, reached):
    store, said = make()
    controls = seen(tmp_path)
    before = controls.generation
    assert store.stop(scope, name, "too fast")
    found = {(r, c): controls.stopped(r, c) for r in range(2) for c in range(3)}
    assert {key for key, stop in found.items() if stop} == reached
    assert {stop[0] for stop in found.values() if stop} == {scope}
    assert controls.generation > before
    assert not store.stop(scope, name, "again")
    assert store.resume(scope, name) and not store.resume(scope, name)
    assert not any(controls.stopped(r, c) for r in range(2) for c in range(3))
    assert len(said) == 2 and "too fast" in said[0]


def test_a_market_state_is_held_and_released(make, tmp_path):
    store, _ = make()
    controls = seen(tmp_path)
    store.hold_market("B", "stressed", "before the auction")
    assert [controls.held_state(row) for row in range(2)] == [L.DERIVED, MARKET_STATES.index("stressed")]
    held = store.document()["market_states"]["B"]
    assert (held["state"], held["reason"]) == ("stressed", "before the auction") and held["since"].startswith("20")
    store.hold_market("B", None)
    assert controls.held_state(1) == L.DERIVED


def test_a_market_state_that_an_earlier_version_held_stays_held(make, tmp_path):
    DataPaths(tmp_path / "data").controls.write_text('{"market_states": {"A": "news"}}')
    store, said = make()
    assert seen(tmp_path).held_state(0) == MARKET_STATES.index("news") and said == ["market state of A held at news"]
    assert store.document()["market_states"] == {"A": {"state": "news", "since": None, "reason": ""}}
    assert not store.hold_market("A", "news") and store.hold_market("A", None)


@pytest.mark.parametrize(
    ("scope", "name", "reached"),
    [
        ("all", "", {(r, c) for r in range(2) for c in range(3)}),
        ("instrument", "B", {(1, 0), (1, 1), (1, 2)}),
        ("client", "Bank", {(0, 1), (1, 1)}),
    ],
)
def test_a_model_is_forced_for_its_scope_only(make, tmp_path, scope, name, reached):
    store, said = make()
    controls, before = seen(tmp_path), seen(tmp_path).generation
    assert store.force_model(scope, name, "risk_averse", "picked off")
    found = {(r, c): controls.forced_model([r], c) for r in range(2) for c in range(3)}
    assert {key for key, model in found.items() if model == RISK_AVERSE} == reached
    assert {model for key, model in found.items() if key not in reached} <= {L.BY_RULES}
    assert controls.generation > before and "picked off" in said[0]
    assert not store.force_model(scope, name, "risk_averse")
    assert store.force_model(scope, name, "client_priority") and store.force_model(scope, name, None)
    assert not store.force_model(scope, name, None)
    assert {controls.forced_model([r], c) for r in range(2) for c in range(3)} == {L.BY_RULES}


def test_the_widest_forced_model_applies_and_the_most_cautious_of_several_legs(make, tmp_path):
    store, _ = make()
    controls = seen(tmp_path)
    store.force_model("client", "Fund", "client_priority")
    assert controls.forced_model([0, 1], 0) == CLIENT_PRIORITY
    store.force_model("instrument", "B", "liquidity_provider")
    assert controls.forced_model([0, 1], 0) == LIQUIDITY_PROVIDER
    store.force_model("instrument", "A", "risk_averse")
    assert controls.forced_model([1, 0], 0) == RISK_AVERSE
    store.force_model("all", "", "client_priority")
    assert controls.forced_model([0, 1], 0) == CLIENT_PRIORITY


def test_controls_survive_a_restart(make, tmp_path):
    store, _ = make()
    store.stop("instrument", "A", "news")
    store.stop("client", "Shop", "")
    store.stop("all", "", "fire drill")
    store.hold_market("A", "news")
    store.force_model("client", "Shop", "risk_averse")
    again, said = make()
    assert again.document() == store.document()
    assert len(said) == 5 and any("A stopped since 20" in text for text in said)
    controls = seen(tmp_path)
    assert controls.stopped(1, 0) is not None and controls.held_state(0) == MARKET_STATES.index("news")
    assert controls.forced_model([0], 2) == RISK_AVERSE


def test_names_missing_from_the_configuration_stay_stored(make, config, tmp_path):
    store, _ = make()
    store.stop("instrument", "B", "")
    fewer = msgspec.structs.replace(config, instrument=config.instrument[:1])
    other = ControlsStore(fewer, RunPaths(tmp_path / "run"), lambda _: None)
    other.stop("client", "Fund", "")
    assert make()[0].stored.instruments.keys() == {"B"}


@pytest.mark.parametrize(
    ("scope", "name", "field"), [("desk", "", "scope"), ("all", "A", "name"), ("instrument", "C", "name")]
)
def test_an_unknown_scope_or_name_is_an_error_with_the_allowed_values(make, scope, name, field):
    store, _ = make()
    for order in (
        lambda: store.stop(scope, name, ""),
        lambda: store.resume(scope, name),
        lambda: store.force_model(scope, name, "risk_averse"),
    ):
        with pytest.raises(InvalidControl, match="allowed: ") as caught:
            order()
        assert caught.value.field == field


def test_an_unknown_market_state_is_refused(make):
    store, _ = make()
    with pytest.raises(InvalidControl, match="calm, active"):
        store.hold_market("A", "wild")
    with pytest.raises(InvalidControl, match="A, B"):
        store.hold_market("C", "calm")
    with pytest.raises(InvalidControl, match="client_priority, risk_averse"):
        store.force_model("all", "", "brave")


def test_an_unreadable_file_prevents_the_start(make, config, tmp_path):
    DataPaths(tmp_path / "data").controls.write_text("{")
    with pytest.raises(ConfigError, match=r"controls\.json"):
        make()


def test_the_file_of_another_configuration_is_refused(make, tmp_path):
    make()
    with pytest.raises(RegionError):
        Controls.attach(tmp_path / "run" / "controls", 3, 3)
    with pytest.raises(RegionError):
        Controls.attach(tmp_path / "run" / "nothing", 2, 3)


def test_market_states_have_one_order():
    assert MARKET_STATES[MARKET_CLOSED] == "closed" == MARKET_STATES[-1]
    assert MarketState.__args__ == MARKET_STATES


def test_a_new_client_can_be_stopped_and_earlier_readers_see_the_stops_too(make, config, tmp_path):
    store, _ = make()
    earlier = seen(tmp_path)
    fourth = msgspec.convert({"name": "New", "sessions": ["New"]}, type(config.client[0]))
    store.configure(msgspec.structs.replace(config, client=[*config.client, fourth]))
    now = Controls.attach(tmp_path / "run" / "controls", 2, 4)
    assert store.stop("client", "New", "") and store.stop("client", "Bank", "")
    assert now.stopped(0, 3) is not None and now.stopped(0, 1) is not None
    assert earlier.stopped(0, 1) is not None and earlier.stopped(0, 0) is None


def test_the_clients_of_a_version_that_is_not_put_in_force_are_forgotten(make, config, tmp_path):
    store, _ = make()
    for name in ("Typo", "Other"):
        new = msgspec.convert({"name": name, "sessions": [name]}, type(config.client[0]))
        store.configure(msgspec.structs.replace(config, client=[*config.client, new]))
        assert store.stop("client", name, "")
        store.configure(config)
        with pytest.raises(InvalidControl):
            store.stop("client", name, "")
        assert seen(tmp_path).n_clients == 4 and seen(tmp_path).stopped(0, 3) is None
    with pytest.raises(RegionError):
        Controls.attach(tmp_path / "run" / "controls", 2, 5)
