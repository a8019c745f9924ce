"""Answers as JSON bytes. Names and units of the figures are written once; a decision fills in its numbers."""

from collections.abc import Sequence
from http import HTTPStatus

import orjson

from models import decide as D
from models import schema as S
from models.policy import MODELS
from models.reasons import REASONS
from models.schema import Feature
from service.api.decider import Decided
from service.clock import utc_timestamp
from service.http.problems import Problem
from service.journal import layout as J
from service.journal.ring import Record
from service.quoting import refusal
from service.quoting.refusal import Refused
from service.quoting.request import BUY, SELL
from service.quoting.selection import MARKETS

_UNAVAILABLE = frozenset(r.name for r in (refusal.NO_BOOK, refusal.STALE_BOOK, refusal.BUSY))
_FORBIDDEN = frozenset(r.name for r in (refusal.UNKNOWN_CLIENT, refusal.NOT_AUTHORISED))
_WRONG = frozenset(r.name for r in (refusal.UNKNOWN_SYMBOL, refusal.MALFORMED))
_FIELDS = {"unknown_client": "client", "unknown_symbol": "symbol", "not_authorised": "model"}


def _template(features: Sequence[Feature]) -> bytes:
    """JSON of the figures by name, with a place for the number of each."""
    units = [orjson.dumps(f.unit).replace(b"%", b"%%") for f in features]
    figures = [b'%s:{"value":%%b,"unit":%s}' % (orjson.dumps(f.name), u) for f, u in zip(features, units, strict=True)]
    return b"{" + b",".join(figures) + b"}"


_FEATURES, _CONTEXT = _template(S.FEATURES), _template(S.CONTEXT)


def _figures(template: bytes, values: list[float]) -> orjson.Fragment:
    """Not a number becomes null: orjson writes it so."""
    return orjson.Fragment(template % tuple(orjson.dumps(values)[1:-1].split(b",")))


def expiry(decided: Decided, record: Record) -> bytes:
    """`service.api.messages.Expiry` of a decision whose figures are in the record."""
    quoted, words = decided.quoted, record.words
    floats = words.view("f8").tolist()
    sides = {}
    if quoted.side != SELL:
        sides["offer"] = _side(floats, J.OFFER_CONTEXT, J.OFFER_DECISION, decided.prices.text(quoted.offer_ticks))
    if quoted.side != BUY:
        sides["bid"] = _side(floats, J.BID_CONTEXT, J.BID_DECISION, decided.prices.text(quoted.bid_ticks))
    document: dict[str, object] = {
        "symbol": quoted.symbol,
        "client": decided.asked.client,
        "side": decided.asked.side,
        "quantity": decided.quantity,
        "lifetime_us": quoted.valid_until_ns // 1000 - decided.wall_ns // 1000,
        "valid_until": utc_timestamp(quoted.valid_until_ns),
        "valid_until_ns": quoted.valid_until_ns,
        "decided_at": utc_timestamp(decided.wall_ns),
        "model": MODELS[quoted.model],
        "reason": REASONS[quoted.reason],
        "market_state": MARKETS[int(words[J.MARKET_STATE])],
        "move_probability": quoted.move_probability,
        "pick_off_probability": quoted.pick_off_probability,
        "expected_loss_ticks": max(side["expected_loss_ticks"] for side in sides.values()),
        "parameters": decided.parameters,
        **sides,
        "features": _figures(_FEATURES, floats[J.FEATURES : J.FEATURES + S.N_FEATURES]),
    }
    return orjson.dumps(document)


def _side(floats: list[float], context: int, decision: int, price: str) -> dict:
    out = floats[decision : decision + D.OUT_RECORD]
    return {
        "price": price,
        "lifetime_us": int(out[D.OUT_LIFETIME_NS]) // 1000,
        "reason": REASONS[int(out[D.OUT_REASON])],
        "move_probability": out[D.OUT_P_ONE_TICK],
        "pick_off_probability": out[D.OUT_P_PICK_OFF],
        "expected_loss_ticks": out[D.OUT_EXPECTED_LOSS],
        "context": _figures(_CONTEXT, floats[context : context + S.N_CONTEXT]),
    }


def refused(refused: Refused) -> Problem:
    """A refusal with the reason, code and text that a QuoteRequestReject would have."""
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
    if reason in _WRONG:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    if reason == refusal.RATE_LIMITED.name:
        return HTTPStatus.TOO_MANY_REQUESTS
    return HTTPStatus.CONFLICT
