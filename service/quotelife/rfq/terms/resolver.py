"""From the fields that a request states to the instrument, the settlement and the currency that it is quoted in.

A request that states nothing beside symbol, side, quantity and its limits does not come here.
"""

from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from quotelife.config.instrument_sections import Instrument
from quotelife.decision import refusal
from quotelife.decision.multileg.multileg import opposite
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import Quoter
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import Leg, RelatedSymbol
from quotelife.fix.versions import NO_SYMBOL
from quotelife.journal.layout import TERMS_WORDS
from quotelife.rfq.field_policies.lookup import shortened
from quotelife.rfq.field_policies.names import field_name
from quotelife.rfq.terms.amounts import Amount
from quotelife.rfq.terms.identity import SECURITY_TYPE, Identity, IdentityIndex, NameOf, Stated, found
from quotelife.rfq.terms.quote_terms import QuoteTerms, encode
from quotelife.rfq.terms.repeated import PARTIES, fields_text
from quotelife.rfq.terms.settlement import FAR_DATE, REGULAR, SETTL_DATE, SETTL_TYPE, Settlements
from quotelife.runtime.clock import utc_timestamp
from quotelife.shm.layout import WORD_BYTES

ACCOUNT, CURRENCY, CASH, ORD_TYPE, FAR_QUANTITY, QUOTE_TYPE = "1", "15", "152", "40", "192", "537"
INDICATIVE, FX_SWAP = "0", "G"
# The fields that say whom a deal is for; they are repeated and change nothing.
FOR_WHOM = (ACCOUNT, "660", "581")
# The fields that a message about the quote repeats, in this order, where the request has them.
REPEATED = (*FOR_WHOM, CURRENCY, SETTL_TYPE, SETTL_DATE, FAR_DATE, "48", "22")
# All fields of an entry that are read here.
TAGS = frozenset((*REPEATED, PARTIES, "167", "200", "541", "205", "201", "202", CASH, FAR_QUANTITY, QUOTE_TYPE))
# The fields of a leg that say the same of its instrument, by the tag of the latter.
OF_LEGS = {
    "602": "48", "603": "22", "609": "167", "610": "200", "611": "541", "612": "202", "1358": "201", "556": "15",
    "587": "63", "588": "64",
}  # fmt: skip
_LEG_TAG = {own: tag for tag, own in OF_LEGS.items()}
_MAX_TERMS = TERMS_WORDS * WORD_BYTES  # of the JSON document in a journal record
_MAX_REPEATED, _MAX_REPEATED_FIELDS = 600, 40  # bytes and fields that fit into it whatever else the terms are
_OLD_VERSION = "FIX.4.2"


class ResolvedRequest(Struct, frozen=True, gc=False):
    """A request as it is decided: the symbol and side are those of the instrument. `amount` is in the term currency,
    None where the quantity is in units of the instrument."""

    related: RelatedSymbol
    terms: QuoteTerms
    amount: Amount | None = None
    is_indicative: bool = False


class TermsResolver:
    """Knows what each quoted instrument is, prepared from the configuration in force."""

    def __init__(self, quoter: Quoter) -> None:
        self._quoter = quoter
        self._prepare(quoter.instruments)

    def _prepare(self, instruments: dict[str, QuotedInstrument]) -> None:
        identities = [Identity.of(instrument.config) for instrument in instruments.values()]
        self._instruments = instruments
        self._identities = {identity.symbol: identity for identity in identities}
        self._index = IdentityIndex(identities)
        self._settlements = {name: Settlements(each.config, each.prices) for name, each in instruments.items()}

    @property
    def settlements(self) -> dict[str, Settlements]:
        """Those of each instrument, by symbol."""
        self._follow()
        return self._settlements

    def _follow(self) -> None:
        if self._instruments is not self._quoter.instruments:  # the configuration has been replaced
            self._prepare(self._quoter.instruments)

    def identity(self, symbol: str) -> Identity:
        """What the instrument of a quote is."""
        return self._identities[symbol]

    def config(self, symbol: str) -> Instrument:
        """Its configuration."""
        return self._instruments[symbol].config

    def symbol_of(self, related: RelatedSymbol) -> str:
        """The Symbol of the quote on an entry of a request; the entry's own where it names no instrument."""
        stated = related.stated
        if related.symbol != NO_SYMBOL or related.legs or stated is None:
            return related.symbol
        self._follow()
        try:
            return self._index.find(related.symbol, stated, names_of(stated)).symbol
        except Refusal:
            return related.symbol

    def resolve(self, related: RelatedSymbol, subscribes: bool, wall_ns: int) -> ResolvedRequest:
        """The request as it is decided; raises `Refusal` for what differs from the instrument or is not quoted."""
        resolved = self._resolve(related, subscribes)
        terms, stated = resolved.terms, related.stated
        assert stated is not None
        today = utc_timestamp(wall_ns)[:8]
        for date in (terms.date, terms.far_date, stated.get(SETTL_DATE)):
            if date and date < today:  # the configuration is not up to date
                tag = FAR_DATE if date == terms.far_date else SETTL_DATE if SETTL_DATE in stated else SETTL_TYPE
                what = found(tag, related.symbol, stated, names_of(stated)) if tag in stated else related.symbol
                text = f"{what}; the settlement on {date} is in the past, today is {today}"
                raise Refusal(refusal.UNSUPPORTED_FIELD, text)
        repeated = (terms.repeated + terms.parties).encode("utf-8", "replace")
        if len(repeated) > _MAX_REPEATED or len(encode(terms)) > _MAX_TERMS:
            text = "Account (1), parties (453) and other fields to repeat are too long or too many; "
            raise Refusal(refusal.MALFORMED, f"{text}allowed: {_MAX_REPEATED} bytes in {_MAX_REPEATED_FIELDS} fields")
        return resolved

    def _resolve(self, related: RelatedSymbol, subscribes: bool) -> ResolvedRequest:
        stated = related.stated
        assert stated is not None
        name_of = names_of(stated)
        settlements = self.settlements
        is_indicative = stated.get(QUOTE_TYPE) == INDICATIVE
        if is_indicative and stated.get("8") == _OLD_VERSION:
            raise Refusal(refusal.UNSUPPORTED_FIELD, f"QuoteType (537) is no field of {_OLD_VERSION}")
        if is_indicative and subscribes:
            raise Refusal(refusal.UNSUPPORTED_FIELD, f"{name_of(QUOTE_TYPE)} of a subscription is '0'; allowed: 1")
        terms = QuoteTerms(_repeated(stated), stated.get(PARTIES, ""))
        if related.legs and related.symbol in self._instruments:
            related = replace(related, legs=self.listed_legs(related, stated.get("8", "")))
        if related.legs and related.symbol not in self._instruments:
            self._check_multileg(related, stated, name_of)
            legs = tuple(self._leg(leg, stated.get("8", "")) for leg in related.legs)
            return ResolvedRequest(replace(related, legs=legs), terms, is_indicative=is_indicative)
        identity = self._index.find(related.symbol, stated, name_of)
        config = self._instruments[identity.symbol].config
        near, far, product = self._settlement(identity, related, stated, name_of)
        identity.check(stated, product, name_of)
        if related.symbol != identity.symbol:
            related = replace(related, symbol=identity.symbol)
        is_term = is_term_currency(config, stated, name_of)
        settlement = settlements[identity.symbol]
        if far is not None:
            if related.limit_price:
                text = f"Price (44) of a swap in {identity.symbol} is '{shortened(related.limit_price)}'"
                raise Refusal(refusal.UNSUPPORTED_FIELD, f"{text}; allowed: absent")
            first, last = settlement.of_tenor(near), settlement.of_tenor(far)
            # Whoever buys the far leg sells the near one.
            terms = replace(
                terms, tenor=near, date=first.date, bid_points=first.offer_points, offer_points=first.bid_points,
                far_date=stated[FAR_DATE], far_bid_points=last.bid_points, far_offer_points=last.offer_points,
            )  # fmt: skip
        elif near:
            one = settlement.of_tenor(near)
            terms = replace(
                terms, tenor=near, date=one.date, bid_points=one.bid_points, offer_points=one.offer_points
            )  # fmt: skip
        amount = None
        if CASH in stated:
            amount = _cash(config, related, stated, is_term, name_of)
        elif is_term:
            if far is not None:
                raise Refusal(
                    refusal.UNSUPPORTED_FIELD,
                    f"{found(CURRENCY, 'a swap', stated, name_of)}; allowed: {config.base_currency}",
                )
            amount = _amount(related.quantity, "38", related.symbol, name_of)
            terms = replace(
                terms,
                amount=related.quantity,
                min_amount=related.min_quantity,
                other_currency=config.base_currency or "",
            )
            related = replace(related, side=opposite(related.side))
        return ResolvedRequest(related, terms, amount, is_indicative)

    def _settlement(
        self, identity: Identity, related: RelatedSymbol, stated: Stated, name_of: NameOf
    ) -> tuple[str, str | None, str]:
        """Tenors of the near and the far leg, the latter None but for a swap, and the product of FX_TYPES."""
        settlements = self.settlements[identity.symbol]
        near = settlements.tenor(stated, name_of)
        is_swap = FAR_DATE in stated or stated.get(ORD_TYPE) == FX_SWAP or stated.get(SECURITY_TYPE) == "FXSWAP"
        if not is_swap:
            if FAR_QUANTITY in stated:
                text = f"{found(FAR_QUANTITY, identity.symbol, stated, name_of)}; allowed: absent"
                raise Refusal(refusal.UNSUPPORTED_FIELD, f"{text}, or with {name_of(FAR_DATE)}")
            return near, None, "forward" if near else "spot"
        if stated.get("8") == _OLD_VERSION:
            text = f"swaps are not quoted in {_OLD_VERSION}, whose Quote has no field for the points of the far leg"
            raise Refusal(refusal.UNSUPPORTED_FIELD, text)
        if FAR_DATE not in stated:
            raise Refusal(refusal.MALFORMED, f"{name_of(FAR_DATE)} of a swap in {identity.symbol} is missing")
        if FAR_QUANTITY in stated and stated[FAR_QUANTITY] != related.quantity:
            text = f"{found(FAR_QUANTITY, identity.symbol, stated, name_of)}; "
            raise Refusal(refusal.UNSUPPORTED_FIELD, f"{text}allowed: OrderQty (38), '{related.quantity}'")
        far = settlements.far_tenor(stated, name_of)
        dates = settlements.date_of(near), settlements.date_of(far)
        if not dates[0]:
            text = f"no swap in {identity.symbol} with a near leg of SettlType (63) '{near or REGULAR}'"
            raise Refusal(refusal.UNSUPPORTED_FIELD, f"{text}, whose date is not known; state another near leg")
        if dates[0] >= dates[1]:
            text = f"{found(FAR_DATE, identity.symbol, stated, name_of)}; "
            raise Refusal(refusal.UNSUPPORTED_FIELD, f"{text}allowed: a date after that of the near leg")
        return near, far, "swap"

    def listed_legs(self, related: RelatedSymbol, begin_string: str) -> tuple[Leg, ...]:
        """The legs of a multileg that is an instrument with a book of its own; refused if they say that the client
        means something else, such as the two dates of a swap."""
        symbols: list[str] = []
        legs = tuple(self._leg(leg, begin_string) for leg in related.legs)
        for leg in legs:
            if leg.symbol == related.symbol:
                text = f"LegSymbol (600) of {related.symbol} is '{leg.symbol}'; allowed: another instrument"
                raise Refusal(refusal.UNSUPPORTED_FIELD, text)
            if leg.symbol in symbols:
                text = f"duplicate LegSymbol (600) {leg.symbol}; allowed: each instrument once"
                raise Refusal(refusal.MALFORMED, text)
            symbols.append(leg.symbol)
        return legs

    def _leg(self, leg: Leg, begin_string: str) -> Leg:
        """The leg by its instrument's symbol; refused if it states another instrument or settlement."""
        if leg.stated is None:
            return leg
        name_of = partial(_name_of_leg, begin_string)
        identity = self._index.find(leg.symbol, leg.stated, name_of)
        identity.check(leg.stated, "spot", name_of)
        config = self._instruments[identity.symbol].config
        tag = SETTL_DATE if SETTL_DATE in leg.stated else SETTL_TYPE
        if self.settlements[identity.symbol].tenor(leg.stated, name_of):
            text = f"{found(tag, identity.symbol, leg.stated, name_of)}; a leg settles as its instrument does"
            raise Refusal(refusal.UNSUPPORTED_FIELD, text)
        currency = config.base_currency or config.currency
        if leg.stated.get(CURRENCY, currency) != currency:
            text = f"{found(CURRENCY, identity.symbol, leg.stated, name_of)}; allowed: "
            raise Refusal(refusal.UNSUPPORTED_FIELD, text + (currency or "absent"))
        return leg if leg.symbol == identity.symbol else replace(leg, symbol=identity.symbol)

    def _check_multileg(self, related: RelatedSymbol, stated: Stated, name_of: NameOf) -> None:
        """Refuse what a multileg as a whole cannot have: it is named by its legs, and each leg settles regularly."""
        multileg = f"multileg {related.symbol}"
        for tag in sorted(TAGS - {*FOR_WHOM, PARTIES, QUOTE_TYPE, SECURITY_TYPE, CURRENCY}, key=int, reverse=True):
            if tag in stated and not (tag == SETTL_TYPE and stated[tag] == "0"):
                allowed = "0 (regular)" if tag == SETTL_TYPE else "absent"
                text = f"{found(tag, multileg, stated, name_of)}; allowed: {allowed}"
                raise Refusal(refusal.UNSUPPORTED_FIELD, text)
        if stated.get(SECURITY_TYPE, "MLEG") != "MLEG":
            text = f"{found(SECURITY_TYPE, multileg, stated, name_of)}; allowed: MLEG"
            raise Refusal(refusal.UNSUPPORTED_FIELD, text)
        if CURRENCY in stated:
            known = {
                instrument.config.currency
                for leg in related.legs
                if (instrument := self._instruments.get(leg.symbol)) is not None
            }
            if known != {stated[CURRENCY]}:
                text = f"{found(CURRENCY, multileg, stated, name_of)}; allowed: "
                shown = ", ".join(sorted(str(each) for each in known)) if None not in known else "absent"
                raise Refusal(refusal.UNSUPPORTED_FIELD, f"{text}{shown}")


def names_of(stated: Stated) -> NameOf:
    """The names of fields in the version of the message."""
    return partial(_name_of, stated.get("8", ""))


def _name_of(begin_string: str, tag: str) -> str:
    return f"{field_name(int(tag), begin_string)} ({tag})"


def _name_of_leg(begin_string: str, tag: str) -> str:
    return _name_of(begin_string, _LEG_TAG.get(tag, tag))


def is_term_currency(config: Instrument, stated: Stated, name_of: NameOf) -> bool:
    """Whether the quantity is in the term currency; refused for a Currency (15) that the instrument does not have.

    An instrument without a base currency has a quantity in units, and its currency is that of the price."""
    stated_currency = stated.get(CURRENCY)
    if stated_currency is None or stated_currency == config.base_currency:
        return False
    if stated_currency != config.currency:
        known = [each for each in (config.base_currency, config.currency) if each is not None]
        text = f"{found(CURRENCY, config.symbol, stated, name_of)}; allowed: "
        raise Refusal(refusal.UNSUPPORTED_FIELD, text + (", ".join(known) or "absent"))
    return config.base_currency is not None


def _cash(config: Instrument, related: RelatedSymbol, stated: Stated, is_term: bool, name_of: NameOf) -> Amount:
    """CashOrderQty (152), an amount of the currency of the price."""
    what = f"{found(CASH, config.symbol, stated, name_of)}"
    if related.quantity:
        raise Refusal(refusal.MALFORMED, f"{what} beside OrderQty (38); allowed: one of them")
    if config.currency is None:
        raise Refusal(refusal.UNSUPPORTED_FIELD, f"{what}; allowed: absent, the instrument states no currency")
    if stated.get(CURRENCY, config.currency) != config.currency:
        text = f"{found(CURRENCY, config.symbol, stated, name_of)}; allowed with {name_of(CASH)}: "
        raise Refusal(refusal.UNSUPPORTED_FIELD, text + config.currency)
    if related.min_quantity not in ("", stated[CASH]):  # all-or-none is a minimum of the whole amount
        text = f"MinQty (110) of {config.symbol} is '{shortened(related.min_quantity)}' beside {name_of(CASH)}"
        raise Refusal(refusal.UNSUPPORTED_FIELD, f"{text}; allowed: absent")
    return _amount(stated[CASH], CASH, config.symbol, name_of)


def _amount(text: str, tag: str, symbol: str, name_of: NameOf) -> Amount:
    try:
        return Amount(text)
    except ValueError as error:
        raise Refusal(refusal.MALFORMED, f"{name_of(tag)} of {symbol}: {error}") from None


def _repeated(stated: Stated) -> str:
    """The fields that messages about the quote repeat. Not the currency of a CashOrderQty: the sizes are in units."""
    return fields_text((tag for tag in REPEATED if tag != CURRENCY or CASH not in stated), stated)
