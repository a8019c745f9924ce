"""What a client answers to a quote: QuoteResponse (AJ) and NewOrderSingle (D) with OrdType previously quoted.

A hit received before the quote's ValidUntilTime is filled in the size asked for, at the quoted price; one received
after it is refused with OrdRejReason (103) 4 and a QuoteStatusReport, 297=7. Each other refusal has its own text.
"""

from msgspec import Struct

from service.quoting import message
from service.quoting.grid import Grid
from service.quoting.lifecycle import EXPIRED, FILLED, OPEN, PASSED, VOIDED, Lifecycle, OpenQuote
from service.quoting.quoter import Quoter
from service.quoting.request import BUY, SELL

HIT, COUNTER, PASS = "1", "2", "6"  # QuoteRespType (694)
PREVIOUSLY_QUOTED = "D"  # OrdType (40)
TOO_LATE, UNKNOWN_ORDER, UNSUPPORTED, INCORRECT_QUANTITY, OTHER = 4, 5, 11, 13, 99  # OrdRejReason (103)
STATUS_REJECTED, STATUS_EXPIRED, STATUS_NOT_FOUND, STATUS_PASS = 5, 7, 9, 11  # QuoteStatus (297)

_OVER = {
    FILLED: (OTHER, "is filled already"),
    PASSED: (OTHER, "was passed on"),
    VOIDED: (OTHER, "ended with its session"),
}


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


class Refusal(Exception):
    """The hit is not filled: OrdRejReason (103) and a text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def parse(msg_type: str, whole: dict[str, str]) -> Response:
    """The response in a message's fields; nothing is refused here."""
    get = whole.get
    order = msg_type == "D"
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
    )


class Responder:
    """Answers responses from the quotes of a `Lifecycle`."""

    def __init__(self, lifecycle: Lifecycle, quoter: Quoter, id_prefix: str) -> None:
        self._lifecycle, self._traded, self._id_prefix = lifecycle, quoter.traded, id_prefix
        self._execs = 0

    def respond(self, response: Response, session: str, wall_ns: int, mono_ns: int) -> tuple[list[str], str]:
        """The messages to send, and the outcome for the metrics: filled, late, refused, or passed."""
        quote = self._lifecycle.find(response.quote_id)
        if quote is not None and quote.session != session:
            quote = None  # another client's quote is none of this one's business
        if response.kind in (COUNTER, PASS):
            return [self._turned_down(response, quote, wall_ns)], "passed"
        try:
            lots, side = self._check(response, quote, mono_ns)
        except Refusal as refusal:
            late = refusal.code == TOO_LATE
            texts = [self._rejected(response, quote, refusal, wall_ns)]
            if late:
                texts.append(self._status(response, quote, STATUS_EXPIRED, refusal.text, wall_ns))
            return texts, "late" if late else "refused"
        assert quote is not None
        self._lifecycle.fill(quote, side == "1", lots, mono_ns)
        return [self._filled(response, quote, lots, side, wall_ns)], "filled"

    def _check(self, response: Response, quote: OpenQuote | None, mono_ns: int) -> tuple[int, str]:
        """(lots, client's side) of a hit that is to be filled; `Refusal` if it is not."""
        if not response.id:
            name = "ClOrdID (11)" if response.msg_type == "D" else "QuoteRespID (693)"
            raise Refusal(OTHER, f"{name} is missing")
        if response.kind != HIT:
            raise Refusal(UNSUPPORTED, f"QuoteRespType (694) is '{response.kind}'; allowed: 1 (hit), 2, 6")
        if response.order_type != PREVIOUSLY_QUOTED:
            raise Refusal(UNSUPPORTED, f"OrdType (40) is '{response.order_type}'; allowed: D (previously quoted)")
        if quote is None:
            raise Refusal(UNKNOWN_ORDER, f"unknown QuoteID (117) '{response.quote_id}'")
        if quote.state in _OVER:
            code, text = _OVER[quote.state]
            raise Refusal(code, f"quote {quote.quote_id} {text}")
        if quote.state == EXPIRED or not quote.live(mono_ns):
            raise Refusal(TOO_LATE, f"quote {quote.quote_id} has expired")
        if response.symbol and response.symbol != quote.quoted.symbol:
            raise Refusal(OTHER, f"quote {quote.quote_id} is for {quote.quoted.symbol}, not {response.symbol}")
        side = _side(response, quote)
        traded = self._traded[quote.quoted.symbol]
        lots = _lots(response, quote, traded.sizes)
        _check_price(response, quote, side, traded.prices)
        return lots, side

    def _filled(self, response: Response, quote: OpenQuote, lots: int, side: str, wall_ns: int) -> str:
        traded = self._traded[quote.quoted.symbol]
        ticks = quote.quoted.offer_ticks if side == "1" else quote.quoted.bid_ticks
        return message.execution_report(
            fields=_repeated(response),
            exec_id=self._exec_id(),
            filled=True,
            symbol=quote.quoted.symbol,
            side=side,
            quantity=response.quantity or traded.sizes.short(lots),
            price=traded.prices.text(ticks),
            wall_ns=wall_ns,
        )

    def _rejected(self, response: Response, quote: OpenQuote | None, refusal: Refusal, wall_ns: int) -> str:
        return message.execution_report(
            fields=_repeated(response),
            exec_id=self._exec_id(),
            filled=False,
            symbol=response.symbol or (quote.quoted.symbol if quote else ""),
            side=response.side,
            quantity=response.quantity,
            price=response.price,
            wall_ns=wall_ns,
            code=refusal.code,
            text=refusal.text,
        )

    def _turned_down(self, response: Response, quote: OpenQuote | None, wall_ns: int) -> str:
        """A pass ends the quote. A counter does not: it is answered with a rejection, and the quote stands."""
        if quote is None:
            text = f"unknown QuoteID (117) '{response.quote_id}'"
            return self._status(response, None, STATUS_NOT_FOUND, text, wall_ns)
        if response.kind == COUNTER:
            text = "no counter offers; the quote stands as given"
            return self._status(response, quote, STATUS_REJECTED, text, wall_ns)
        if quote.state == OPEN:
            quote.state = PASSED
        return self._status(response, quote, STATUS_PASS, "passed", wall_ns)

    def _status(self, response: Response, quote: OpenQuote | None, status: int, text: str, wall_ns: int) -> str:
        return message.quote_status_report(
            quote_id=response.quote_id or "NONE",
            quote_req_id=quote.quote_req_id if quote else "",
            quote_resp_id=response.id if response.msg_type == "AJ" else "",
            symbol=quote.quoted.symbol if quote else response.symbol,
            status=status,
            wall_ns=wall_ns,
            text=text,
        )

    def _exec_id(self) -> str:
        self._execs += 1
        return f"E{self._id_prefix}-{self._execs}"


def _repeated(response: Response) -> list[tuple[int, str]]:
    return [(11 if response.msg_type == "D" else 693, response.id), (117, response.quote_id)]


def _side(response: Response, quote: OpenQuote) -> str:
    """The side on which the client deals; that of the quote if the response has none."""
    asked = {BUY: "1", SELL: "2"}.get(quote.quoted.side)
    side = response.side or asked
    if side not in ("1", "2"):
        what = f"is '{side}'" if side else "is missing"
        raise Refusal(OTHER, f"Side (54) {what}; allowed: 1 (buy), 2 (sell)")
    if asked is not None and side != asked:
        raise Refusal(OTHER, f"quote {quote.quote_id} is for Side (54) {asked}, not {side}")
    return side


def _lots(response: Response, quote: OpenQuote, sizes: Grid) -> int:
    if not response.quantity:
        return quote.quoted.size_lots
    try:
        lots = sizes.units(response.quantity)
    except ValueError as error:
        raise Refusal(INCORRECT_QUANTITY, f"OrderQty (38): {error}") from None
    if not 0 < lots <= quote.quoted.size_lots:
        most = sizes.short(quote.quoted.size_lots)
        raise Refusal(INCORRECT_QUANTITY, f"OrderQty (38) is {response.quantity}; allowed: above 0, up to {most}")
    return lots


def _check_price(response: Response, quote: OpenQuote, side: str, prices: Grid) -> None:
    if not response.price:
        return
    ticks = quote.quoted.offer_ticks if side == "1" else quote.quoted.bid_ticks
    try:
        same = prices.units(response.price) == ticks
    except ValueError:
        same = False
    if not same:
        raise Refusal(OTHER, f"Price (44) is {response.price}; the quote's is {prices.text(ticks)}")
