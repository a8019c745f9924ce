"""Whether a hit states the instrument, settlement and currency of its quote, and what its answer repeats."""

from msgspec import Struct

from quotelife.config.instrument_checks import decimal
from quotelife.decision.refusal import Refusal
from quotelife.fix.versions import NO_SYMBOL
from quotelife.rfq.field_policies.lookup import shortened
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.terms.identity import SECURITY_ID, SECURITY_TYPE, Stated
from quotelife.rfq.terms.quote_terms import NO_TERMS, SOH
from quotelife.rfq.terms.repeated import PARTIES, fields_text, parties_text
from quotelife.rfq.terms.resolver import (
    CURRENCY,
    FOR_WHOM,
    REPEATED,
    TAGS,
    TermsResolver,
    is_term_currency,
    names_of,
)
from quotelife.rfq.terms.settlement import FAR_DATE, SETTL_DATE, SETTL_TYPE

# Fields of a hit that are compared with its quote or repeated in its answer.
_STATED = TAGS - {"152", "192", "537"}
_COMPARED = _STATED - {*FOR_WHOM, PARTIES}
_NO_LEGS, _LEG_SYMBOL, _LEG_RATIO, _LEG_SIDE, _LEG_QUANTITIES = "555", "600", "623", "624", ("687", "685")
_OF_LEGS = frozenset((_NO_LEGS, _LEG_SYMBOL, _LEG_RATIO, _LEG_SIDE, *_LEG_QUANTITIES))
OF_HITS = _STATED | _OF_LEGS


class HitTerms(Struct, frozen=True, gc=False):
    """What a hit states: fields by tag, without those of parties and legs; the text of the group of parties; each leg's
    fields, those before the first LegSymbol (600) in front, and OrderQty (38), which they follow from."""

    stated: dict[str, str]
    parties: str = ""
    legs: list[list[tuple[str, str]]] = []
    quantity: str = ""


def hit_terms(by_tag: dict[str, str], fields: list[list[str]]) -> HitTerms | None:
    """What the fields of a hit state beside the quote's id, side, price and size; None for nothing."""
    stated = {tag: by_tag[tag] for tag in _STATED if tag in by_tag}
    legs: list[list[tuple[str, str]]] = []
    if not _OF_LEGS.isdisjoint(by_tag):
        legs.append([])
        for tag, value in fields:
            if tag == _LEG_SYMBOL:
                legs.append([])
            if tag in _OF_LEGS:
                legs[-1].append((tag, value))
    if not stated and not legs:
        return None
    stated["8"] = by_tag.get("8", "")
    parties = parties_text(fields, 0, stated["8"]) if stated.pop(PARTIES, None) is not None else ""
    return HitTerms(stated, parties, legs, by_tag.get("38", ""))


def differing(hit: HitTerms, quote: OpenQuote, resolver: TermsResolver) -> str:
    """The Text (58) for the first field in which a hit differs from its quote, empty if it does not."""
    stated = hit.stated
    if hit.legs and (text := _differing_legs(hit, quote)):
        return text
    if not _COMPARED.isdisjoint(stated):
        try:
            if quote.decision.multileg is not None:
                return _differing_from_multileg(stated, quote)
            return _differing(stated, quote, resolver)
        except Refusal as refused:
            return refused.text
    return ""


def names_symbol(symbol: str, hit: HitTerms | None) -> bool:
    """Whether a hit leaves it to its SecurityID (48) to name the instrument, which `differing` compares."""
    return symbol == NO_SYMBOL and hit is not None and SECURITY_ID in hit.stated


def repeated(hit: HitTerms | None, quote: OpenQuote | None) -> str:
    """The fields that the answer to a hit repeats: the hit's own, and what else the request had."""
    terms = quote.terms if quote is not None and quote.terms is not None else NO_TERMS
    if hit is None:
        return terms.repeated + terms.parties
    own = [tag for tag in REPEATED if tag in hit.stated]
    others = [field for field in terms.repeated.split(SOH) if field and field.split("=", 1)[0] not in own]
    return fields_text(own, hit.stated) + "".join(f"{field}{SOH}" for field in others) + (hit.parties or terms.parties)


def _differing(stated: Stated, quote: OpenQuote, resolver: TermsResolver) -> str:
    """That of a hit on one instrument; raises `Refusal` for what is not even the instrument's."""
    terms, symbol, name_of = quote.terms or NO_TERMS, quote.decision.symbol, names_of(stated)
    product = "swap" if terms.is_swap else "forward" if terms.is_forward else "spot"
    settlements = resolver.settlements[symbol]
    resolver.identity(symbol).check(stated, product, name_of)
    config = resolver.config(symbol)
    wrong, quoted = "", ""
    if FAR_DATE in stated and stated[FAR_DATE] != terms.far_date:
        wrong, quoted = FAR_DATE, terms.far_date or "absent"
    elif not {SETTL_TYPE, SETTL_DATE}.isdisjoint(stated) and settlements.tenor(stated, name_of) != terms.tenor:
        wrong = SETTL_DATE if SETTL_DATE in stated else SETTL_TYPE
        quoted = (terms.date if wrong == SETTL_DATE else terms.tenor) or "regular"
    elif CURRENCY in stated and is_term_currency(config, stated, name_of) != terms.is_in_term_currency:
        wrong, quoted = CURRENCY, (config.currency if terms.is_in_term_currency else config.base_currency) or ""
    if not wrong:
        return ""
    return f"{name_of(wrong)} is '{shortened(stated[wrong])}'; that of quote {quote.quote_id} is {quoted}"


def _differing_from_multileg(stated: Stated, quote: OpenQuote) -> str:
    """A multileg has no identity or settlement of its own, see `TermsResolver`."""
    for tag in sorted(_COMPARED):
        allowed = {SETTL_TYPE: "0", SECURITY_TYPE: "MLEG"}.get(tag, "absent")
        if tag in stated and stated[tag] != allowed and f"{SOH}{tag}={stated[tag]}{SOH}" not in _known(quote):
            return f"{names_of(stated)(tag)} is '{shortened(stated[tag])}'; allowed for a multileg: {allowed}"
    return ""


def _differing_legs(hit: HitTerms, quote: OpenQuote) -> str:
    """The Text for the first difference of the stated legs, in whatever order, from those of the quote."""
    name_of, decision = names_of(hit.stated), quote.decision
    (*before, count), *legs = hit.legs if hit.legs[0] else [[("", "")], *hit.legs[1:]]
    if decision.multileg is None:
        return f"{name_of(_NO_LEGS)} of a hit on quote {quote.quote_id} of {decision.symbol}; allowed: absent"
    quoted = {leg.instrument.config.symbol: leg for leg in decision.multileg.legs}
    stated = [leg[0][1] for leg in legs]
    if before or count != (_NO_LEGS, str(len(quoted))) or sorted(stated) != sorted(quoted):
        found = f"the legs {', '.join(map(shortened, stated)) or 'without LegSymbol (600)'}"
        return (
            f"{found} are not, in number and by LegSymbol (600), those of quote {quote.quote_id}: {', '.join(quoted)}"
        )
    try:
        lots = decision.multileg.sizes.units(hit.quantity) if hit.quantity else decision.size_lots
    except ValueError:
        lots = decision.size_lots  # the quantity is refused
    for (_, symbol), *fields in legs:
        leg = quoted[symbol]
        quantity = leg.instrument.sizes.short(lots * leg.unit_lots)
        for tag, value in fields:
            known = {_LEG_RATIO: str(leg.ratio), _LEG_SIDE: str(leg.side)}.get(tag, quantity)
            if decimal(value) != decimal(known):
                what = f"{name_of(tag)} of {symbol} is '{shortened(value)}'"
                return f"{what}; that of quote {quote.quote_id} is {known}"
    return ""


def _known(quote: OpenQuote) -> str:
    """The fields of the request."""
    return SOH + (quote.terms or NO_TERMS).repeated
