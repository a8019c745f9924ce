"""Every metric family of the service, declared as data.

A family belongs to the region of one process or, like the heartbeat, to several. Values are int64 in shared memory;
`scale` turns the stored integer into the exposed unit (nanoseconds into seconds). A label whose values are `None` gets
them when the region is created, from the configuration: so every label is bounded.
"""

from typing import Literal, NamedTuple

NS = 1e-9  # nanoseconds to seconds, and parts per billion to a probability
PROBABILITY_ONE = 1_000_000_000  # a probability is stored in parts per billion

MODELS = ("client_priority", "risk_averse", "liquidity_provider")
NO_MODEL = "none"  # refused before a model was selected
STAGES = ("parse", "decide", "send", "whole")
# "withdrawn" came after its quote was, "failed" could not be written to the ledger and was refused.
HIT_OUTCOMES = ("filled", "late", "refused", "filled_in_grace", "withdrawn", "failed")
CANCEL_REASONS = (
    "market_moved",
    "no_market",
    "replaced",
    "cancelled_by_client",
    "session_ended",
    "stopped",
    "stopped_by_desk",
)
SUPERVISED = ("marketdata", "recorder", "quoting")  # in the order in which they are started
RECORD_KINDS = ("quote", "reject", "fill", "hit_refused", "cancel", "pass", "leg")
CAPTURED = ("events", "decisions", "outcomes")
TIERS = ("strategic", "ordinary", "restricted")
DIRECTIONS = ("received", "sent")
HORIZONS = ("100ms", "1s", "10s")

REFUSALS = (
    "unknown_symbol",
    "unknown_client",
    "not_authorised",
    "malformed",
    "duplicate",
    "rate_limited",
    "size_over_limit",
    "closed",
    "no_book",
    "stale_book",
    "halted",
    "one_sided",
    "crossed",
    "risk",  # the model gave no quote
    "not_useful",  # the lifetime is below the useful minimum
    "internal_error",
    "busy",  # the book was being written for longer than is waited for
    "stopped_by_desk",
)

# Connections that never became a session: "failed" could not be given to the engine.
LOGON_REFUSALS = (
    "address",
    "certificate",
    "credentials",
    "failed",
    "guessing",
    "hung_up",
    "in_use",
    "not_a_logon",
    "timed_out",
    "too_many",
    "unknown_session",
)
CUT_REASONS = ("not_reading", "oversize")


class Family(NamedTuple):
    """One metric family. `labels` are (name, allowed values) in order; `shown` are the octaves of a histogram's
    exposed bounds, as exponents of two of the stored integer."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    scale: float = 1
    shown: tuple[int, int] = (10, 33)


_LATENCY = (10, 31)  # 1 us to 2 s
_LIFETIME = (20, 35)  # 1 ms to 34 s
_PROBABILITY = (14, 30)  # 0.00002 to 1

HEARTBEAT = Family(
    "quotelife_heartbeat_timestamp_seconds",
    "gauge",
    "Wall-clock time at which the process last said that it lives.",
    (("process", None),),
    NS,
)

_SESSION = (("session", None),)

PARAMETERS_GENERATION = Family(
    "quotelife_parameters_generation",
    "gauge",
    "Version of the parameters: what the recorder has put in force, what quoting decides with; 0 is as configured.",
    (("process", None),),
)

QUOTING = (
    HEARTBEAT,
    PARAMETERS_GENERATION,
    Family("quotelife_requests_total", "counter", "QuoteRequests received, counted per related symbol."),
    Family("quotelife_quotes_total", "counter", "Quotes sent.", (("model", MODELS),)),
    Family("quotelife_rejects_total", "counter", "QuoteRequestRejects sent.", (("reason", REFUSALS),)),
    Family("quotelife_hits_total", "counter", "Hits on quotes.", (("outcome", HIT_OUTCOMES),)),
    Family(
        "quotelife_cancelled_total",
        "counter",
        "Quotes ended before their time, by the desk or by their client.",
        (("reason", CANCEL_REASONS),),
    ),
    Family(
        "quotelife_ledger_seconds",
        "histogram",
        "Time until what is promised to a hit was on disk.",
        (),
        NS,
        _LATENCY,
    ),
    Family("quotelife_expired_total", "counter", "Quotes that ran out without a hit.", (("model", MODELS),)),
    Family(
        "quotelife_stage_seconds",
        "histogram",
        "Time of a request per stage; whole is from receipt to the engine's return from sending.",
        (("stage", STAGES), ("model", (*MODELS, NO_MODEL))),
        NS,
        _LATENCY,
    ),
    Family("quotelife_lifetime_seconds", "histogram", "Lifetime given.", (("model", MODELS),), NS, _LIFETIME),
    Family(
        "quotelife_adverse_move_probability",
        "histogram",
        "Probability of a one-tick adverse move within 500 ms, at the moment of the quote.",
        (("model", MODELS),),
        NS,
        _PROBABILITY,
    ),
    Family(
        "quotelife_pick_off_probability",
        "histogram",
        "Probability of a pick-off within the lifetime given.",
        (("model", MODELS),),
        NS,
        _PROBABILITY,
    ),
    Family("quotelife_quotes_running", "gauge", "Quotes whose ValidUntilTime is still to come."),
    Family("quotelife_subscriptions", "gauge", "Requests that are answered again and again."),
    Family("quotelife_client_session_up", "gauge", "1 while the client is logged on.", _SESSION),
    Family("quotelife_client_logons_total", "counter", "Logons of the client.", _SESSION),
    Family(
        "quotelife_logons_refused_total",
        "counter",
        "Connections that were refused before they became a session.",
        (("reason", LOGON_REFUSALS),),
    ),
    Family(
        "quotelife_clients_cut_off_total",
        "counter",
        "Sessions ended because the client did not read, or sent a message without end.",
        (*_SESSION, ("reason", CUT_REASONS)),
    ),
    Family(
        "quotelife_client_resend_requests_total",
        "counter",
        "ResendRequests: received, the client has missed messages of ours; sent, we have missed some of its.",
        (*_SESSION, ("direction", DIRECTIONS)),
    ),
    Family(
        "quotelife_client_sequence_resets_total",
        "counter",
        "Sequence numbers begun anew, by Logon with ResetSeqNumFlag or SequenceReset without GapFillFlag.",
        (*_SESSION, ("direction", DIRECTIONS)),
    ),
    Family(
        "quotelife_client_clock_offset_seconds",
        "gauge",
        "SendingTime of the client's last session message, less our time at its receipt: how far its clock is ahead.",
        _SESSION,
        NS,
    ),
)

_VENUE = (("venue", None),)
MARKETDATA = (
    HEARTBEAT,
    Family("quotelife_marketdata_messages_total", "counter", "FIX messages received from the venue.", _VENUE),
    Family("quotelife_marketdata_entries_total", "counter", "Market-data entries applied.", _VENUE),
    Family("quotelife_marketdata_gaps_total", "counter", "Gaps in MsgSeqNum or RptSeq.", _VENUE),
    Family("quotelife_marketdata_garbled_total", "counter", "Garbled messages thrown away.", _VENUE),
    Family(
        "quotelife_marketdata_off_tick_total", "counter", "Entries whose price is not a multiple of the tick.", _VENUE
    ),
    Family("quotelife_marketdata_unknown_symbol_total", "counter", "Entries for a symbol not configured.", _VENUE),
    Family("quotelife_marketdata_reconnects_total", "counter", "Connections tried after the first.", _VENUE),
    Family("quotelife_marketdata_resend_requests_total", "counter", "ResendRequests sent to the venue.", _VENUE),
    Family(
        "quotelife_marketdata_sequence_resets_total",
        "counter",
        "Sequence numbers that the venue began anew, by ResetSeqNumFlag or by SequenceReset without GapFillFlag.",
        _VENUE,
    ),
    Family("quotelife_marketdata_session_up", "gauge", "1 while the session is logged on.", _VENUE),
    Family(
        "quotelife_decode_seconds",
        "histogram",
        "Time of one kernel call: bytes of one read to features.",
        _VENUE,
        NS,
        _LATENCY,
    ),
    Family(
        "quotelife_tick_to_board_seconds",
        "histogram",
        "From the read of the socket to the row on the board.",
        _VENUE,
        NS,
        _LATENCY,
    ),
)

LABELLED = ("market", "decisions")
LABELLED_EVENTS = ("one_tick", "pick_off")
LABELS_DROPPED = ("cut", "passed_over", "news")
CONTENDERS = ("fast", "slow", "refit")
LEARNING_REFUSALS = ("not_better", "worse", "rate", "order", "failed")
MAX_INSTRUMENTS_LEARNT = 100  # instruments with series of their own: the first of the configuration

_LEARNT = (("instrument", None), ("event", LABELLED_EVENTS), ("of", LABELLED))
_OF_500_MS = "of what was said of the next 500 ms, with forgetting"
LEARNING = (
    PARAMETERS_GENERATION,
    Family("quotelife_labels_total", "counter", "Moments whose outcome is known.", (("of", LABELLED),)),
    Family(
        "quotelife_labels_dropped_total",
        "counter",
        "Moments without a label: the path was cut, more decisions than are needed, a market in the news.",
        (("reason", LABELS_DROPPED),),
    ),
    Family("quotelife_calibration_log_loss", "gauge", f"Log-loss {_OF_500_MS}.", _LEARNT, NS),
    Family("quotelife_calibration_base_log_loss", "gauge", "The same of who knows the base rate alone.", _LEARNT, NS),
    Family("quotelife_calibration_intercept", "gauge", f"Calibration intercept {_OF_500_MS}; best 0.", _LEARNT, NS),
    Family("quotelife_calibration_slope", "gauge", f"Calibration slope {_OF_500_MS}; best 1.", _LEARNT, NS),
    Family("quotelife_calibration_error", "gauge", f"Expected calibration error {_OF_500_MS}.", _LEARNT, NS),
    Family("quotelife_calibration_labels", "gauge", "Labels that these figures are worth.", _LEARNT, NS),
    Family(
        "quotelife_calibration_drift",
        "gauge",
        "How far the log-odds in force are off, in standard errors.",
        (("instrument", None),),
        NS,
    ),
    Family(
        "quotelife_labels_implausible",
        "gauge",
        "1 while the instrument's labels are such as no market makes: nothing is learnt from them.",
        (("instrument", None),),
    ),
    Family(
        "quotelife_promotions_total",
        "counter",
        "Parameters that took over: recalibrated fast or slowly, or fitted anew.",
        (("contender", CONTENDERS),),
    ),
    Family(
        "quotelife_promotion_refusals_total",
        "counter",
        "Parameters that did not take over, by the reason.",
        (("reason", LEARNING_REFUSALS),),
    ),
    Family("quotelife_rollbacks_total", "counter", "Parameters that came back: their successors were worse."),
)

_CLIENT = (("client", None),)
RECORDER = (
    HEARTBEAT,
    *LEARNING,
    Family("quotelife_journal_records_total", "counter", "Journal records stored.", (("kind", RECORD_KINDS),)),
    Family("quotelife_journal_lost_total", "counter", "Journal records overwritten before they were stored."),
    Family("quotelife_journal_lag_records", "gauge", "Journal records that waited when the recorder last looked."),
    Family("quotelife_fills_total", "counter", "Hits that were filled.", (("tier", TIERS),)),
    Family(
        "quotelife_pick_offs_total",
        "counter",
        "Fills at a price that the mid had passed, to the desk's loss, when the hit was received.",
        (("tier", TIERS),),
    ),
    Family(
        "quotelife_hit_response_seconds",
        "histogram",
        "From the Quote to the receipt of a hit on it, filled or late.",
        (("tier", TIERS),),
        NS,
        _LIFETIME,
    ),
    Family("quotelife_history_commit_seconds", "histogram", "Time of one commit of the history.", (), NS, _LATENCY),
    Family("quotelife_history_forgotten_total", "counter", "Quotes deleted from the history for their age."),
    Family(
        "quotelife_markouts_total",
        "counter",
        "Fills whose markout at the horizon is known.",
        (("tier", TIERS), ("horizon", HORIZONS)),
    ),
    Family(
        "quotelife_markout_ticks_total",
        "counter",
        "Ticks that the mid moved from the receipt of a hit to the horizon; the difference of the directions, over "
        "quotelife_markouts_total, is the mean markout against the desk.",
        (("tier", TIERS), ("horizon", HORIZONS), ("direction", ("against_desk", "for_desk"))),
        0.5,  # kept in half ticks
    ),
    Family(
        "quotelife_capture_dropped_total",
        "counter",
        "Rows that the capture on disk lacks: overwritten in the ring before they were read, or not to be written.",
        (("what", ("ring", *CAPTURED)),),
    ),
    Family("quotelife_capture_rows_total", "counter", "Rows of the capture written to disk.", (("kind", CAPTURED),)),
    Family(
        "quotelife_capture_written_bytes_total", "counter", "Bytes of the capture as flushed.", (("kind", CAPTURED),)
    ),
    Family("quotelife_capture_disk_bytes", "gauge", "What the files of the capture take."),
    Family("quotelife_capture_flush_age_seconds", "gauge", "Since the capture was flushed last.", (), NS),
    Family("quotelife_markouts_unknown_total", "counter", "Fills without a mid at their receipt or at a horizon."),
    Family("quotelife_client_fill_ratio", "gauge", "Estimated fill rate of the client.", _CLIENT, NS),
    Family("quotelife_client_response_seconds", "gauge", "Estimated mean time from Quote to hit.", _CLIENT, NS),
    Family("quotelife_client_toxicity_ticks", "gauge", "Estimated markout at 1 s.", _CLIENT, NS),
    Family("quotelife_client_informed_ratio", "gauge", "Estimated informed share of the client.", _CLIENT, NS),
)

API = (
    HEARTBEAT,
    Family(
        "quotelife_api_requests_total",
        "counter",
        "Requests for a lifetime, each of a batch counted.",
        (("endpoint", ("expiry", "batch", "stream")),),
    ),
    Family("quotelife_api_lifetimes_total", "counter", "Lifetimes given over the API.", (("model", MODELS),)),
    Family("quotelife_api_refusals_total", "counter", "Refusals over the API.", (("reason", REFUSALS),)),
    Family("quotelife_api_invalid_total", "counter", "Requests over the API that were no request for a lifetime."),
    Family(
        "quotelife_api_lifetime_seconds",
        "histogram",
        "Lifetime given over the API.",
        (("model", MODELS),),
        NS,
        _LIFETIME,
    ),
    Family(
        "quotelife_api_decide_seconds",
        "histogram",
        "From the request's bytes to the answer's, without the time in the sockets.",
        (),
        NS,
        _LATENCY,
    ),
    Family("quotelife_api_streams", "gauge", "WebSockets that are open."),
    Family("quotelife_api_streams_dropped_total", "counter", "WebSockets closed because their peer did not read."),
)


def supervisor(processes: tuple[str, ...]) -> tuple[Family, ...]:
    """What the supervisor says, of itself and of these processes."""
    of_each = (("process", processes),)
    return (
        HEARTBEAT,
        Family("quotelife_process_up", "gauge", "1 while the process runs and has said that it is ready.", of_each),
        Family("quotelife_process_restarts_total", "counter", "Starts of the process after the first.", of_each),
        Family(
            "quotelife_stopped",
            "gauge",
            "What the desk has stopped: 1 for all, how many instruments, how many clients.",
            (("scope", ("all", "instrument", "client")),),
        ),
        Family("quotelife_markets_held", "gauge", "Instruments whose market the desk holds for a state."),
    )


SUPERVISOR = supervisor(SUPERVISED)

TLS_REFUSALS = (
    "address",
    "certificate",
    "hung_up",
    "no_service",
    "not_tls",
    "protocol",
    "timed_out",
    "too_many",
)
TLS = (
    HEARTBEAT,
    Family("quotelife_tls_connections", "gauge", "Clients' connections that are passed on."),
    Family(
        "quotelife_tls_refused_total",
        "counter",
        "Connections that TLS did not stand on, or that could not be passed on.",
        (("reason", TLS_REFUSALS),),
    ),
)
