"""The explanation of a quote as data, for the page and for JSON. Times are UTC texts, durations in milliseconds."""

from msgspec import Struct


class Given(Struct):
    """The quote itself. Prices and quantity as on the wire where the instrument is still configured, else in ticks."""

    quote_id: str
    request_id: str
    client: str | None
    session: str | None
    symbol: str | None
    wants: str  # "buy", "sell" or "two-way": the client's wish
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


class HitTold(Struct):
    """A hit and, of a fill, its markouts in ticks: positive, the market moved against the desk."""

    response_id: str
    outcome: str
    at: str
    response_ms: float
    price: str
    quantity: str
    edge_ticks: float | None
    markouts_ticks: dict[str, float | None]


class Became(Struct):
    """What became of the quote."""

    state: str
    because: str | None
    at: str | None
    hits: list[HitTold]


class Parameters(Struct):
    """The parameters that decided and those in force now, by hash. `explained_with` are those that the explanation is
    made of: those that decided (`same`), as far as they can be made again. `used` names the file that they come from.

    `reproduced` is whether the model, run again on the recorded features with these, comes to the recorded decision
    bit for bit; `differs` names what does not agree."""

    recorded: str
    in_force: str
    same: bool
    explained_with: str
    used: str
    reproduced: bool
    differs: list[str]


class Value(Struct):
    name: str
    unit: str
    value: float
    meaning: str


class Covariate(Struct):
    """One term of the sum: value as made from the features, standardised, and what it adds to the log-odds."""

    name: str
    value: float
    standardised: float
    log_odds: float


class Added(Struct):
    """What a feature, or several together, add to the log-odds through covariates; without any they are not used."""

    features: list[str]
    covariates: list[str]
    log_odds: float


class Predictor(Struct):
    """Log-odds of a move of `barrier_ticks` in the bin that ends at `bin_end_ms`, given that it has not come before.

    constant + news + sum of `by_feature` = constant + news + sum of `covariates` = log_odds."""

    barrier_ticks: float
    bin_end_ms: int
    constant: float
    news: float
    by_feature: list[Added]
    covariates: list[Covariate]
    log_odds: float
    hazard: float


class Point(Struct):
    """Probability of the move by `ms`."""

    ms: int
    one_tick: float
    pick_off: float


class LegAlone(Struct):
    """What a leg of a multileg does to one side of it: its own log-odds of moving the net price so far with none of the
    others moving, by its own ticks, and the probability of that by the reference horizon and within the lifetime.

    The multileg's own figures are those of all legs jointly (`quotelife_models.multileg`)."""

    symbol: str
    one_tick: Predictor
    pick_off: Predictor | None
    one_tick_probability: float
    pick_off_probability: float


class SideExplained(Struct):
    """The decision on one side. `decides` is the side whose lifetime the quote has. An instrument has predictors of its
    own, a multileg those of its legs."""

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
    upper_bound: float | None  # Risk Averse: of the chance of its barrier's move within the lifetime
    shock: float | None  # Risk Averse
    curve: list[Point]
    context: list[Value]
    one_tick: Predictor | None
    pick_off: Predictor | None  # None where the price was through the market: there is nothing left to predict
    legs: list[LegAlone]


class LegGiven(Struct):
    """A leg of a multileg as quoted. `gets` is whether a client that buys the multileg gets it; `weight` is how many of
    the multileg's ticks one of its own moves the net; bid and offer are the desk's. `used` names its parameters."""

    symbol: str
    gets: bool
    ratio: int
    weight: int
    bid: str | None
    offer: str | None
    used: str
    features: list[Value]


class Explanation(Struct):
    """Everything about one quote. Without its record (it is no longer kept) there are no sides."""

    quote: Given
    became: Became
    parameters: Parameters | None
    market_state: str | None
    decided_us: float | None
    features: list[Value]
    sides: list[SideExplained]
    legs: list[LegGiven]
