"""The venue's book against the plainest possible one."""

import random

from quotelife_sim.markets.market import ADD, ASK, BID, CHANGE, DELETE
from quotelife_sim.venue.book import VenueBook


def test_best_prices_equal_those_of_a_plain_book() -> None:
    rng, book, plain = random.Random(4), VenueBook(), {}
    for _ in range(5_000):
        key = rng.randrange(60)
        kind = rng.choice((ADD, CHANGE, DELETE))
        side = rng.choice((BID, ASK))
        px = rng.randrange(90, 100) if side == BID else rng.randrange(101, 111)
        if kind == CHANGE and key in plain:
            side, px = plain[key][0], plain[key][1] if rng.random() < 0.5 else plain[key][1] + rng.choice((-1, 1))
        if kind == ADD:
            plain.setdefault(key, (side, px, 5))
        elif kind == CHANGE and key in plain:
            plain[key] = (side, px, 7)
        elif kind == DELETE:
            plain.pop(key, None)
        book.apply(kind, key, side, px, 5 if kind == ADD else 7)
        bids = [p for s, p, _ in plain.values() if s == BID]
        asks = [p for s, p, _ in plain.values() if s == ASK]
        assert book.top() == (max(bids, default=0), min(asks, default=0))
        assert book.orders == plain


def test_unknown_and_duplicate_ids_change_nothing() -> None:
    book = VenueBook()
    assert book.apply(ADD, 1, BID, 100, 5) == (BID, 100, 5)
    assert book.apply(ADD, 1, BID, 101, 5) is None
    assert book.apply(CHANGE, 2, BID, 101, 5) is None
    assert book.apply(DELETE, 2, BID, 101, 0) is None
    assert book.top() == (100, 0)
    book.clear()
    assert (book.top(), book.orders) == ((0, 0), {})
