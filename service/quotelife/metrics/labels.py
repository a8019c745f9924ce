"""The values of every bounded metric label, in the order in which series and journal records index them."""

NO_MODEL = "none"  # the request was refused before a model was selected
STAGES = ("parse", "decide", "send", "whole")
DIRECTIONS = ("received", "sent")
SCOPES = ("all", "instrument", "client")
SUPERVISED = ("marketdata", "recorder", "quoting")  # in start order

# "withdrawn" arrived after the withdrawal of its quote; "failed" could not be written to the ledger and was refused.
HIT_OUTCOMES = ("filled", "late", "refused", "filled_in_grace", "withdrawn", "failed")
HEDGE_OUTCOMES = ("booked", "repeated", "refused")  # of reports of the desk's own trades
CANCEL_REASONS = (
    "market_moved",
    "no_market",
    "replaced",
    "cancelled_by_client",
    "session_ended",
    "stopped",
    "stopped_by_desk",
)
WITHDRAWALS = ("market_moved", "no_market", "stopped", "stopped_by_desk")  # of these: by the desk
# How a client ended a quote that it did not hit, by the QuoteRespType (694) of its QuoteResponse.
PASS_KINDS = ("passed", "expired", "cover", "done_away", "end_trade", "timed_out", "tied", "tied_cover")
LOST_KINDS = ("cover", "done_away", "tied", "tied_cover")  # of these: dealt with another dealer

# Why a venue's book became invalid; `marketdata.layout` explains them.
INVALIDATIONS = (
    "rpt_seq_gap",
    "unknown_entry",
    "duplicate_entry",
    "unknown_instrument",
    "unknown_action",
    "unknown_type",
    "missing_field",
    "off_grid",
    "window",
    "out_of_order",
    "unsupported",
    "checksum",
    "orders_full",
    "malformed",
    "session_gap",
)

# Connections that never became a session; "failed" could not be handed to the engine.
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
    "unsupported_field",
)
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
CUT_REASONS = ("not_reading", "oversize")
# What a client did not accept, by its Reject (3) or BusinessMessageReject (j).
CLIENT_REJECTS = ("fill", "refused_hit", "quote", "other")

RECORD_KINDS = (
    *("quote", "reject", "fill", "hit_refused", "cancel", "pass", "leg"),
    *("terms", "indicative", "configuration", "client_reject"),
)
CAPTURED = ("events", "sources", "decisions", "outcomes")
HORIZONS = ("100ms", "1s", "10s")

# What the learner measures: outcomes of a sampled market and of decisions, by the event that is predicted.
LABELLED = ("market", "decisions")
LABELLED_EVENTS = ("one_tick", "pick_off")
LABELS_DROPPED = ("cut", "passed_over", "news")
CONTENDERS = ("fast", "slow", "refit")
LEARNING_REFUSALS = ("not_better", "worse", "rate", "order", "failed")
MAX_INSTRUMENTS_LEARNT = 100  # instruments with series of their own: the first ones in the configuration
RELOAD_RESULTS = ("in_force", "unchanged", "refused")
