"""The metric families of the quoting process, see `quotelife.metrics.catalog`."""

from quotelife.metrics.family import (
    HEARTBEAT,
    LATENCY,
    LIFETIME,
    NS,
    PARAMETERS_GENERATION,
    PROBABILITY,
    SESSION,
    Family,
)
from quotelife.metrics.labels import (
    CANCEL_REASONS,
    CLIENT_REJECTS,
    CUT_REASONS,
    DIRECTIONS,
    HEDGE_OUTCOMES,
    HIT_OUTCOMES,
    LOGON_REFUSALS,
    NO_MODEL,
    PASS_KINDS,
    STAGES,
)
from quotelife_models.enums import MODELS

QUOTING = (
    HEARTBEAT,
    PARAMETERS_GENERATION,
    Family("quotelife_requests_total", "counter", "QuoteRequests received, counted per related symbol."),
    Family("quotelife_quotes_total", "counter", "Quotes sent.", (("model", MODELS),)),
    Family("quotelife_indicative_quotes_total", "counter", "Indicative quotes sent, which cannot be hit."),
    Family("quotelife_rejects_total", "counter", "QuoteRequestRejects sent.", (("reason", None),)),
    Family("quotelife_hits_total", "counter", "Hits on quotes.", (("outcome", HIT_OUTCOMES),)),
    Family(
        "quotelife_hedges_total",
        "counter",
        "Trades that hedge sessions have reported: booked, known already, or refused, which the position lacks.",
        (*SESSION, ("outcome", HEDGE_OUTCOMES)),
    ),
    Family(
        "quotelife_passed_total",
        "counter",
        "Quotes that their clients ended without a hit, by what they said.",
        (("kind", PASS_KINDS),),
    ),
    Family(
        "quotelife_cancelled_total",
        "counter",
        "Quotes cancelled before their expiry, by the desk or by the client.",
        (("reason", CANCEL_REASONS),),
    ),
    Family(
        "quotelife_ledger_seconds",
        "histogram",
        "Time to commit the answer to a hit to the ledger.",
        (),
        NS,
        LATENCY,
    ),
    Family("quotelife_withdrawal_seconds", "histogram", "Time from market data to sent QuoteCancel.", (), NS, LATENCY),
    Family(
        "quotelife_withdrawal_processor_seconds_total", "counter", "Processor time of the monitor's thread.", (), NS
    ),
    Family("quotelife_expired_total", "counter", "Quotes that expired without a hit.", (("model", MODELS),)),
    Family(
        "quotelife_stage_seconds",
        "histogram",
        "Time per stage of a request; whole is from receipt until the engine's send returns.",
        (("stage", STAGES), ("model", (*MODELS, NO_MODEL))),
        NS,
        LATENCY,
    ),
    Family(
        "quotelife_lifetime_seconds", "histogram", "Lifetime of the quotes sent.", (("model", MODELS),), NS, LIFETIME
    ),
    Family(
        "quotelife_adverse_move_probability",
        "histogram",
        "Probability of a one-tick adverse move within 500 ms, as of the quote.",
        (("model", MODELS),),
        NS,
        PROBABILITY,
    ),
    Family(
        "quotelife_pick_off_probability",
        "histogram",
        "Probability of a pick-off within the quote's lifetime.",
        (("model", MODELS),),
        NS,
        PROBABILITY,
    ),
    Family("quotelife_quotes_running", "gauge", "Open quotes: ValidUntilTime not yet reached."),
    Family("quotelife_subscriptions", "gauge", "Active quote subscriptions."),
    Family("quotelife_client_session_up", "gauge", "1 while the client is logged on.", SESSION),
    Family("quotelife_client_logons_total", "counter", "Logons of the client.", SESSION),
    Family(
        "quotelife_logons_refused_total",
        "counter",
        "Connections refused before they became a session.",
        (("reason", LOGON_REFUSALS),),
    ),
    Family(
        "quotelife_clients_cut_off_total",
        "counter",
        "Sessions disconnected because the client did not read, or sent an oversized message.",
        (*SESSION, ("reason", CUT_REASONS)),
    ),
    Family(
        "quotelife_client_rejects_total",
        "counter",
        "Messages that the client did not accept, by its Reject or BusinessMessageReject.",
        (*SESSION, ("kind", CLIENT_REJECTS)),
    ),
    Family(
        "quotelife_client_resend_requests_total",
        "counter",
        "ResendRequests: received, for messages that the client missed; sent, for messages that the service missed.",
        (*SESSION, ("direction", DIRECTIONS)),
    ),
    Family(
        "quotelife_client_sequence_resets_total",
        "counter",
        "Sequence number resets, by a Logon with ResetSeqNumFlag or a SequenceReset without GapFillFlag.",
        (*SESSION, ("direction", DIRECTIONS)),
    ),
    Family(
        "quotelife_client_clock_offset_seconds",
        "gauge",
        "SendingTime of the client's last session message minus its receive time: how far the client's clock is ahead.",
        SESSION,
        NS,
    ),
)
