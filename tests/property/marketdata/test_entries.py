"""Books of every model against naive ones, over W and X messages with every combination of what an entry may say."""

from collections.abc import Iterator
from itertools import product
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix.encode import frame_bytes
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import MALFORMED, NEEDS_BYTES
from tests.oracle.venue_book import NONE, Instrument, VenueBooks
from tests.oracle.venue_entry import Fields
from tests.oracle.venue_messages import MIDDLE, Market
from tests.oracle.venue_models import BUY, Level
from tests.unit.marketdata.decoder_rig import REQUEST, Rig, message
from tests.unit.marketdata.entry_effects import BEST_SNAPSHOT, POSITION_SNAPSHOT, SNAPSHOT, fields

STANDARD = {"0": "new", "1": "change", "2": "delete"}
ACTIONS = (
    STANDARD,
    STANDARD | {"3": "delete_thru", "4": "delete_from", "5": "overlay"},
    STANDARD | {"3": "append", "4": "delete_from", "5": "delete_thru", "6": "delete_all"},
    STANDARD | {"1": "overlay", "2": "delete_from"},
)
MODELS = ("price", "order", "position", "tiers", "best", "snapshots")


class Pair:
    """The decoder and the naive books, the same bytes for both."""

    def __init__(self, profile: VenueProfile, model: str, depth: int, security_ids: list[str | None]) -> None:
        symbols = ("A", "B", "C")[: len(security_ids)]
        self.naive = VenueBooks(
            profile, model, depth, [Instrument(*names) for names in zip(symbols, security_ids, strict=True)]
        )
        ids = {symbol: id for symbol, id in zip(symbols, security_ids, strict=True) if id}
        self.rig = Rig(symbols, profile=profile, model=model, depth=depth, security_ids=ids)
        self.log: list[str] = []

    def subscribe(self, row: int) -> None:
        self.naive.subscribe(row)
        self.rig.decoder_state.instruments[row, :2] = M.SYNC_WAITING, REQUEST
        self.log.append(f"subscribe {row}")

    def refuse(self, row: int) -> None:
        self.naive.refuse(row)
        self.rig.decoder_state.instruments[row, :2] = M.SYNC_NONE, 0
        self.log.append(f"refuse {row}")

    def receive(self, msg_type: str, fields: Fields, cuts: list[float], resent: bool = False) -> None:
        self.log.append(f"{msg_type} {resent} " + " ".join(f"{tag}={value}" for tag, value in fields))
        self.naive.receive(msg_type, fields, resent)
        data = message(msg_type, self.rig.seq_num, fields, resent)
        self.rig.seq_num += 1
        places = sorted(int(cut * len(data)) for cut in cuts)
        for start, end in zip([0, *places], [*places, len(data)], strict=True):
            found = self.rig.feed(data[start:end])
            assert found in (NEEDS_BYTES, MALFORMED), self.log
        self.rig.compact()

    def check(self) -> None:
        said = "\n".join(self.log[-12:])
        reasons, expected = self.rig.reasons(), dict(self.naive.reasons)
        assert reasons == expected, f"decoder {reasons}, naive {expected}\n{said}"
        for row in range(len(self.naive.books)):
            its, state = self.naive.instruments[row], self.rig.state(row)
            assert (state == L.BOOK_LIVE) == self.naive.usable(row), f"row {row}: {its.state}, {state}\n{said}"
            if self.naive.usable(row):
                found = [[*side.items()] for side in self.rig.book(row)]
                levels = [side[::-1] for side in self.naive.levels(row)]
                assert found == levels, f"row {row}: decoder {found}, naive {levels}\n{said}"


@st.composite
def venues(draw, model: str):
    """A profile, a depth, and SecurityIDs of two or three instruments."""
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    actions = pick(*ACTIONS) if model in ("price", "position") else pick(STANDARD, STANDARD | {"5": "overlay"})
    book = {
        "models": [model],
        "entry_id": pick("identity", "identity", "ignored"),
        "level_tag": pick(1023, 290),
        "actions": actions,
        "window": pick("subscribed", "subscribed", "none"),
        "unknown_levels": pick("set", "invalidate"),
        "unrequested_snapshot": pick("apply", "ignore"),
        "tier_sizes": pick("cumulative", "separate"),
        "entries_without_id": pick("invalid", "ignored"),
        "fills": pick("ignored", "reduce"),
        "unknown_orders": pick("invalidate", "invalidate", "ignored"),
    }
    if pick(0, 0, 0, 1):
        book["checksum"] = {"algorithm": "kraken-crc32", "tag": 5041}
    ids = list(
        pick((None, None), ("a1", "b1"), ("a1", None), (None, None, None), ("a1", "b1", "c1"), (None, "b1", "c1"))
    )
    by_id = all(ids) and pick(False, True)
    profile = {
        "title": "drawn",
        "tried": "here",
        "book": book,
        "instruments": {"address": "SecurityID", "security_id_source": "8"} if by_id else {},
    }
    return msgspec.convert(profile, VenueProfile), pick(0, 0, 1, 2, 5), ids


def play(model: str, venue, random: Random, messages: int) -> Pair:
    profile, depth, ids = venue
    pair = Pair(profile, model, depth, ids)
    market = Market(
        random,
        pair.naive,
        with_ids=random.random() < 0.6,
        sequenced=random.random() < 0.3,
        faults=random.choice([0.0, 0.02, 0.1]),
        numbered=random.random() < 0.8,
    )
    for _ in range(messages):
        for row, its in enumerate(pair.naive.instruments):
            if (its.state == NONE and random.random() < 0.6) or (its.partial and random.random() < 0.1):
                pair.subscribe(row)
            elif its.state == NONE and random.random() < 0.1:
                pair.refuse(row)
        cuts = [random.random() for _ in range(random.choice([0, 0, 1, 2]))]
        pair.receive(*market.message(), cuts, resent=random.random() < 0.03)
        pair.check()
    return pair


@pytest.mark.parametrize("examples", [40, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", MODELS)
def test_books_are_those_of_the_naive_ones_or_not_used(model, examples):
    @given(venue=venues(model), random=st.randoms(use_true_random=False))
    @settings(max_examples=examples, deadline=None)
    def run(venue, random):
        play(model, venue, random, 20)

    run()


# Messages that once made a difference between the two, from the shortest book that shows it.
ORDER_OF_A = "W 55=A 262=77 268=1 269=0 278=a 270=99 271=5"
FILL_OF_NONE = "268=1 279=0 55=A 269=2 278=nobody 270=100 271=2"
PRICES = ("W 55=A 262=77 268=1 269=0 270=99 271=5", "W 55=B 262=77 268=1 269=0 270=99 271=5")
CHANGE_OF_A = "X 893=N 268=1 279=1 55=A 269=0 270=99 271=6"
CHECKSUM = {"algorithm": "kraken-crc32", "tag": 5041}
FOUND = {
    "a fill of no order begins no change": (
        "order",
        {"fills": "reduce"},
        (ORDER_OF_A, f"X 893=N {FILL_OF_NONE}", "X 268=1 279=1 55=A 269=0 278=a 270=99 271=4"),
    ),
    "a fill of no order ends no change": (
        "order",
        {"fills": "reduce"},
        (ORDER_OF_A, "X 893=N 268=1 279=1 55=A 269=0 278=a 270=99 271=4", f"X {FILL_OF_NONE}"),
    ),
    "a fill of no order has no checksum": (
        "order",
        {"fills": "reduce", "checksum": CHECKSUM},
        (ORDER_OF_A, f"X {FILL_OF_NONE} 5041=1"),
    ),
    "a book that awaits its snapshot was spoiled while the change of another was incomplete": (
        "price",
        {},
        (
            *PRICES,
            CHANGE_OF_A,
            "X 893=N 268=1 279=1 55=B 269=0 280=nobody 270=99 271=6",
            "subscribe 1",
            "X 893=Y 268=1 279=1 55=A 269=0 270=99 271=x",
            PRICES[1],
        ),
    ),
}


@pytest.mark.parametrize(("model", "book", "messages"), FOUND.values(), ids=FOUND)
def test_messages_that_once_made_a_difference(model, book, messages):
    profile = {"title": "fixed", "tried": "here", "book": {"models": [model], "actions": STANDARD, **book}}
    pair = Pair(msgspec.convert(profile, VenueProfile), model, 0, [None, None])
    for text in messages:
        kind, *rest = text.split()
        if kind == "subscribe":
            pair.subscribe(int(rest[0]))
        else:
            pair.receive(kind, [(int(tag), value) for tag, value in (field.split("=") for field in rest)], cuts=[])
        pair.check()


def test_positions_are_drawn_whatever_the_order_of_the_levels():
    """Faults in the entries before may have put a level beside, or behind, one of the same price."""
    profile = msgspec.convert(
        {"title": "t", "tried": "here", "book": {"models": ["position"], "actions": ACTIONS[1]}}, VenueProfile
    )
    books = VenueBooks(profile, "position", 0, [Instrument("A")])
    levels = [Level(MIDDLE - distance, 1) for distance in (3, 4, 4, 2)]
    for seed in range(200):
        market = Market(Random(seed), books, with_ids=False, sequenced=False, faults=0.0, numbered=True)
        assert market.position_entry(BUY, levels)[269] == "0"


# --- the table: every combination of what one entry of an X has and says

EVERY_ACTION = dict(
    zip(
        "01234567",
        ("new", "change", "delete", "delete_thru", "delete_from", "overlay", "delete_all", "append"),
        strict=True,
    )
)
SNAPSHOTS = {"best": BEST_SNAPSHOT, "position": POSITION_SNAPSHOT}
# What a field may be; None: absent. 100 is the price of s0, a bid of A, and 98 that of no level.
ADDRESSES = ((None, None), ("A", None), (None, "a1"))
VALUES = {
    279: (None, *"012345678"),
    269: (None, "0", "1", "2", "J", "4", "xy"),
    278: (None, "s0", "n"),
    280: (None, "s0", "m"),
    270: (None, "100", "98"),
    271: (None, "5", "0"),
    346: (None, "2"),
    1023: (None, "1", "3"),
}
# Fields that do not matter to a model are there or not, all of them at once.
TOGETHER = {
    "position": ((278, 280), (346,)),
    "tiers": ((278, 280, 346, 1023), (270, 271)),
    "snapshots": ((278, 280, 346, 1023), (270, 271)),
}


def combinations(model: str, every: bool) -> Iterator[dict[int, str]]:
    """Entries, every combination once; or half of them: those with an even number of things that are there, which are
    every combination of all but the last group of `TOGETHER`."""
    together = TOGETHER.get(model, ((346, 1023),))
    single = [tag for tag in VALUES if not any(tag in tags for tags in together)]
    choices = [[{tag: value} if value else {} for value in VALUES[tag]] for tag in single]
    choices += [[{}, {tag: VALUES[tag][1] for tag in tags}] for tags in together]
    choices.append([{tag: name for tag, name in zip((55, 48), names, strict=True) if name} for names in ADDRESSES])
    for parts in product(*choices):
        if any(parts) and (every or sum(map(bool, parts)) % 2 == 0):
            yield {tag: value for part in parts for tag, value in part.items()}


class Table:
    """Decoder and naive books with one snapshot, renewed where an entry may have changed it."""

    def __init__(self, model: str, book: dict) -> None:
        profile = {"title": "table", "tried": "here", "book": {"models": [model], "actions": EVERY_ACTION, **book}}
        self.profile = msgspec.convert(profile, VenueProfile)
        names = {"A": "a1", "B": "b1"}
        self.naive = VenueBooks(self.profile, model, 0, [Instrument(*pair) for pair in names.items()])
        self.rig = Rig(tuple(names), profile=self.profile, model=model, security_ids=names)
        self.model = model
        snapshots = SNAPSHOTS.get(model, SNAPSHOT)
        self.snapshots: list[Fields] = [[(55, symbol), *fields(snapshots[symbol])] for symbol in names]
        self.renew(0)
        self.renew(1)
        self.start = [self.found(row) for row in (0, 1)]

    def send(self, msg_type: str, body: Fields) -> None:
        text = f"35={msg_type}\x0134={self.rig.seq_num}\x01" + "".join(f"{tag}={value}\x01" for tag, value in body)
        self.rig.seq_num += 1
        self.rig.feed(frame_bytes(b"FIX.4.4", text.encode()))
        self.rig.compact()
        self.naive.receive(msg_type, body)

    def renew(self, row: int) -> None:
        self.naive.subscribe(row)
        self.rig.decoder_state.instruments[row, M.I_SYNC] = M.SYNC_WAITING
        self.send("W", self.snapshots[row])

    def found(self, row: int) -> list | str:
        """The decoder's levels, or its board row's state."""
        state = self.rig.state(row)
        return [[*side.items()][::-1] for side in self.rig.book(row)] if state == L.BOOK_LIVE else "not live"

    def expected(self, row: int) -> list | str:
        return list(self.naive.levels(row)) if self.naive.usable(row) else "not live"

    def differences(self, entry: dict[int, str]) -> str | None:
        before, naive_before = self.rig.reasons(), dict(self.naive.reasons)
        self.send("X", [(268, "1"), *entry.items()])
        found, expected = [self.found(row) for row in (0, 1)], [self.expected(row) for row in (0, 1)]
        reasons = [
            {name: n - old.get(name, 0) for name, n in new.items() if n != old.get(name, 0)}
            for old, new in ((before, self.rig.reasons()), (naive_before, dict(self.naive.reasons)))
        ]
        if entry.get(269) not in ("2", "4"):
            self.renew(0)
        if expected[1] != self.start[1] or found[1] != self.start[1]:
            self.renew(1)
        if found == expected and reasons[0] == reasons[1]:
            return None
        return f"{entry}: decoder {found} {reasons[0]}, naive {expected} {reasons[1]}"


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("model", "book"),
    [
        ("price", {}),
        ("price", {"entry_id": "ignored", "unknown_levels": "invalidate"}),
        ("order", {}),
        ("best", {}),
        ("position", {}),
        ("tiers", {}),
        ("snapshots", {}),
    ],
)
def test_every_entry_has_the_effect_of_the_naive_book(model, book, every):
    table = Table(model, book)
    differences = [text for entry in combinations(model, every) if (text := table.differences(entry))]
    assert not differences, f"{len(differences)}, among them\n" + "\n".join(differences[:: len(differences) // 20 + 1])
