"""Multilegs over the wire: calendar and call spreads, two to eight legs, in the versions that have legs."""

import time

import pytest

from tests.acceptance.client import Client, Message
from tests.acceptance.conftest import INSTRUMENTS, Service
from tests.acceptance.rfq.test_quote_request import new_id, related

CALENDAR = "".join(
    f'[[instrument]]\nsymbol = "FUT-{n}"\ntick = "0.5"\nlot = "1"\nvenue = "SIM"\nmax_quantity = 100.0\n\n'
    for n in range(8)
)


@pytest.fixture(scope="module")
def futures(engine, tmp_path_factory):
    with Service(tmp_path_factory.mktemp("futures"), instruments=INSTRUMENTS + CALENDAR) as running:
        for n in range(8):
            running.market.do("book", symbol=f"FUT-{n}", bid=200 + 10 * n, ask=204 + 10 * n, size=1_000)
        yield running


@pytest.fixture(params=["FUND", "OMS50"])
def client(request, futures):
    with futures.client(request.param) as client:
        yield client


def multileg(
    legs: list[tuple[str, int, int]], side: int | None = 1, quantity: object = 3, symbol: str | None = "[N/A]"
):
    """The entry of a multileg of (symbol, side, ratio)."""
    entry: list[tuple[int, object]] = [] if symbol is None else [(55, symbol)]
    entry += [*([] if side is None else [(54, side)]), (38, quantity), (555, len(legs))]
    for name, leg_side, ratio in legs:
        entry += [(600, name), (623, ratio), (624, leg_side)]
    return entry


def ask(client: Client, *entries, model: str = "CLIENT_PRIORITY") -> Message:
    fields = [(131, new_id()), (20001, model), (146, len(entries)), *(f for entry in entries for f in entry)]
    client.send("R", fields)
    return client.receive("S", "AG", "3", "j")


SPREAD = [("FUT-1", 1, 1), ("FUT-0", 2, 1)]


def test_calendar_spread_is_quoted(client):
    given = ask(client, multileg(SPREAD))
    assert given.type == "S", given
    # bought at the offer of the one, 214 ticks, given at the bid of the other, 200
    assert (given[55], given[133], given[135]) == ("[N/A]", "7.0", "3")
    assert given.all(600) == ["FUT-1", "FUT-0"] and given.all(687) == ["3", "3"]
    assert (given.all(684), given.all(681)) == (["107.0"], ["100.0"])


def test_opposite_side_of_a_calendar_spread_is_quoted(client):
    given = ask(client, multileg(SPREAD, side=2))
    assert given[132] == "3.0" and (given.all(681), given.all(684)) == (["105.0"], ["102.0"])
    turned = ask(client, multileg([("FUT-0", 1, 1), ("FUT-1", 2, 1)]))
    assert turned[133] == "-3.0", "who buys it the other way round is paid"


def test_multileg_without_a_side_gets_both_prices(client):
    given = ask(client, multileg(SPREAD, side=None))
    assert (given[132], given[133]) == ("3.0", "7.0")
    assert len(given.all(681)) == len(given.all(684)) == 2


def test_ratios_and_eight_legs_are_quoted(client):
    legs = [(f"FUT-{n}", 1 + n % 2, 1 + n // 4) for n in range(8)]
    given = ask(client, multileg(legs, quantity=2))
    assert given.type == "S", given
    assert given.all(687) == ["2"] * 4 + ["4"] * 4
    bought, sold = iter(given.all(684)), iter(given.all(681))
    net = sum(ratio * float(next(bought)) if side == 1 else -ratio * float(next(sold)) for _, side, ratio in legs)
    assert float(given[133]) == net


@pytest.mark.parametrize("model", ["CLIENT_PRIORITY", "RISK_AVERSE", "LIQUIDITY_PROVIDER"])
def test_every_model_quotes_multilegs(client, model):
    given = ask(client, multileg(SPREAD), model=model)
    assert given.type in ("S", "AG"), given
    assert given[20001] == model if given.type == "S" else given[658] == "10"


def test_symbol_of_a_multileg_is_optional(client):
    assert ask(client, multileg(SPREAD, symbol=None))[55] == "[N/A]"
    assert ask(client, multileg(SPREAD, symbol="MY-SPREAD"))[55] == "MY-SPREAD"


def test_multilegs_and_instruments_share_a_request(client):
    first = ask(client, related(), multileg(SPREAD), related("ETH-USD", 2, 5))
    answers = [first, client.receive("S", "AG"), client.receive("S", "AG")]
    assert sorted(a[55] for a in answers if a.type == "S") == ["BTC-USD", "ETH-USD", "[N/A]"]


def test_hit_fills_all_legs_once(client):
    given = ask(client, multileg(SPREAD))
    fields = [(693, new_id()), (117, given[117]), (694, 1), (54, 1), (38, 2), (44, given[133])]
    client.send("AJ", fields)
    report = client.receive("8")
    assert (report[39], report[32], report[31]) == ("2", "2", given[133])
    assert (report.all(600), report.all(687)) == (["FUT-1", "FUT-0"], ["2", "2"])
    assert report.all(637) == [given.all(684)[0], given.all(681)[0]]
    client.send("AJ", [(693, new_id()), *fields[1:]])
    assert client.receive("8")[39] == "8"
    client.send("a", [(117, given[117]), (55, "[N/A]")])
    assert client.receive("AI")[58] == "filled"


@pytest.mark.parametrize(
    ("command", "code", "word"),
    [({"do": "state", "state": "gap"}, "8", "gap"), ({"do": "halt", "halted": True}, "2", "halted")],
)
def test_leg_without_a_market_is_named_in_the_refusal(client, futures, command, code, word):
    what = command["do"]
    futures.market.do(what, symbol="FUT-0", **{key: value for key, value in command.items() if key != "do"})
    refused = ask(client, multileg(SPREAD))
    if what == "halt":
        futures.market.do("halt", symbol="FUT-0", halted=False)
    futures.market.do("book", symbol="FUT-0", bid=200, ask=204, size=1_000)
    assert refused.type == "AG" and refused[658] == code
    assert "FUT-0" in refused[58] and word in refused[58]
    assert ask(client, multileg(SPREAD)).type == "S"


@pytest.mark.parametrize(
    ("entry", "code", "word"),
    [
        (multileg([("FUT-1", 1, 1), ("NONE", 2, 1)]), "1", "NONE"),
        (multileg(SPREAD, quantity=101), "3", "FUT-1"),
        (multileg([("FUT-1", 1, 0)]), "99", "LegRatioQty (623)"),
        (multileg([("FUT-1", 3, 1)]), "99", "LegSide (624)"),
        (multileg([("FUT-1", 1, 1), ("FUT-1", 2, 1)]), "99", "LegSymbol (600)"),
        (multileg([(f"FUT-{n % 8}", 1, 1) for n in range(9)]), "99", "NoLegs (555)"),
    ],
)
def test_invalid_multilegs_are_refused(client, entry, code, word):
    refused = ask(client, entry)
    assert refused.type == "AG" and refused[658] == code and word in refused[58], refused


def test_multileg_lifetime_is_shorter_than_of_its_legs(futures):
    with futures.client("FUND") as client:
        alone = ask(client, related("FUT-1", 1, 3), model="LIQUIDITY_PROVIDER")
        together = ask(client, multileg(SPREAD), model="LIQUIDITY_PROVIDER")
        assert float(together[20002]) > float(alone[20002])


def status(client: Client, quote_id: str) -> Message:
    client.send("a", [(117, quote_id), (55, "[N/A]")])
    return client.receive("AI")


def test_multileg_is_withdrawn_when_its_net_price_crosses_the_quote(client, futures):
    """The near leg falls by 10 ticks: who bought the spread at 7.0 could give it back at 8.0."""
    given, other = ask(client, multileg(SPREAD)), ask(client, multileg(SPREAD, side=2))
    moved = time.time()
    futures.market.do("book", symbol="FUT-0", bid=190, ask=194, size=1_000)
    cancel = client.receive("Z", timeout=2)
    assert cancel.received_ns / 1e9 - moved < 0.5, "long before the quote's time"
    assert (cancel[117], cancel[131], cancel[55], cancel[20003]) == (given[117], given[131], "[N/A]", "market_moved")
    assert status(client, given[117])[58].startswith("withdrawn")
    client.send("AJ", [(693, new_id()), (117, given[117]), (694, 1)])
    assert (report := client.receive("8"))[39] == "8" and report[103] == "8"
    client.send("AJ", [(693, new_id()), (117, other[117]), (694, 1)])
    assert client.receive("8")[39] == "2", "the other side is better off"
    futures.market.do("book", symbol="FUT-0", bid=200, ask=204, size=1_000)


def test_multileg_stays_open_when_its_legs_move_together(client, futures):
    """In small steps, each of which the net can bear."""
    given = ask(client, multileg(SPREAD))
    for up in range(1, 9):
        for n in (0, 1):
            futures.market.do("book", symbol=f"FUT-{n}", bid=200 + 10 * n + up, ask=204 + 10 * n + up, size=1_000)
    client.silence(0.3)
    assert status(client, given[117])[297] in ("0", "16")
    for n in (0, 1):
        futures.market.do("book", symbol=f"FUT-{n}", bid=200 + 10 * n, ask=204 + 10 * n, size=1_000)


def test_untrusted_leg_book_withdraws_the_multileg(client, futures):
    given, alone = ask(client, multileg(SPREAD)), ask(client, related("FUT-1", 1, 3))
    futures.market.do("state", symbol="FUT-0", state="gap")
    cancel = client.receive("Z", timeout=2)
    futures.market.do("book", symbol="FUT-0", bid=200, ask=204, size=1_000)
    assert (cancel[117], cancel[20003]) == (given[117], "no_market")
    client.silence(0.1)
    client.send("AJ", [(693, new_id()), (117, alone[117]), (694, 1)])
    assert client.receive("8")[39] == "2"


def test_multileg_in_fix_4_2_is_rejected(futures):
    with futures.client("OMS42") as client:
        client.send("R", [(131, "legs"), (146, 1), *multileg(SPREAD)])
        assert client.receive("b", "3", "j").type in ("b", "3")
