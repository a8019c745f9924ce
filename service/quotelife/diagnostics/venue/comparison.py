"""The configured instruments of a venue against its list of instruments."""

from dataclasses import dataclass

from quotelife.config import Config, Instrument, Venue, VenueProfile
from quotelife.marketdata.instruments.listing import ListedInstrument, is_per_instrument
from quotelife.marketdata.instruments.terms import ConfiguredInstrument, Terms, configured_as


@dataclass(frozen=True, slots=True)
class ComparedInstrument:
    """`problem` says why the service would not quote it; empty if the venue confirms it."""

    instrument: Instrument
    listed: ListedInstrument | None
    problem: str


def instruments_of(config: Config, venue: Venue) -> list[Instrument]:
    """The configured instruments of a venue."""
    return [i for i in config.instrument if venue.name in i.venues]


def compare(
    config: Config, venue: Venue, checked: Instrument, profile: VenueProfile, listed: dict[str, ListedInstrument]
) -> list[ComparedInstrument]:
    """Each configured instrument with its entry in the venue's list. If instruments are asked for one by one, the list
    contains `checked` alone. Without a list there is nothing to compare."""
    if not listed:
        return []
    terms = Terms(profile.instruments, profile.book.checksum)
    by_id = {i.security_id: i for i in listed.values() if i.security_id}
    by_symbol = {i.symbol: i for i in listed.values() if i.symbol}
    found = []
    alone = is_per_instrument(profile.instruments)
    for instrument in [checked] if alone else instruments_of(config, venue):
        configured = configured_as(0, instrument, venue.name)
        entries = [by_symbol.get(configured.symbol), by_id.get(configured.security_id)]
        if profile.instruments.address == "SecurityID":
            entries.reverse()
        entry = entries[0] or entries[1]
        found.append(ComparedInstrument(instrument, entry, _problem(terms, configured, entry)))
    return found


def _problem(terms: Terms, configured: ConfiguredInstrument, entry: ListedInstrument | None) -> str:
    if entry is None:
        return "the venue does not list it"
    verdict = terms.compare(configured, entry)
    if verdict.tradable is False:
        return f"its status at the venue, {verdict.status}, does not allow trading"
    return verdict.difference
