"""Decides the expiry of a price, with the same quoter, board, parameters and controls as the FIX acceptor.

Positions come from the ledger that the quoting process writes, so a fill counts here once it is on disk.
"""

from decimal import Decimal

from msgspec import Struct

from quotelife.api.messages import MAX_EXPONENT, ExpiryRequest
from quotelife.config import Config
from quotelife.decision import pricing, refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import configure_clients
from quotelife.decision.multileg.quoter import MultilegQuoter
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import Prices, QuoteDecision, Quoter
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import BY_RULES, Leg, RelatedSymbol
from quotelife.decision.settings import DecisionSettings
from quotelife.market.grid import Grid
from quotelife.parameters.region import ActiveParameters
from quotelife.runtime.clock import NS_PER_US
from quotelife_models import schema as S
from quotelife_models.enums import BUY, MODELS, SELL, SIDES
from quotelife_models.parameters import Parameters


class InvalidValue(Exception):
    """A value that the instrument does not allow; `field` is its name in the request."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value}; allowed: {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


class ExpiryDecision(Struct):
    """A decision. Its features and model output are in the calculator's record until the next decision.

    `prices` is the grid of the quoted prices, `parameters` the hash of the parameter set.
    """

    request: ExpiryRequest
    quote: QuoteDecision
    prices: Grid
    quantity: str
    wall_ns: int
    parameters: str


class ExpiryCalculator:
    """Makes one decision at a time. `clients` holds the configured clients by name."""

    def __init__(self, config: Config, parameters: Parameters, provider: pricing.Provider) -> None:
        self.quoter = Quoter(config, parameters, provider)
        self.positions = self.quoter.exposure.lots
        self.clients = configure_clients(config, {})
        self.buffers = DecisionBuffers()
        self.generation = 0
        self._multilegs = MultilegQuoter(self.quoter)
        self._hash = parameters.hash

    def configure(self, settings: DecisionSettings) -> None:
        """Decide by another version of the configuration."""
        self.quoter.configure(settings)
        self.clients = configure_clients(settings.config, self.clients)

    def apply_parameters(self, active: ActiveParameters) -> None:
        """Use these parameters from the next decision on."""
        self.quoter.table, self._hash, self.generation = active.table, active.hash, active.generation

    def decide(self, request: ExpiryRequest, wall_ns: int, mono_ns: int) -> ExpiryDecision:
        """The decision that the FIX acceptor would make at this moment.

        Raises `Refusal` if the desk declines and `InvalidValue` for a value off the instrument's grid.
        """
        client = self.clients.get(request.client)
        if client is None or not client.client.sessions:  # a removed one stays without sessions
            raise Refusal(refusal.UNKNOWN_CLIENT, f"no client named {request.client} is configured")
        if client.client.role != "quotes":
            text = f"client {request.client} has the role {client.client.role}: it gets no quotes"
            raise Refusal(refusal.UNKNOWN_CLIENT, text)
        if not client.allow_request(mono_ns):
            raise Refusal(
                refusal.RATE_LIMITED, f"rate limit exceeded: {client.client.requests_per_second:g} requests a second"
            )
        quantity = decimal_text("quantity", request.quantity)
        until_ns = 0 if request.max_lifetime_us is None else wall_ns + request.max_lifetime_us * NS_PER_US
        legs = tuple(Leg(leg.symbol, SIDES.index(leg.side), leg.ratio, "") for leg in request.legs)
        related = RelatedSymbol(request.symbol, SIDES.index(request.side), quantity, until_ns, max(len(legs), 1), legs)
        model = BY_RULES if request.model is None else MODELS.index(request.model)
        instrument = self.quoter.instruments.get(request.symbol)
        if legs and instrument is None:  # as in FIX, a multileg with its own book is quoted from that book
            if request.price is not None:
                raise InvalidValue("price", request.price, "no price for a multileg: it is priced from its legs")
            desk_price = None
            quote = self._multilegs.quote(client, related, model, self.positions, wall_ns, mono_ns, self.buffers)
            assert quote.multileg is not None
            prices = quote.multileg.prices
        else:
            desk_price = None if instrument is None else self._desk_price(request, instrument)
            position = 0 if instrument is None else self.positions[instrument.row]
            quote = self.quoter.quote(client, related, model, position, wall_ns, mono_ns, self.buffers, desk_price)
            assert instrument is not None
            prices = instrument.prices
        if desk_price is not None:
            self._check_market(related, request)
        return ExpiryDecision(request, quote, prices, quantity, wall_ns, self._hash)

    def _desk_price(self, request: ExpiryRequest, instrument: QuotedInstrument) -> Prices | None:
        """The desk's own price as (bid, offer) in ticks, 0 for the side that is not quoted."""
        if request.price is None:
            return None
        side = SIDES.index(request.side)
        if side not in (BUY, SELL):
            raise InvalidValue("side", request.side, "buy or sell when a price is set")
        text = decimal_text("price", request.price)
        try:
            ticks = instrument.prices.units(text)
        except ValueError:
            raise InvalidValue("price", text, f"a multiple of {instrument.prices.step}") from None
        if abs(ticks) >= 2**52:
            raise InvalidValue("price", text, "a price below 2^52 ticks")
        return (0, ticks) if side == BUY else (ticks, 0)

    def _check_market(self, related: RelatedSymbol, request: ExpiryRequest) -> None:
        bid_context, offer_context = self.buffers.record.contexts
        context = offer_context if related.side == BUY else bid_context
        if context[S.PICK_OFF_BARRIER] <= 0:
            raise Refusal(
                refusal.RISK, f"no quote for {request.symbol}: the market is through the price {request.price}"
            )


def decimal_text(field: str, value: Decimal) -> str:
    """The decimal text of an amount, as in FIX; `InvalidValue` for more digits than any market uses."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT or len(digits) > 2 * MAX_EXPONENT:
        allowed = f"a number with at most {MAX_EXPONENT} digits on either side of the decimal point"
        raise InvalidValue(field, str(value)[:80], allowed)
    return format(value, "f")
