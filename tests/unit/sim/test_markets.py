"""The markets: deterministic, in order of time, never crossed, and what each promises."""

from itertools import islice

import numpy as np
import pytest

from quotelife_research.data import l3
from quotelife_sim.markets import shock
from quotelife_sim.markets.market import DELETE, NEWS, TRADE, Market
from quotelife_sim.markets.sample import FITTED_SHARE, SampleMarket, SampleNotInstalled
from quotelife_sim.markets.shock import ShockMarket
from quotelife_sim.markets.synthetic import SyntheticMarket
from quotelife_sim.venue.book import VenueBook

NS_PER_S = 1_000_000_000


def played(market: Market, chunks: int) -> np.ndarray:
    return np.concatenate(list(islice(market.chunks(), chunks)))


def tops(market: Market, events: np.ndarray) -> list[list[tuple[int, int, int]]]:
    """Per instrument: time, best bid and best offer at the end of each time at which it changes."""
    books = [VenueBook() for _ in market.symbols]
    found: list[list[tuple[int, int, int]]] = [[] for _ in books]
    for _, i, kind, side, key, px, size in market.opening().tolist():
        books[i].apply(kind, key, side, px, size)
    for due, i, kind, side, key, px, size in events.tolist():
        if kind <= DELETE:
            assert books[i].apply(kind, key, side, px, size) is not None
            if found[i] and found[i][-1][0] == due:
                found[i].pop()
            found[i].append((due, *books[i].top()))
    return found


@pytest.mark.parametrize("make", [lambda: SyntheticMarket(5, 7), lambda: ShockMarket(7)], ids=["synthetic", "shock"])
def test_generated_markets(make) -> None:
    first, second = played(make(), 30), played(make(), 30)
    assert (first == second).all()
    assert (np.diff(first["due_ns"]) >= 0).all()
    for history in tops(make(), first):
        assert all(0 < bid < ask for _, bid, ask in history)


def test_a_follower_follows() -> None:
    market = SyntheticMarket(2, 1)
    leader, follower = tops(market, played(market, 120))
    grid = np.arange(5, 115) * NS_PER_S

    def mids(history: list[tuple[int, int, int]]) -> np.ndarray:
        array = np.array(history)
        at = np.searchsorted(array[:, 0], grid, side="right") - 1
        return (array[at, 1] + array[at, 2]) / 2

    moves = np.diff(mids(leader)), np.diff(mids(follower))
    assert np.corrcoef(*moves)[0, 1] > 0.5


def test_synthetic_markets_have_news_trades_and_a_description() -> None:
    market = SyntheticMarket(20, 1)
    kinds = set(played(market, 60)["kind"].tolist())
    assert {NEWS, TRADE} <= kinds
    assert "SYNTHETIC" in market.describe()


def test_the_shock_is_two_to_five_times_as_fast_and_wide() -> None:
    market = ShockMarket(1)
    events = played(market, 1)
    news = events[events["kind"] == NEWS]
    assert (news["px_ticks"] == -1000).all() and len(news) == len(market.symbols)
    t0_ns = round(shock.T0_S * NS_PER_S)
    index = market.symbols.index(shock.CALL_SPREAD)
    history = np.array(tops(market, events)[index])
    calm, after = history[history[:, 0] < t0_ns], history[history[:, 0] >= t0_ns + NS_PER_S]
    widths = (calm[:, 2] - calm[:, 1]).mean(), (after[:, 2] - after[:, 1]).mean()
    assert 2 <= widths[1] / widths[0] <= 5
    assert 2 <= np.mean([pace(seed) for seed in range(5)]) <= 5.5


def pace(seed: int) -> float:
    """How many times as often the call spread changes after the news as before."""
    market = ShockMarket(seed)
    events = played(market, 1)
    own = np.unique(events[events["instrument"] == market.symbols.index(shock.CALL_SPREAD)]["due_ns"])
    t0_ns = round(shock.T0_S * NS_PER_S)
    return float((own >= t0_ns).sum() / (own < t0_ns).sum())


@pytest.mark.skipif(l3.find_sample() is None, reason="the order-book sample (package ob-analytics) is not installed")
def test_only_the_part_of_the_sample_that_was_not_fitted_is_played() -> None:
    sample = l3.read_l3(l3.find_sample())
    market = SampleMarket(30.0)
    events = played(market, 1)
    first, last = int(sample["ts_ns"][0]), int(sample["ts_ns"][-1])
    start = np.datetime64(market.describe().split(" from ")[1].split(" UTC")[0]).astype("datetime64[ns]").astype(int)
    assert start >= first + FITTED_SHARE * (last - first) - NS_PER_S
    assert (np.diff(events["due_ns"]) >= 0).all() and events["due_ns"][0] >= 0
    assert all(0 < bid < ask for _, bid, ask in tops(market, events)[0])


@pytest.mark.skipif(l3.find_sample() is None, reason="the order-book sample (package ob-analytics) is not installed")
def test_a_generated_instrument_is_played_beside_the_sample() -> None:
    alone, beside = SampleMarket(2.0), SampleMarket(2.0, 2)
    assert (alone.symbols, beside.symbols) == (("BTC-USD",), ("BTC-USD", "ETH-USD"))
    assert "ETH-USD, generated" in beside.describe() and "ETH-USD" not in alone.describe()
    events = played(beside, 1)
    assert (events[events["instrument"] == 0] == played(alone, 1)).all(), "the recording is as it was"
    assert (np.diff(events["due_ns"]) >= 0).all()
    history = tops(beside, events)[1]
    assert len(history) > 100 and all(0 < bid < ask for _, bid, ask in history)


def test_missing_sample_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(l3, "find_sample", lambda: None)
    with pytest.raises(SampleNotInstalled):
        SampleMarket(10.0)
