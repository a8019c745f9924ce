"""The session of a venue, from its [[venue]] and its profile."""

from pathlib import Path

from quotelife.config import Config, ConfigError, Venue, load_profile, password, venue_secret
from quotelife.config.secrets import in_pem
from quotelife.config.toml_file import ABSENT
from quotelife.config.venues.signing import make_signer
from quotelife.fix.encode import Identity
from quotelife.fix.logon_recipe import LogonRecipe
from quotelife.fix.settings import SessionSettings
from quotelife.fix.versions import DEFAULT_APPL_VER_ID, FIX50SP2, VERSIONS


def session_settings(config: Config, venue: Venue, number: int = 1) -> SessionSettings:
    """The settings of the venue's session. Of several, `number` is appended to the SenderCompID from the second on.

    ConfigError for a credential that cannot be read or used."""
    profile = load_profile(config, venue)
    session = profile.session
    if venue.target_comp_id is None:  # `load` has given it the profile's
        raise ConfigError(Path(config.file), "venue.target_comp_id", ABSENT, "missing")
    version = VERSIONS[session.version]
    identity = Identity(
        venue.sender_comp_id if number == 1 else f"{venue.sender_comp_id}{number}",
        venue.target_comp_id,
        version.begin_string,
        venue.sender_sub_id,
        venue.target_sub_id,
        session.time_decimals,
    )
    return SessionSettings(
        identity=identity,
        heartbeat_s=venue.heartbeat_s or session.heartbeat_s,
        logon=logon_recipe(config, venue),
        appl_ver_id=DEFAULT_APPL_VER_ID if version is FIX50SP2 else None,
        reset_seq_num=session.reset_seq_num,
        test_request=session.test_request,
        resends=session.resend == "requested",
    )


def logon_recipe(config: Config, venue: Venue) -> LogonRecipe:
    """What the venue's Logon contains. ConfigError for a credential that cannot be read or used."""
    logon = load_profile(config, venue).logon
    given = {"username": venue.username, "password": password(config, venue)}
    credentials = {name: value for name, value in given.items() if value is not None}
    for name in logon.secrets:
        credentials[name] = venue_secret(config, venue, name, in_pem(logon, name))
    return LogonRecipe(logon, credentials, make_signer(config, venue))
