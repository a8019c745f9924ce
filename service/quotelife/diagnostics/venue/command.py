"""The command `quotelife venue check`."""

import math
from pathlib import Path

import uvloop
from rich.console import Console

from quotelife.config import Config, ConfigError, Instrument, Venue, VenueProfile, load_profile, password, venue_secret
from quotelife.config.secrets import in_pem
from quotelife.config.toml_file import ABSENT
from quotelife.diagnostics.venue.advice import Advice
from quotelife.diagnostics.venue.comparison import ComparedInstrument, compare, instruments_of
from quotelife.diagnostics.venue.dictionary import Masking
from quotelife.diagnostics.venue.probe import Outcome, Stage, probe
from quotelife.diagnostics.venue.report import Report
from quotelife.runtime.console import wide_console
from quotelife.runtime.process import EXIT_FAILED

_SHOWN = 10  # names in an error


def run(config: Config, name: str, symbol: str | None, seconds: float) -> int:
    """Check a venue and print the report; see `check`."""
    return uvloop.run(check(config, name, symbol, seconds, wide_console()))


async def check(config: Config, name: str, symbol: str | None, seconds: float, console: Console) -> int:
    """Check a venue and print the report. Returns the exit code: 0 only if a live book was seen and everything was
    understood. ConfigError if the venue or the symbol is not configured."""
    if not math.isfinite(seconds) or seconds <= 0:
        raise ConfigError(Path(config.file), "--seconds", seconds, "allowed: a number above 0")
    venue = _venue(config, name)
    instrument = _instrument(config, venue, symbol)
    profile = load_profile(config, venue)
    masking = Masking.of(profile, _secrets(config, venue, profile))
    report = Report(console, venue, instrument, profile, masking)
    report.begin()
    outcome = await probe(config, venue, instrument, seconds, report.progress)
    compared = compare(config, venue, instrument, profile, outcome.seen.listed)
    good = is_good(outcome, compared)
    advice = Advice(config, venue, instrument, profile, seconds).paragraph(outcome, compared)
    report.show(outcome, compared, advice, good, seconds)
    return 0 if good else EXIT_FAILED


def is_good(outcome: Outcome, compared: list[ComparedInstrument]) -> bool:
    """Whether a live book was seen to the end, everything that came was understood, and the venue's list confirms
    every configured instrument."""
    understood = outcome.live_at_the_end and not outcome.seen.not_understood and not outcome.halted
    return outcome.stage is Stage.DONE and understood and not any(one.problem for one in compared)


def _venue(config: Config, name: str) -> Venue:
    for venue in config.venue:
        if venue.name == name:
            return venue
    known = ", ".join(v.name for v in config.venue) or "none is configured"
    raise ConfigError(Path(config.file), "venue", name, f"no such [[venue]]; allowed: {known}")


def _instrument(config: Config, venue: Venue, symbol: str | None) -> Instrument:
    """The instrument to subscribe: the one named by its symbol here or at the venue, else the venue's first."""
    own = instruments_of(config, venue)
    if not own:
        allowed = f'missing; allowed: at least one with venue = "{venue.name}", to subscribe'
        raise ConfigError(Path(config.file), "instrument", ABSENT, allowed)
    if symbol is None:
        return own[0]
    for instrument in own:
        if symbol in (instrument.symbol, instrument.symbol_at(venue.name)):
            return instrument
    more = ", ..." if len(own) > _SHOWN else ""
    known = ", ".join(i.symbol for i in own[:_SHOWN]) + more
    allowed = f"no such [[instrument]] of {venue.name}; allowed: {known}; add one to check another"
    raise ConfigError(Path(config.file), "--symbol", symbol, allowed)


def _secrets(config: Config, venue: Venue, profile: VenueProfile) -> list[str]:
    """The secrets of the venue's session, which are masked wherever they occur."""
    named = [venue_secret(config, venue, name, in_pem(profile.logon, name)) for name in profile.logon.secrets]
    own = password(config, venue)
    return named if own is None else [*named, own]
