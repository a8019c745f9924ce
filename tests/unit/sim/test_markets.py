"""The markets: deterministic, in order of time, never crossed, and what each promises."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from quotelife_research.data import l3
from quotelife_sim.markets import shock
from quotelife_sim.markets.companion import COMPANIONS, MarketWithCompanions
from quotelife_sim.markets.market import ADD, ASK, BID, CHANGE, DELETE, EVENT, NEWS, TRADE, Market
from quotelife_sim.markets.sample import FITTED_SHARE, SampleMarket, SampleNotInstalled, read_sample
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


class Recorded:
    """An instrument that changes every ten seconds for 45 s."""

    symbols = ("BTC-USD",)
    repeats = True

    def opening(self) -> np.ndarray:
        return np.array([(0, 0, ADD, side, 1 + side, 100 + side, 5) for side in (BID, ASK)], EVENT)

    def chunks(self):
        yield np.array([(s * NS_PER_S, 0, CHANGE, BID, 1, 100, s) for s in (10, 20, 30, 40, 45)], EVENT)

    def describe(self) -> str:
        return "a recording"


def test_generated_instruments_are_played_beside_a_recording() -> None:
    market = MarketWithCompanions(Recorded(), list(COMPANIONS.values()))
    assert market.symbols == ("BTC-USD", "ETH-USD", "EUR-USD") and market.repeats
    assert market.describe() == "a recording; beside it ETH-USD and EUR-USD, GENERATED"
    events = played(market, 10)
    assert (events == played(market, 10)).all() and (np.diff(events["due_ns"]) >= 0).all()
    [recorded] = Recorded().chunks()
    assert (events[events["instrument"] == 0] == recorded).all(), "the recording is as it was"
    assert len(list(market.chunks())) == 3, "what is generated for later does not delay the start"
    for history in tops(market, events)[1:]:
        assert len(history) > 100 and all(0 < bid < ask for _, bid, ask in history)
        assert len({bid for _, bid, _ in history}) > 3
    before = MarketWithCompanions(Recorded(), list(COMPANIONS.values()), "/before")
    assert not (before.opening() == market.opening()).all(), "the minutes before are others"


@pytest.mark.skipif(l3.find_sample() is None, reason="the order-book sample (package ob-analytics) is not installed")
def test_the_cleaned_sample_is_kept_and_read_again(tmp_path: Path, monkeypatch) -> None:
    folder = l3.find_sample()
    monkeypatch.setenv("QUOTELIFE_KERNELS", str(tmp_path / "cache"))
    cleaned = read_sample(folder)
    [kept] = (tmp_path / "cache").iterdir()
    monkeypatch.setattr(l3, "read_l3", lambda folder: pytest.fail("cleaned again"))
    assert (read_sample(folder) == cleaned).all()
    kept.write_bytes(b"half a fi")
    monkeypatch.setattr(l3, "read_l3", lambda folder: cleaned)
    assert (read_sample(folder) == cleaned).all() and (np.load(kept) == cleaned).all()


def test_missing_sample_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(l3, "find_sample", lambda: None)
    with pytest.raises(SampleNotInstalled):
        SampleMarket(10.0)
