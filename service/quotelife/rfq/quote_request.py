"""QuoteRequest (R): from the message's text to one small struct per related symbol.

The engine passes on every message that it can parse (see `quotelife.acceptor.common.dictionary`), so an invalid
request is detected here and refused with a Text. Values that depend on the instrument are checked by the quoter.

ValidUntilTime (62) and ExpireTime (126) are valid in the group, or before it for all symbols; the earlier one counts.
ExpiryModel (20001) counts for the whole request. A request without Side (54) is for both sides. Fields that ask for
something that is not quoted are refused, see `quotelife.rfq.field_policies.table`.

A multileg is an entry with legs (NoLegs, 555). Its Symbol may be "[N/A]" or the client's own name for it; it may be
left out where the entry is the only one. OrderQty (38) is the number of multilegs, in which a leg has its LegRatioQty
(623).
"""

from collections.abc import Iterable
from zlib import adler32, crc32

from msgspec import Struct

from quotelife.decision import refusal
from quotelife.decision.refusal import RefusalReason
from quotelife.decision.request import BY_RULES, MAX_LEGS, MAX_RATIO, Leg, RelatedSymbol
from quotelife.fix.versions import NO_SYMBOL
from quotelife.rfq.field_policies import lookup
from quotelife.rfq.field_policies.names import field_name
from quotelife.rfq.field_policies.policy import REQUEST
from quotelife.rfq.terms import resolver
from quotelife.rfq.terms.repeated import PARTIES, parties_text
from quotelife.runtime.clock import parse_utc_timestamp
from quotelife_models.enums import BUY, MODELS, SELL, TWO_WAY

SOH = "\x01"
NO_ID = "NONE"  # QuoteReqID (131) in the answer to a request without one
SUBSCRIBE, UNSUBSCRIBE = "1", "2"  # SubscriptionRequestType (263)
MAX_RELATED = 100
FIX_MODELS = {name.upper(): index for index, name in enumerate(MODELS)}  # ExpiryModel (20001)
MAX_ID = 64  # characters of a QuoteReqID: the size of its field in a journal record

_FAR = 2**62  # nanoseconds; a time limit beyond the range of the clock is no limit
_WITHOUT_LEGS = "FIX.4.2"  # BeginString of sessions whose requests have no legs
FIX_SIDES: dict[str | None, int] = {str(side): side for side in (BUY, SELL)}  # Side (54)
_SIDES = {None: TWO_WAY, **FIX_SIDES}
# Tags that may repeat for one related symbol, because they belong to a group inside its entry: a leg's
# (NoLegs, 555), and those of parties, alternative ids, events, stipulations, quote qualifiers and underlyings.
LEG_TAGS = frozenset(
    [str(tag) for tag in (*range(248, 255), 257, 524, 525, 538, 539, 545, 556, 587, 588, *range(596, 625))]
    + [str(tag) for tag in (654, *range(676, 681), 683, 685, *range(687, 691), 739, 740, 764, 804, 805, 942, 955, 956)]
    + [str(tag) for tag in (1358, 1788, 2346, 2384, 2717, 2718, 2719, 2740)]
)
NESTED_TAGS = frozenset(
    [str(tag) for tag in (233, 234, 305, 309, 311, 312, 447, 448, 452, 455, 456, 458, 459, 523, 695, 802, 803)]
    + [str(tag) for tag in range(865, 869)]
)
_MAY_REPEAT = LEG_TAGS | NESTED_TAGS
_ONCE_IN_LEG = frozenset(("623", "624", "685", "687", *resolver.OF_LEGS))  # fields that are read
# Fields of an entry that are read where they are present. Most requests have none of them, and no field that could be
# refused: all their tags are plain.
_READ = LEG_TAGS | resolver.TAGS | {"44", "62", "110", "126", "555", resolver.ORD_TYPE}
_PLAIN = lookup.USUAL[REQUEST] - _READ
_ALL_OR_NONE = "G"  # ExecInst (18)

_TARGET = "\x0156="  # TargetCompID, always in a header, which the engine writes in the order of the tags
# Header fields that may follow it.
_BEHIND = frozenset(
    ("57", "90", "91", "97", "115", "116", "122", "128", "129", "142", "143", "144", "145", "212", "213", "347", "369")
)
_TRAILER_LENGTH = len("10=000\x01")

Fields = list[list[str]]  # [tag, value] in the order of the message


class Request(Struct, frozen=True, gc=False):
    """A QuoteRequest. `model` is an index of an expiry model, or BY_RULES; `subscribes` if it starts a subscription."""

    quote_req_id: str
    related: list[RelatedSymbol]
    model: int
    subscribes: bool = False


class Malformed(Exception):
    """An invalid request: the Text of the refusal, its reason, and the identifiers that the refusal repeats."""

    def __init__(self, text: str, fields: Fields, reason: RefusalReason = refusal.MALFORMED) -> None:
        super().__init__(text)
        self.text, self.reason = text, reason
        self.quote_req_id = next((value[:MAX_ID] for tag, value in fields if tag == "131" and value), NO_ID)
        self.symbols = [value for tag, value in fields if tag == "55" and value][:MAX_RELATED]


def has_invalid_bytes(text: str) -> bool:
    """Whether a message has bytes that are not UTF-8; the engine passes them on as lone surrogates."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def replace_invalid_bytes(text: str) -> str:
    """The message with such bytes replaced, so that its fields can be repeated in an answer."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_fields(text: str) -> Fields:
    """[tag, value] of each field of a message's text."""
    return [field.split("=", 1) for field in text[:-1].split(SOH)]


def digest(text: str) -> int:
    """63 bits of a message's body, the same with PossResend and without.

    Two checksums instead of a hash, because it is computed before every quote and has to detect mistakes, not forgery.
    """
    start = text.find("\x01", text.find(_TARGET) + 1) + 1
    while text[start : text.find("=", start)] in _BEHIND:
        start = text.find("\x01", start) + 1
    body = text[start:-_TRAILER_LENGTH].encode()
    return crc32(body) << 31 ^ adler32(body)


def parse(fields: Fields, by_tag: dict[str, str]) -> Request:
    """The request in a message's fields; raises `Malformed`. `by_tag` is a dict of the same fields."""
    quote_req_id = by_tag.get("131")
    if not quote_req_id:
        raise Malformed("QuoteReqID (131) is missing", fields)
    if len(quote_req_id) > MAX_ID:
        raise Malformed(f"QuoteReqID (131) has {len(quote_req_id)} characters; allowed: up to {MAX_ID}", fields)
    is_plain = _PLAIN.issuperset(by_tag)
    if not is_plain:
        text = lookup.refusal_text(REQUEST, by_tag, fields)
        if text:
            raise Malformed(text, fields, refusal.UNSUPPORTED_FIELD)
    count = by_tag.get("146")
    if count == "1":
        entries = [by_tag]
        if len(by_tag) != len(fields):
            _check_repeated_tags(fields)
    else:
        entries = _split(count, fields)
    if is_plain:
        return Request(quote_req_id, [_plain(entry, fields) for entry in entries], BY_RULES)
    related = [_related(entry, fields, n) for n, entry in enumerate(entries)]
    return Request(quote_req_id, related, _model(by_tag, fields), by_tag.get("263") == SUBSCRIBE)


def _plain(entry: dict[str, str], fields: Fields) -> RelatedSymbol:
    """An entry that has no more than a symbol, a side and a quantity; those of any other."""
    symbol = entry.get("55")
    if not symbol:
        if "555" not in entry:
            raise Malformed("Symbol (55) is missing", fields)
        symbol = NO_SYMBOL
    side = _SIDES.get(entry.get("54"))
    if side is None:
        raise Malformed(
            f"Side (54) of {symbol} is '{entry['54']}'; allowed: 1 (buy), 2 (sell), or none for both sides", fields
        )
    quantity = entry.get("38", "")
    if not quantity and resolver.CASH not in entry:
        raise Malformed(f"OrderQty (38) of {symbol} is missing", fields)
    return RelatedSymbol(symbol, side, quantity, 0, 1)


def _related(entry: dict[str, str], fields: Fields, n: int) -> RelatedSymbol:
    plain = _plain(entry, fields)
    symbol, side, quantity = plain.symbol, plain.side, plain.quantity
    until_ns = 0
    if "62" in entry or "126" in entry:
        until_ns = min(_timestamp(entry, tag, fields) for tag in ("62", "126") if tag in entry)
    limit = entry.get("44", "")
    if limit and not side:
        raise Malformed(f"Price (44) of {symbol} is {limit}, but Side (54) is missing", fields)
    stated = _stated(entry, fields, n)
    minimum = ""
    if "110" in entry or "18" in entry:
        minimum = entry.get("110", "")
        if _ALL_OR_NONE in entry.get("18", "").split(" "):
            minimum = quantity or entry.get(resolver.CASH, "")
    if "555" not in entry:
        _refuse_leg_fields(symbol, LEG_TAGS.intersection(entry), fields)
        return RelatedSymbol(symbol, side, quantity, until_ns, 1, (), limit, minimum, stated)
    legs = _legs(symbol, entry, fields, n)
    if stated is None and any(leg.stated is not None for leg in legs):
        stated = {"8": entry.get("8", "")}
    return RelatedSymbol(symbol, side, quantity, until_ns, len(legs), legs, limit, minimum, stated)


def _stated(entry: dict[str, str], fields: Fields, n: int) -> dict[str, str] | None:
    """What the request's n-th entry states beside symbol, side, quantity and limits; None if that is nothing."""
    stated = {tag: entry[tag] for tag in resolver.TAGS.intersection(entry)}
    if not stated and entry.get(resolver.ORD_TYPE) != resolver.FX_SWAP:
        return None
    if PARTIES in stated:
        starts = [at for at, (tag, _) in enumerate(fields) if tag == "55"]
        start = starts[n] if len(starts) > 1 else 0
        stated[PARTIES] = parties_text(fields, start, entry.get("8", ""))
    stated["8"] = entry.get("8", "")
    if resolver.ORD_TYPE in entry:
        stated[resolver.ORD_TYPE] = entry[resolver.ORD_TYPE]
    return stated


def _timestamp(entry: dict[str, str], tag: str, fields: Fields) -> int:
    try:
        return min(parse_utc_timestamp(entry[tag]), _FAR)
    except ValueError:
        name = "ValidUntilTime (62)" if tag == "62" else "ExpireTime (126)"
        text = f"{name} is '{entry[tag]}'; allowed: YYYYMMDD-HH:MM:SS, with decimals if wanted"
        raise Malformed(text, fields) from None


def _model(by_tag: dict[str, str], fields: Fields) -> int:
    name = by_tag.get("20001")
    if name is None:
        return BY_RULES
    model = FIX_MODELS.get(name)
    if model is None:
        raise Malformed(f"ExpiryModel (20001) is '{name}'; allowed: {', '.join(FIX_MODELS)}", fields)
    if any(tag == "20001" and value != name for tag, value in fields):
        raise Malformed("ExpiryModel (20001) has several values; allowed: one for the whole request", fields)
    return model


def _legs(symbol: str, entry: dict[str, str], fields: Fields, n: int) -> tuple[Leg, ...]:
    """The legs of the request's n-th entry, which is for `symbol`."""
    if entry.get("8") == _WITHOUT_LEGS:
        raise Malformed(f"NoLegs (555) is not a field of {_WITHOUT_LEGS}", fields)
    text = entry["555"]
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_LEGS):
        raise Malformed(f"NoLegs (555) is '{text}'; allowed: 1 to {MAX_LEGS}", fields)
    groups: list[dict[str, str]] = []
    in_group = False
    for tag, value in _fields_of(fields, n):
        if tag not in LEG_TAGS:
            in_group = tag == "555" or (in_group and lookup.is_own(tag, entry.get("8", "")))
            continue
        if not in_group or not (groups or tag == "600"):
            _refuse_leg_fields(symbol, (tag,), fields)
        if tag == "600":
            groups.append({})
        elif tag in groups[-1] and tag in _ONCE_IN_LEG:
            raise Malformed(f"duplicate tag {tag} in leg {groups[-1]['600']} of {symbol}", fields)
        groups[-1][tag] = value
    if len(groups) != int(text):
        raise Malformed(f"NoLegs (555) of {symbol} is {text}, but there are {len(groups)} LegSymbols (600)", fields)
    return tuple(_leg(group, symbol, fields) for group in groups)


def _fields_of(fields: Fields, n: int) -> Fields:
    """The fields of the request's n-th entry; all of them where it is the only one."""
    starts = [at for at, (tag, _) in enumerate(fields) if tag == "55"]
    if len(starts) < 2:
        return fields
    return fields[starts[n] : starts[n + 1] if n + 1 < len(starts) else len(fields)]


def _refuse_leg_fields(symbol: str, tags: Iterable[str], fields: Fields) -> None:
    """Refuse the fields of legs that belong to no leg: they would be lost, whatever they ask for."""
    begin_string = next((value for tag, value in fields if tag == "8"), "")
    for tag in tags:
        name = f"{field_name(int(tag), begin_string)} ({tag})"
        text = f"{name} of {symbol} is in no leg; allowed: behind NoLegs (555) and LegSymbol (600), with no other field"
        raise Malformed(f"{text} between", fields)


def _leg(group: dict[str, str], symbol: str, fields: Fields) -> Leg:
    name = group["600"]
    if not name:
        raise Malformed(f"LegSymbol (600) of {symbol} is empty", fields)
    side = _SIDES.get(group.get("624"))
    if not side:
        found = f"is '{group['624']}'" if "624" in group else "is missing"
        raise Malformed(f"LegSide (624) of {name} {found}; allowed: 1 (buy), 2 (sell)", fields)
    ratio = group.get("623", "1")
    integer, _, decimals = ratio.partition(".")
    if not (integer.isascii() and integer.isdigit() and not decimals.strip("0") and 1 <= int(integer[:9]) <= MAX_RATIO):
        raise Malformed(f"LegRatioQty (623) of {name} is '{ratio}'; allowed: a whole number, 1 to {MAX_RATIO}", fields)
    quantity = group.get("687") or group.get("685", "")
    stated = {own: group[tag] for tag, own in resolver.OF_LEGS.items() if tag in group}
    return Leg(name, side, int(integer), quantity, stated or None)


def _check_repeated_tags(fields: Fields) -> None:
    """Refuse a duplicate tag in a request for one symbol; only the tags of nested groups may repeat."""
    seen: set[str] = set()
    for tag, _ in fields:
        if tag in seen and tag not in _MAY_REPEAT and not ("600" in seen and _is_own(tag, fields)):
            if tag == "55":
                raise Malformed("NoRelatedSym (146) is 1, but there are several Symbols (55)", fields)
            raise Malformed(f"duplicate tag {tag}", fields)
        seen.add(tag)


def _is_own(tag: str, fields: Fields) -> bool:
    return lookup.is_own(tag, fields[0][1])


def _split(count: str | None, fields: Fields) -> list[dict[str, str]]:
    """One dict per related symbol, each with the fields before the group."""
    if count is None:
        raise Malformed("NoRelatedSym (146) is missing", fields)
    if not (count.isascii() and count.isdigit() and 1 <= len(count) <= 6 and 1 <= int(count) <= MAX_RELATED):
        raise Malformed(f"NoRelatedSym (146) is '{count}'; allowed: 1 to {MAX_RELATED}", fields)
    at = next(n for n, (tag, _) in enumerate(fields) if tag == "146")
    common: dict[str, str] = dict(fields[:at])  # type: ignore[arg-type]
    _refuse_leg_fields("the request", LEG_TAGS.intersection(common), fields)
    entries: list[dict[str, str]] = []
    for tag, value in fields[at + 1 :]:
        if tag == "55":
            entries.append(dict(common))
        elif not entries:
            raise Malformed(f"the first field after NoRelatedSym (146) is {tag}; allowed: Symbol (55)", fields)
        elif (
            tag in entries[-1] and tag not in common and tag not in _MAY_REPEAT
            and not ("600" in entries[-1] and _is_own(tag, fields))
        ):  # fmt: skip
            raise Malformed(f"duplicate tag {tag} in the entry of {entries[-1]['55']}", fields)
        entries[-1][tag] = value
    if len(entries) != int(count):
        raise Malformed(f"NoRelatedSym (146) is {count}, but there are {len(entries)} Symbols (55)", fields)
    return entries
