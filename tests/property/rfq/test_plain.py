"""The plain way against the general one: random requests, plain and odd, among all else that happens to a handler."""

import random

import pytest

from quotelife.controls import layout as C
from quotelife.market.board import layout as L
from quotelife.parameters.region import ActiveParameters
from quotelife.rfq.warm_up import live_board
from quotelife_models.enums import MODELS
from tests.unit.rfq import rfq_rig
from tests.unit.rfq.plain.plain_rig import PLAIN_CLIENTS, Twins, request
from tests.unit.rfq.rfq_rig import fields
from tests.unit.rfq.test_reconfiguration import reconfigure

SESSIONS = ["ORD", "FUND", "FUND42", "FAR", "NEW50", "NOBODY"]
SYMBOLS = ["BTC-USD"] * 6 + ["ETH-USD"] * 3 + ["OPENING", "OPENING", "NIGHT", "?", "", "BTC", "BTC-USD ", "[N/A]"]
SIDES = ["54=1", "54=1", "54=2", "54=2", "", "54=3", "54=", "54=11", "54=1|54=1", "54=0"]
QUANTITIES = ["1", "1.5", "0.001", "2.000", "00003", "7.", ".5", "0", "-1", "0.0001", "1e3", "30", "20.001", "", " 1"]
QUANTITIES += ["99999999999999999999", "1.5000000000000000000000000000000000001", "+1", "1,5", "0.0000000000000000001"]
EXTRAS = [
    "62=20260105-10:00:05", "62=x", "126=20270105-10:00:05", "60=20260105-10:00:00", "58=text", "1=account", "15=USD",
    "537=1", "537=0", "40=D", "40=3", "18=G", "110=1", "44=500000", "20001=RISK_AVERSE", "63=0", "64=20260107",
    "9999=own", "5001=", "453=1|448=A|447=D|452=1", "146=1", "303=2", "131=again", "38=1", "555=0", "1x=2", "055=3",
]  # fmt: skip
HEADERS = ["97=Y|", "97=N|", "43=Y|", "57=desk|", "115=other|", "128=x|", "50=trader|", "1128=9|"]


def plain_body(r: random.Random, request_id: str) -> list[str]:
    parts = [f"131={request_id}", "146=1", f"55={r.choice(SYMBOLS[:9])}", r.choice(SIDES[:5])]
    parts = [part for part in (*parts, f"38={r.choice(QUANTITIES[:4])}") if part]
    return [*parts, EXTRAS[3]] if r.random() < 0.2 else parts


def odd_body(r: random.Random, request_id: str) -> list[str]:
    parts = [f"131={request_id}", r.choice(["146=1"] * 8 + ["146=2", "146=01", "146=", "146=x"])]
    parts += [f"55={r.choice(SYMBOLS)}", r.choice(SIDES), f"38={r.choice(QUANTITIES)}"]
    parts = [part for part in parts if part]
    for _ in range(r.randrange(3)):
        what = r.randrange(4)
        if what == 0 and len(parts) > 1:
            del parts[r.randrange(len(parts))]
        elif what == 1:
            r.shuffle(parts)
        elif what == 2:
            parts.insert(r.randrange(len(parts) + 1), r.choice(EXTRAS))
        else:
            parts.append(r.choice(EXTRAS))
    return parts


def request_id(r: random.Random, n: int) -> str:
    odd = ["", "a=b", "x" * 64, "x" * 65, "é", "\udcff", "with space", "\x7f", "~", "0", f"r{max(n - 1, 0)}"]
    return f"r{n}" if r.random() < 0.85 else r.choice(odd)


def ask(twins: Twins, r: random.Random, n: int) -> str | None:
    """A random request; the QuoteID of the answer, if it is one."""
    is_odd = r.random() < 0.3
    body = (odd_body if is_odd else plain_body)(r, request_id(r, n))
    session = r.choice(SESSIONS) if is_odd else r.choice(SESSIONS[:5])
    text = request("|".join(body), session, r.choice(HEADERS) if is_odd and r.random() < 0.1 else "")
    answers = twins.send(text, session)
    got = fields(answers[0]) if answers else {}
    return got.get("117") if got.get("35") == "S" else None


def tell(twins: Twins, msg_type: str, body: str, session: str) -> None:
    text = request(body, session).replace("\x0135=R\x01", f"\x0135={msg_type}\x01")
    twins.send(text, session)


def disturb(twins: Twins, r: random.Random, quote_id: str | None) -> None:
    """Something else happens to both."""
    what = r.randrange(10)
    plain = twins.plain
    if what < 3 and quote_id is not None:
        quote = plain.handler.open_quotes.find(quote_id)
        body = f"693=h{quote_id}|117={quote_id}|694=1|54={r.choice('12')}"
        tell(twins, "AJ", body, quote.session if quote is not None else "ORD")
    elif what == 3:
        tell(twins, "Z", "117=*|298=4", r.choice(SESSIONS[:5]))
    elif what == 4:
        row, ticks = r.randrange(2), r.choice([-3, -1, 1, 3])
        plain.shift_book(ticks, row)
    elif what == 5:
        at, stopped = C.instruments_at(0) + C.I_STOPPED_NS, r.random() < 0.3
        for rig in twins.both:
            words = rig.handler.quoter.controls.words
            words[at] = rig.wall_ns if stopped else 0
            words[C.H_GENERATION] += 1
            rig.drain_cancels()
    elif what == 6:
        at = C.instruments_at(1) + C.I_HELD_STATE
        held = r.choice([C.DERIVED, C.DERIVED, 0, 3, 4])
        for rig in twins.both:
            rig.handler.quoter.controls.words[at] = held
            rig.handler.quoter.controls.words[C.H_GENERATION] += 1
            rig.drain_cancels()
    elif what == 7:
        first = C.clients_at(twins.plain.handler.quoter.controls.n_instruments, 0)
        clients = [first + n * C.CLIENT_WORDS + C.C_MODEL for n in range(2)]
        at = r.choice([C.H_MODEL, C.instruments_at(0) + C.I_MODEL, *clients])
        model = r.choice([C.BY_RULES, C.BY_RULES, *range(len(MODELS))])
        for rig in twins.both:
            rig.handler.quoter.controls.words[at] = model
            rig.handler.quoter.controls.words[C.H_GENERATION] += 1
            rig.drain_cancels()
    elif what == 8:
        name = r.choice(SESSIONS[:5])
        for rig in twins.both:
            rig.handler.on_logout(name, "session_ended", rig.wall_ns, rig.mono_ns)
    else:
        state = plain.board.rows[r.randrange(2)]
        state[L.STATE] = L.BOOK_LIVE if state[L.STATE] != L.BOOK_LIVE or r.random() < 0.8 else L.BOOK_LIVE + 1


def random_client(r: random.Random, client: dict) -> dict:
    """The client with other terms."""
    terms = {
        "max_quantity": [1.0, 2.0, 20.0], "margin_ticks": [0.0, 3.0, 7.0], "max_position": [1.0, 3.0],
        "disclose": [False, True], "extensions": [True], "requests_per_second": [1.0, 5.0, 100.0],
        "tier": ["strategic", "ordinary", "restricted"], "round_trip_ms": [0.1, 50.0],
    }  # fmt: skip
    changed = {name: r.choice(values) for name, values in terms.items() if r.random() < 0.3}
    if client["name"] == "Fund" and r.random() < 0.3:
        changed["sessions"] = ["FUND42"]
    return {**client, **changed, "extensions": True}


def random_instruments(r: random.Random) -> list[dict]:
    """The instruments with other limits and phases."""
    first, second, *rest = (dict(instrument) for instrument in rfq_rig.INSTRUMENTS)
    first |= {"max_position": r.choice([5.0, 30.0]), "max_quantity": r.choice([1.0, 20.0])}
    second["min_half_spread_ticks"] = r.choice([1.0, 5.0])
    if r.random() < 0.3:
        end = r.choice(["10:00:20", "10:01", "10:30"])
        second["session"] = [{"phase": r.choice(["closed", "open"]), "start": "10:00", "end": end}]
    return [first, second, *rest]


def change(twins: Twins, r: random.Random, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both get another configuration, board, parameters or position."""
    what = r.randrange(6)
    if what < 3:
        clients = [random_client(r, client) for client in PLAIN_CLIENTS]
        limits = {"max_gross_notional": r.choice([1e6, 5e6])} if r.random() < 0.2 else {}
        with monkeypatch.context() as patched:
            patched.setattr(rfq_rig, "INSTRUMENTS", random_instruments(r))
            for rig in twins.both:
                rig.limits = limits
                reconfigure(rig, clients)
                rig.drain_cancels()
    elif what == 3:
        board = live_board(twins.plain.config, twins.plain.folder / f"board-{n}")
        for rig in twins.both:
            rig.board = rig.handler.quoter.board = board
        twins.sleep(0)
    elif what == 4:
        factor = r.uniform(0.5, 1.5)
        for rig in twins.both:
            table = rig.handler.quoter.table * factor
            rig.handler.apply_parameters(ActiveParameters(table, "ab" * 32, n))
    else:
        row, lots = r.randrange(2), r.choice([-2_000, 1_000, 3_000])
        for rig in twins.both:
            rig.handler.quoter.exposure.move(row, lots)


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_follow_whatever_changes(tmp_path, monkeypatch, seed):
    r, twins = random.Random(seed), Twins(tmp_path)
    for n in range(300):
        ask(twins, r, n)
        if r.random() < 0.08:
            change(twins, r, n, monkeypatch)
        if r.random() < 0.3:
            twins.sleep(r.choice([0.5, 5, 100, 1_500, 20_000]))
        if n % 25 == 0:
            twins.check()
    twins.check()
    assert twins.answered > 25 and twins.declined > 30


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_give_the_same_answers_records_and_state(tmp_path, seed):
    r, twins, quote_id = random.Random(seed), Twins(tmp_path), None
    for n in range(250):
        found = ask(twins, r, n)
        quote_id = found or quote_id
        if r.random() < 0.15:
            disturb(twins, r, quote_id)
        if r.random() < 0.3:
            twins.sleep(r.choice([0.5, 5, 100, 1_500, 20_000]))
        if n % 25 == 0:
            twins.check()
    twins.check()
    assert twins.answered > 25 and twins.declined > 30
