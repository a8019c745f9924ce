"""Decides on responses to a quote: QuoteResponse (AJ) and NewOrderSingle (D) with OrdType previously quoted.

A hit received before the quote's ValidUntilTime is filled at the quoted price, in its OrderQty. A hit for less than the
quoted size is filled for less and ends the quote like any fill: a quote is good for one trade. The time of receipt
decides, see `quotelife.rfq.open_quotes`. Refusals:

    OrdRejReason (103)
     1  Symbol (55) is not the quote's
     3  OrderQty (38) is more than the quoted size
     4  the quote has expired; a QuoteStatusReport with 297=7 follows
     5  no such QuoteID (117), or that of a quote to another session
     6  the ClOrdID or QuoteRespID was used for something else, or the quote is already filled
     8  the quote was withdrawn, or replaced by a newer one
    11  the quote does not allow this QuoteRespType (694), OrdType (40) or Side (54)
    13  OrderQty (38) cannot be traded, or is less than the MinQty (110) of the request
    99  Price (44), BidPx (132), MinQty (110) or another term is not the quote's; a field asks for something else than
        a quote; a field is missing; ValidUntilTime (62) or ExpireTime (126) of the hit has passed; the quote was
        passed on, cancelled by the client, or ended with its session; the ledger could not be written
"""

from collections.abc import Callable
from math import nan
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from quotelife.decision.quoter import QuoteDecision, Quoter
from quotelife.ledger.quote_state import (
    CANCELLED,
    FILLED,
    INDICATIVE,
    OPEN,
    PASSED,
    REPLACED,
    RESERVED,
    VOIDED,
    WITHDRAWN,
    QuoteState,
)
from quotelife.ledger.store import Fill
from quotelife.market.board.passage import PASSAGE_UNKNOWN, passed_since
from quotelife.rfq import messages
from quotelife.rfq.field_policies import lookup
from quotelife.rfq.field_policies.policy import HITS
from quotelife.rfq.open_quotes import Changes, OpenQuote, OpenQuotes, position_changes
from quotelife.rfq.quote_request import FIX_SIDES, Fields
from quotelife.rfq.quote_states import (
    ENDINGS,
    EXPIRED_STATUS,
    NOT_FOUND,
    REJECTED,
    Ending,
    reported_price_ticks,
    status_of,
)
from quotelife.rfq.terms import conditions
from quotelife.rfq.terms.hit_checks import (
    DUPLICATE_ORDER,
    INCORRECT_QUANTITY,
    OTHER,
    STALE,
    TOO_LATE,
    UNKNOWN_ORDER,
    UNKNOWN_SYMBOL,
    UNSUPPORTED,
    HitRefused,
    check_price,
    hit_lots,
    instrument_side,
)
from quotelife.rfq.terms.hits import OF_HITS, HitTerms, differing, hit_terms, names_symbol, repeated
from quotelife.rfq.terms.quote_terms import NO_TERMS
from quotelife.rfq.terms.resolver import TermsResolver
from quotelife_models.enums import BUY, SELL, TWO_WAY

HIT, COUNTER = "1", "2"  # QuoteRespType (694); the others are ENDINGS
PREVIOUSLY_QUOTED = "D"  # OrdType (40)

_ENDED = {
    RESERVED: (DUPLICATE_ORDER, "is already filled"),
    FILLED: (DUPLICATE_ORDER, "is already filled"),
    PASSED: (OTHER, "was passed on"),
    VOIDED: (OTHER, "ended with its session"),
    WITHDRAWN: (STALE, "was withdrawn before the hit was received"),
    CANCELLED: (OTHER, "was cancelled by its client"),
    REPLACED: (STALE, "was replaced by a newer one"),
}
_FILLED_STATES = (RESERVED, FILLED)
# By MsgType: the tags that most hits have, and that need no look.
_PLAIN = {msg_type: lookup.USUAL[msg_type] - set(conditions.OF_HITS) - OF_HITS for msg_type in HITS}
_NO_CONDITIONS: dict[str, str] = {}


class Response(Struct, frozen=True, gc=False):
    """An AJ or D; empty texts where a field is absent."""

    msg_type: str
    id: str  # QuoteRespID (693) of an AJ, ClOrdID (11) of a D
    quote_id: str
    kind: str  # QuoteRespType; HIT for a D
    order_type: str
    side: str
    quantity: str
    price: str
    symbol: str
    bid_px: str = ""
    offer_px: str = ""
    wrong: str = ""  # the Text for a missing field, or for one that asks for something else than a quote
    conditions: dict[str, str] = {}  # values by tag, see `quotelife.rfq.terms.conditions`
    terms: HitTerms | None = None

    @property
    def id_name(self) -> str:
        """The name of the field that `id` is from."""
        return "ClOrdID (11)" if self.msg_type == "D" else "QuoteRespID (693)"


class HitDecision(Struct, gc=False):
    """The decision on a response. For a hit to be filled, `fill` and the `changes` of positions are set and the quote
    is reserved; `state_before` is the state it had. `board_change_ns` (monotonic) is when the market passed the price
    of a fill, or left a quote that was withdrawn before the hit was received; see `passed_since`."""

    response: Response
    quote: OpenQuote | None
    result: str  # one of HIT_OUTCOMES, or ended or countered
    messages: list[str]
    fill: Fill | None = None
    changes: Changes = ()
    state_before: QuoteState = OPEN
    board_change_ns: int = 0
    ending: "ReportedEnding | None" = None  # of an open quote, which the caller then ends


class ReportedEnding(NamedTuple):
    """A client's end of a quote, and the price in ticks at which it says it dealt elsewhere, or the next best: of
    `side` (the client's, 0 unknown); NaN where it names none."""

    ending: Ending
    side: int
    price_ticks: float


def parse(msg_type: str, by_tag: dict[str, str], fields: Fields) -> Response:
    """The response in a message's fields, unchecked."""
    get = by_tag.get
    order = msg_type == "D"
    wrong, found, terms = "", _NO_CONDITIONS, None
    if not _PLAIN[msg_type].issuperset(by_tag):
        wrong = lookup.refusal_text(msg_type, by_tag)
        found = {tag: by_tag[tag] for tag in conditions.OF_HITS if tag in by_tag}
        terms = hit_terms(by_tag, fields)
    return Response(
        msg_type,
        get("11" if order else "693", ""),
        get("117", ""),
        HIT if order else get("694", ""),
        get("40", "") if order else PREVIOUSLY_QUOTED,
        get("54", ""),
        get("38", ""),
        get("44", ""),
        get("55", ""),
        get("132", ""),
        get("133", ""),
        wrong or lookup.missing_text(msg_type, by_tag),
        found,
        terms,
    )


class HitDecider:
    """Decides on responses to open quotes. `new_id` returns ExecIDs; a hit is still filled up to `grace_ns` after the
    deadline, for its time on the wire. `resolver` knows what the instruments are."""

    def __init__(
        self,
        open_quotes: OpenQuotes,
        quoter: Quoter,
        resolver: TermsResolver,
        new_id: Callable[[], str],
        grace_ns: int,
    ) -> None:
        self._open_quotes, self._instruments, self._new_id = open_quotes, quoter.instruments, new_id
        self._quoter, self._resolver, self.grace_ns = quoter, resolver, grace_ns

    def decide(self, response: Response, session: str, wall_ns: int, mono_ns: int) -> HitDecision:
        """Decide on a response received at that time (wall clock and monotonic)."""
        quote = self._open_quotes.find(response.quote_id)
        if quote is not None and quote.session != session:
            quote = None  # of another session: not disclosed
        if not response.id and response.kind in (COUNTER, *ENDINGS):
            message = self._status(response, quote, REJECTED, f"{response.id_name} is missing", wall_ns)
            return HitDecision(response, quote, "countered", [message])
        if response.kind == COUNTER:
            return self._counter(response, quote, wall_ns)
        if response.kind in ENDINGS:
            return self._end(response, quote, wall_ns, mono_ns)
        try:
            lots, side = self._check(response, quote, wall_ns, mono_ns)
        except HitRefused as refusal:
            return self.refused(response, quote, refusal, wall_ns)
        assert quote is not None
        decision, terms, exec_id = quote.decision, quote.terms or NO_TERMS, self._new_id()
        fill = Fill(
            exec_id,
            quote.quote_id,
            session,
            quote.client.client.name,
            decision.symbol,
            side,
            terms.offer(decision) if side == BUY else terms.bid(decision),
            lots,
            quote.issued_wall_ns,
            wall_ns,
            response.id,
        )
        changes = position_changes(decision, terms, side == BUY, lots)
        result = "filled" if mono_ns < quote.deadline_ns else "filled_in_grace"
        text = self._filled(response, quote, fill, wall_ns)
        state_before = self._open_quotes.reserve(quote, changes)
        change_ns = quote.board_change_ns or self._market_passed_ns(decision, side)
        return HitDecision(response, quote, result, [text], fill, changes, state_before, change_ns)

    def refused(self, response: Response, quote: OpenQuote | None, refusal: HitRefused, wall_ns: int) -> HitDecision:
        """The answer to a hit that is not filled."""
        messages = [self._rejected(response, quote, refusal, wall_ns)]
        if refusal.code == TOO_LATE:
            messages.append(self._status(response, quote, EXPIRED_STATUS, refusal.text, wall_ns))
        change_ns = quote.board_change_ns if quote is not None and refusal.result == "withdrawn" else 0
        return HitDecision(response, quote, refusal.result, messages, board_change_ns=change_ns)

    def _check(self, response: Response, quote: OpenQuote | None, wall_ns: int, mono_ns: int) -> tuple[int, int]:
        """(lots, client's side) of a hit that is to be filled; raises `HitRefused` if it is not."""
        if not response.id:
            raise HitRefused(OTHER, f"{response.id_name} is missing")
        if response.kind != HIT:
            raise HitRefused(
                UNSUPPORTED, f"QuoteRespType (694) is '{response.kind}'; allowed: 1 (hit), 2 (counter), 3 to 10 (end)"
            )
        if response.order_type != PREVIOUSLY_QUOTED:
            raise HitRefused(UNSUPPORTED, f"OrdType (40) is '{response.order_type}'; allowed: D (previously quoted)")
        if quote is None:
            raise HitRefused(UNKNOWN_ORDER, f"unknown QuoteID (117) '{response.quote_id}'")
        self._check_time(quote, mono_ns)
        if response.wrong:
            raise HitRefused(OTHER, response.wrong)
        if response.symbol not in ("", quote.decision.symbol) and not names_symbol(response.symbol, response.terms):
            text = f"quote {quote.quote_id} is for {quote.decision.symbol}, not {response.symbol}"
            raise HitRefused(UNKNOWN_SYMBOL, text)
        if response.terms is not None and (text := differing(response.terms, quote, self._resolver)):
            raise HitRefused(OTHER, text)
        side = instrument_side(response.side, quote)
        instrument = quote.decision.multileg or self._instruments[quote.decision.symbol]
        lots = hit_lots(response.quantity, quote, side, instrument)
        check_price(response.price, quote, side, instrument.prices)
        if quote.min_lots > lots:
            least = instrument.sizes.short(quote.min_lots)
            text = f"OrderQty (38) is {response.quantity}; the request allows no hit for less than {least}"
            raise HitRefused(INCORRECT_QUANTITY, text)
        if response.conditions:
            prices, sizes = instrument.prices, instrument.sizes
            text = conditions.unmet_condition(
                response.conditions, quote, lots, response.quantity, prices, sizes, wall_ns
            )
            if text:
                raise HitRefused(OTHER, text)
        return lots, side

    def _check_time(self, quote: OpenQuote, mono_ns: int) -> None:
        """Refuse a hit that was received when the quote had ended, or on one that cannot be hit."""
        if quote.state == INDICATIVE:
            raise HitRefused(UNSUPPORTED, f"quote {quote.quote_id} is indicative; it cannot be hit")
        if quote.state in _FILLED_STATES or (quote.ended_ns and mono_ns >= quote.ended_ns):
            code, text = _ENDED[quote.state]
            result = "withdrawn" if quote.state == WITHDRAWN else "refused"
            raise HitRefused(code, f"quote {quote.quote_id} {text}", result)
        if mono_ns >= quote.deadline_ns + self.grace_ns:
            raise HitRefused(TOO_LATE, f"quote {quote.quote_id} has expired", "late")

    def _market_passed_ns(self, decision: QuoteDecision, side: int) -> int:
        """When the market passed the price that the client has hit, as in `passed_since`."""
        board, legs = self._quoter.board, [(decision.row, 1)]
        if board is None:
            return PASSAGE_UNKNOWN
        if decision.multileg is not None:
            of = decision.multileg.legs
            legs = [(leg.instrument.row, leg.weight if leg.side == BUY else -leg.weight) for leg in of]
        ticks = decision.offer_ticks if side == BUY else decision.bid_ticks
        return int(passed_since(board.rows, np.array(legs, np.int64), ticks, side == BUY))

    def _filled(self, response: Response, quote: OpenQuote, fill: Fill, wall_ns: int) -> str:
        decision, terms = quote.decision, quote.terms or NO_TERMS
        instrument = decision.multileg or self._instruments[decision.symbol]
        stated = ""
        if quote.terms is not None or response.terms is not None:
            prices, sizes, own = instrument.prices, instrument.sizes, repeated(response.terms, quote)
            stated = own + terms.dealt_fields(decision, fill.side, fill.quantity_lots, prices, sizes, own)
        return messages.execution_report(
            fields=_echoed_ids(response),
            exec_id=fill.exec_id,
            filled=True,
            symbol=fill.symbol,
            side=str(terms.side_of_instrument(fill.side)),
            quantity=response.quantity or terms.amount or instrument.sizes.short(fill.quantity_lots),
            price=instrument.prices.text(fill.price_ticks),
            wall_ns=wall_ns,
            legs=messages.legs_dealt(decision, fill.side == BUY, fill.quantity_lots)
            if decision.multileg is not None
            else "",
            terms=stated,
        )

    def _rejected(self, response: Response, quote: OpenQuote | None, refusal: HitRefused, wall_ns: int) -> str:
        return messages.execution_report(
            fields=_echoed_ids(response),
            exec_id=self._new_id(),
            filled=False,
            symbol=response.symbol or (quote.decision.symbol if quote else ""),
            side=response.side,
            quantity=response.quantity,
            price=response.price,
            wall_ns=wall_ns,
            code=refusal.code,
            text=refusal.text,
            terms=repeated(response.terms, quote) if response.terms is not None or quote is not None else "",
        )

    def _counter(self, response: Response, quote: OpenQuote | None, wall_ns: int) -> HitDecision:
        """A counter offer is rejected and changes nothing."""
        status, text = REJECTED, "counter offers are not accepted; the quote stands"
        if quote is None:
            status, text = NOT_FOUND, f"unknown QuoteID (117) '{response.quote_id}'"
        return HitDecision(response, quote, "countered", [self._status(response, quote, status, text, wall_ns)])

    def _end(self, response: Response, quote: OpenQuote | None, wall_ns: int, mono_ns: int) -> HitDecision:
        """The client ends a quote without a hit. One that has ended before keeps its state, which is the answer."""
        ending, reported = ENDINGS[response.kind], None
        if quote is None:
            status, text = NOT_FOUND, f"unknown QuoteID (117) '{response.quote_id}'"
        elif not quote.is_live(mono_ns):
            status, text = status_of(quote, mono_ns)
        else:
            status, text = ending.status, ending.text
            reported, remark = self._reported(response, quote, ending)
            text += remark
        message = self._status(response, quote, status, text, wall_ns)
        return HitDecision(response, quote, "ended", [message], ending=reported)

    def _reported(self, response: Response, quote: OpenQuote, ending: Ending) -> tuple[ReportedEnding, str]:
        """An ending with its price, and what the Text says about a price that is none."""
        side = quote.decision.side
        if response.side in FIX_SIDES:
            side = (quote.terms or NO_TERMS).side_of_instrument(FIX_SIDES[response.side])
        named = {"Price (44)": response.price}
        if side != SELL:
            named["OfferPx (133)"] = response.offer_px
        if side != BUY:
            named["BidPx (132)"] = response.bid_px
        name, price = next(((name, text) for name, text in named.items() if text), ("", ""))
        if not price:
            return ReportedEnding(ending, side, nan), ""
        instrument = quote.decision.multileg or self._instruments[quote.decision.symbol]
        ticks = reported_price_ticks(price, instrument.prices)
        if ticks is None:
            return ReportedEnding(ending, side, nan), f"; {name} is '{price}', which is not a price, and not recorded"
        if side == TWO_WAY and name != "Price (44)":
            side = BUY if name == "OfferPx (133)" else SELL
        return ReportedEnding(ending, side, ticks), ""

    def _status(self, response: Response, quote: OpenQuote | None, status: int, text: str, wall_ns: int) -> str:
        return messages.quote_status_report(
            quote_id=response.quote_id or "NONE",
            quote_req_id=quote.quote_req_id if quote else "",
            quote_resp_id=response.id if response.msg_type == "AJ" else "",
            symbol=quote.decision.symbol if quote else response.symbol,
            status=status,
            wall_ns=wall_ns,
            text=text,
        )


def _echoed_ids(response: Response) -> list[tuple[int, str]]:
    return [(11 if response.msg_type == "D" else 693, response.id), (117, response.quote_id)]
