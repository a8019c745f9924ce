"""What each kind of entry does to a book, or why the book is not used any more."""

import msgspec
import pytest

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.market.board import layout as L
from tests.oracle.venue_book import Instrument, VenueBooks
from tests.unit.marketdata.decoder_rig import Rig
from tests.unit.marketdata.entry_effects import EFFECTS, Effect, fields, snapshot_for


def profile_of(effect: Effect) -> VenueProfile:
    book = {"models": [effect.model], **(effect.book or {})}
    return msgspec.convert({"title": "drawn", "tried": "here", "book": book}, VenueProfile)


def levels_text(sides) -> str:
    texts = [" ".join(f"{price / 2:g}:{size}" for price, size in levels) for levels in sides]
    return " / ".join(texts)


def is_as_expected(effect: Effect, after: str, b: str) -> bool:
    return after == effect.after and (b == effect.b or (effect.b == "live" and "/" in b))


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_naive_book(effect):
    ids = ("a1", "b1") if effect.security_ids else (None, None)
    instruments = [Instrument(symbol, id) for symbol, id in zip("AB", ids, strict=True)]
    books = VenueBooks(profile_of(effect), effect.model, effect.depth, instruments)
    for symbol, text in snapshot_for(effect).items():
        books.receive("W", [(55, symbol), *fields(text)])
    assert not books.reasons
    books.receive(effect.msg_type, fields(effect.entries))
    found = []
    for row, its in enumerate(books.instruments):
        found.append(levels_text(books.levels(row)) if books.live(row) else its.spoiled_by or its.state)
    assert is_as_expected(effect, *found), found


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_decoder(effect):
    ids = {"A": "a1", "B": "b1"} if effect.security_ids else {}
    rig = Rig(profile=profile_of(effect), model=effect.model, depth=effect.depth, security_ids=ids)
    for symbol, text in snapshot_for(effect).items():
        rig.receive("W", (55, symbol), *fields(text))
    assert not rig.reasons()
    rig.receive(effect.msg_type, *fields(effect.entries))
    reasons = rig.reasons()
    assert len(reasons) < 2
    found = []
    for row in (0, 1):
        levels = [[*side.items()][::-1] for side in rig.book(row)]
        found.append(levels_text(levels) if rig.state(row) == L.BOOK_LIVE else next(iter(reasons), "waiting"))
    assert is_as_expected(effect, *found), found
