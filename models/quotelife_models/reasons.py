"""Reasons of a lifetime: indices in decisions and journals, names in Quotes (20003) and explanations."""

REASONS: tuple[str, ...] = (
    "none",
    "tolerance_curve",  # the step of the configured tolerance curve
    "risk_bound",  # the upper bound of the chance of a move reaches epsilon
    "risk_bound_in_shock",  # the same, shortened because the market is in shock
    "fill_target",  # the client's target fill probability is reached
    "loss_budget",  # the tier's budget of expected loss is reached
    "value_peak",  # the expected value stops growing
    "no_value",  # refused: no lifetime has a positive expected value
    "client_limit",  # cut to the client's own ValidUntilTime or ExpireTime
    "instrument_maximum",
    "session_maximum",
    "below_minimum",  # refused: shorter than the client can use
)
(
    NONE,
    TOLERANCE_CURVE,
    RISK_BOUND,
    RISK_BOUND_IN_SHOCK,
    FILL_TARGET,
    LOSS_BUDGET,
    VALUE_PEAK,
    NO_VALUE,
    CLIENT_LIMIT,
    INSTRUMENT_MAXIMUM,
    SESSION_MAXIMUM,
    BELOW_MINIMUM,
) = range(len(REASONS))
REFUSALS = frozenset((NO_VALUE, BELOW_MINIMUM))
