"""Constraints of a venue profile that involve several keys or cannot be stated in a type."""

from collections.abc import Iterable
from pathlib import Path

from quotelife.config.toml_file import ConfigError
from quotelife.config.venues.venue_profile import (
    Field,
    HaltsProfile,
    LogonProfile,
    VenueProfile,
    has_lone_brace,
    names_in,
)

# What a template of the Logon may refer to, beside the profile's secrets and earlier fields by their tags.
LOGON_NAMES = (
    *("SenderCompID", "TargetCompID", "SenderSubID", "TargetSubID", "MsgType", "MsgSeqNum", "SendingTime"),
    *("HeartBtInt", "username", "password", "timestamp_ms", "nonce", "signature"),
)
# Header, trailer, and what the session adds to its Logon.
_OWN_TAGS = (8, 9, 10, 34, 35, 43, 49, 50, 52, 56, 57, 98, 108, 122, 141, 1137)
# Length fields are added before their data fields (95 before 96).
_DATA_TAGS = (89, 91, 96, 213, 349, 351, 353, 355, 446)
_LENGTH_TAGS = (90, 93, 95, 212, 348, 350, 352, 354, 445)


def check_profile(path: Path, profile: VenueProfile) -> None:
    """ConfigError for the first error; `path` is the profile's file."""
    _check_fields(path, profile.logon)
    _check_characters(path, profile)
    _check_signature(path, profile.logon)
    _check_halts(path, profile.halts)
    _check_tradable(path, profile)
    subscription = profile.subscription
    if subscription.replaces and subscription.trades == "separate":
        allowed = "allowed where a request replaces the earlier ones: with_book, none"
        raise ConfigError(path, "subscription.trades", "separate", allowed)
    if subscription.depth_range is not None:
        if subscription.depths:
            allowed = "allowed: one of depths, depth_range"
            raise ConfigError(path, "subscription.depth_range", list(subscription.depth_range), allowed)
        _check_range(path, "subscription.depth_range", subscription.depth_range, 0)
    session = profile.session
    if session.heartbeat_range is not None:
        _check_range(path, "session.heartbeat_range", session.heartbeat_range, 1)
        low, high = session.heartbeat_range
        if not low <= session.heartbeat_s <= high:
            allowed = f"allowed by session.heartbeat_range: from {low} to {high}"
            raise ConfigError(path, "session.heartbeat_s", session.heartbeat_s, allowed)
    if session.resend == "reconnect" and not session.reset_seq_num:
        allowed = 'allowed with resend = "reconnect": true, or the gap would be there again'
        raise ConfigError(path, "session.reset_seq_num", False, allowed)
    if profile.halts.request == "none" and profile.halts.request_fields:
        field = profile.halts.request_fields[0]
        raise ConfigError(path, "halts.request_fields[0].tag", field.tag, "allowed: only with halts.request")


def _check_characters(path: Path, profile: VenueProfile) -> None:
    """No field value contains SOH, but for data fields of the Logon, whose length is sent."""
    for key, fields in (
        ("logon.fields", profile.logon.fields),
        ("subscription.fields", profile.subscription.fields),
        ("subscription.symbol_fields", profile.subscription.symbol_fields),
        ("instruments.request_fields", profile.instruments.request_fields),
        ("halts.request_fields", profile.halts.request_fields),
    ):
        for n, field in enumerate(fields):
            if "\x01" in field.value and not (key == "logon.fields" and field.tag in _DATA_TAGS):
                allowed = f"has the separator of fields (SOH); allowed: only in data fields of the Logon {_DATA_TAGS}"
                raise ConfigError(path, f"{key}[{n}].value", field.value, allowed)


def _check_range(path: Path, key: str, bounds: tuple[int, int], least: int) -> None:
    low, high = bounds
    if not least <= low <= high:
        allowed = f"allowed: two integers from {least}, the first not above the second"
        raise ConfigError(path, key, [low, high], allowed)


def _check_fields(path: Path, logon: LogonProfile) -> None:
    """Each field of the Logon once, none that is added without being named, and templates of known names."""
    tags: list[int] = []
    for n, field in enumerate(logon.fields):
        key = f"logon.fields[{n}]"
        if field.tag in _OWN_TAGS or field.tag in _LENGTH_TAGS:
            allowed = "added by the session itself; allowed: a tag that is not"
            raise ConfigError(path, f"{key}.tag", field.tag, allowed)
        if field.tag in tags:
            raise ConfigError(path, f"{key}.tag", field.tag, "is there twice; allowed: each tag once")
        signed = logon.signature is not None
        _check_template(path, f"{key}.value", field.value, _names(logon, tags, signed))
        if "signature" in names_in(field.value) and logon.signature is not None:
            _check_template(path, "logon.signature.over", logon.signature.over, _names(logon, tags, False))
        tags.append(field.tag)


def _names(logon: LogonProfile, tags: Iterable[int], signature: bool) -> list[str]:
    builtin = [name for name in LOGON_NAMES if signature or name != "signature"]
    return [*builtin, *logon.secrets, *map(str, tags)]


def _check_template(path: Path, key: str, template: str, names: list[str]) -> None:
    for name in names_in(template):
        if name not in names:
            raise ConfigError(path, key, template, f"no such name: {{{name}}}; allowed: one of {', '.join(names)}")
    if has_lone_brace(template):
        raise ConfigError(path, key, template, "a brace without its counterpart; allowed: names in braces")


def _check_signature(path: Path, logon: LogonProfile) -> None:
    for n, secret in enumerate(logon.secrets):
        if secret in LOGON_NAMES or secret in logon.secrets[:n]:
            allowed = f"the name {secret} is taken; allowed: another name"
            raise ConfigError(path, f"logon.secrets[{n}]", secret, allowed)
    signature = logon.signature
    if signature is None:
        return
    if not _uses_signature(logon.fields):
        raise ConfigError(
            path, "logon.signature", signature.algorithm, "allowed: only with a field that has {signature}"
        )
    if signature.algorithm == "sha256":
        if signature.key is not None:
            allowed = "allowed: no key with sha256; name the secret in `over`"
            raise ConfigError(path, "logon.signature.key", signature.key, allowed)
        return
    if signature.key not in logon.secrets:
        allowed = f"allowed with {signature.algorithm}: one of logon.secrets ({', '.join(logon.secrets) or 'none'})"
        raise ConfigError(path, "logon.signature.key", signature.key, allowed)
    encodings = ("pem", "base64", "hex") if signature.algorithm == "ed25519" else ("text", "base64", "hex")
    if signature.key_encoding not in encodings:
        allowed = f"allowed with {signature.algorithm}: one of {', '.join(encodings)}"
        raise ConfigError(path, "logon.signature.key_encoding", signature.key_encoding, allowed)


def _uses_signature(fields: list[Field]) -> bool:
    return any("signature" in names_in(field.value) for field in fields)


def _check_halts(path: Path, halts: HaltsProfile) -> None:
    """A status does not both halt and open."""
    for kind, halted, opened in (
        ("security", halts.security_halted, halts.security_open),
        ("session", halts.session_halted, halts.session_open),
    ):
        both = [value for value in opened if value in halted]
        if both:
            allowed = f"{both[0]} is also in {kind}_halted; allowed: a value in one of the lists"
            raise ConfigError(path, f"halts.{kind}_open", opened, allowed)


def _check_tradable(path: Path, profile: VenueProfile) -> None:
    """A status does not allow trading in the list of instruments and halt it in a SecurityStatus."""
    listed, halts = profile.instruments, profile.halts
    if listed.status_tag != halts.security_tag or not listed.tradable:
        return
    both = [value for value in listed.tradable if value in halts.security_halted]
    if both:
        allowed = f"{both[0]} is also in halts.security_halted; allowed: values that do not halt"
        raise ConfigError(path, "instruments.tradable", listed.tradable, allowed)
