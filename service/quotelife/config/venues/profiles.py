"""The profiles of the configured venues: their files, what each [[venue]] takes from its own, and their checks."""

from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from quotelife.config.sections import Config, Venue, VenueTls
from quotelife.config.shipped import VENUES, resolve
from quotelife.config.toml_file import ABSENT, ConfigError, read_toml
from quotelife.config.value_types import BookModel
from quotelife.config.venues.profile_checks import check_profile
from quotelife.config.venues.venue_profile import VenueProfile, names_in

_SOURCES = ("_env", "_file")


def load_profile(config: Config, venue: Venue) -> VenueProfile:
    """The profile that a [[venue]] names. ConfigError if there is none, or for the first error in its file."""
    if venue.profile.endswith(".toml"):
        return read_profile(resolve(config, venue.profile))
    path = VENUES / f"{venue.profile}.toml"
    if venue.profile not in shipped_profiles():
        allowed = f"allowed: one of {', '.join(shipped_profiles())}, or the path of a file that ends in .toml"
        raise ConfigError(Path(config.file), f"{_at(config, venue)}.profile", venue.profile, allowed)
    return read_profile(path)


def shipped_profiles() -> list[str]:
    """The names of the profiles that are installed with the package."""
    return sorted(path.stem for path in VENUES.glob("*.toml"))


def read_profile(path: Path) -> VenueProfile:
    """Read and check a profile; a file that has not changed is read once. ConfigError for the first error."""
    try:
        status = path.stat()
        version = (status.st_mtime_ns, status.st_size)
    except OSError:
        version = (0, 0)  # reading it says why
    return _read(path, version)


@lru_cache(maxsize=256)
def _read(path: Path, version: tuple[int, int]) -> VenueProfile:
    profile = read_toml(path, VenueProfile)
    check_profile(path, profile)
    return profile


def with_profiles(config: Config) -> Config:
    """The configuration in which each [[venue]] has what its profile gives by default. ConfigError for a value that a
    profile does not allow, and for one that it needs and that is missing."""
    venues = [_with_profile(config, venue, load_profile(config, venue)) for venue in config.venue]
    for venue in config.venue:
        _check_instruments(config, venue, load_profile(config, venue))
    return replace(config, venue=venues)


def _with_profile(config: Config, venue: Venue, profile: VenueProfile) -> Venue:
    file, at = Path(config.file), _at(config, venue)
    session, subscription = profile.session, profile.subscription
    if venue.target_comp_id is None and session.target_comp_id is None:
        allowed = f"missing; the profile {venue.profile} has no default; allowed: the venue's CompID"
        raise ConfigError(file, f"{at}.target_comp_id", ABSENT, allowed)
    if venue.book is not None and venue.book not in profile.book.models:
        allowed = f"allowed by the profile {venue.profile}: one of {', '.join(profile.book.models)}"
        raise ConfigError(file, f"{at}.book", venue.book, allowed)
    depths, depth_range = subscription.depths, subscription.depth_range
    if venue.depth is not None:
        if depths and venue.depth not in depths:
            allowed = f"allowed by the profile {venue.profile}: one of {', '.join(map(str, depths))}"
            raise ConfigError(file, f"{at}.depth", venue.depth, allowed)
        if depth_range and not depth_range[0] <= venue.depth <= depth_range[1]:
            allowed = f"allowed by the profile {venue.profile}: from {depth_range[0]} to {depth_range[1]}"
            raise ConfigError(file, f"{at}.depth", venue.depth, allowed)
    _check_credentials_of(config, venue, profile)
    heartbeat_s = session.heartbeat_s if venue.heartbeat_s is None else venue.heartbeat_s
    if session.heartbeat_range and not session.heartbeat_range[0] <= heartbeat_s <= session.heartbeat_range[1]:
        allowed = (
            f"allowed by the profile {venue.profile}: from {session.heartbeat_range[0]} to {session.heartbeat_range[1]}"
        )
        raise ConfigError(file, f"{at}.heartbeat_s", heartbeat_s, allowed)
    depth = venue.depth if venue.depth is not None else [*depths, *(depth_range or ()), 0][0]
    return replace(
        venue,
        heartbeat_s=heartbeat_s,
        target_comp_id=venue.target_comp_id or session.target_comp_id,
        sender_sub_id=venue.sender_sub_id or session.sender_sub_id,
        target_sub_id=venue.target_sub_id or session.target_sub_id,
        tls=VenueTls() if venue.tls is None and session.tls == "required" else venue.tls,
        book=_model(file, at, venue, profile, depth),
        depth=depth,
    )


def _model(file: Path, at: str, venue: Venue, profile: VenueProfile, depth: int) -> BookModel:
    """The book model of a depth: a depth of one is the best quotes where the profile has them beside price levels,
    and no other depth is."""
    models = profile.book.models
    model = venue.book or models[0]
    if "price" not in models or "best" not in models:
        return model
    if venue.book == "best" and depth != 1:
        allowed = f"allowed with book best by the profile {venue.profile}: 1"
        raise ConfigError(file, f"{at}.depth", depth, allowed)
    return "best" if model == "price" and depth == 1 else model


def _check_credentials_of(config: Config, venue: Venue, profile: VenueProfile) -> None:
    """The user name, the password and the secrets are those that the profile's Logon needs."""
    file, at = Path(config.file), _at(config, venue)
    logon = profile.logon
    for key in venue.secrets:
        name = next((key.removesuffix(end) for end in _SOURCES if key.endswith(end)), "")
        if name not in logon.secrets:
            wanted = [f"{secret}{end}" for secret in logon.secrets for end in _SOURCES]
            allowed = f"allowed by the profile {venue.profile}: {', '.join(wanted) or 'none'}"
            raise ConfigError(file, f"{at}.secrets.{key}", ABSENT, f"no such key; {allowed}")
        if all(f"{name}{end}" in venue.secrets for end in _SOURCES):
            allowed = f"beside {name}_env; allowed: one of {name}_env, {name}_file"
            raise ConfigError(file, f"{at}.secrets.{name}_file", ABSENT, allowed)
    needed = f"missing; the Logon of the profile {venue.profile} needs it; allowed"
    for name in logon.secrets:
        if not any(f"{name}{end}" in venue.secrets for end in _SOURCES):
            sources = f"{name}_env, the environment variable with it, or {name}_file, a file with it"
            raise ConfigError(file, f"{at}.secrets.{name}_env", ABSENT, f"{needed}: {sources}")
    used = {name for template in logon.fields for name in names_in(template.value)}
    signed = set(names_in(logon.signature.over)) if logon.signature is not None else set()
    given = {"username": venue.username, "password": venue.password_env or venue.password_file}
    for name, key in (("username", "username"), ("password", "password_env")):
        if given[name] is None and name in signed:
            raise ConfigError(file, f"{at}.{key}", ABSENT, f"{needed}: the {name}")
        if given[name] is not None and name not in used | signed:
            key = "password_file" if name == "password" and venue.password_env is None else key
            allowed = f"allowed: nothing; the Logon of the profile {venue.profile} has no {name}"
            raise ConfigError(file, f"{at}.{key}", given[name], allowed)


def _check_instruments(config: Config, venue: Venue, profile: VenueProfile) -> None:
    """Instruments of a venue have different SecurityIDs, and have one where the venue addresses them by it."""
    seen: dict[str, int] = {}
    for n, instrument in enumerate(config.instrument):
        if venue.name not in instrument.venues:
            continue
        key, value = f"instrument[{n}].security_id", instrument.security_id_at(venue.name)
        if value is None:
            if profile.instruments.address == "SecurityID":
                allowed = f"missing; the profile {venue.profile} addresses instruments by it; allowed: SecurityID (48)"
                raise ConfigError(Path(config.file), key, ABSENT, allowed)
        elif value in seen:
            allowed = f"also at instrument[{seen[value]}]; allowed: each SecurityID of a venue once"
            raise ConfigError(Path(config.file), key, value, allowed)
        else:
            seen[value] = n


def _at(config: Config, venue: Venue) -> str:
    return f"venue[{config.venue.index(venue)}]"
