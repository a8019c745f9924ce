"""What is asked and what is answered, as JSON. The OpenAPI document is made from these structs."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from quotelife.decision.request import BUY, MAX_LEGS, MAX_RATIO, SELL, TWO_WAY

SIDES = {"two_way": TWO_WAY, "buy": BUY, "sell": SELL}
MAX_EXPONENT = 30  # of an amount: beyond it no market trades, and a text of it would be long
_WORDS = {"words": "a decimal number or its text, at most 30 digits on either side of the point"}

Amount = Annotated[Decimal, Meta(extra=_WORDS)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class Leg(Struct, frozen=True, forbid_unknown_fields=True):
    """A leg of a multileg: `side` is what the client that buys the multileg does with it."""

    symbol: Name
    side: Literal["buy", "sell"]
    ratio: Annotated[int, Meta(ge=1, le=MAX_RATIO)] = 1


class ExpiryRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price that is to be quoted to a client, and has to have a lifetime."""

    symbol: Annotated[str, Meta(min_length=1, max_length=64, description="Instrument, or any name for a multileg.")]
    client: Annotated[str, Meta(min_length=1, max_length=64, description="Name of a [[client]] of the configuration.")]
    quantity: Annotated[Decimal, Meta(description="In units of the instrument, or multilegs.", extra=_WORDS)]
    side: Annotated[
        Literal["buy", "sell", "two_way"], Meta(description="What the client does; of both the weaker side decides.")
    ] = "two_way"
    price: (
        Annotated[
            Decimal,
            Meta(
                description="The desk's own price for the side, not for a multileg; without one it is priced here.",
                extra=_WORDS,
            ),
        ]
        | None
    ) = None
    legs: Annotated[list[Leg], Meta(max_length=MAX_LEGS, description="Of a multileg; none for an instrument.")] = field(
        default_factory=list
    )
    model: (
        Annotated[
            Literal["client_priority", "risk_averse", "liquidity_provider"],
            Meta(description="The expiry model; the configured rules choose where it is left out."),
        ]
        | None
    ) = None
    max_lifetime_us: (
        Annotated[int, Meta(ge=1, le=86_400_000_000, description="The longest that the client's request allows.")]
        | None
    ) = None


class StreamRequest(ExpiryRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same over the WebSocket, with an id that its answer repeats."""

    id: Annotated[str, Meta(max_length=64)] | int


class Measured(Struct):
    """A figure that went into the decision."""

    value: float | None
    unit: str


class SideDecision(Struct, kw_only=True):
    """The decision on one side of the price."""

    price: Annotated[str, Meta(description="What the lifetime was computed for, given or made here.")]
    lifetime_us: int
    reason: Annotated[str, Meta(description="Which bound or formula set the lifetime: fix_config/README.md, 20003.")]
    move_probability: float
    pick_off_probability: float
    expected_loss_ticks: float
    context: Annotated[dict[str, Measured], Meta(description="The request's part, by name, with its unit.")]


class Expiry(Struct, kw_only=True):
    """How long the price may live, and why."""

    symbol: str
    client: str
    side: Literal["buy", "sell", "two_way"]
    quantity: str
    lifetime_us: int
    valid_until: Annotated[str, Meta(description="FIX UTCTimestamp with microseconds, as 62 wants it.")]
    valid_until_ns: Annotated[int, Meta(description="The same in nanoseconds since 1970, whole microseconds.")]
    decided_at: Annotated[str, Meta(description="FIX UTCTimestamp of the receipt, from which the lifetime counts.")]
    model: Literal["client_priority", "risk_averse", "liquidity_provider"]
    reason: str
    market_state: Literal["calm", "active", "stressed", "news", "auction", "closed"]
    move_probability: Annotated[float, Meta(description="Of an adverse move of one tick within 500 ms.")]
    pick_off_probability: Annotated[float, Meta(description="Of the pick-off within the lifetime.")]
    expected_loss_ticks: Annotated[float, Meta(description="Informed share x pick-off probability x loss, in ticks.")]
    parameters: Annotated[str, Meta(description="Hash of the fitted parameters that were in force.")]
    offer: SideDecision | UnsetType = UNSET
    bid: SideDecision | UnsetType = UNSET
    features: Annotated[dict[str, Measured], Meta(description="The market's part, by name, with its unit.")]


class ProblemDetails(Struct, kw_only=True):
    """Why there is no answer (RFC 9457). A refusal has the reason and the code that a QuoteRequestReject would have."""

    type: str
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    reason: str | UnsetType = UNSET
    code: Annotated[int, Meta(description="QuoteRequestRejectReason (658).")] | UnsetType = UNSET
    field: str | UnsetType = UNSET
    value: Any = UNSET
    allowed: Any = UNSET


class Result(Struct, kw_only=True):
    """One of the two."""

    expiry: Expiry | UnsetType = UNSET
    problem: ProblemDetails | UnsetType = UNSET


class BatchAnswer(Struct):
    """One result for each request, in their order, all as of the same moment."""

    results: list[Result]


class StreamAnswer(Result, kw_only=True):
    """A result over the WebSocket; the id is null where the request's could not be read."""

    id: str | int | None
