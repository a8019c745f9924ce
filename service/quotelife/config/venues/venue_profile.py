"""A venue's dialect, read from `fix_config/venues/NAME.toml`; `fix_config/venues/README.md` explains every key.

A profile holds what is the same for every customer of a venue; hosts, CompIDs, depths and secrets stand in the
configuration's [[venue]]. The defaults are those of the profile `generic`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, field

from quotelife.config.value_types import BookModel, CompID, FixVersion, HeaderText, Positive, Section

Tag = Annotated[int, Meta(ge=1, le=999_999)]
# One character of MDUpdateAction (279), MDEntryType (269), SecurityTradingStatus (326) and the like.
Value = Annotated[str, Meta(min_length=1, max_length=32)]
SecretName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z", extra={"words": "a name of lower-case letters, digits and _"})
]
Action = Literal["new", "change", "delete", "delete_thru", "delete_from", "overlay", "delete_all", "append"]
Algorithm = Literal["hmac-sha256", "ed25519", "sha256"]


_NAME = re.compile(r"\{([^{}]*)\}")  # in a template


class Field(Section, frozen=True, kw_only=True):
    """A field that is added to a message. `value` is a template where the section says so."""

    tag: Tag
    value: str


class Signature(Section, frozen=True, kw_only=True):
    """What {signature} in a Logon field stands for."""

    algorithm: Algorithm
    over: str  # template of the text that is signed
    key: str | None = None  # name of the secret that signs; sha256 needs none
    key_encoding: Literal["text", "base64", "hex", "pem"] = "text"
    encoding: Literal["base64", "base64url", "hex"] = "base64"


class SessionProfile(Section, frozen=True, kw_only=True):
    """The FIX session."""

    version: FixVersion = "FIX.4.4"  # FIX.5.0SP2: BeginString FIXT.1.1 and DefaultApplVerID (1137) 9
    target_comp_id: CompID | None = None  # default of the [[venue]]'s
    sender_sub_id: HeaderText | None = None  # defaults of the [[venue]]'s; sent in every message
    target_sub_id: HeaderText | None = None
    tls: Literal["required", "optional"] = "optional"
    reset_seq_num: bool = True  # 141=Y in the Logon; without it, numbers continue until the process ends
    time_decimals: Literal[0, 3, 6, 9] = 3  # of SendingTime (52)
    test_request: bool = True  # false for a venue that does not answer TestRequest
    heartbeat_s: Annotated[int, Meta(ge=1, le=300)] = 1  # default of the [[venue]]'s
    heartbeat_range: tuple[int, int] | None = None  # what the venue accepts in HeartBtInt (108)
    resend: Literal["requested", "reconnect"] = "requested"  # after a sequence gap; a venue may answer no ResendRequest


class LogonProfile(Section, frozen=True, kw_only=True):
    """Fields of the Logon (A) beside EncryptMethod, HeartBtInt, ResetSeqNumFlag and DefaultApplVerID, in this order.

    A value is a template. {SenderCompID}, {TargetCompID}, {SenderSubID}, {TargetSubID}, {MsgType}, {MsgSeqNum},
    {SendingTime}, {HeartBtInt}, {username}, {password}, {timestamp_ms} (since the epoch), {nonce} (32 random bytes in
    base64), {signature}, {96} (an earlier field by its tag) and the names of `secrets` are replaced. A field whose
    value is empty (no password is configured) is left out. Length fields (95 of 96) are added by themselves.
    """

    fields: list[Field] = field(
        default_factory=lambda: [Field(tag=553, value="{username}"), Field(tag=554, value="{password}")]
    )
    secrets: list[SecretName] = field(default_factory=list)  # [venue.secrets] must have each, as NAME_env or NAME_file
    signature: Signature | None = None


class SubscriptionProfile(Section, frozen=True, kw_only=True):
    """The MarketDataRequest (V)."""

    symbols_per_request: Annotated[int, Meta(ge=0, le=10_000)] = 1  # 0: all symbols of the session in one V
    replaces: bool = False  # a new V replaces the session's earlier ones
    unsubscribe: bool = True  # 263=2 for the earlier subscription before it is repeated; never where a V replaces
    depths: list[Annotated[int, Meta(ge=0)]] = field(default_factory=list)  # MarketDepth (264) allowed; empty: any
    depth_range: tuple[int, int] | None = None  # instead of a list
    market_depth: Literal["sent", "absent"] = "sent"  # 264
    update_type: Literal["incremental", "full", "absent"] = "incremental"  # MDUpdateType (265): 1, 0
    aggregated_book: Literal["by_model", "Y", "N", "absent"] = "by_model"  # 266: N for the model "order", else Y
    entry_types: list[Value] = field(default_factory=lambda: ["0", "1", "2"])  # 269; empty: no 267 either
    trades: Literal["with_book", "separate", "none"] = "with_book"  # separate: a V of their own with 269=2
    snapshot: bool = True  # false: increments apply to an empty book from the subscription on
    early_increments: Literal["ignored", "queued"] = "ignored"  # X before the W; queued: applied after it, by RptSeq
    fields: list[Field] = field(default_factory=list)  # further fields of the V
    symbol_fields: list[Field] = field(default_factory=list)  # further fields of each NoRelatedSym entry


class Pacing(Section, frozen=True, kw_only=True):
    """Limits of the venue. None: no limit is known; MarketDataRequests are still paced (see `requests_per_second`)."""

    messages: Annotated[int, Meta(ge=1)] | None = None  # of ours, of every type, in `interval_s`
    interval_s: Positive = 1.0
    requests_per_second: Positive = 1_000.0  # MarketDataRequests
    # Further symbols get sessions of their own: NAME#2, NAME#3, ..., whose SenderCompIDs end in 2, 3, ...
    symbols_per_session: Annotated[int, Meta(ge=1)] | None = None
    sessions: Annotated[int, Meta(ge=1)] | None = None  # at most


class InstrumentsProfile(Section, frozen=True, kw_only=True):
    """How instruments are named, and where the venue describes them."""

    address: Literal["Symbol", "SecurityID"] = "Symbol"  # 55, or 48 with SecurityIDSource (22)
    security_id_source: str | None = None
    request: Literal["none", "SecurityListRequest", "SecurityDefinitionRequest"] = "none"  # x, c
    # Of the request. {symbol} or {security_id} in a value: a request for each instrument instead of one for all.
    request_fields: list[Field] = field(default_factory=list)
    tick_tag: Tag | None = None  # the price increment, or
    tick_decimals_tag: Tag | None = None  # its number of decimals
    lot_tag: Tag | None = None
    lot_decimals_tag: Tag | None = None
    status_tag: Tag | None = None
    tradable: list[Value] = field(default_factory=list)  # values of status_tag that allow trading


class Checksum(Section, frozen=True, kw_only=True):
    """A checksum of the book that the venue sends with each X (or W), verified after the message."""

    algorithm: Literal["kraken-crc32"]
    tag: Tag
    price_decimals_tag: Tag | None = None  # of the venue's instrument list; default: the tick's and lot's decimals
    size_decimals_tag: Tag | None = None


def _standard_actions() -> dict[str, Action]:
    return {"0": "new", "1": "change", "2": "delete"}


class BookProfile(Section, frozen=True, kw_only=True):
    """What an entry of W and X does to the book."""

    models: Annotated[list[BookModel], Meta(min_length=1)] = field(default_factory=lambda: ["price", "order"])
    entry_id: Literal["identity", "ignored"] = "identity"  # MDEntryID (278) of price levels
    unknown_orders: Literal["invalidate", "ignored"] = "invalidate"  # Change and Delete of an id not in the book
    entries_without_id: Literal["invalid", "ignored"] = "invalid"  # of the model "order", in X
    fills: Literal["ignored", "reduce"] = "ignored"  # a trade with the id of an order takes its size off that order
    level_tag: Tag = 1023  # MDPriceLevel, or 290 MDEntryPositionNo; of the model "position"
    actions: dict[Value, Action] = field(default_factory=_standard_actions)  # values of MDUpdateAction (279)
    window: Literal["subscribed", "none"] = "subscribed"  # a level beyond the subscribed depth is gone without a word
    unknown_levels: Literal["set", "invalidate"] = "set"  # Change and Delete of a price that has no level
    unrequested_snapshot: Literal["apply", "ignore"] = "apply"  # a W without MDReqID while the book is live
    tier_sizes: Literal["cumulative", "separate"] = "cumulative"
    implied: Literal["ignored"] = "ignored"  # 269=E, 269=F
    aggressor_tag: Tag | None = None  # of trades; None: 2446 and 5797
    buy: Value = "1"  # value of `aggressor_tag` of a buyer
    sell: Value = "2"
    checksum: Checksum | None = None


class HaltsProfile(Section, frozen=True, kw_only=True):
    """What SecurityStatus (f) and TradingSessionStatus (h) mean. A status that stands in neither list changes nothing.

    The status concerns the instrument (55 or 48), or those whose `group` in the configuration equals the value of
    `group_tag`, or without both the whole venue. A status that opens a group or the venue leaves what a more specific
    one has halted.
    """

    security_tag: Tag = 326  # SecurityTradingStatus
    security_halted: list[Value] = field(default_factory=lambda: ["1", "2", "4", "18", "19", "21"])
    security_open: list[Value] = field(default_factory=lambda: ["3", "17", "22", "23"])
    session_tag: Tag = 340  # TradSesStatus
    session_halted: list[Value] = field(default_factory=lambda: ["1", "3", "4"])
    session_open: list[Value] = field(default_factory=lambda: ["2", "5"])
    group_tag: Tag | None = None  # 1151 SecurityGroup, 461, ...
    # What asks for statuses after the Logon: e for each instrument, g once; none where they come by themselves.
    request: Literal["none", "SecurityStatusRequest", "TradingSessionStatusRequest"] = "none"
    request_fields: list[Field] = field(default_factory=list)


class NewsProfile(Section, frozen=True, kw_only=True):
    """What News (B) means: a sentiment in 20010, the announcement of a disconnection, or text for the log."""

    meaning: Literal["sentiment", "maintenance", "text"] = "sentiment"


class VenueProfile(Section, frozen=True, kw_only=True):
    """A profile. Every table may be left out."""

    title: str
    documentation: list[str] = field(default_factory=list)  # the venue's own pages that it was written from
    tried: str  # how it was tried, in a sentence: documented samples, or the venue's live system
    session: SessionProfile = SessionProfile()
    logon: LogonProfile = LogonProfile()
    subscription: SubscriptionProfile = SubscriptionProfile()
    pacing: Pacing = Pacing()
    instruments: InstrumentsProfile = InstrumentsProfile()
    book: BookProfile = BookProfile()
    halts: HaltsProfile = HaltsProfile()
    news: NewsProfile = NewsProfile()


def names_in(template: str) -> list[str]:
    """The names in braces in a template."""
    return _NAME.findall(template)


def has_lone_brace(template: str) -> bool:
    """Whether a brace of a template has no counterpart."""
    rest = _NAME.sub("", template)
    return "{" in rest or "}" in rest


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with the value of each name in its place. KeyError for an unknown name."""
    return _NAME.sub(lambda match: values[match[1]], template)
