"""What simulated clients mean to do."""

from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from quotelife.config import load
from quotelife.config.shipped import DEMO
from quotelife_sim.clients.requests import FREE_SESSION, ORDINARY, PATIENT, SNIPER, intentions
from quotelife_sim.markets.catalog import is_recorded, symbols_of
from quotelife_sim.plan import Plan

CONFIG = load(DEMO)


def drawn(seed: int = 1, duration_s: float = 20.0, symbols: tuple[str, ...] = ("BTC-USD",)):
    return list(intentions(CONFIG, "sample", symbols, seed, duration_s))


def test_intentions_are_deterministic_numbered_and_in_order() -> None:
    first = drawn()
    assert first == drawn() and first != drawn(seed=2)
    assert [i.number for i in first] == list(range(1, len(first) + 1))
    assert all(a.at_ns <= b.at_ns for a, b in pairwise(first))
    assert first[-1].at_ns <= 20_000_000_000


def test_every_session_but_the_free_one_sends_requests() -> None:
    sessions = {i.session for i in drawn()}
    assert FREE_SESSION not in sessions
    assert {i.style for i in drawn()} == {PATIENT, ORDINARY, SNIPER}


def test_longer_run_starts_with_the_requests_of_a_shorter_one() -> None:
    short = drawn(duration_s=5.0)
    endless = list(islice(intentions(CONFIG, "sample", ("BTC-USD",), 1, 0), len(short)))
    assert endless == short


def test_quantities_are_decimals_and_snipers_never_accept() -> None:
    for intention in drawn():
        assert float(intention.quantity) > 0 and "e" not in intention.quantity
        assert not (intention.style == SNIPER and intention.accepts)


def test_only_permitted_sessions_name_a_model() -> None:
    may = {session for client in CONFIG.client if client.may_choose_model for session in client.sessions}
    overriding = {i.session for i in drawn(duration_s=100.0) if i.override}
    assert overriding and overriding <= may


def test_the_sample_has_the_generated_instruments_that_are_configured(tmp_path: Path) -> None:
    def plan(config: Path) -> Plan:
        return Plan(market="sample", config=str(config), directory="", seed=1, duration_s=5.0, instruments=1)

    assert symbols_of(plan(DEMO)) == ("BTC-USD", "ETH-USD", "EUR-USD")
    assert [is_recorded(plan(DEMO), symbol) for symbol in symbols_of(plan(DEMO))] == [True, False, False]
    alone = tmp_path / "alone.toml"
    head, _, rest = DEMO.read_text().partition("[[instrument]]                  # generated")
    alone.write_text(head + rest[rest.index("[[client]]") :])
    assert symbols_of(plan(alone)) == ("BTC-USD",)


def test_sizes_are_those_of_the_instrument() -> None:
    symbols = ("BTC-USD", "ETH-USD", "EUR-USD")
    asked = drawn(duration_s=60.0, symbols=symbols)
    medians = [
        float(np.median([float(i.quantity) for i in asked if i.symbol == symbol and i.style == ORDINARY]))
        for symbol in symbols
    ]
    assert medians == pytest.approx([0.05, 1.0, 100_000.0], rel=0.5)
    assert all(float(i.quantity).is_integer() for i in asked if i.symbol == "EUR-USD")
