"""The sections of the configuration file, one struct each. Defaults are what a desk would start with."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from quotelife.config.expiry import Models

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
# A SenderCompID or TargetCompID as FIX, the engine's settings and its store's file names can take it.
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
SIGNALS = "signals"  # in place of a venue, for an instrument whose value comes as a signal
LOOPBACK = ("127.0.0.1", "localhost")  # hosts that only this machine can reach
Tier = Literal["strategic", "ordinary", "restricted"]
ModelName = Literal["client_priority", "risk_averse", "liquidity_provider"]
MarketState = Literal["calm", "active", "stressed", "news", "auction", "closed"]
Phase = Literal["continuous", "open", "close", "auction", "closed"]
TlsVersion = Literal["TLSv1.2", "TLSv1.3"]
FixVersion = Literal["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: unknown keys are errors."""


class Paths(Section, frozen=True, kw_only=True):
    """Where things are. Relative paths are relative to the configuration file's folder."""

    run: str = "/dev/shm/quotelife"  # shared memory: board, metrics, journal ring
    data: str = "../var"  # engine store and logs, captures
    parameters: str | None = None  # fitted parameters; the shipped ones if absent


class ServerTls(Section, frozen=True, kw_only=True):
    """TLS on the port that clients connect to. Files are PEM; the key is not encrypted and only its owner reads it."""

    certificate: str  # with what stands between it and the clients' root, in this order
    key: str
    client_ca: str | None = None  # issuers of clients' certificates, which are then required; none needed if absent
    minimum_version: TlsVersion = "TLSv1.2"


class VenueTls(Section, frozen=True, kw_only=True):
    """TLS on a market-data session. The venue's certificate is always verified."""

    ca: str | None = None  # issuers of the venue's certificate; those of the system if absent
    certificate: str | None = None  # ours, for a venue that asks for one
    key: str | None = None
    server_name: str | None = None  # that its certificate must be for; `host` if absent
    check_server_name: bool = True
    minimum_version: TlsVersion = "TLSv1.2"


class Acceptor(Section, frozen=True, kw_only=True):
    """Where clients connect. The dictionaries are in the folder of `settings`; sessions come from [[client]]."""

    host: str = "127.0.0.1"
    port: Port = 9880
    sender_comp_id: CompID = "QUOTELIFE"
    settings: str | None = None  # the shipped fix_config/acceptor.cfg if absent
    tls: ServerTls | None = None
    allowed_addresses: list[Network] = field(default_factory=list)  # clients connect from these; from any if empty
    logon_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0  # from the connection to a whole Logon
    max_pending: Annotated[int, Meta(ge=1, le=1_000)] = 64  # connections that have not logged on, at a time
    stuck_after_s: Annotated[float, Meta(gt=0, le=300)] = 5.0  # a client that takes nothing for so long is cut off


class Admin(Section, frozen=True, kw_only=True):
    """The HTTP side: /metrics, health, the desk page.

    On loopback reading is free. What changes state needs the token, and so does reading where `host` is any other
    address, at which the service does not start without one. /livez and /readyz answer everybody, but tell details only
    to those who may read. There is no TLS here: put a reverse proxy in front where others can listen.
    """

    host: str = "127.0.0.1"
    port: Port = 9464
    token_env: str | None = None  # name of the environment variable that holds the token
    token_file: str | None = None  # or the file that does
    ready_share: Share = 0.0  # of the quotable instruments that /readyz wants to be quotable now; one in any case
    min_free_mb: NotNegative = 100.0  # room in the data folder without which the service is not ready


class Api(Section, frozen=True, kw_only=True):
    """The expiry API for a desk that prices by itself; served where this section is there.

    On other addresses than loopback it needs a token, and does not start without one. Where a token is configured,
    everything here needs it, on the Unix socket too.
    """

    tcp: bool = True
    host: str = "127.0.0.1"
    port: Port = 9470
    socket: str | None = None  # path of a Unix socket, as well or instead
    socket_mode: Annotated[str, Meta(pattern=r"^0[0-7]{3}$")] = "0600"
    token_env: str | None = None  # name of the environment variable that holds the token
    token_file: str | None = None  # or the file that does
    requests_per_second: Positive = 5_000.0  # of one connection, decisions in a batch counted one by one
    max_batch: Annotated[int, Meta(ge=1, le=1_000)] = 100


class Shutdown(Section, frozen=True, kw_only=True):
    """What becomes of open quotes when the service is told to stop. New requests are refused at once either way."""

    # "withdraw": a QuoteCancel for each, then Logout. "run_out": hits are taken until the last quote has ended, or the
    # limit has; what is open then is withdrawn.
    open_quotes: Literal["withdraw", "run_out"] = "withdraw"
    limit_ms: Annotated[float, Meta(ge=0, le=60_000)] = 10_000.0


class Venue(Section, frozen=True, kw_only=True):
    """A market-data session: quotelife is the initiator."""

    name: Name
    host: str = "127.0.0.1"
    port: Port
    sender_comp_id: CompID
    target_comp_id: CompID
    username: str | None = None
    password_env: str | None = None  # name of the environment variable that holds the password
    password_file: str | None = None  # or the file
    tls: VenueTls | None = None
    heartbeat_s: Annotated[int, Meta(ge=1, le=300)] = 1
    book: Literal["price", "order"] = "price"  # increments by price level, or by order (MDEntryID)
    depth: Annotated[int, Meta(ge=0, le=1000)] = 0  # MarketDepth 264; 0 is the full book
    max_lag_ms: Milliseconds = 2_000.0  # what comes later than that, against the quickest, is not quoted from
    reconnect_min_ms: Milliseconds = 100.0
    reconnect_max_ms: Milliseconds = 10_000.0


class Session(Section, frozen=True, kw_only=True):
    """A phase of the trading day in UTC, "HH:MM" or "HH:MM:SS"; outside all of them trading is continuous."""

    phase: Phase
    start: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]
    end: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]
    max_lifetime_ms: Milliseconds | None = None


class Instrument(Section, frozen=True, kw_only=True):
    symbol: Name
    tick: str
    lot: str
    venue: Name  # or "signals": its value is posted, see /v1/signals
    venue_symbol: str | None = None  # the venue's name for it; `symbol` if absent
    correlated: str | None = None
    volatility_index: str | None = None
    parameters: str | None = None  # name of the fitted parameters; `symbol`, then the pooled ones, if absent
    max_quantity: Positive = 1_000_000.0  # in units of the instrument, like OrderQty
    max_position: Positive = 1_000_000.0
    stale_after_ms: Milliseconds = 2_000.0  # silence of the venue's session
    min_half_spread_ticks: NotNegative = 0.5
    min_lifetime_ms: Milliseconds = 5.0
    max_lifetime_ms: Milliseconds = 10_000.0
    quotable: bool = True  # false for an instrument that only informs others, such as a volatility index
    session: list[Session] = field(default_factory=list)

    @staticmethod
    def is_decimal(text: str) -> bool:
        try:
            return Decimal(text).is_finite() and Decimal(text) > 0
        except InvalidOperation:
            return False


class Logon(Section, frozen=True, kw_only=True):
    """What a client session must show at its Logon. The hash is made by `quotelife hash-password`."""

    username: Name | None = None  # Username (553)
    password_hash: str | None = None  # of Password (554); one of the three, or no password is asked for
    password_hash_env: str | None = None  # name of the environment variable that holds it
    password_hash_file: str | None = None
    certificate: str | None = None  # name (common name or DNS name) in the client's certificate, with acceptor.tls


class Client(Section, frozen=True, kw_only=True):
    name: Name
    sessions: list[CompID]  # the client's SenderCompIDs
    tier: Tier = "ordinary"
    versions: dict[CompID, FixVersion] = field(default_factory=dict)  # of sessions that do not speak FIX.4.4
    logon: dict[CompID, Logon] = field(default_factory=dict)  # of sessions that must show more than their CompIDs
    allowed_addresses: list[Network] = field(default_factory=list)  # it connects from these; from any if empty
    max_quantity: Positive | None = None  # in units of the instrument
    may_choose_model: bool = False  # ExpiryModel (20001) in its requests is honoured
    disclose: bool = True  # model, probability and reason (20001 to 20003) in its quotes
    margin_ticks: float = 0.0  # added to the half-spread
    requests_per_second: Positive = 5_000.0
    informed_share: Share | None = None  # taken as informed until measured; the tier's if absent
    response_ms: Positive | None = None  # its usual time from Quote to hit, until measured; the tier's if absent
    fill_rate: Share | None = None  # until measured; the tier's if absent
    round_trip_ms: NotNegative = 0.5  # network, until measured

    def version(self, session: str) -> FixVersion:
        """The version of FIX that a session of this client speaks."""
        return self.versions.get(session, "FIX.4.4")


class TierTerms(Section, frozen=True, kw_only=True):
    """What is assumed of a client of this tier until it has been measured."""

    margin_ticks: float = 0.0
    informed_share: Share = 0.2
    response_ms: Positive = 300.0
    response_cv: Positive = 0.8
    fill_rate: Share = 0.3
    weight: Positive = 20.0  # observations that these assumptions count for, beside what is measured


class Tiers(Section, frozen=True, kw_only=True):
    strategic: TierTerms = TierTerms(margin_ticks=0.0, informed_share=0.05, response_ms=400.0, fill_rate=0.5)
    ordinary: TierTerms = TierTerms()
    restricted: TierTerms = TierTerms(margin_ticks=0.5, informed_share=0.6, response_ms=200.0, fill_rate=0.1)


class Rule(Section, frozen=True, kw_only=True):
    """Selects an expiry model; the first rule whose every condition holds wins. An empty condition always holds."""

    model: ModelName
    tier: list[Tier] = field(default_factory=list)
    client: list[str] = field(default_factory=list)
    instrument: list[str] = field(default_factory=list)
    min_legs: Annotated[int, Meta(ge=1)] = 1
    min_size_against_trade: NotNegative = 0.0  # requested size over the average trade
    phase: list[Phase] = field(default_factory=list)
    market: list[MarketState] = field(default_factory=list)


class MarketStates(Section, frozen=True, kw_only=True):
    """When a market counts as active, stressed or in the news. Ratios are against the instrument's fitted medians."""

    active_volatility_ratio: Positive = 2.0
    stressed_volatility_ratio: Positive = 5.0
    stressed_spread_ratio: Positive = 4.0
    news_sentiment: Share = 0.5  # absolute decayed sentiment from which the market is in the news
    sentiment_half_life_s: Positive = 60.0
    sentiment_stale_after_s: Positive = 600.0  # news older than this is not taken


class Pricing(Section, frozen=True, kw_only=True):
    provider: str = "quotelife.decision.pricing:default"  # module:object that implements the pricing protocol
    inventory_skew_ticks: NotNegative = 1.0  # shift of both prices at a full position


class Hits(Section, frozen=True, kw_only=True):
    """How hits on quotes are decided."""

    grace_ms: NotNegative = 0.0  # after ValidUntilTime, for the hit's way to us; fills within it are counted apart


class Tolerated(Section, frozen=True, kw_only=True):
    """The chance of a pick-off that an open quote may carry: what was accepted when it was given, times the ratio, or
    the floor if that is more."""

    ratio: Positive
    floor: Share


class Withdrawal(Section, frozen=True, kw_only=True):
    """When a quote is withdrawn before its time: once the chance of a pick-off in the time that remains is more than
    its model tolerates. A price that the market is through is always withdrawn."""

    enabled: bool = True
    period_us: Annotated[int, Meta(ge=20, le=100_000)] = 500  # between looks at the books of the open quotes
    client_priority: Tolerated = Tolerated(ratio=10.0, floor=0.3)
    risk_averse: Tolerated = Tolerated(ratio=2.0, floor=0.02)
    liquidity_provider: Tolerated = Tolerated(ratio=4.0, floor=0.1)


class Streaming(Section, frozen=True, kw_only=True):
    """Requests with SubscriptionRequestType (263) 1: a new quote whenever the one before is over."""

    enabled: bool = True
    min_interval_ms: Milliseconds = 50.0  # between two quotes of one subscription
    max_per_session: Annotated[int, Meta(ge=0)] = 100


class Recorder(Section, frozen=True, kw_only=True):
    """The history of quotes on disk, and how fast old observations of a client lose their weight."""

    keep_days: Positive = 30.0
    keep_rows: Annotated[int, Meta(ge=1_000)] = 1_000_000  # quotes and refusals; a million take about 1.7 GB
    half_life_s: Positive = 28_800.0  # after which an observation of a client counts half


class Learning(Section, frozen=True, kw_only=True):
    """Calibration while the service runs: models/README.md says what is updated when."""

    enabled: bool = True
    sample_ms: Annotated[float, Meta(ge=100, le=60_000)] = 1_000.0  # between two looks at an instrument's own market
    half_life_s: Positive = 7_200.0  # after which a label counts half
    block_s: Annotated[float, Meta(ge=5, le=3_600)] = 60.0  # labels of so long count as one observation
    min_blocks: Annotated[int, Meta(ge=5)] = 15  # before other parameters may take over
    min_labels: Annotated[int, Meta(ge=100)] = 1_000  # the same, in labels
    margin: Share = 0.003  # share of the log-loss by which they must be better, beyond the error
    error_chance: Annotated[float, Meta(gt=0, lt=0.5)] = 0.002  # of taking over parameters that are no better
    refit_s: Positive = 1_800.0  # between two fits of an instrument from its own labels
    memory_samples: Annotated[int, Meta(ge=1_000, le=200_000)] = 20_000  # of an instrument, which a fit sees


class Capture(Section, frozen=True, kw_only=True):
    """What the market did and what was decided, for replay and calibration: a ring in shared memory, always written,
    and, where enabled, Parquet files in the data folder. These need pyarrow (extra [capture])."""

    enabled: bool = False
    ring_mb: Annotated[float, Meta(ge=1, le=4096)] = 16.0  # for 2**18 events; rounded down to a power of two
    keyframe_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0  # between two images of a book
    flush_s: Annotated[float, Meta(ge=0.2, le=600)] = 5.0  # a crash loses no more than this
    rotate_minutes: Annotated[float, Meta(gt=0, le=1440)] = 15.0  # after which what was flushed becomes one file
    rotate_mb: Annotated[float, Meta(gt=0, le=4096)] = 64.0  # or sooner, once it has this size
    max_gb: Positive = 100.0  # of all captures; then nothing more is written, and counted


Core = Annotated[int, Meta(ge=0, le=4095)]


class Machine(Section, frozen=True, kw_only=True):
    """The cores that each process runs on; all that there are where none is named."""

    marketdata: list[Core] = field(default_factory=list)
    quoting: list[Core] = field(default_factory=list)
    recorder: list[Core] = field(default_factory=list)
    lock_memory: bool = False  # marketdata and quoting keep their pages in memory
    slice_us: Annotated[int, Meta(ge=0, le=100_000)] = 100  # quoting's of the scheduler: 0 leaves it to the kernel

    def pinned(self) -> dict[str, frozenset[int]]:
        """The cores of each process that has some named."""
        named = ("marketdata", "quoting", "recorder")
        return {name: frozenset(getattr(self, name)) for name in named if getattr(self, name)}


class Config(Section, frozen=True, kw_only=True):
    paths: Paths = Paths()
    acceptor: Acceptor = Acceptor()
    admin: Admin = Admin()
    api: Api | None = None
    shutdown: Shutdown = Shutdown()
    venue: list[Venue]
    instrument: Annotated[list[Instrument], Meta(min_length=1)]
    client: Annotated[list[Client], Meta(min_length=1)]
    tier: Tiers = Tiers()
    rule: list[Rule] = field(default_factory=list)  # the design's default rules if empty
    market: MarketStates = MarketStates()
    pricing: Pricing = Pricing()
    hits: Hits = Hits()
    withdrawal: Withdrawal = Withdrawal()
    streaming: Streaming = Streaming()
    recorder: Recorder = Recorder()
    learning: Learning = Learning()
    capture: Capture = Capture()
    models: Models = Models()
    machine: Machine = Machine()
    file: str = ""  # set by `load`
