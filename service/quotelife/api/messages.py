"""Requests and responses of the API as JSON structs; the OpenAPI document is generated from them."""

from decimal import Decimal
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from quotelife.decision.request import MAX_LEGS, MAX_RATIO
from quotelife_models.enums import LegSide, MarketState, Model, Side

MAX_EXPONENT = 30  # of an amount: no market needs more digits, and longer texts would cost memory
_WORDS = {"words": "a decimal number, as number or text, with at most 30 digits on either side of the decimal point"}

Name = Annotated[str, Meta(min_length=1, max_length=64)]


class Leg(Struct, frozen=True, forbid_unknown_fields=True):
    """A leg of a multileg; `side` is the client's side of the leg when the client buys the multileg."""

    symbol: Name
    side: LegSide
    ratio: Annotated[int, Meta(ge=1, le=MAX_RATIO)] = 1


class ExpiryRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price to be quoted to a client, for which a lifetime is requested."""

    symbol: Annotated[str, Meta(min_length=1, max_length=64, description="The instrument, or any name for a multileg.")]
    client: Annotated[str, Meta(min_length=1, max_length=64, description="Name of a configured [[client]].")]
    quantity: Annotated[Decimal, Meta(description="In units of the instrument, or in multilegs.", extra=_WORDS)]
    side: Annotated[
        Side,
        Meta(description="The client's side; for two_way the side with the shorter lifetime decides."),
    ] = "two_way"
    price: (
        Annotated[
            Decimal,
            Meta(
                description="The desk's own price, not for a multileg; if absent, the service prices the request.",
                extra=_WORDS,
            ),
        ]
        | None
    ) = None
    legs: Annotated[list[Leg], Meta(max_length=MAX_LEGS, description="The legs of a multileg.")] = field(
        default_factory=list
    )
    model: (
        Annotated[
            Model,
            Meta(description="The expiry model; if absent, the configured rules select it."),
        ]
        | None
    ) = None
    max_lifetime_us: (
        Annotated[
            int, Meta(ge=1, le=86_400_000_000, description="The longest lifetime that the client's request allows.")
        ]
        | None
    ) = None


class StreamRequest(ExpiryRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An ExpiryRequest over the WebSocket, with an id that the response repeats."""

    id: Annotated[str, Meta(max_length=64)] | int


class Measured(Struct):
    """An input of the decision."""

    value: float | None
    unit: str


class SideDecision(Struct, kw_only=True):
    """The decision for one side of the quote."""

    price: Annotated[str, Meta(description="The price that the lifetime applies to.")]
    lifetime_us: int
    reason: Annotated[
        str, Meta(description="The bound or formula that set the lifetime: see tag 20003 in fix_config/README.md.")
    ]
    move_probability: float
    pick_off_probability: float
    expected_loss_ticks: float
    context: Annotated[dict[str, Measured], Meta(description="Inputs that depend on the request, by name.")]


class Expiry(Struct, kw_only=True):
    """The lifetime of the price, and the reasons for it."""

    symbol: str
    client: str
    side: Side
    quantity: str
    lifetime_us: int
    valid_until: Annotated[str, Meta(description="FIX UTCTimestamp with microseconds, for ValidUntilTime (62).")]
    valid_until_ns: Annotated[int, Meta(description="The same in nanoseconds since 1970, in whole microseconds.")]
    decided_at: Annotated[
        str, Meta(description="FIX UTCTimestamp of the request's receipt, where the lifetime starts.")
    ]
    model: Model
    reason: str
    market_state: MarketState
    move_probability: Annotated[float, Meta(description="Probability of an adverse move of one tick within 500 ms.")]
    pick_off_probability: Annotated[float, Meta(description="Probability of a pick-off within the lifetime.")]
    expected_loss_ticks: Annotated[float, Meta(description="Informed share x pick-off probability x loss.")]
    parameters: Annotated[str, Meta(description="Hash of the fitted parameters in use.")]
    offer: SideDecision | UnsetType = UNSET
    bid: SideDecision | UnsetType = UNSET
    features: Annotated[dict[str, Measured], Meta(description="Inputs that depend on the market, by name.")]


class ProblemDetails(Struct, kw_only=True):
    """Problem details (RFC 9457). A refusal has the reason and code of the corresponding QuoteRequestReject."""

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
    """Either an expiry or a problem."""

    expiry: Expiry | UnsetType = UNSET
    problem: ProblemDetails | UnsetType = UNSET


class BatchAnswer(Struct):
    """One result for each request, in request order, all as of the same moment."""

    results: list[Result]


class StreamAnswer(Result, kw_only=True):
    """A result over the WebSocket; the id is null if the request's id could not be decoded."""

    id: str | int | None
