"""Every metric family of the service. A new metric starts here.

1. Declare the family below, in the tuple of the process that records it (MARKETDATA, RECORDER, LEARNING, API, TLS or
   `supervisor`; QUOTING is in `quoting_catalog`). The values of a new label go into `quotelife.metrics.labels`.
2. Record it in that process's `metrics.py`: look up its word once with `region.counter`, `gauge` or `histogram`, then
   add to `values[word]` or call `quotelife.metrics.histogram.observe`. /metrics exposes it without further code. The
   files: `rfq/metrics.py` (QUOTING), `marketdata/metrics.py`, `recorder/metrics.py` and `recorder/learning/metrics.py`,
   `api/metrics.py`, `acceptor/tls/process.py`, `supervisor/supervisor.py`.
3. Describe it in `deploy/README.md`; a counter of a market-data kernel also has a word in `marketdata/layout.py`.

Metrics that the supervisor reads at scrape time (books, clock, disks, processes) are collectors in `quotelife.admin`.

Values are int64 in shared memory; `scale` converts the stored integer to the exposed unit (nanoseconds to seconds).
Label values given as `None` are passed when the region is created, from the configuration or another closed list, so
every label is bounded.
"""

from quotelife.metrics.family import HEARTBEAT, LATENCY, LIFETIME, NS, PARAMETERS_GENERATION, Family
from quotelife.metrics.labels import (
    CAPTURED,
    CONTENDERS,
    HORIZONS,
    INVALIDATIONS,
    LABELLED,
    LABELLED_EVENTS,
    LABELS_DROPPED,
    LEARNING_REFUSALS,
    RECORD_KINDS,
    RELOAD_RESULTS,
    SCOPES,
    TLS_REFUSALS,
)
from quotelife.metrics.quoting_catalog import QUOTING as QUOTING
from quotelife_models.enums import MODELS, TIERS

_VENUE = (("venue", None),)
MARKETDATA = (
    HEARTBEAT,
    Family("quotelife_marketdata_messages_total", "counter", "FIX messages received from the venue.", _VENUE),
    Family("quotelife_marketdata_entries_total", "counter", "Market-data entries applied.", _VENUE),
    Family("quotelife_marketdata_gaps_total", "counter", "Gaps in MsgSeqNum or RptSeq.", _VENUE),
    Family(
        "quotelife_marketdata_books_invalidated_total",
        "counter",
        "Books that were not used until they were subscribed again, by the reason.",
        (*_VENUE, ("reason", INVALIDATIONS)),
    ),
    Family("quotelife_marketdata_garbled_total", "counter", "Garbled messages discarded.", _VENUE),
    Family(
        "quotelife_marketdata_off_tick_total", "counter", "Entries whose price is not a multiple of the tick.", _VENUE
    ),
    Family(
        "quotelife_marketdata_unknown_symbol_total", "counter", "Entries for a symbol that is not configured.", _VENUE
    ),
    Family("quotelife_marketdata_reconnects_total", "counter", "Connection attempts after the first.", _VENUE),
    Family("quotelife_marketdata_resend_requests_total", "counter", "ResendRequests sent to the venue.", _VENUE),
    Family(
        "quotelife_marketdata_rejections_withheld_total",
        "counter",
        "Messages of the venue that we would have rejected but for the limit on rejections.",
        _VENUE,
    ),
    Family(
        "quotelife_marketdata_sequence_resets_total",
        "counter",
        "Sequence number resets by the venue, by ResetSeqNumFlag or a SequenceReset without GapFillFlag.",
        _VENUE,
    ),
    Family("quotelife_marketdata_session_up", "gauge", "1 while the session is logged on.", _VENUE),
    Family(
        "quotelife_decode_seconds",
        "histogram",
        "Time of one kernel call, from the bytes of one read to the features.",
        _VENUE,
        NS,
        LATENCY,
    ),
    Family(
        "quotelife_tick_to_board_seconds",
        "histogram",
        "Time from the socket read to the board update.",
        _VENUE,
        NS,
        LATENCY,
    ),
)

_LEARNT = (("instrument", None), ("event", LABELLED_EVENTS), ("of", LABELLED))
_OF_500_MS = "of the predictions for the next 500 ms, exponentially weighted"
LEARNING = (
    PARAMETERS_GENERATION,
    Family(
        "quotelife_labels_total", "counter", "Labelled samples: predictions with a known outcome.", (("of", LABELLED),)
    ),
    Family(
        "quotelife_labels_dropped_total",
        "counter",
        "Samples left unlabelled: the price path was interrupted, enough decisions were labelled, or news was active.",
        (("reason", LABELS_DROPPED),),
    ),
    Family("quotelife_calibration_log_loss", "gauge", f"Log-loss {_OF_500_MS}.", _LEARNT, NS),
    Family(
        "quotelife_calibration_base_log_loss", "gauge", "Log-loss of a prediction of the base rate alone.", _LEARNT, NS
    ),
    Family("quotelife_calibration_intercept", "gauge", f"Calibration intercept {_OF_500_MS}; best 0.", _LEARNT, NS),
    Family("quotelife_calibration_slope", "gauge", f"Calibration slope {_OF_500_MS}; best 1.", _LEARNT, NS),
    Family("quotelife_calibration_error", "gauge", f"Expected calibration error {_OF_500_MS}.", _LEARNT, NS),
    Family(
        "quotelife_calibration_labels",
        "gauge",
        "Effective number of labels behind the calibration figures.",
        _LEARNT,
        NS,
    ),
    Family(
        "quotelife_calibration_drift",
        "gauge",
        "Drift of the log-odds of the active parameters, in standard errors.",
        (("instrument", None),),
        NS,
    ),
    Family(
        "quotelife_labels_implausible",
        "gauge",
        "1 while the instrument's labels are implausible for any market; the learner then ignores them.",
        (("instrument", None),),
    ),
    Family(
        "quotelife_promotions_total",
        "counter",
        "Parameter sets promoted: recalibrated fast or slowly, or refitted.",
        (("contender", CONTENDERS),),
    ),
    Family(
        "quotelife_promotion_refusals_total",
        "counter",
        "Parameter sets not promoted, by reason.",
        (("reason", LEARNING_REFUSALS),),
    ),
    Family(
        "quotelife_rollbacks_total", "counter", "Returns to earlier parameters because their successors were worse."
    ),
)

_CLIENT = (("client", None),)
RECORDER = (
    HEARTBEAT,
    *LEARNING,
    Family("quotelife_journal_records_total", "counter", "Journal records stored.", (("kind", RECORD_KINDS),)),
    Family("quotelife_journal_lost_total", "counter", "Journal records overwritten before they were stored."),
    Family("quotelife_journal_lag_records", "gauge", "Journal records waiting at the recorder's last poll."),
    Family("quotelife_fills_total", "counter", "Hits filled.", (("tier", TIERS),)),
    Family(
        "quotelife_pick_offs_total",
        "counter",
        "Fills that were at a loss against the mid when the hit was received.",
        (("tier", TIERS),),
    ),
    Family(
        "quotelife_hit_response_seconds",
        "histogram",
        "Time from the quote to the receipt of a hit, filled or late.",
        (("tier", TIERS),),
        NS,
        LIFETIME,
    ),
    Family("quotelife_history_commit_seconds", "histogram", "Time of one commit to the history.", (), NS, LATENCY),
    Family("quotelife_history_forgotten_total", "counter", "Quotes deleted from the history because of their age."),
    Family(
        "quotelife_markouts_total",
        "counter",
        "Fills whose markout at the horizon is known.",
        (("tier", TIERS), ("horizon", HORIZONS)),
    ),
    Family(
        "quotelife_markout_ticks_total",
        "counter",
        "Ticks that the mid moved between the receipt of a hit and the horizon; the difference of the directions over "
        "quotelife_markouts_total is the mean markout against the desk.",
        (("tier", TIERS), ("horizon", HORIZONS), ("direction", ("against_desk", "for_desk"))),
        0.5,  # stored in half ticks
    ),
    Family(
        "quotelife_capture_dropped_total",
        "counter",
        "Rows missing from the capture on disk: overwritten in the ring before they were read, or not writable.",
        (("what", ("ring", *CAPTURED)),),
    ),
    Family("quotelife_capture_rows_total", "counter", "Rows of the capture written to disk.", (("kind", CAPTURED),)),
    Family(
        "quotelife_capture_written_bytes_total",
        "counter",
        "Bytes of the capture flushed to disk.",
        (("kind", CAPTURED),),
    ),
    Family("quotelife_capture_disk_bytes", "gauge", "Size of the capture files on disk."),
    Family("quotelife_capture_flush_age_seconds", "gauge", "Time since the last flush of the capture.", (), NS),
    Family("quotelife_markouts_unknown_total", "counter", "Fills without a mid at the hit or at a horizon."),
    Family("quotelife_client_fill_ratio", "gauge", "Estimated fill rate of the client.", _CLIENT, NS),
    Family("quotelife_client_response_seconds", "gauge", "Estimated mean time from Quote to hit.", _CLIENT, NS),
    Family("quotelife_client_toxicity_ticks", "gauge", "Estimated markout at 1 s.", _CLIENT, NS),
    Family("quotelife_client_informed_ratio", "gauge", "Estimated informed share of the client.", _CLIENT, NS),
    Family(
        "quotelife_client_race_lost_ratio",
        "gauge",
        "Estimated share of races that its hits win against the withdrawal.",
        _CLIENT,
        NS,
    ),
    Family("quotelife_client_win_ratio", "gauge", "Estimated chance that its deal is done with the desk.", _CLIENT, NS),
)

API = (
    HEARTBEAT,
    Family(
        "quotelife_api_requests_total",
        "counter",
        "Lifetime requests; every request of a batch is counted.",
        (("endpoint", ("expiry", "batch", "stream")),),
    ),
    Family("quotelife_api_lifetimes_total", "counter", "Lifetimes returned by the API.", (("model", MODELS),)),
    Family("quotelife_api_refusals_total", "counter", "Requests refused by the API.", (("reason", None),)),
    Family("quotelife_api_invalid_total", "counter", "Malformed requests to the API."),
    Family(
        "quotelife_api_lifetime_seconds",
        "histogram",
        "Lifetimes returned by the API.",
        (("model", MODELS),),
        NS,
        LIFETIME,
    ),
    Family(
        "quotelife_api_decide_seconds",
        "histogram",
        "Time from the bytes of a request to the bytes of its response, without socket time.",
        (),
        NS,
        LATENCY,
    ),
    Family("quotelife_api_streams", "gauge", "Open WebSockets."),
    Family("quotelife_api_streams_dropped_total", "counter", "WebSockets closed because the peer did not read."),
)


def supervisor(processes: tuple[str, ...]) -> tuple[Family, ...]:
    """The families that the supervisor records, for itself and for `processes`."""
    per_process = (("process", processes),)
    return (
        HEARTBEAT,
        Family("quotelife_process_up", "gauge", "1 while the process runs and has reported ready.", per_process),
        Family("quotelife_process_restarts_total", "counter", "Restarts of the process.", per_process),
        Family(
            "quotelife_stopped",
            "gauge",
            "Stops in force: 1 for everything, the number of instruments, the number of clients.",
            (("scope", SCOPES),),
        ),
        Family("quotelife_markets_held", "gauge", "Instruments whose market state is set by the desk."),
        Family("quotelife_configuration_version", "gauge", "Number of the version of the configuration in force."),
        Family(
            "quotelife_reloads_total",
            "counter",
            "Reloads of the configuration, by what became of them.",
            (("result", RELOAD_RESULTS),),
        ),
    )


TLS = (
    HEARTBEAT,
    Family("quotelife_tls_connections", "gauge", "Open TLS connections of clients."),
    Family(
        "quotelife_tls_refused_total",
        "counter",
        "Connections that failed in the TLS handshake or could not be passed to the acceptor.",
        (("reason", TLS_REFUSALS),),
    ),
)
