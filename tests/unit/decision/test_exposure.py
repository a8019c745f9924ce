"""Limits over the desk and for a client: what they refuse, and that reducing is always allowed."""

import pytest

from quotelife.market.board import layout as L
from tests.unit.rfq.rfq_rig import CLIENTS, Rig

SPREAD = "55=[N/A]|54=1|38=1|555=2|600=BTC-USD|624=1|600=ETH-USD|624=2"


def limited(tmp_path, **limits: float) -> Rig:
    return Rig(tmp_path, limits=limits)


def mid(rig: Rig, row: int = 0) -> float:
    return int(rig.board.rows[row, L.MID2]) / 2 * float(rig.config.instrument[row].tick)


def ask(rig: Rig, side: int, size: float, session: str = "ORD", symbol: str = "BTC-USD") -> dict[str, str]:
    ask.n += 1  # type: ignore[attr-defined]
    return rig.ask(f"x{ask.n}", f"55={symbol}|54={side}|38={size}", session)  # type: ignore[attr-defined]


ask.n = 0  # type: ignore[attr-defined]


def deal(rig: Rig, side: int, size: float, session: str = "ORD", symbol: str = "BTC-USD") -> None:
    quote = ask(rig, side, size, session, symbol)
    assert quote["35"] == "S", quote
    [report] = rig.send("AJ", f"693=h{ask.n}|117={quote['117']}|694=1", session)  # type: ignore[attr-defined]
    assert report["39"] == "2"


def refused(answer: dict[str, str], word: str) -> bool:
    return (answer["35"], answer.get("658")) == ("AG", "9") and word in answer["58"]


def test_without_limits_nothing_is_checked(tmp_path):
    rig = Rig(tmp_path)
    assert not rig.handler.quoter.exposure.is_limited
    assert ask(rig, 1, 20)["35"] == "S"


def test_gross_notional_over_all_instruments(tmp_path):
    rig = limited(tmp_path, max_gross_notional=1.0)
    rig = limited(tmp_path / "2", max_gross_notional=3 * mid(rig) + 5 * mid(rig, 1))
    deal(rig, 1, 2)
    deal(rig, 2, 5, symbol="ETH-USD")
    assert refused(ask(rig, 1, 1.2), "it would exceed the desk's limit of gross notional")
    assert ask(rig, 1, 1)["35"] == "S"
    assert ask(rig, 2, 4.9)["35"] == "S", "from 2 short to 2.9 long"
    assert refused(ask(rig, 2, 5.1), "gross notional")


def test_net_notional_lets_positions_offset(tmp_path):
    rig = limited(tmp_path, max_net_notional=1.0)
    rig = limited(tmp_path / "2", max_net_notional=2 * mid(rig))
    deal(rig, 1, 2)
    assert refused(ask(rig, 1, 0.5), "the desk's limit of net notional")
    deal(rig, 2, 3, symbol="ETH-USD")
    answer = ask(rig, 1, 0.99 * 3 * mid(rig, 1) // mid(rig) or 0.001)
    assert answer["35"] == "S", answer


def test_a_fill_that_reduces_is_allowed_beyond_the_limit(tmp_path):
    rig = limited(tmp_path, max_gross_notional=1.0, max_net_notional=1.0)
    rig.handler.quoter.exposure.move(0, -5_000)
    assert ask(rig, 2, 4)["35"] == "S"
    assert refused(ask(rig, 1, 0.001), "gross notional")
    assert refused(ask(rig, 2, 11), "gross notional"), "it would leave more on the other side"


def test_a_two_way_request_is_checked_both_ways(tmp_path):
    rig = limited(tmp_path, max_net_notional=1.0)
    rig.handler.quoter.exposure.move(0, -5_000)
    assert refused(rig.ask("two", "55=BTC-USD|38=1"), "net notional")


def test_positions_count_at_the_market_of_now(tmp_path):
    rig = limited(tmp_path, max_gross_notional=1.0)
    rig = limited(tmp_path / "2", max_gross_notional=2.5 * mid(rig))
    deal(rig, 1, 1)
    deal(rig, 1, 1)
    assert ask(rig, 1, 0.4)["35"] == "S"
    rig.shift_book(int(rig.board.rows[0, L.MID2]) // 4)  # half as much again
    rig.handler.quoter.exposure.mark_to(rig.board)
    assert rig.handler.quoter.exposure.gross == pytest.approx(2 * mid(rig))
    assert refused(ask(rig, 1, 0.4), "gross notional")


def test_position_with_a_client(tmp_path):
    clients = [CLIENTS[0] | {"max_position": 2.0}, *CLIENTS[1:]]
    rig = Rig(tmp_path, clients=clients)
    deal(rig, 1, 1.5)
    assert refused(ask(rig, 1, 0.6), "the desk's position limit for this client")
    assert ask(rig, 1, 0.5)["35"] == "S" and ask(rig, 2, 3.5)["35"] == "S"
    assert ask(rig, 1, 5, "FUND")["35"] == "S", "other clients have their own"
    assert ask(rig, 1, 2, symbol="ETH-USD")["35"] == "S", "each instrument has its own"
    rig.restart()
    assert refused(ask(rig, 1, 0.6), "this client")


def test_legs_of_a_multileg_count_together(tmp_path):
    rig = limited(tmp_path, max_gross_notional=1.0)
    both = mid(rig) + mid(rig, 1)
    assert refused(rig.ask("m1", SPREAD), "OrderQty (38) of [N/A] is 1; it would exceed the desk's limit of gross")
    rig = limited(tmp_path / "2", max_gross_notional=0.99 * both)
    assert refused(rig.ask("m1", SPREAD), "gross notional")
    rig = limited(tmp_path / "3", max_gross_notional=1.01 * both)
    assert rig.ask("m1", SPREAD)["35"] == "S"


def test_notionals_are_those_of_the_positions_after_any_moves(tmp_path):
    rig = Rig(tmp_path)
    exposure = rig.handler.quoter.exposure
    exposure.move(0, 3_000)
    exposure.mark(0, 200.0)  # ticks of 0.5, lots of 0.001
    exposure.move(1, -7)
    exposure.mark(1, 1_000.0)  # ticks of 0.01, lots of 1
    exposure.move(0, -1_000)
    assert exposure.gross == pytest.approx(2 * 100.0 + 7 * 10.0) and exposure.net == pytest.approx(200.0 - 70.0)
    exposure.mark_to(None)
    assert exposure.gross == pytest.approx(270.0) and exposure.net == pytest.approx(130.0)
