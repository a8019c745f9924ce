"""[[client]] and [tier]: who may ask, on which terms."""

from typing import Literal

from msgspec import field

from quotelife.config.value_types import CompID, FixVersion, Name, Network, NotNegative, Positive, Section, Share
from quotelife_models.enums import Tier


class Logon(Section, frozen=True, kw_only=True):
    """Credentials that a client session must send at Logon. `quotelife hash-password` creates the hash."""

    username: Name | None = None  # Username (553)
    password_hash: str | None = None  # of Password (554); one of the three keys, or no password is needed
    password_hash_env: str | None = None  # environment variable with it
    password_hash_file: str | None = None
    certificate: str | None = None  # name (common name or DNS name) in the client's certificate, with acceptor.tls


Role = Literal["quotes", "hedge", "drop_copy"]
_OF_ALL = ("name", "sessions", "role", "versions", "logon", "allowed_addresses", "expected")
ROLE_KEYS = {"hedge": _OF_ALL, "drop_copy": (*_OF_ALL, "copies", "extensions")}  # that apply; else all but copies


class Copies(Section, frozen=True, kw_only=True):
    """The ExecutionReports that a drop-copy session gets; none named: those of all."""

    clients: list[Name] = field(default_factory=list)
    instruments: list[Name] = field(default_factory=list)


class Client(Section, frozen=True, kw_only=True):
    name: Name
    sessions: list[CompID]  # the client's SenderCompIDs
    tier: Tier = "ordinary"
    role: Role = "quotes"  # "hedge" reports the desk's own trades, "drop_copy" gets copies: both ask for no quotes
    copies: Copies = Copies()  # with role "drop_copy"
    versions: dict[CompID, FixVersion] = field(default_factory=dict)  # of sessions that do not use FIX.4.4
    logon: dict[CompID, Logon] = field(default_factory=dict)  # of sessions that need more than their CompIDs
    allowed_addresses: list[Network] = field(default_factory=list)  # of this client; default: any
    expected: bool = True  # false: the desk page shows no alarm while it is logged off
    max_quantity: Positive | None = None  # in units of the instrument
    max_position: Positive | None = None  # of the desk, from this client's fills, in units of each instrument
    may_choose_model: bool = False  # ExpiryModel (20001) in its requests is honoured
    extensions: bool = False  # fields beyond the standard in what it gets: 117 in ExecutionReport, 20001 to 20005
    disclose: bool = True  # with extensions: model, reason and probabilities (20001 to 20003, 20005) in its quotes
    margin_ticks: float = 0.0  # added to the half-spread
    requests_per_second: Positive = 5_000.0
    informed_share: Share | None = None  # share of informed hits until measured; default: the tier's
    response_ms: Positive | None = None  # usual time from Quote to hit until measured; default: the tier's
    fill_rate: Share | None = None  # until measured; default: the tier's
    reaction_ms: Positive | None = None  # see the tier's, which is the default
    round_trip_ms: NotNegative = 0.5  # of the network, until measured

    def version(self, session: str) -> FixVersion:
        """The FIX version of a session of this client."""
        return self.versions.get(session, "FIX.4.4")


class TierTerms(Section, frozen=True, kw_only=True):
    """Assumptions about a client of this tier until it has been measured."""

    margin_ticks: float = 0.0
    informed_share: Share = 0.2
    response_ms: Positive = 300.0
    response_cv: Positive = 0.8
    fill_rate: Share = 0.3
    reaction_ms: Positive = 1.0  # median time from the market's reaching a quote to the arrival of an informed hit
    reaction_sigma: Positive = 0.5  # standard deviation of its logarithm
    weight: Positive = 20.0  # of these assumptions, in observations


class Tiers(Section, frozen=True, kw_only=True):
    strategic: TierTerms = TierTerms(margin_ticks=0.0, informed_share=0.05, response_ms=400.0, fill_rate=0.5)
    ordinary: TierTerms = TierTerms()
    restricted: TierTerms = TierTerms(margin_ticks=0.5, informed_share=0.6, response_ms=200.0, fill_rate=0.1)
