"""Compares the venue's terms of an instrument, tick, lot and status, with the configured ones."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from quotelife.config.instrument_sections import Instrument
from quotelife.config.venues.venue_profile import Checksum, InstrumentsProfile
from quotelife.marketdata.instruments.listing import ListedInstrument

_MAX_DECIMALS = 18
_MAX_LENGTH = 40  # characters of a number, and of a venue's value in a text of ours


@dataclass(frozen=True, slots=True)
class ConfiguredInstrument:
    """An instrument of the configuration, by the venue's names for it."""

    row: int  # of the board
    symbol: str
    security_id: str
    tick: Decimal
    lot: Decimal

    @classmethod
    def of(
        cls, row: int, symbol: str, security_id: str | None, tick: tuple[int, int], lot: tuple[int, int]
    ) -> "ConfiguredInstrument":
        """`tick` and `lot` as unit and scale (`quotelife.fix.fields`)."""
        tick_size, lot_size = (Decimal(unit).scaleb(-scale) for unit, scale in (tick, lot))
        return cls(row, symbol, security_id or "", tick_size, lot_size)


def configured_as(row: int, instrument: Instrument, venue: str) -> ConfiguredInstrument:
    """An [[instrument]] by a venue's names."""
    tick, lot = Decimal(instrument.tick), Decimal(instrument.lot)
    return ConfiguredInstrument(row, instrument.symbol_at(venue), instrument.security_id_at(venue) or "", tick, lot)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the venue's list says about a configured instrument.

    `difference` is empty if the terms agree, else it names the key and both values. `tradable` is None if the venue
    does not state it. `decimals` are those of price and size in the book's checksum, None if the venue has none.
    """

    row: int
    difference: str = ""
    tradable: bool | None = None
    status: str = ""
    decimals: tuple[int, int] | None = None


class Terms:
    """The tags of a profile that hold an instrument's terms."""

    def __init__(self, profile: InstrumentsProfile, checksum: Checksum | None = None) -> None:
        self._profile = profile
        self._checksum = checksum

    def tick(self, listed: ListedInstrument) -> Decimal | None:
        """The venue's tick; None if it states none. ValueError for a text that is not one."""
        return _increment(listed, self._profile.tick_tag, self._profile.tick_decimals_tag)

    def lot(self, listed: ListedInstrument) -> Decimal | None:
        """The venue's lot; None if it states none. ValueError for a text that is not one."""
        return _increment(listed, self._profile.lot_tag, self._profile.lot_decimals_tag)

    def status(self, listed: ListedInstrument) -> str | None:
        return None if self._profile.status_tag is None else listed.text(self._profile.status_tag)

    def tradable(self, listed: ListedInstrument) -> bool | None:
        """Whether the venue's status allows trading; None if the profile does not say which values do."""
        if self._profile.status_tag is None or not self._profile.tradable:
            return None
        return self.status(listed) in self._profile.tradable

    def compare(self, configured: ConfiguredInstrument, listed: ListedInstrument) -> Verdict:
        """The first difference in tick and lot, and the status."""
        if listed.deleted:
            return Verdict(configured.row, "the venue has deleted it from its list of instruments")
        profile = self._profile
        difference = (
            _difference("tick", configured.tick, listed, profile.tick_tag, profile.tick_decimals_tag)
            or _difference("lot", configured.lot, listed, profile.lot_tag, profile.lot_decimals_tag)
            or self._missing_decimals(listed)
        )
        if difference:
            return Verdict(configured.row, difference)
        status = self.status(listed)
        return Verdict(configured.row, "", self.tradable(listed), _shown(status or "absent"), self._decimals(listed))

    def _decimal_tags(self) -> tuple[tuple[str, int | None], tuple[str, int | None]]:
        checksum = self._checksum
        return (
            ("price", checksum.price_decimals_tag if checksum else None),
            ("size", checksum.size_decimals_tag if checksum else None),
        )

    def _missing_decimals(self, listed: ListedInstrument) -> str:
        for name, tag in self._decimal_tags():
            if tag is not None and _digits(listed.text(tag)) is None:
                sent = _quoted(listed.text(tag))
                return f"the checksum needs the {name}'s decimals, but the venue sent {sent} ({tag})"
        return ""

    def _decimals(self, listed: ListedInstrument) -> tuple[int, int] | None:
        (_, price), (_, size) = self._decimal_tags()
        if price is None or size is None:
            return None
        decimals = (_digits(listed.text(price)), _digits(listed.text(size)))
        return None if decimals[0] is None or decimals[1] is None else (decimals[0], decimals[1])


def _difference(
    key: str, configured: Decimal, listed: ListedInstrument, tag: int | None, decimals_tag: int | None
) -> str:
    """Why the venue's tick or lot is not the configured one; empty if it is, or if the profile names no tag."""
    used = decimals_tag if tag is None else tag
    if used is None:
        return ""
    meant = f"{plain(configured)} in the configuration"
    try:
        value = _increment(listed, tag, decimals_tag)
    except ValueError as error:
        return f"{key} = {meant}, not readable at the venue: {error}"
    if value is None:
        return f"{key} = {meant}, but the venue does not state it ({used} is absent)"
    if value == configured:
        return ""
    decimals = f"{_shown(listed.text(used) or '')} decimals, so " if tag is None else ""
    return f"{key} = {meant}, {decimals}{plain(value)} at the venue ({used})"


def _increment(listed: ListedInstrument, tag: int | None, decimals_tag: int | None) -> Decimal | None:
    text = listed.text(tag) if tag is not None else None
    if text is not None:
        value = _positive(text)
        if value is None:
            raise ValueError(f"{tag} = {_shown(text)}")
        return value
    text = listed.text(decimals_tag) if decimals_tag is not None else None
    if text is None:
        return None
    digits = _digits(text)
    if digits is None:
        raise ValueError(f"{decimals_tag} = {_shown(text)}")
    return Decimal(1).scaleb(-digits)


def _positive(text: str) -> Decimal | None:
    """A positive number whose first digit is at most 18 places from the point; None for any other text, such as
    1E+1000000000, which nobody could write out."""
    if len(text) > _MAX_LENGTH or "_" in text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or value <= 0 or abs(value.adjusted()) > _MAX_DECIMALS:
        return None
    return value


def _digits(text: str | None) -> int | None:
    """A number of decimals, 0 to 18."""
    if text is None or len(text) > _MAX_LENGTH or not (text.isascii() and text.isdigit()):
        return None
    digits = int(text)
    return digits if digits <= _MAX_DECIMALS else None


def _quoted(text: str | None) -> str:
    return "none" if text is None else repr(_shown(text))


def _shown(text: str) -> str:
    """A value of the venue, of any length, as a text of ours shows it."""
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."


def plain(value: Decimal) -> str:
    """Decimal text without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
