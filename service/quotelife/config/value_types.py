"""Types of values in the configuration file, with what is allowed, and the base of its sections."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
# A SenderCompID or TargetCompID that is valid in FIX, in the engine's settings and in its store's file names.
CompID = Annotated[
    str,
    Meta(
        pattern=r"^[!-.0-<>-Z\\^-~]{1,64}\Z",
        extra={"words": "1 to 64 printable ASCII characters without blanks, '=', '/', '[' and ']'"},
    ),
]
# Addresses that may connect: one, or a network in CIDR form.
Network = Annotated[
    str,
    Meta(pattern=r"^[0-9A-Fa-f:.]+(/\d{1,3})?\Z", extra={"words": 'an IP address or a network, "10.1.2.0/24"'}),
]
Milliseconds = Annotated[float, Meta(gt=0, le=3_600_000)]
SIGNALS = "signals"  # instead of a venue, for an instrument whose value is a signal
LOOPBACK = ("127.0.0.1", "localhost")  # hosts that are reachable from this machine only
TlsVersion = Literal["TLSv1.2", "TLSv1.3"]
LogFormat = Literal["text", "json"]
Engine = Literal["quickfix", "native"]
LogLevel = Literal["debug", "info", "warning", "error"]
Combine = Literal["failover", "consolidated"]
FixVersion = Literal["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]
BookModel = Literal["price", "order", "position", "tiers", "best", "snapshots"]
# SenderSubID, TargetSubID and the like: printable ASCII.
_WORDS = {"words": "1 to 64 printable ASCII characters"}
HeaderText = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z", extra=_WORDS)]
# The same where a table may stand instead: msgspec 0.22 frees the wrong memory of a pattern beside a dict, when the
# process ends. `load` checks the characters.
InstrumentText = Annotated[str, Meta(min_length=1, max_length=64, extra=_WORDS)]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the configuration file. Unknown keys are errors."""
