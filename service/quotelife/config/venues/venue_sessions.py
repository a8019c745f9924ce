"""The market-data sessions of a configuration: one for each venue, or several where it limits the symbols of one."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

from quotelife.config.limits import MAX_VENUES
from quotelife.config.sections import Config, Venue
from quotelife.config.toml_file import ConfigError
from quotelife.config.venues.profiles import load_profile
from quotelife.config.venues.venue_profile import VenueProfile


class VenueSession(NamedTuple):
    """`number` counts the sessions of a venue from 1, `block` is that of the board; `instruments` are positions in the
    configuration."""

    name: str
    venue: Venue
    number: int
    instruments: tuple[int, ...]
    block: int


def venue_sessions(config: Config) -> list[VenueSession]:
    """All sessions, in the order of their blocks. The first one of a venue has its name, further ones are
    NAME#2, NAME#3, ...; they share the venue's instruments in the order of the configuration. ConfigError for more than
    the venue or the board allows."""
    found: list[VenueSession] = []
    for at, venue in enumerate(config.venue):
        found += _sessions_of(config, at, venue, len(found))
    if len(found) >= MAX_VENUES:
        needed = f"{len(found)} sessions for {len(config.venue)} venues"
        raise ConfigError(Path(config.file), "venue", needed, f"allowed: at most {MAX_VENUES - 1}, blocks of the board")
    seen: set[str] = set()
    for session in found:
        if session.name in seen:
            key = f"venue[{config.venue.index(session.venue)}].name"
            allowed = f"the name of its session {session.name} is taken; allowed: another name"
            raise ConfigError(Path(config.file), key, session.venue.name, allowed)
        seen.add(session.name)
    return found


def session_names(config: Config) -> list[str]:
    """Their names, by block of the board."""
    return [session.name for session in venue_sessions(config)]


def venue_blocks(sessions: list[VenueSession]) -> dict[tuple[int, str], int]:
    """The block of the board by instrument (its position in the configuration) and venue."""
    return {
        (instrument, session.venue.name): session.block for session in sessions for instrument in session.instruments
    }


def _sessions_of(config: Config, at: int, venue: Venue, block: int) -> Iterator[VenueSession]:
    """Those of the `at`th venue, from this block of the board on."""
    profile = load_profile(config, venue)
    instruments = tuple(n for n, i in enumerate(config.instrument) if venue.name in i.venues)
    limit = _symbols_per_session(profile) or max(len(instruments), 1)
    needed = max(-(-len(instruments) // limit), 1)
    most = profile.pacing.sessions
    if most is not None and needed > most:
        key = f"venue[{at}].profile"
        what = f"{len(instruments)} instruments need {needed} sessions of {limit}"
        allowed = f"{what}; allowed: at most {most} sessions, so {most * limit} instruments"
        raise ConfigError(Path(config.file), key, venue.profile, allowed)
    for number, first in zip(count(1), range(0, max(len(instruments), 1), limit), strict=False):
        name = venue.name if number == 1 else f"{venue.name}#{number}"
        yield VenueSession(name, venue, number, instruments[first : first + limit], block + number - 1)


def _symbols_per_session(profile: VenueProfile) -> int | None:
    """None: no limit. Where a request replaces the earlier ones, a session has what one of them may name."""
    limits = [profile.pacing.symbols_per_session]
    if profile.subscription.replaces:
        limits.append(profile.subscription.symbols_per_request)
    return min((limit for limit in limits if limit), default=None)
