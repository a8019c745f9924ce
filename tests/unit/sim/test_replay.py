"""The board of a replayed market against the venue's own book, and the parts of the sample before a run."""

import numpy as np
import pytest

from quotelife.config import load
from quotelife.config.shipped import DEMO, ETH_NEWS_SHOCK
from quotelife.market.board import layout as L
from quotelife_models import schema as S
from quotelife_research.data import l3
from quotelife_sim.markets.market import NEWS, TRADE
from quotelife_sim.markets.replay import MarketReplay
from quotelife_sim.markets.sample import SampleMarket
from quotelife_sim.markets.shock import CALL_SPREAD, END_S, T0_S, ShockMarket
from quotelife_sim.venue.book import VenueBook

S_NS = 1_000_000_000
START_NS = 7 * S_NS


def tops_of_venue(market, until_ns: int) -> list[list[tuple[int, int, int]]]:
    """(time, best bid, best offer) after every moment that changes them, from the venue's order-by-order books."""
    books = [VenueBook() for _ in market.symbols]
    for _, instrument, kind, side, key, px, size in market.opening().tolist():
        books[instrument].apply(kind, key, side, px, size)
    found = [[(0, *book.top())] for book in books]
    for chunk in market.chunks():
        for due in np.unique(chunk["due_ns"]):
            if due > until_ns:
                return found
            for _, instrument, kind, side, key, px, size in chunk[chunk["due_ns"] == due].tolist():
                if kind not in (TRADE, NEWS):
                    books[instrument].apply(kind, key, side, px, size)
            for instrument, book in enumerate(books):
                if book.top() != found[instrument][-1][1:]:
                    found[instrument].append((int(due), *book.top()))
    return found


@pytest.mark.parametrize("news", [True, False])
def test_best_prices_are_those_of_the_venue(news: bool) -> None:
    market = ShockMarket(1, news)
    replay = MarketReplay(load(ETH_NEWS_SHOCK), market, START_NS)
    assert not replay.advance(START_NS + round(END_S * S_NS))
    for history, wanted in zip(replay.histories(), tops_of_venue(market, round(END_S * S_NS)), strict=True):
        assert list(zip(history.ns - START_NS, history.bid, history.ask, strict=True)) == wanted


@pytest.mark.parametrize("news", [True, False])
def test_news_is_seen_only_where_it_is_sent(news: bool) -> None:
    market = ShockMarket(1, news)
    replay = MarketReplay(load(ETH_NEWS_SHOCK), market, START_NS)
    row = replay.rows[market.symbols.index(CALL_SPREAD)]
    x, snap = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
    at_ns = START_NS + round((T0_S + 1) * S_NS)
    replay.advance(at_ns)
    assert replay.observe(row, at_ns, x, snap) == L.STATUS_OK
    assert (x[S.NEWS_SENTIMENT] < -0.9) == news and (x[S.NEWS_SENTIMENT] == 0.0) != news
    assert x[S.CORRELATED_VELOCITY] < 0 and x[S.VOLATILITY_INDEX] > 0


def test_the_shock_is_the_same_without_its_news() -> None:
    with_news, without = (np.concatenate(list(ShockMarket(3, news).chunks())) for news in (True, False))
    assert (with_news[with_news["kind"] != NEWS] == without).all() and len(without) < len(with_news)
    assert "without its news" in ShockMarket(3, False).describe()


@pytest.mark.skipif(l3.find_sample() is None, reason="the order-book sample (package ob-analytics) is not installed")
def test_the_stretch_before_ends_where_the_sample_starts() -> None:
    market = SampleMarket(30.0)
    before = market.before(20.0)
    replay = MarketReplay(load(DEMO), before, START_NS)
    replay.advance(START_NS + 20 * S_NS)
    [history] = replay.histories()
    assert history.ns[-1] < START_NS + 20 * S_NS and len(history.ns) > 1
    book = VenueBook()
    for _, _, kind, side, key, px, size in market.opening().tolist():
        book.apply(kind, key, side, px, size)
    assert (history.bid[-1], history.ask[-1]) == book.top()
