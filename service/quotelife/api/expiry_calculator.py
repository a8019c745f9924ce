"""From a request to a decision: the quoter of the FIX side, on the same board, parameters, orders and statistics.

What the desk holds comes from the ledger, which the quoting process writes: fills count here once they are on disk.
"""

import sqlite3
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from quotelife.api.messages import MAX_EXPONENT, SIDES, ExpiryRequest
from quotelife.config import Config
from quotelife.decision import pricing, refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState
from quotelife.decision.multileg_quoter import MultilegQuoter
from quotelife.decision.quote_decision import QuoteDecision
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import Prices, Quoter
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import BUY, BY_RULES, SELL, Leg, RelatedSymbol
from quotelife.journal import layout as J
from quotelife.market.grid import Grid
from quotelife.parameters.region import Taken
from quotelife.runtime.clock import NS_PER_US
from quotelife_models import schema as S
from quotelife_models.decide import Parameters
from quotelife_models.policy import MODELS


class InvalidValue(Exception):
    """A value that the instrument does not allow; `field` is the request's."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value}; allowed: {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


class ExpiryDecision(Struct):
    """A decision; its figures are in `record` until the next one. `prices` is the grid of the quoted prices."""

    asked: ExpiryRequest
    decision: QuoteDecision
    prices: Grid
    quantity: str
    wall_ns: int
    parameters: str


class ExpiryCalculator:
    """One decision at a time. `clients` by the names of the configuration."""

    def __init__(self, config: Config, parameters: Parameters, provider: pricing.Provider) -> None:
        self.quoter = Quoter(config, parameters, provider)
        self.positions = [0] * len(config.instrument)
        self.clients = {
            client.name: ClientState(index, client, getattr(config.tier, client.tier))
            for index, client in enumerate(config.client)
        }
        self.buffers = DecisionBuffers()
        self.generation = 0
        self._multilegs = MultilegQuoter(self.quoter)
        self._hash = parameters.hash

    def use(self, taken: Taken) -> None:
        """Decide with these parameters from now on."""
        self.quoter.table, self._hash, self.generation = taken.table, taken.hash, taken.generation

    def decide(self, asked: ExpiryRequest, wall_ns: int, mono_ns: int) -> ExpiryDecision:
        """As the FIX side would at this moment; `Refusal` or `InvalidValue` if there is no lifetime."""
        client = self.clients.get(asked.client)
        if client is None:
            raise Refusal(refusal.UNKNOWN_CLIENT, f"no client is configured with the name {asked.client}")
        if not client.allow_request(mono_ns):
            raise Refusal(refusal.RATE_LIMITED, f"more than {client.client.requests_per_second:g} requests a second")
        quantity = amount("quantity", asked.quantity)
        until_ns = 0 if asked.max_lifetime_us is None else wall_ns + asked.max_lifetime_us * NS_PER_US
        legs = tuple(Leg(leg.symbol, SIDES[leg.side], leg.ratio, "") for leg in asked.legs)
        related = RelatedSymbol(asked.symbol, SIDES[asked.side], quantity, until_ns, max(len(legs), 1), legs)
        model = BY_RULES if asked.model is None else MODELS.index(asked.model)
        instrument = self.quoter.instruments.get(asked.symbol)
        if legs and instrument is None:  # as in FIX, one that has a book of its own is quoted from that
            if asked.price is not None:
                raise InvalidValue("price", asked.price, "none for a multileg: it is priced here, by its legs")
            given = None
            decision = self._multilegs.quote(client, related, model, self.positions, wall_ns, mono_ns, self.buffers)
            assert decision.multileg is not None
            prices = decision.multileg.prices
        else:
            given = None if instrument is None else self._given(asked, instrument)
            position = 0 if instrument is None else self.positions[instrument.row]
            decision = self.quoter.quote(client, related, model, position, wall_ns, mono_ns, self.buffers, given)
            assert instrument is not None
            prices = instrument.prices
        if given is not None:
            self._check_market(related, asked)
        return ExpiryDecision(asked, decision, prices, quantity, wall_ns, self._hash)

    def _given(self, asked: ExpiryRequest, dealt: QuotedInstrument) -> Prices | None:
        """The desk's own price as bid and offer in ticks, the other side left out."""
        if asked.price is None:
            return None
        side = SIDES[asked.side]
        if side not in (BUY, SELL):
            raise InvalidValue("side", asked.side, "buy or sell, where a price is given")
        text = amount("price", asked.price)
        try:
            ticks = dealt.prices.units(text)
        except ValueError:
            raise InvalidValue("price", text, f"a multiple of {dealt.prices.step}") from None
        if abs(ticks) >= 2**52:
            raise InvalidValue("price", text, "a price that the market could have")
        return (0, ticks) if side == BUY else (ticks, 0)

    def _check_market(self, related: RelatedSymbol, asked: ExpiryRequest) -> None:
        at = J.OFFER_CONTEXT if related.side == BUY else J.BID_CONTEXT
        if self.buffers.record.words.view("f8")[at + S.PICK_OFF_BARRIER] <= 0:
            raise Refusal(refusal.RISK, f"no quote for {asked.symbol}: the market is through the price {asked.price}")


def amount(field: str, value: Decimal) -> str:
    """The text of an amount as FIX has it; `InvalidValue` for what no market has."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT or len(digits) > 2 * MAX_EXPONENT:
        allowed = f"a number with at most {MAX_EXPONENT} digits on either side of the point"
        raise InvalidValue(field, str(value)[:80], allowed)
    return format(value, "f")


class LedgerPositions:
    """Follows the positions in the ledger's file, which may not be there yet."""

    def __init__(self, path: Path, symbols: list[str], positions: list[int]) -> None:
        self._path, self._positions = path, positions
        self._rows = {symbol: row for row, symbol in enumerate(symbols)}
        self._db: sqlite3.Connection | None = None
        self._version = -1

    def look(self) -> None:
        """Take over what has changed. A ledger that cannot be read leaves the positions as they were."""
        try:
            if self._db is None:
                if not self._path.exists():
                    return
                self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None)
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version == self._version:
                return
            held = self._db.execute("SELECT symbol, lots FROM positions").fetchall()
        except sqlite3.Error:
            self.close()
            return
        self._version = version
        for symbol, lots in held:
            row = self._rows.get(symbol)
            if row is not None:
                self._positions[row] = lots

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
