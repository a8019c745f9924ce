"""The part of `quotelife doctor` about venues: their profiles, and what crosses the network to them."""

from collections.abc import Iterator
from pathlib import Path

from quotelife.config import Config, Venue, load_profile, resolve
from quotelife.config.value_types import LOOPBACK
from quotelife.diagnostics.diagnostic import Diagnostic


def examine(config: Config) -> Iterator[Diagnostic]:
    """One diagnostic per venue, and one more for a venue whose credentials are not protected."""
    for venue in config.venue:
        profile = load_profile(config, venue)
        tls = "TLS" if venue.tls is not None else "no TLS"
        found = f"profile {venue.profile} ({profile.session.version}, {tls}): {profile.title}"
        yield Diagnostic(f"venue {venue.name}", "ok", found)
        if _has_credentials(venue) and venue.tls is None and venue.host not in LOOPBACK:
            found = "no TLS: its credentials cross the network in clear text"
            yield Diagnostic(f"TLS of {venue.name}", "warn", found, "configure [venue.tls]")
        yield from _silence(config, venue)


def _silence(config: Config, venue: Venue) -> Iterator[Diagnostic]:
    """A warning if the market is stale before the venue's next heartbeat is due."""
    heartbeat_ms = 1_000 * (venue.heartbeat_s or 1)
    early = [i.symbol for i in config.instrument if venue.name in i.venues and i.stale_after_ms <= heartbeat_ms]
    if early:
        found = f"stale_after_ms of {', '.join(early[:5])} is not above the heartbeat interval of {heartbeat_ms} ms"
        advice = "in a quiet market they are not quoted: raise stale_after_ms, or lower heartbeat_s"
        yield Diagnostic(f"heartbeat of {venue.name}", "warn", found, advice)


def key_files(config: Config) -> list[Path]:
    """The files of secrets and of TLS keys that venues name."""
    named = [venue.tls.key for venue in config.venue if venue.tls is not None]
    named += [venue.password_file for venue in config.venue]
    named += [file for venue in config.venue for key, file in venue.secrets.items() if key.endswith("_file")]
    return [resolve(config, file) for file in named if file is not None]


def _has_credentials(venue: Venue) -> bool:
    return bool(venue.password_env or venue.password_file or venue.secrets)
