"""The explanation of a quote as data, for the terminal and JSON. Times are UTC texts, durations milliseconds."""

from msgspec import Struct

from quotelife.ledger.quote_state import QuoteState


class QuoteDetails(Struct):
    """The quote. Prices and quantity as on the wire, or in ticks and lots if the instrument is no longer configured."""

    quote_id: str
    request_id: str
    client: str | None
    session: str | None
    symbol: str | None
    wants: str  # side of the request: "buy", "sell" or "two-way"
    bid: str | None
    offer: str | None
    quantity: str
    legs: int
    received: str
    valid_until: str
    lifetime_ms: float
    model: str | None
    reason: str
    reason_in_words: str
    stated: dict[str, object] = {}  # what else the request stated, see `quotelife.rfq.terms.quote_terms`


class HitDetails(Struct):
    """A hit and, for a fill, its markouts in ticks: positive if the market moved against the desk."""

    response_id: str
    outcome: str
    at: str
    response_ms: float
    price: str
    quantity: str
    edge_ticks: float | None
    markouts_ticks: dict[str, float | None]


class NotAccepted(Struct):
    """A message of the service that the client rejected: its quote, a fill, or the refusal of a hit."""

    kind: str
    exec_id: str
    at: str
    reason: str


class QuoteOutcome(Struct):
    """The outcome of the quote."""

    state: QuoteState
    because: str | None
    because_in_words: str
    at: str | None
    hits: list[HitDetails]
    not_accepted: list[NotAccepted]


class ParametersUsed(Struct):
    """The parameters of the decision and those in force now, by hash.

    `explained_with` are those that the explanation uses: the ones of the decision (`same`) if they can be restored.
    `used` names their file. `reproduced` is whether the model, run again on the recorded features with these, returns
    the recorded decision bit for bit; `differs` names the figures that do not agree.
    """

    recorded: str
    in_force: str
    same: bool
    explained_with: str
    used: str
    reproduced: bool
    differs: list[str]


class ConfigurationUsed(Struct):
    """The configuration of the decision: number (None if it is not on disk any more), hash, since when it was in force.

    `in_force` is whether it still is; `same` whether the explanation uses it, and not the present file. `rule` is the
    rule that selected the model, with its conditions.
    """

    number: int | None
    hash: str
    since: str | None
    in_force: bool
    same: bool
    rule: str


class Value(Struct):
    name: str
    unit: str
    value: float
    meaning: str


class CovariateTerm(Struct):
    """One term of the sum: its value, made from the features, standardised, and its contribution to the log-odds."""

    name: str
    value: float
    standardised: float
    log_odds: float


class FeatureContribution(Struct):
    """What a feature, or several together, contribute to the log-odds through covariates; without any it is unused."""

    features: list[str]
    covariates: list[str]
    log_odds: float


class Predictor(Struct):
    """Log-odds of a move of `barrier_ticks` in the bin ending at `bin_end_ms`, given that it has not occurred before.

    constant + news + sum of `by_feature` = constant + news + sum of `covariates` = log_odds."""

    barrier_ticks: float
    bin_end_ms: int
    constant: float
    news: float
    by_feature: list[FeatureContribution]
    covariates: list[CovariateTerm]
    log_odds: float
    hazard: float


class CurvePoint(Struct):
    """Probability of the move by `ms`."""

    ms: int
    one_tick: float
    pick_off: float


class LegRisk(Struct):
    """The risk of one leg to one side of a multileg: the log-odds that it moves the net price to the barrier while the
    other legs stand still, and the probability of that by the reference horizon and within the lifetime.

    The multileg's own figures are those of all legs jointly (`quotelife_models.multileg`).
    """

    symbol: str
    one_tick: Predictor
    pick_off: Predictor | None
    one_tick_probability: float
    pick_off_probability: float


class SideDetails(Struct):
    """The decision on one side. `decides` marks the side whose lifetime the quote has. An instrument has its own
    predictors, a multileg those of its legs."""

    side: str
    decides: bool
    lifetime_ms: float
    reason: str
    model_lifetime_ms: float
    model_reason: str
    one_tick_probability: float  # by the reference horizon
    pick_off_probability: float  # within the lifetime
    expected_loss_ticks: float
    loss_if_picked_off_ticks: float
    share_of_responses: float
    expected_value_ticks: float | None  # Liquidity Provider
    upper_bound: float | None  # Risk Averse: of the probability of a move to its barrier within the lifetime
    shock: float | None  # Risk Averse
    curve: list[CurvePoint]
    context: list[Value]
    one_tick: Predictor | None
    pick_off: Predictor | None  # None if the price was through the market: nothing is left to predict
    legs: list[LegRisk]


class LegDetails(Struct):
    """A leg of a multileg as quoted. `gets` is whether a buyer of the multileg buys this leg; `weight` is by how many
    ticks of the multileg one tick of the leg moves the net price; bid and offer are the desk's; `used` is the parameter
    file."""

    symbol: str
    gets: bool
    ratio: int
    weight: int
    bid: str | None
    offer: str | None
    used: str
    features: list[Value]


class Explanation(Struct):
    """Everything about one quote. There are no sides if its record has been deleted."""

    quote: QuoteDetails
    became: QuoteOutcome
    parameters: ParametersUsed | None
    configuration: ConfigurationUsed | None
    market_state: str | None
    decided_us: float | None
    features: list[Value]
    sides: list[SideDetails]
    legs: list[LegDetails]
