"""The answer to a QuoteStatusRequest in each state of a quote, and QuoteCancel by the client."""

import pytest

from quotelife.config.paths import data_paths
from quotelife.ledger.history import HistoryReader, QuoteRow
from quotelife.ledger.quote_state import CANCELLED, FILLED, OPEN, PASSED, VOIDED, WITHDRAWN, QuoteState
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.rfq.outcome import StatusLookup
from quotelife.rfq.quote_status import StatusRequests
from quotelife.rfq.terms.quote_terms import QuoteTerms, encode
from tests.unit.rfq.rfq_rig import Rig, fields
from tests.unit.rfq.test_withdrawal import cancels, hit


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.handler.sessions["ORD"].is_logged_on = True
    return rig


def ask(rig: Rig, quote_id: str, session: str = "ORD") -> dict[str, str]:
    [report] = rig.send("a", f"649=s1|117={quote_id}|55=BTC-USD", session)
    assert report["35"] == "AI" and report["649"] == "s1" and report["117"] == quote_id
    return report


def test_open_quote_is_reported_with_its_terms(rig):
    quote = rig.ask("r1")
    report = ask(rig, quote["117"])
    assert (report["297"], report["131"]) == ("0", "r1")
    assert {t: report[t] for t in ("54", "133", "135", "62", "55")} == {
        t: quote[t] for t in ("54", "133", "135", "62", "55")
    }


def test_each_end_is_reported_with_its_status(rig):
    texts = []

    def status(quote: dict[str, str], session: str = "ORD") -> tuple[str, QuoteState]:
        report = ask(rig, quote["117"], session)
        texts.append(report["58"])
        return report["297"], rig.state(quote)

    quotes = [rig.ask(f"r{n}") for n in range(5)]
    hit(rig, quotes[0], "a")
    assert status(quotes[0]) == ("6", FILLED)
    rig.send("AJ", f"693=b|117={quotes[1]['117']}|694=6")
    assert status(quotes[1]) == ("11", PASSED)
    rig.send("Z", f"117={quotes[2]['117']}|298=1")
    assert status(quotes[2]) == ("1", CANCELLED)
    rig.shift_book(10)
    assert len(cancels(rig)) == 2
    assert status(quotes[3]) == ("1", WITHDRAWN)
    expired, voided = rig.ask("r5"), rig.ask("r6", session="FUND")
    rig.handler.on_logout("FUND", "session_ended", rig.wall_ns, rig.mono_ns)
    assert status(voided, "FUND") == ("1", VOIDED)
    rig.sleep(12_000)
    assert status(expired)[0] == "7", "by its deadline, before the timer has run"
    assert len(set(texts)) == 6, "the Text tells apart what has the same code"


def test_quote_of_another_session_is_not_found(rig):
    quote = rig.ask("r1", session="FUND")
    assert ask(rig, quote["117"])["297"] == "9"
    assert ask(rig, "NO-SUCH")["297"] == "9"


def test_evicted_quote_is_reported_from_the_history(rig):
    history = HistoryWriter(data_paths(rig.config).history)
    quote = QuoteRow(
        0, "Q1-1", "r1", "ORD", "Ordinary", "BTC-USD", 1, 0, 2_000_001, 1_500, 1, "risk_averse", "model", 5, 1_000,
        2_000, 0.1, 0.1, "", OPEN, None, None,
    )  # fmt: skip
    history.add_quote(quote, None)
    history.add_quote(quote._replace(quote_id="Q1-2", session="FUND"), None)
    history.add_quote(quote._replace(quote_id="Q1-3", symbol="GONE"), None)
    history.end_quote("Q1-1", WITHDRAWN, 1_500, "no_market")
    history.commit()
    report = ask(rig, "Q1-1")
    assert (report["297"], report["131"], report["133"], report["135"]) == ("1", "r1", "1000000.5", "1.5")
    assert "no_market" in report["58"] and "19700101-00:00:00.000001" in report["58"]
    assert ask(rig, "Q1-2")["297"] == "9"
    assert ask(rig, "Q1-3")["297"] == "7"
    history.close()


@pytest.mark.parametrize(
    ("terms", "is_shown"),
    [
        (QuoteTerms("1=ACC\x01"), True),
        (QuoteTerms(tenor="M1", bid_points=3, offer_points=4), False),
        (QuoteTerms(far_date="20990105", far_bid_points=3), False),
        (QuoteTerms(amount="1000", other_currency="EUR"), False),
    ],
)
def test_the_history_shows_no_terms_that_were_not_dealt(rig, tmp_path, terms, is_shown):
    """The history has the prices and lots of the instrument itself; the client's side and price are others."""
    history = HistoryWriter(tmp_path / "history.sqlite")
    history.add_terms("Q2-1", 5, encode(terms).decode())
    quote = QuoteRow(
        0, "Q2-1", "r1", "ORD", "Ordinary", "BTC-USD", 1, 0, 2_000_001, 1_500, 1, "risk_averse", "model", 5, 1_000,
        2_000, 0.1, 0.1, "", OPEN, None, None,
    )  # fmt: skip
    history.add_quote(quote, None)
    history.commit()
    reader = HistoryReader(tmp_path / "history.sqlite")
    status = StatusRequests(rig.handler.open_quotes, rig.handler.quoter, reader)
    report = fields(status.look_up(StatusLookup("ORD", "Q2-1", "", "s1"), rig.wall_ns))
    assert (report["297"], report["131"]) == ("7", "r1")
    assert [tag in report for tag in ("54", "133", "135")] == [is_shown] * 3
    history.close()


def test_cancel_of_several_quotes_ends_each(rig):
    quotes = [rig.ask(f"r{n}") for n in range(2)] + [rig.ask("r2", "55=ETH-USD|38=1|54=1")]
    other = rig.ask("r1", session="FUND")
    [report] = rig.send("Z", "117=*|298=1|295=1|55=BTC-USD")
    assert (report["35"], report["297"], report["58"][0]) == ("AI", "1", "2")
    assert hit(rig, quotes[0], "a")["103"] == "99" and rig.state(quotes[0]) == CANCELLED
    [report] = rig.send("Z", "117=*|298=4")
    assert (report["297"], report["58"][0]) == ("4", "1")
    assert rig.send("Z", f"117={other['117']}|298=1")[0]["297"] == "9"
    assert rig.handler.open_quotes.find(other["117"]).is_live(rig.mono_ns)


def test_late_cancel_changes_nothing(rig):
    quote = rig.ask("r1")
    hit(rig, quote, "a")
    [report] = rig.send("Z", f"117={quote['117']}|298=1")
    assert report["297"] == "6" and rig.state(quote) == FILLED
