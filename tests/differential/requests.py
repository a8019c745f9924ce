"""Generated application messages: valid, odd and malformed requests, hits, passes, cancels and status requests."""

from collections.abc import Callable
from random import Random

from tests.differential.script import Fields, Message, Moment, QuoteRef, Value

SYMBOLS = ("BTC-USD", "ETH-USD", "EUR/USD")
_ODD_SYMBOLS = ("VOL", "EMPTY", "NO-SUCH", "btc-usd", "[N/A]", "BTC-USD ", "", "B" * 300, "Z\u00fcrich", b"\xff\xfe")
_SIZES = ("1", "1.5", "2", "0.001", "10", "3.000", "007", "4.", ".5")
_ODD_SIZES = (
    *("0", "-1", "+1", "1e3", "abc", "", " 1", "1 ", "1,5", "0.0001", "1.0005", "1000000", "99999999999999999999"),
    *("0.00000000000000000000001", "1" * 40, "1" * 400, ".", "-", "-.5", ".-5", "1.2.3", "NaN", "inf", "\u0661"),
)
_MODELS = ("CLIENT_PRIORITY", "RISK_AVERSE", "LIQUIDITY_PROVIDER", "client_priority", "NONE", "")


class Ids:
    """Ids of the client, each new; and ids that it has used in this script."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self.used = prefix, list[str]()

    def new(self) -> str:
        self.used.append(f"{self._prefix}-{len(self.used)}")
        return self.used[-1]

    def some(self, rng: Random) -> str:
        """Mostly one that was used before."""
        return rng.choice(self.used) if self.used and rng.random() < 0.8 else self.new()


def request(rng: Random, ids: Ids, version: str) -> Message:
    """A QuoteRequest of some kind."""
    kinds: list[tuple[int, Callable[[Random, Ids, str], Fields]]] = [
        (10, _plain), (2, _odd_plain), (3, _with_more), (2, _several), (2, _multileg), (1, _subscription),
        (1, _shuffled), (2, _with_terms), (1, _damaged_group),
    ]  # fmt: skip
    kind = rng.choices([k for _, k in kinds], [weight for weight, _ in kinds])[0]
    return Message("R", kind(rng, ids, version))


def _side(rng: Random) -> Fields:
    side = rng.choices(["1", "2", None], [4, 4, 3])[0]
    return [] if side is None else [(54, side)]


def _entry(rng: Random) -> Fields:
    return [(55, rng.choice(SYMBOLS)), *_side(rng), (38, rng.choice(_SIZES))]


def _plain(rng: Random, ids: Ids, version: str) -> Fields:
    return [(131, ids.new()), (146, 1), *_entry(rng)]


def _odd_plain(rng: Random, ids: Ids, version: str) -> Fields:
    """One field of a plain request is odd, missing or repeated."""
    fields = _plain(rng, ids, version)
    at = rng.randrange(len(fields))
    tag = fields[at][0]
    odd: dict[int | str, tuple[Value, ...]] = {
        131: ("", "x" * 64, "x" * 65, "a b|c=d", "\u00e9\u00e8", b"\xc3\x28", ids.some(rng), " "),
        146: (0, 2, -1, "x", "", 101, "01", 99999999999),
        55: _ODD_SYMBOLS,
        54: ("0", "3", "5", "8", "", "12", "x", "B"),
        38: _ODD_SIZES,
    }
    act = rng.randrange(4)
    if act == 0:
        del fields[at]
    elif act == 1:
        fields.insert(rng.randrange(len(fields) + 1), fields[at])
    else:
        fields[at] = (tag, rng.choice(odd[tag]))
    return fields


def _extra(rng: Random) -> tuple[int | str, Value]:
    """A further field of a request."""
    return rng.choice(
        [
            (62, Moment(rng.choice([60, 3600, -1, -3600]), rng.choice([0, 3, 6]))), (126, Moment(3600)), (62, "soon"),
            (126, ""), (44, rng.choice(["101", "103", "20.02", "0", "-1", "x", "1.10002", "99"])), (110, "0.5"),
            (110, rng.choice(_ODD_SIZES)), (18, rng.choice(["G", "1 G", "x"])), (40, rng.choice("12DGx")),
            (537, rng.choice("0123")), (303, "1"), (15, rng.choice(["USD", "EUR", "XXX"])), (1, "ACC"), (60, Moment()),
            (64, rng.choice(["20991231", "20270301", "x"])), (63, rng.choice(["0", "1", "M1", "6"])), (58, "text"),
            (167, rng.choice(["FXSPOT", "OPT"])), (48, "XX0000000001"), (22, "4"), (20001, rng.choice(_MODELS)),
            (5001, "mine"), (20004, "1"), (9999, "x"), (777, "1"), (423, "1"), (692, "1"), (152, "1000"), (11, "c1"),
            (263, rng.choice("0129x")), (131, "again"), (297, "1"), (117, "Q"),
            (600, "BTC-USD"), (555, "0"), (453, "0"), (232, "0"), (1128, "9"), (115, "A"), (97, "Y"), (43, "N"),
        ]
    )  # fmt: skip


def _with_more(rng: Random, ids: Ids, version: str) -> Fields:
    fields = _plain(rng, ids, version)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        fields.insert(rng.choice([0, 1, 2, len(fields), len(fields)]), _extra(rng))
    return fields


def _several(rng: Random, ids: Ids, version: str) -> Fields:
    n = rng.choice([2, 2, 3, 5, 12])
    fields: Fields = [(131, ids.new()), (146, n + rng.choice([0, 0, 0, 0, 1, -1]))]
    for _ in range(n):
        entry = _entry(rng)
        if rng.random() < 0.2:
            entry[rng.randrange(len(entry))] = rng.choice([(55, "NO-SUCH"), (54, "9"), (38, "x"), (38, "0")])
        fields += entry
    return fields


def _multileg(rng: Random, ids: Ids, version: str) -> Fields:
    n = rng.choice([1, 2, 2, 3, 8, 9])
    symbol: Fields = [] if rng.random() < 0.2 else [(55, rng.choice(["[N/A]", "SPREAD", "BTC-USD"]))]
    fields: Fields = [(131, ids.new()), (146, 1), *symbol, *_side(rng), (38, rng.choice(["1", "2", "1.5"]))]
    fields.append((555, n + rng.choice([0, 0, 0, 0, 0, 1])))
    for _ in range(n):
        leg: Fields = [(600, rng.choice([*SYMBOLS[:2], *SYMBOLS[:2], "NO-SUCH"]))]
        leg += [(623, rng.choice(["1", "1", "2", "0", "1.5", "x"]))] if rng.random() < 0.7 else []
        leg += [(624, rng.choice("12"))] if rng.random() < 0.95 else []
        if rng.random() < 0.1:
            leg.append(
                rng.choice([(654, "leg"), (687, "1"), (685, "1"), (5001, "x"), (54, "1"), (602, "x"), (624, "1")])
            )
        fields += leg
    return fields


def _subscription(rng: Random, ids: Ids, version: str) -> Fields:
    kind = rng.choice("1112")
    return [(131, ids.some(rng) if kind == "2" else ids.new()), (263, kind), (146, 1), *_entry(rng)]


def _shuffled(rng: Random, ids: Ids, version: str) -> Fields:
    fields = _plain(rng, ids, version)
    rng.shuffle(fields)
    return fields


def _with_terms(rng: Random, ids: Ids, version: str) -> Fields:
    """Settlement, currency, parties and the like, as a client would state them."""
    symbol = rng.choice(["EUR/USD", "EUR/USD", "ETH-USD"])
    fields: Fields = [(131, ids.new()), (146, 1), (55, symbol), *_side(rng), (38, rng.choice(["1000", "250000", "7"]))]
    more: list[Fields] = [
        [(15, "USD")], [(15, "EUR")], [(64, "20991231")], [(64, "21000131")], [(63, "M1")], [(537, "0")], [(1, "ACC")],
        [(453, 1), (448, "FUND"), (447, "D"), (452, "3")], [(453, 2), (448, "A"), (447, "D"), (452, "1"), (448, "B"),
        (447, "D"), (452, "3")], [(48, "XX0000000001"), (22, "4")], [(167, "FXSPOT")], [(63, "0")], [(110, "5")],
        [(44, "1.2")], [(40, "G"), (193, "21000131")], [(660, "1")], [(453, 2), (448, "A")],
    ]  # fmt: skip
    for each in rng.sample(more, rng.choice([1, 1, 2, 3])):
        fields += each
    if rng.random() < 0.1:
        fields = [(tag, value) for tag, value in fields if tag != 38] + [(152, "1100")]
    return fields


def _damaged_group(rng: Random, ids: Ids, version: str) -> Fields:
    """A field of an entry is missing, or there is one more."""
    fields = _several(rng, ids, version)
    for _ in range(rng.choice([1, 2])):
        at = rng.randrange(1, len(fields))
        if rng.random() < 0.3:
            del fields[at]
        else:
            fields.insert(at, rng.choice([(54, "1"), (60, Moment()), (5001, "x"), (55, "BTC-USD"), (146, 1)]))
    return fields


# --- about quotes


def _quote(rng: Random) -> int:
    """Which of the script's quotes, mostly one of the last."""
    return rng.choice([-1, -1, -1, -2, -3, 0, 1])


def hit(rng: Random, ids: Ids, version: str) -> Message:
    """A NewOrderSingle or a QuoteResponse for a quote, mostly a hit that could be filled."""
    n = _quote(rng)
    order = version == "FIX.4.2" or rng.random() < 0.5
    quantity = QuoteRef(n, rng.choice([134, 135]), "1")
    fields: Fields = [
        (11 if order else 693, ids.new()), (117, QuoteRef(n, 117)), (55, QuoteRef(n, 55, "BTC-USD")),
        (54, QuoteRef(n, 54, rng.choice("12"))), (38, quantity), (40, "D") if order else (694, "1"),
    ]  # fmt: skip
    if order:
        fields.append((60, Moment()))
    if rng.random() < 0.3:
        fields.append((44, QuoteRef(n, rng.choice([132, 133]), "100")))
    if rng.random() < 0.4:
        _spoil(rng, ids, fields)
    return Message("D" if order else "AJ", fields)


def _spoil(rng: Random, ids: Ids, fields: Fields) -> None:
    """Change, drop, repeat or add a field of a hit."""
    act, at = rng.randrange(5), rng.randrange(len(fields))
    odd: Fields = [
        (11, ids.some(rng)), (693, ids.some(rng)), (117, ""), (117, "Q0-1"), (55, "NO-SUCH"), (54, "5"), (54, "1"),
        (54, "2"), (38, rng.choice(_ODD_SIZES)), (38, "0.5"), (38, "1000000"), (40, "2"), (694, "1"), (44, "1"),
        (44, "x"), (110, "1"), (126, Moment(-5)), (62, Moment(60)), (59, "1"), (18, "G"), (1, "ACC"), (21, "1"),
        (15, "USD"), (64, "20991231"), (5001, "x"), (131, "r"), (132, "1"), (133, "1"), (99, "1"), (58, "t"), (43, "Y"),
        (453, 1), (555, 1), (847, "1"), (60, "x"), (40, "D"), (111, "1"), (210, "1"), (388, "0"), (47, "A"),
    ]  # fmt: skip
    if act == 0:
        del fields[at]
    elif act == 1:
        fields.append(fields[at])
    else:
        wrong = rng.choice(odd)
        places = [n for n, (tag, _) in enumerate(fields) if tag == wrong[0]]
        if places and act < 4:
            fields[places[0]] = wrong
        else:
            fields.insert(rng.randrange(len(fields) + 1), wrong)


def ending(rng: Random, ids: Ids, version: str) -> Message:
    """A QuoteResponse that is no hit."""
    n = _quote(rng)
    fields: Fields = [
        (693, ids.new()), (117, QuoteRef(n, 117)),
        (694, rng.choice(["6", "2", "3", "4", "5", "7", "8", "9", "10", "x", ""])), (55, QuoteRef(n, 55, "BTC-USD")),
    ]  # fmt: skip
    if rng.random() < 0.3:
        fields.append(rng.choice([(44, "101"), (132, "x"), (133, "99"), (54, "1"), (44, "")]))
    if rng.random() < 0.1:
        _spoil(rng, ids, fields)
    return Message("AJ", fields)


def cancel(rng: Random, ids: Ids, version: str) -> Message:
    n = _quote(rng)
    fields: Fields = [(117, rng.choice([QuoteRef(n, 117), QuoteRef(n, 117), "*", "Q0-1", ""]))]
    fields.append((298, rng.choice(["1", "1", "4", "5", "2", "x", ""])))
    entries: list[Fields] = [
        [(295, 1), (55, QuoteRef(n, 55, "BTC-USD"))], [(295, 0)], [], [(295, 2), (55, "BTC-USD"), (55, "ETH-USD")],
        [(295, 2), (55, "BTC-USD")], [(55, "BTC-USD")],
    ]  # fmt: skip
    fields += rng.choice(entries)
    if rng.random() < 0.2:
        fields.append(rng.choice([(131, ids.some(rng)), (301, "1"), (5001, "x"), (54, "1"), (453, 1), (336, "x")]))
    return Message("Z", fields)


def status(rng: Random, ids: Ids, version: str) -> Message:
    n = _quote(rng)
    fields: Fields = [(117, rng.choice([QuoteRef(n, 117), QuoteRef(n, 117), QuoteRef(n, 117), "Q0-1", "*"]))]
    fields.append((55, rng.choice([QuoteRef(n, 55, "BTC-USD"), "ETH-USD", "[N/A]"])))
    if rng.random() < 0.4:
        fields.append(rng.choice([(649, ids.new()), (54, "1"), (263, "0"), (5001, "x"), (649, ""), (131, "r")]))
    if rng.random() < 0.1:
        del fields[rng.randrange(len(fields))]
    return Message("a", fields)


def application(rng: Random, ids: Ids, version: str) -> Message:
    """Any message about requests and quotes."""
    return rng.choices([request, hit, ending, cancel, status], [10, 6, 2, 2, 3])[0](rng, ids, version)
