"""The endless history: journal, recorder's history and capture as one list, with filters and a cursor."""

from typing import Any

import pytest

from quotelife.dashboard.quote_history import NO_PYARROW, QuoteHistory
from quotelife.ledger.quote_filter import QuoteFilter, QuoteKey
from tests.unit.dashboard.desk_rig import DeskRig

ANY = QuoteFilter()


@pytest.fixture
def rig(tmp_path):
    return DeskRig(tmp_path)


def pages(history: QuoteHistory, wanted: QuoteFilter = ANY, n: int = 2) -> list[dict[str, Any]]:
    """All quotes, page by page."""
    found, before = [], None
    for _ in range(50):
        page: Any = history.page(wanted, before, n)
        assert len(page["quotes"]) <= n
        found += page["quotes"]
        if page["next"] is None:
            return found
        before = QuoteKey.from_cursor(page["next"])
    raise AssertionError("no end")


def ids(history: QuoteHistory, **wanted: Any) -> list[object]:
    return [quote["id"] for quote in pages(history, QuoteFilter(**wanted))]


def test_pages_have_every_quote_once_while_quotes_are_added(rig):
    history, quotes = QuoteHistory(rig.config), []
    for n in range(3):
        quotes.append(rig.ask(f"r{n}")["117"])
        rig.sleep(1)
    rig.record()
    quotes.append(rig.ask("r3")["117"])  # in the journal alone
    first: Any = history.page(ANY, None, 2)
    rig.sleep(1)
    rig.ask("r4")
    rig.record()
    rest: Any = history.page(ANY, QuoteKey.from_cursor(first["next"]), 10)
    assert [q["id"] for q in [*first["quotes"], *rest["quotes"]]] == list(reversed(quotes))
    assert rest["next"] is None and rest["note"] == ""


@pytest.mark.parametrize("recorded", [True, False])
def test_filters_find_the_same_in_the_journal_and_in_the_history(rig, recorded):
    filled = rig.fill("r1")
    passed = rig.ask("r2")["117"]
    rig.send("AJ", f"693=a|117={passed}|694=6")
    fund = rig.ask("r3", "55=ETH-USD|54=1|38=1|20001=RISK_AVERSE", "FUND")["117"]
    rig.ask("r4", "55=NO-SUCH|54=1|38=1")
    if recorded:
        rig.record()
    history = QuoteHistory(rig.config)
    assert ids(history, state="filled") == [filled] and ids(history, state="passed") == [passed]
    assert ids(history, client="Fund") == ids(history, model="risk_averse") == ids(history, symbol="ETH-USD") == [fund]
    assert ids(history, text="R3") == [fund] and ids(history, text="nothing") == []
    assert set(ids(history)) == {filled, passed, fund}
    [refused] = pages(history, QuoteFilter(state="refused"))
    assert (refused["id"], refused["request"], refused["outcome"], refused["why"]) == (
        "", "r4", "refused", "unknown_symbol",
    )  # fmt: skip


def test_an_outcome_that_only_the_journal_has_is_told(rig):
    quote = rig.ask("r1")["117"]
    rig.record()
    rig.sleep(7)
    rig.send("AJ", f"693=a|117={quote}|694=1")
    [found] = pages(QuoteHistory(rig.config))
    assert found["outcome"] == "filled" and found["ended_ms"] == pytest.approx(float(str(found["at_ms"])) + 7)


def test_a_search_is_bounded_and_goes_on_with_the_cursor(rig, monkeypatch):
    monkeypatch.setattr("quotelife.dashboard.quote_history._MAX_SCANNED", 3)
    wanted = rig.ask("the-oldest")["117"]
    for n in range(7):
        rig.sleep(1)
        rig.ask(f"r{n}")
    rig.record()
    history = QuoteHistory(rig.config)
    first: Any = history.page(QuoteFilter(text="the-oldest"), None, 10)
    assert first["quotes"] == [] and first["next"] is not None
    assert ids(history, text="the-oldest") == [wanted]


def test_quotes_that_the_history_has_deleted_come_from_the_capture(tmp_path):
    pytest.importorskip("pyarrow")
    rig = DeskRig(tmp_path, with_capture=True)
    filled = rig.fill("r1")
    rig.sleep(5)
    fund = rig.ask("r2", "55=ETH-USD|38=1|20001=RISK_AVERSE", "FUND")["117"]
    rig.ask("r3", "55=NO-SUCH|54=1|38=1")
    rig.record()
    rig.archive.close()
    history = QuoteHistory(rig.config)
    before = pages(history)
    rig.sleep(30_000)
    rig.record()
    rig.forget()
    newer = rig.fill("r4")
    rig.record()
    assert ids(history) == [newer, fund, filled]
    same = ("id", "request", "client", "tier", "symbol", "side", "quantity", "bid", "offer", "model", "market",
            "reason", "lifetime_ms", "until_ms", "p_pick_off", "edge_ticks", "outcome", "ended_ms", "why")  # fmt: skip
    told = {quote["id"]: {key: quote[key] for key in same} for quote in before}
    told[fund]["outcome"], told[fund]["ended_ms"] = "expired", told[fund]["until_ms"]
    for quote in pages(history)[1:]:
        assert {key: quote[key] for key in same} == told[quote["id"]]
    assert ids(history, client="Fund") == ids(history, state="expired") == [fund]
    assert ids(history, state="filled") == [newer, filled] and ids(history, text="eth-") == [fund]
    assert [quote["why"] for quote in pages(history, QuoteFilter(state="refused"))] == ["unknown_symbol"]


def test_without_pyarrow_the_answer_says_that_the_capture_is_missing(rig):
    history = QuoteHistory(rig.config)
    history.has_pyarrow = False
    rig.ask("r1")
    assert history.page(ANY, None, 10)["note"] == ""
    (rig.folder / "capture" / "decisions").mkdir(parents=True)
    assert history.page(ANY, None, 10)["note"] == NO_PYARROW


def test_a_cursor_is_checked():
    key = QuoteKey(1_795_965_520_131_028_141, "Q1.a")
    assert QuoteKey.from_cursor(key.cursor) == key
    for text in ("", "yesterday", "12", ".Q1", "-1.Q1", "9" * 20 + ".Q"):
        with pytest.raises(ValueError):
            QuoteKey.from_cursor(text)
