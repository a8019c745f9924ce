"""The texts of outgoing messages: the engine parses a text faster than it sets fields one by one.

Header fields 34, 49, 52 and 56, BodyLength and CheckSum are the engine's. Times of the body are written here, because
the engine's precision setting covers its header only.

Extensions, 20001 to 20005, are the last fields of a message: `quotelife.fix.versions` omits them for a client that has
not agreed on them.
"""

import re
from collections.abc import Sequence

from quotelife.decision.multileg.multileg import Multileg, QuotedLeg, opposite
from quotelife.decision.quoter import QuoteDecision
from quotelife.fix.versions import NO_SYMBOL
from quotelife.market.grid import Grid
from quotelife.rfq.terms.quote_terms import QuoteTerms
from quotelife.runtime.clock import utc_timestamp
from quotelife_models.enums import BUY, MODELS, SELL
from quotelife_models.reasons import REASONS

BEGIN_STRING = "FIX.4.4"
_TAIL = "10=000\x01"
_MAX_TEXT = 250
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)", re.ASCII)  # a Price or Qty
_MAX_NUMBER = 40  # characters: no market has more digits
_SIDES = frozenset("123456789")  # values of Side (54) in every version
_MODEL_NAMES = tuple(name.upper() for name in MODELS)  # values of ExpiryModel (20001)


def _head(msg_type: str) -> str:
    return f"8={BEGIN_STRING}\x019=0\x0135={msg_type}\x01"


_QUOTE, _REJECT, _EXECUTION, _STATUS, _CANCEL = _head("S"), _head("AG"), _head("8"), _head("AI"), _head("Z")


def has_group(text: str) -> bool:
    """Whether a text has a repeating group: related symbols, legs, quote entries or parties."""
    return "\x01146=" in text or "\x01555=" in text or "\x01295=" in text or "\x01453=" in text


def quote(
    decision: QuoteDecision, quote_id: str, quote_req_id: str, quantity: str, prices: Grid, disclose: bool, wall_ns: int
) -> str:
    """Quote (S): 54 where the request has a side, the requested sizes, the legs of a multileg.

    In ascending order, in which the engine sends the fields: `quotelife.rfq.plain.quote_text` writes them likewise."""
    if decision.side == BUY:
        side, dealt = "54=1\x01", f"133={prices.text(decision.offer_ticks)}\x01135={quantity}\x01"
    elif decision.side == SELL:
        side, dealt = "54=2\x01", f"132={prices.text(decision.bid_ticks)}\x01134={quantity}\x01"
    else:
        bid, offer = prices.text(decision.bid_ticks), prices.text(decision.offer_ticks)
        side, dealt = "", f"132={bid}\x01133={offer}\x01134={quantity}\x01135={quantity}\x01"
    legs = "" if decision.multileg is None else _legs_quoted(decision.multileg, decision)
    times = f"60={utc_timestamp(wall_ns)}\x0162={utc_timestamp(decision.valid_until_ns)}\x01"
    return (
        f"{_QUOTE}{side}55={decision.symbol}\x01{times}117={quote_id}\x01131={quote_req_id}\x01{dealt}537=1\x01{legs}"
        f"{_extensions(decision, disclose, wall_ns)}{_TAIL}"
    )


def quote_with_terms(
    decision: QuoteDecision, terms: QuoteTerms, quote_id: str, quote_req_id: str, quantity: str, prices: Grid,
    disclose: bool, wall_ns: int,
) -> str:  # fmt: skip
    """Quote (S) for a request that stated terms; indicative, and without ValidUntilTime, if the decision has none."""
    sides = _sides(decision, terms, prices, quantity) + terms.quoted_fields(decision, prices)
    legs = "" if decision.multileg is None else _legs_quoted(decision.multileg, decision)
    kind, until, why = 0, "", ""
    if decision.valid_until_ns:
        kind, until = 1, f"62={utc_timestamp(decision.valid_until_ns)}\x01"
        why = _extensions(decision, disclose, wall_ns)
    return (
        f"{_QUOTE}117={quote_id}\x01131={quote_req_id}\x01537={kind}\x0155={decision.symbol}\x01{sides}"
        f"60={utc_timestamp(wall_ns)}\x01{until}{legs}{why}{_TAIL}"
    )


def _sides(decision: QuoteDecision, terms: QuoteTerms, prices: Grid, quantity: str) -> str:
    """Side (54) as the client states it, and the prices and sizes at which it deals."""
    shown = terms.side_of_instrument(decision.side)
    parts = [f"54={shown}\x01" if shown else ""]
    if decision.side != BUY:
        parts.append(f"132={prices.text(terms.bid(decision))}\x01134={quantity}\x01")
    if decision.side != SELL:
        parts.append(f"133={prices.text(terms.offer(decision))}\x01135={quantity}\x01")
    return "".join(parts)


def _extensions(decision: QuoteDecision, disclose: bool, wall_ns: int) -> str:
    """The lifetime; where it is disclosed, also its model, its reason and the probabilities behind it."""
    lifetime = f"20004={decision.valid_until_ns // 1000 - wall_ns // 1000}\x01"
    if not disclose:
        return lifetime
    return (
        f"20001={_MODEL_NAMES[decision.model]}\x0120002={decision.move_probability:.6f}\x01"
        f"20003={REASONS[decision.reason]}\x01{lifetime}20005={decision.pick_off_probability:.6f}\x01"
    )


def _legs_quoted(multileg: Multileg, decision: QuoteDecision) -> str:
    """NoLegs (555) of a Quote: each leg with its size and the price at which it would be dealt."""
    parts = [f"555={len(multileg.legs)}\x01"]
    for leg, (bid, offer) in zip(multileg.legs, decision.leg_prices, strict=True):
        parts.append(_leg(leg, decision.size_lots))
        dealt = decision.side if leg.side == BUY else opposite(decision.side)
        if dealt != BUY:
            parts.append(f"681={leg.instrument.prices.text(bid)}\x01")
        if dealt != SELL:
            parts.append(f"684={leg.instrument.prices.text(offer)}\x01")
    return "".join(parts)


def legs_dealt(decision: QuoteDecision, client_buys: bool, lots: int) -> str:
    """NoLegs (555) of an ExecutionReport on a multileg: the dealt size and price of each leg."""
    assert decision.multileg is not None
    parts = [f"555={len(decision.multileg.legs)}\x01"]
    for leg, (bid, offer) in zip(decision.multileg.legs, decision.leg_prices, strict=True):
        price = offer if (leg.side == BUY) == client_buys else bid
        parts.append(f"{_leg(leg, lots)}637={leg.instrument.prices.text(price)}\x01")
    return "".join(parts)


def _leg(leg: QuotedLeg, lots: int) -> str:
    instrument = leg.instrument
    size = instrument.sizes.short(lots * leg.unit_lots)
    return f"600={instrument.config.symbol}\x01623={leg.ratio}\x01624={leg.side}\x01687={size}\x01"


def quote_request_reject(quote_req_id: str, symbols: Sequence[str], code: int, text: str) -> str:
    """QuoteRequestReject (AG) for the related symbols; FIX requires one, also where none is known."""
    related = "".join(f"55={symbol}\x01" for symbol in symbols or (NO_SYMBOL,))
    head = f"{_REJECT}131={quote_req_id}\x01658={code}\x01146={len(symbols) or 1}\x01"
    return f"{head}{related}58={_short(text)}\x01{_TAIL}"


def _short(text: str) -> str:
    """Limit the length of a Text (58), which may repeat a value from the client."""
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"


def is_number(text: str) -> bool:
    """Whether this is a FIX Price or Qty, which has no exponent: arithmetic with "1e999999999" would never end."""
    return len(text) <= _MAX_NUMBER and _NUMBER.fullmatch(text) is not None


def number_field(tag: str, value: str) -> str:
    """A Price or Qty that repeats a client's value; empty if that is no number, and the client's engine rejected it."""
    return f"{tag}={value}\x01" if is_number(value) else ""


def valid_side(side: str, otherwise: str = "1") -> str:
    """The client's Side (54), or `otherwise` if it has sent none that FIX knows: an answer needs one."""
    return side if side in _SIDES else otherwise


def execution_report(
    *,
    fields: Sequence[tuple[int, str]],
    exec_id: str,
    filled: bool,
    symbol: str,
    side: str,
    quantity: str,
    price: str,
    wall_ns: int,
    code: int = 0,
    text: str = "",
    legs: str = "",
    terms: str = "",
) -> str:
    """ExecutionReport (8): filled in full, or rejected with OrdRejReason (103) `code` and a text.

    `fields` are repeated from the hit: 11, 117, 693. `legs` as of `legs_dealt` where a multileg was dealt; `terms` are
    fields that repeat what the request or the hit stated. In a rejection `side`, `quantity` and `price` are the hit's:
    what is no such value would make the client's engine reject the rejection, so it is not repeated.
    """
    repeated = "".join(f"{tag}={value}\x01" for tag, value in fields if value)
    order_id = next((value for tag, value in fields if tag == 117 and value), "NONE")
    if filled:
        outcome = (
            f"150=F\x0139=2\x0138={quantity}\x0144={price}\x0132={quantity}\x0131={price}\x01151=0\x0114={quantity}\x01"
            f"6={price}\x01"
        )
    else:
        outcome = f"150=8\x0139=8\x01103={code}\x01151=0\x0114=0\x016=0\x0158={text}\x01"
        outcome += number_field("38", quantity) + number_field("44", price)
        side = valid_side(side)
    return (
        f"{_EXECUTION}37={order_id}\x0117={exec_id}\x01{repeated}55={symbol or 'NONE'}\x0154={side}\x01{outcome}"
        f"60={utc_timestamp(wall_ns)}\x01{terms}{legs}{_TAIL}"
    )


def quote_status_report(
    *,
    quote_id: str,
    quote_req_id: str,
    quote_resp_id: str,
    symbol: str,
    status: int,
    wall_ns: int,
    text: str,
    status_req_id: str = "",
    terms: str = "",
) -> str:
    """QuoteStatusReport (AI) with QuoteStatus (297) `status`; `terms` as of `quote_terms` where the quote is known."""
    request = f"131={quote_req_id}\x01" if quote_req_id else ""
    response = f"693={quote_resp_id}\x01" if quote_resp_id else ""
    asked = f"649={status_req_id}\x01" if status_req_id else ""
    return (
        f"{_STATUS}{asked}117={quote_id}\x01{request}{response}297={status}\x0155={symbol or 'NONE'}\x01{terms}"
        f"58={text}\x0160={utc_timestamp(wall_ns)}\x01{_TAIL}"
    )


def quote_terms(side: int, bid_ticks: int, offer_ticks: int, prices: Grid, quantity: str, valid_until_ns: int) -> str:
    """Side, prices, sizes and ValidUntilTime (62) of a quote, as fields of a QuoteStatusReport."""
    parts = {BUY: "54=1\x01", SELL: "54=2\x01"}.get(side, "")
    if side != BUY:
        parts += f"132={prices.text(bid_ticks)}\x01134={quantity}\x01"
    if side != SELL:
        parts += f"133={prices.text(offer_ticks)}\x01135={quantity}\x01"
    return f"{parts}62={utc_timestamp(valid_until_ns)}\x01"


def stated_terms(decision: QuoteDecision, terms: QuoteTerms, prices: Grid, quantity: str) -> str:
    """The same of a quote whose request stated terms, with what it stated."""
    until = f"62={utc_timestamp(decision.valid_until_ns)}\x01" if decision.valid_until_ns else "537=0\x01"
    return _sides(decision, terms, prices, quantity) + terms.quoted_fields(decision, prices) + until


def test_request(test_req_id: str) -> str:
    """TestRequest (1), the same in every version but for its BeginString, which the engine sets."""
    return f"{_head('1')}112={test_req_id}\x01{_TAIL}"


def quote_cancel(quote_id: str, quote_req_id: str, symbol: str, reason: str) -> str:
    """QuoteCancel (Z) of one quote, which QuoteID (117) names. FIX has no Text in it: LifetimeReason (20003) says why,
    unless `reason` is empty."""
    why = f"20003={reason}\x01" if reason else ""
    return f"{_CANCEL}131={quote_req_id}\x01117={quote_id}\x01298=1\x01295=1\x0155={symbol}\x01{why}{_TAIL}"
