"""The sections of the configuration file, one struct each. Defaults are what a desk would start with."""

from typing import Annotated, Literal

from msgspec import Meta, field

from quotelife.config.client_sections import Client, Tiers
from quotelife.config.expiry import Models
from quotelife.config.instrument_sections import Instrument
from quotelife.config.value_types import (
    BookModel,
    CompID,
    Engine,
    HeaderText,
    LogFormat,
    LogLevel,
    Milliseconds,
    Name,
    Network,
    NotNegative,
    Port,
    Positive,
    Section,
    Share,
    TlsVersion,
)
from quotelife_models.enums import MarketState, Model, Phase, Tier


class Paths(Section, frozen=True, kw_only=True):
    """Files and folders. Relative paths are relative to the folder of the configuration file."""

    run: str = "/dev/shm/quotelife"  # shared memory: board, capture ring, metrics
    data: str = "../var"  # journal, ledger, history, engine store, captures
    parameters: str | None = None  # folder of fitted parameters; default: the shipped ones


class ServerTls(Section, frozen=True, kw_only=True):
    """TLS on the port that clients connect to. Files are PEM; the key is not encrypted and private to its owner."""

    certificate: str  # followed by the intermediate certificates
    key: str
    client_ca: str | None = None  # issuers of client certificates; if set, clients need one
    minimum_version: TlsVersion = "TLSv1.2"


class VenueTls(Section, frozen=True, kw_only=True):
    """TLS on a market-data session. The venue's certificate is always verified."""

    ca: str | None = None  # issuers of the venue's certificate; default: the system's
    certificate: str | None = None  # client certificate, for a venue that requires one
    key: str | None = None
    server_name: str | None = None  # name in the venue's certificate; default: `host`
    check_server_name: bool = True
    minimum_version: TlsVersion = "TLSv1.2"


class Acceptor(Section, frozen=True, kw_only=True):
    """Where clients connect. The dictionaries are in the folder of `settings`; sessions come from [[client]]."""

    host: str = "127.0.0.1"
    port: Port = 9880
    sender_comp_id: CompID = "QUOTELIFE"
    engine: Engine = "quickfix"  # the reference; "native" answers common requests in compiled code
    settings: str | None = None  # of QuickFIX; the shipped fix_config/acceptor.cfg if absent
    tls: ServerTls | None = None
    allowed_addresses: list[Network] = field(default_factory=list)  # of clients; default: any
    logon_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0  # from the connection to a complete Logon
    max_pending: Annotated[int, Meta(ge=1, le=1_000)] = 64  # concurrent connections without a Logon
    stuck_after_s: Annotated[float, Meta(gt=0, le=300)] = 5.0  # without progress of a client that does not read


class Admin(Section, frozen=True, kw_only=True):
    """HTTP: /metrics, health, the desk page.

    Requests that change state need the token. So does reading if `host` is not a loopback address; the service does not
    start on such an address without a token. /livez and /readyz answer everyone, with details only for those who may
    read. There is no TLS: use a reverse proxy on a network that others can listen to.
    """

    host: str = "127.0.0.1"
    port: Port = 9464
    token_env: str | None = None  # environment variable with the token
    token_file: str | None = None  # or a file with it
    ready_share: Share = 0.0  # of quotable instruments with a usable market, for /readyz; at least one
    min_free_mb: NotNegative = 100.0  # free space in the data folder, for /readyz


class Api(Section, frozen=True, kw_only=True):
    """The expiry API, for a desk that prices by itself. Without this section it is not served.

    On an address other than loopback it does not start without a token. If a token is configured, all requests need it,
    on the Unix socket too.
    """

    tcp: bool = True
    host: str = "127.0.0.1"
    port: Port = 9470
    socket: str | None = None  # path of a Unix socket, in addition to TCP or instead
    socket_mode: Annotated[str, Meta(pattern=r"^0[0-7]{3}$")] = "0600"
    token_env: str | None = None  # environment variable with the token
    token_file: str | None = None  # or a file with it
    requests_per_second: Positive = 5_000.0  # per connection; each decision of a batch counts
    max_batch: Annotated[int, Meta(ge=1, le=1_000)] = 100


class Log(Section, frozen=True, kw_only=True):
    """The log of every process, on the standard error."""

    level: LogLevel = "info"
    format: LogFormat = "text"  # or "json": one object a line; `serve --log-format` takes precedence


class Shutdown(Section, frozen=True, kw_only=True):
    """What happens to open quotes when the service stops. New requests are refused at once."""

    # "withdraw": a QuoteCancel for each, then Logout. "run_out": hits are accepted until the last quote has expired or
    # limit_ms has passed; quotes that are still open are then withdrawn.
    open_quotes: Literal["withdraw", "run_out"] = "withdraw"
    limit_ms: Annotated[float, Meta(ge=0, le=60_000)] = 10_000.0


class Venue(Section, frozen=True, kw_only=True):
    """A market-data session: quotelife is the initiator. Keys without a default have that of the profile, if any."""

    name: Name
    profile: str = "generic"  # the venue's dialect: a shipped one, or the path of a file, which ends in .toml
    host: str = "127.0.0.1"
    port: Port
    sender_comp_id: CompID
    target_comp_id: CompID | None = None
    sender_sub_id: HeaderText | None = None
    target_sub_id: HeaderText | None = None
    username: str | None = None
    password_env: str | None = None  # environment variable with the password
    password_file: str | None = None  # or a file with it
    secrets: dict[str, str] = field(default_factory=dict)  # the profile's, as NAME_env or NAME_file
    tls: VenueTls | None = None  # default: none, or with the system's issuers where the profile requires it
    heartbeat_s: Annotated[int, Meta(ge=1, le=300)] | None = None
    book: BookModel | None = None  # what the venue's entries are: price levels, orders, ...; one of the profile's
    depth: Annotated[int, Meta(ge=0, le=10_000)] | None = None  # MarketDepth 264; 0 is the full book
    max_lag_ms: Milliseconds = 2_000.0  # delay over the fastest message, beyond which data is not quoted from
    reconnect_min_ms: Milliseconds = 100.0
    reconnect_max_ms: Milliseconds = 10_000.0


class Rule(Section, frozen=True, kw_only=True):
    """Selects an expiry model: the first rule whose conditions all hold. An empty condition always holds."""

    model: Model
    tier: list[Tier] = field(default_factory=list)
    client: list[str] = field(default_factory=list)
    instrument: list[str] = field(default_factory=list)
    min_legs: Annotated[int, Meta(ge=1)] = 1
    min_size_against_trade: NotNegative = 0.0  # requested size divided by the average trade size
    phase: list[Phase] = field(default_factory=list)
    market: list[MarketState] = field(default_factory=list)


class MarketStates(Section, frozen=True, kw_only=True):
    """Thresholds of the market states. Ratios are relative to the instrument's fitted medians."""

    active_volatility_ratio: Positive = 2.0
    stressed_volatility_ratio: Positive = 5.0
    stressed_spread_ratio: Positive = 4.0
    news_sentiment: Share = 0.5  # absolute decayed sentiment above which the market is in the news
    sentiment_half_life_s: Positive = 60.0
    sentiment_stale_after_s: Positive = 600.0  # older news is ignored


class Pricing(Section, frozen=True, kw_only=True):
    provider: str = "quotelife.decision.pricing:default"  # module:object that implements the pricing protocol
    inventory_skew_ticks: NotNegative = 1.0  # shift of both prices at the maximum position


class Limits(Section, frozen=True, kw_only=True):
    """Limits of the desk over all instruments, in the currency of their prices, which is taken to be one and the same.
    A position counts at the mid of its market. A request whose fill would exceed one of them is refused, unless the
    fill reduces what exceeds it. See also `max_position` of [[instrument]] and [[client]]."""

    max_gross_notional: Positive | None = None  # of the positions without their signs; default: none
    max_net_notional: Positive | None = None  # of their sum; default: none


class Hits(Section, frozen=True, kw_only=True):
    """How hits on quotes are decided."""

    grace_ms: NotNegative = 0.0  # after ValidUntilTime, for the hit's network delay; fills within it are counted apart


class Withdrawal(Section, frozen=True, kw_only=True):
    """Whether and how fast an open quote is withdrawn that is not worth keeping any more. Its model decides that, by
    the settings that decide its lifetime; a quote whose price the market has reached is always withdrawn. Without
    withdrawal the models choose shorter lifetimes."""

    enabled: bool = True
    period_us: Annotated[int, Meta(ge=20, le=100_000)] = 50  # at least, between two looks at a market that changes
    latency_ms: Positive = 0.5  # median time from a change of the board to the withdrawal, until measured
    latency_sigma: Positive = 0.5  # standard deviation of its logarithm


class Streaming(Section, frozen=True, kw_only=True):
    """Requests with SubscriptionRequestType (263) 1: a new quote whenever the previous one has ended."""

    enabled: bool = True
    min_interval_ms: Milliseconds = 50.0  # between two quotes of one subscription
    max_per_session: Annotated[int, Meta(ge=0)] = 100


class Recorder(Section, frozen=True, kw_only=True):
    """The history of quotes on disk, and the weight of old observations of a client."""

    keep_days: Positive = 30.0
    keep_rows: Annotated[int, Meta(ge=1_000)] = 1_000_000  # quotes and refusals; a million need about 1.7 GB
    half_life_s: Positive = 28_800.0  # after which an observation of a client has half its weight


class Learning(Section, frozen=True, kw_only=True):
    """Calibration while the service runs; see models/README.md."""

    enabled: bool = True
    sample_ms: Annotated[float, Meta(ge=100, le=60_000)] = 1_000.0  # between two samples of an instrument's market
    half_life_s: Positive = 7_200.0  # after which a label has half its weight
    block_s: Annotated[float, Meta(ge=5, le=3_600)] = 60.0  # labels of one block count as one observation
    min_blocks: Annotated[int, Meta(ge=5)] = 15  # before new parameters may replace the current ones
    min_labels: Annotated[int, Meta(ge=100)] = 1_000  # likewise, in labels
    margin: Share = 0.003  # improvement of the log-loss, as a share, that is needed beyond the error
    error_chance: Annotated[float, Meta(gt=0, lt=0.5)] = 0.002  # of replacing parameters by no better ones
    refit_s: Positive = 1_800.0  # between two fits of an instrument
    memory_samples: Annotated[int, Meta(ge=1_000, le=200_000)] = 20_000  # of an instrument, for a fit


class Capture(Section, frozen=True, kw_only=True):
    """What the market did and what was decided, for replay and calibration: a ring in shared memory, always written,
    and, where enabled, Parquet files in the data folder. These need pyarrow (extra [capture])."""

    enabled: bool = False
    ring_mb: Annotated[float, Meta(ge=1, le=4096)] = 16.0  # for 2**18 events; rounded down to a power of two
    keyframe_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0  # between two images of a book
    flush_s: Annotated[float, Meta(ge=0.2, le=600)] = 5.0  # at most this much is lost in a crash
    rotate_minutes: Annotated[float, Meta(gt=0, le=1440)] = 15.0  # after which flushed data is merged into one file
    rotate_mb: Annotated[float, Meta(gt=0, le=4096)] = 64.0  # or earlier, at this size
    max_gb: Positive = 100.0  # of all captures; beyond it nothing is written, and the loss is counted


Core = Annotated[int, Meta(ge=0, le=4095)]


class Machine(Section, frozen=True, kw_only=True):
    """The cores of each process; default: all cores."""

    marketdata: list[Core] = field(default_factory=list)
    quoting: list[Core] = field(default_factory=list)
    recorder: list[Core] = field(default_factory=list)
    lock_memory: bool = False  # of marketdata and quoting
    slice_us: Annotated[int, Meta(ge=0, le=100_000)] = 100  # scheduler slice of quoting; 0: the kernel's default
    # Time for which a read of a client's socket polls the network card (SO_BUSY_POLL), if its driver can; 0: never.
    busy_poll_us: Annotated[int, Meta(ge=0, le=1_000)] = 0
    spin: bool = False  # the native acceptor polls without sleeping, which uses one core whole

    def pinned(self) -> dict[str, frozenset[int]]:
        """The cores of each process for which cores are configured."""
        named = ("marketdata", "quoting", "recorder")
        return {name: frozenset(getattr(self, name)) for name in named if getattr(self, name)}


class Config(Section, frozen=True, kw_only=True):
    paths: Paths = Paths()
    acceptor: Acceptor = Acceptor()
    admin: Admin = Admin()
    api: Api | None = None
    log: Log = Log()
    shutdown: Shutdown = Shutdown()
    venue: list[Venue]
    instrument: Annotated[list[Instrument], Meta(min_length=1)]
    client: Annotated[list[Client], Meta(min_length=1)]
    tier: Tiers = Tiers()
    rule: list[Rule] = field(default_factory=list)  # default: the built-in rules
    market: MarketStates = MarketStates()
    pricing: Pricing = Pricing()
    limits: Limits = Limits()
    hits: Hits = Hits()
    withdrawal: Withdrawal = Withdrawal()
    streaming: Streaming = Streaming()
    recorder: Recorder = Recorder()
    learning: Learning = Learning()
    capture: Capture = Capture()
    models: Models = Models()
    machine: Machine = Machine()
    file: str = ""  # set by `load`
    session_numbers: list[str] = field(default_factory=list)  # set by `load`, see `versions.succession`
