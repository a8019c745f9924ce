"""Encodes responses as JSON bytes, from templates that hold the names and units of all values."""

from collections.abc import Sequence
from http import HTTPStatus

import orjson

from quotelife.api.expiry_calculator import ExpiryDecision
from quotelife.decision import refusal
from quotelife.decision.refusal import Refusal
from quotelife.http.problems import Problem
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.runtime.clock import utc_timestamp
from quotelife_models import decide as D
from quotelife_models import schema as S
from quotelife_models.enums import BUY, MARKET_STATES, MODELS, SELL
from quotelife_models.reasons import REASONS
from quotelife_models.schema import Feature

_UNAVAILABLE = frozenset(r.name for r in (refusal.NO_BOOK, refusal.STALE_BOOK, refusal.BUSY))
_FORBIDDEN = frozenset(r.name for r in (refusal.UNKNOWN_CLIENT, refusal.NOT_AUTHORISED))
_UNPROCESSABLE = frozenset(r.name for r in (refusal.UNKNOWN_SYMBOL, refusal.MALFORMED))
_FIELDS = {"unknown_client": "client", "unknown_symbol": "symbol", "not_authorised": "model"}


def _template(features: Sequence[Feature]) -> bytes:
    """JSON object of the features by name, with a placeholder for each value."""
    units = [orjson.dumps(f.unit).replace(b"%", b"%%") for f in features]
    members = [b'%s:{"value":%%b,"unit":%s}' % (orjson.dumps(f.name), u) for f, u in zip(features, units, strict=True)]
    return b"{" + b",".join(members) + b"}"


_FEATURES, _CONTEXT = _template(S.FEATURES), _template(S.CONTEXT)


_HEAD = (
    b'{"symbol":%b,"client":%b,"side":"%b","quantity":"%b","lifetime_us":%d,"valid_until":"%b","valid_until_ns":%d,'
    b'"decided_at":"%b","model":"%b","reason":"%b","market_state":"%b","move_probability":%b,"pick_off_probability":%b,'
    b'"expected_loss_ticks":%b,"parameters":"%b",%b,"features":%b}'
)
_SIDE = (
    b'"%b":{"price":"%b","lifetime_us":%d,"reason":"%b","move_probability":%b,"pick_off_probability":%b,'
    b'"expected_loss_ticks":%b,"context":%b}'
)
_END = max(J.BID_DECISION, J.OFFER_DECISION) + D.OUT_RECORD
_MODELS, _REASONS, _MARKETS = ([name.encode() for name in names] for names in (MODELS, REASONS, MARKET_STATES))


def expiry_response(decision: ExpiryDecision, record: Record) -> bytes:
    """The `quotelife.api.messages.Expiry` of a decision, whose features and model output are in `record`.

    One call formats all numbers (NaN becomes null); the rest concatenates texts.
    """
    quote = decision.quote
    floats = record.words.view("f8")[J.FEATURES : _END]
    texts = orjson.dumps(floats, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    sides, losses = [], []
    if quote.side != SELL:
        sides.append(_side(b"offer", texts, J.OFFER_CONTEXT, J.OFFER_DECISION, decision.prices.text(quote.offer_ticks)))
        losses.append(texts[J.OFFER_DECISION - J.FEATURES + D.OUT_EXPECTED_LOSS])
    if quote.side != BUY:
        sides.append(_side(b"bid", texts, J.BID_CONTEXT, J.BID_DECISION, decision.prices.text(quote.bid_ticks)))
        losses.append(texts[J.BID_DECISION - J.FEATURES + D.OUT_EXPECTED_LOSS])
    return _HEAD % (
        orjson.dumps(quote.symbol),
        orjson.dumps(decision.request.client),
        decision.request.side.encode(),
        decision.quantity.encode(),
        quote.valid_until_ns // 1000 - decision.wall_ns // 1000,
        utc_timestamp(quote.valid_until_ns).encode(),
        quote.valid_until_ns,
        utc_timestamp(decision.wall_ns).encode(),
        _MODELS[quote.model],
        _REASONS[quote.reason],
        _MARKETS[record.market_state],
        orjson.dumps(quote.move_probability),
        orjson.dumps(quote.pick_off_probability),
        max(losses, key=float),
        decision.parameters.encode(),
        b",".join(sides),
        _FEATURES % tuple(texts[: S.N_FEATURES]),
    )


def _side(name: bytes, texts: list[bytes], context: int, decision: int, price: str) -> bytes:
    out, first = decision - J.FEATURES, context - J.FEATURES
    return _SIDE % (
        name,
        price.encode(),
        int(float(texts[out + D.OUT_LIFETIME_NS])) // 1000,
        _REASONS[int(float(texts[out + D.OUT_REASON]))],
        texts[out + D.OUT_P_ONE_TICK],
        texts[out + D.OUT_P_PICK_OFF],
        texts[out + D.OUT_EXPECTED_LOSS],
        _CONTEXT % tuple(texts[first : first + S.N_CONTEXT]),
    )


def refusal_problem(refused: Refusal) -> Problem:
    """The problem of a refusal, with the reason, code and text of the corresponding QuoteRequestReject."""
    reason = refused.reason
    members: dict[str, object] = {"reason": reason.name, "code": reason.code}
    if reason.name in _FIELDS:
        members["field"] = _FIELDS[reason.name]
    problem = Problem(_status(reason.name), refused.text, reason.name.replace("_", "-"), **members)
    if reason.name == refusal.RATE_LIMITED.name:
        problem.headers["Retry-After"] = "1"
    return problem


def _status(reason: str) -> HTTPStatus:
    if reason in _UNAVAILABLE:
        return HTTPStatus.SERVICE_UNAVAILABLE
    if reason in _FORBIDDEN:
        return HTTPStatus.FORBIDDEN
    if reason in _UNPROCESSABLE:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    if reason == refusal.RATE_LIMITED.name:
        return HTTPStatus.TOO_MANY_REQUESTS
    return HTTPStatus.CONFLICT
