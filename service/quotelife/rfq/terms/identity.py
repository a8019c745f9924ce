"""Whether a request states the instrument that its Symbol (55) names, and which instrument an identifier names.

Everything is prepared from the configuration. A field that the instrument has no value for is refused whatever it says:
the desk cannot know that it means the same.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

from msgspec import Struct

from quotelife.config.instrument_checks import decimal
from quotelife.config.instrument_sections import Instrument
from quotelife.decision import refusal
from quotelife.decision.refusal import Refusal
from quotelife.fix.versions import NO_SYMBOL
from quotelife.rfq.field_policies.lookup import shortened

SECURITY_ID, SOURCE, SECURITY_TYPE = "48", "22", "167"
MATURITY_MONTH, MATURITY_DATE, MATURITY_DAY = "200", "541", "205"  # 205 in FIX.4.2 only
STRIKE, PUT_OR_CALL = "202", "201"
NOT_QUOTED = {  # by SecurityType (167)
    "FXNDF": "non-deliverable forwards",
    "FXNDS": "non-deliverable swaps",
    "NDF": "non-deliverable forwards",
}
FX_TYPES = {"spot": "FXSPOT", "forward": "FXFWD", "swap": "FXSWAP"}
ANY_FX = "FOR"  # a contract of foreign exchange, in all versions
_PUT_OR_CALL = {"put": "0", "call": "1"}
Stated = Mapping[str, str]  # the fields of an entry of a request by tag
NameOf = Callable[[str], str]  # the name of a field of the request's version by tag, as in "StrikePrice (202)"


def found(tag: str, symbol: str, stated: Stated, name_of: NameOf) -> str:
    """What a request states, as a Text (58) begins."""
    return f"{name_of(tag)} of {symbol} is '{shortened(stated[tag])}'"


class Identity(Struct, frozen=True):
    """What a client may state about an instrument: the allowed texts by tag. `strike` is compared as a number; a
    SecurityID by its source in `security_ids`. `is_fx`: the quantity's and the price's currency are known."""

    symbol: str
    allowed: dict[str, tuple[str, ...]]
    security_ids: dict[str, str]
    strike: str | None
    is_fx: bool

    @classmethod
    def of(cls, config: Instrument) -> "Identity":
        """The identity of a configured instrument."""
        allowed: dict[str, tuple[str, ...]] = {}
        if config.maturity is not None:
            allowed[MATURITY_MONTH] = tuple(dict.fromkeys((config.maturity[:6], config.maturity)))
            if len(config.maturity) == 8:
                day = config.maturity[6:]
                allowed[MATURITY_DATE] = (config.maturity,)
                allowed[MATURITY_DAY] = tuple(dict.fromkeys((day, day.lstrip("0"))))
        if config.put_or_call is not None:
            allowed[PUT_OR_CALL] = (_PUT_OR_CALL[config.put_or_call],)
        allowed[SECURITY_TYPE] = tuple(config.security_types)
        return cls(
            config.symbol, allowed, dict(config.security_ids), config.strike, config.base_currency is not None
        )  # fmt: skip

    def check(self, stated: Stated, product: str, name_of: NameOf) -> None:
        """Refuse what differs, by field, value and what is allowed; `product` is one of FX_TYPES."""
        if SECURITY_ID in stated:
            self._check_security_id(stated, name_of)
        elif SOURCE in stated:
            self._refuse(SOURCE, stated, f"with {name_of(SECURITY_ID)} only", name_of)
        if SECURITY_TYPE in stated:
            self._check_type(stated, product, name_of)
        for tag in (MATURITY_MONTH, MATURITY_DATE, MATURITY_DAY, PUT_OR_CALL):
            if tag in stated and stated[tag] not in self.allowed.get(tag, ()):
                self._refuse(tag, stated, ", ".join(self.allowed.get(tag, ())), name_of)
        if STRIKE in stated:
            value = decimal(stated[STRIKE])
            if self.strike is None or value is None or value != decimal(self.strike):
                self._refuse(STRIKE, stated, self.strike or "", name_of)

    def _check_security_id(self, stated: Stated, name_of: NameOf) -> None:
        source, value = stated.get(SOURCE), stated[SECURITY_ID]
        if source is None:
            if value not in self.security_ids.values():
                self._refuse(SECURITY_ID, stated, ", ".join(self.security_ids.values()), name_of)
        elif source not in self.security_ids:
            self._refuse(SOURCE, stated, ", ".join(self.security_ids), name_of)
        elif self.security_ids[source] != value:
            self._refuse(SECURITY_ID, stated, self.security_ids[source], name_of)

    def _check_type(self, stated: Stated, product: str, name_of: NameOf) -> None:
        value = stated[SECURITY_TYPE]
        if value in NOT_QUOTED:
            what = found(SECURITY_TYPE, self.symbol, stated, name_of)
            text = f"{what}; {NOT_QUOTED[value]} are not quoted"
            raise Refusal(refusal.UNSUPPORTED_FIELD, text)
        own = self.allowed[SECURITY_TYPE]
        if self.is_fx:
            others = {fx_type for name, fx_type in FX_TYPES.items() if name != product}
            own = tuple(dict.fromkeys((FX_TYPES[product], ANY_FX, *(each for each in own if each not in others))))
        if value not in own:
            self._refuse(SECURITY_TYPE, stated, ", ".join(own), name_of)

    def _refuse(self, tag: str, stated: Stated, allowed: str, name_of: NameOf) -> NoReturn:
        text = f"{found(tag, self.symbol, stated, name_of)}; allowed: {allowed or 'absent'}"
        raise Refusal(refusal.UNSUPPORTED_FIELD, text)


class IdentityIndex:
    """The instruments by what a client may call them."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self._by_symbol = {identity.symbol: identity for identity in identities}
        self._by_id = {
            key: identity for identity in self._by_symbol.values() for key in identity.security_ids.items()
        }  # fmt: skip

    def find(self, symbol: str, stated: Stated, name_of: NameOf) -> Identity:
        """The instrument that the Symbol names, or without one the SecurityID; refused if there is none."""
        if symbol != NO_SYMBOL or SECURITY_ID not in stated:
            identity = self._by_symbol.get(symbol)
            if identity is None:
                raise Refusal(refusal.UNKNOWN_SYMBOL, f"unknown symbol {symbol}")
            return identity
        source, value = stated.get(SOURCE), stated[SECURITY_ID]
        if source is None:
            text = f"{name_of(SOURCE)} is missing beside {name_of(SECURITY_ID)} and Symbol (55) {NO_SYMBOL}"
            raise Refusal(refusal.MALFORMED, text)
        identity = self._by_id.get((source, value))
        if identity is None:
            text = f"unknown {name_of(SECURITY_ID)} '{shortened(value)}' of {name_of(SOURCE)} '{shortened(source)}'"
            raise Refusal(refusal.UNKNOWN_SYMBOL, text)
        return identity
