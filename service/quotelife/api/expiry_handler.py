"""Handles expiry requests: JSON bytes in, response or problem bytes out, with metrics."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
import orjson

from quotelife.api import responses
from quotelife.api.expiry_calculator import ExpiryCalculator, InvalidValue
from quotelife.api.messages import ExpiryRequest, StreamRequest
from quotelife.api.metrics import BATCH, EXPIRY, STREAM, ApiMetrics
from quotelife.api.validation import malformed
from quotelife.decision import refusal
from quotelife.decision.refusal import Refusal
from quotelife.http.problems import Problem
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.clock import mono_ns, wall_ns

Clocks = Callable[[], tuple[int, int]]  # wall and monotonic, nanoseconds
logger = event_logger(__name__)
_INTERNAL = "internal error while deciding; see the log"


class _Id(msgspec.Struct):
    """The id of a stream request that could not be decoded otherwise."""

    id: str | int | None = None


class ExpiryHandler:
    """Decides lifetimes for single, batch and stream requests. The clocks are read once per request or batch."""

    def __init__(
        self,
        calculator: ExpiryCalculator,
        metrics: ApiMetrics,
        max_batch: int,
        clocks: Clocks = lambda: (wall_ns(), mono_ns()),
    ) -> None:
        self._calculator, self._metrics, self._max_batch, self._clocks = calculator, metrics, max_batch, clocks
        self._decode = msgspec.json.Decoder(ExpiryRequest).decode
        self._decode_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode
        self._decode_stream = msgspec.json.Decoder(StreamRequest).decode
        self._decode_id = msgspec.json.Decoder(_Id).decode

    def expiry(self, body: bytes) -> bytes:
        """The response to one request; raises Problem for a refusal."""
        return self._timed(lambda wall, mono: self._respond(body, EXPIRY, wall, mono))

    def batch(self, body: bytes, acquire: Callable[[int], None]) -> bytes:
        """The response to a list of requests. `acquire` admits their number or raises Problem."""
        try:
            requests = self._decode_batch(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._malformed(body, list[ExpiryRequest], error) from None
        if not 1 <= len(requests) <= self._max_batch:
            allowed = f"1 to {self._max_batch}"
            text = f"a list of {len(requests)} requests; allowed: {allowed}"
            raise Problem(HTTPStatus.BAD_REQUEST, text, "malformed", field="", allowed=allowed)
        acquire(len(requests))
        return self._timed(lambda wall, mono: self._batch(requests, wall, mono))

    def stream(self, body: bytes) -> bytes:
        """The response to a WebSocket request; problems are part of the response."""
        return self._timed(lambda wall, mono: self._stream_response(body, wall, mono))

    def stream_problem(self, body: bytes, problem: Problem) -> bytes:
        """The response to a WebSocket request that is refused before it is decoded."""
        return b'{"id":%b,"problem":%b}' % (self._id(body), _problem(problem))

    def _timed(self, respond: Callable[[int, int], bytes]) -> bytes:
        wall, mono = self._clocks()
        started = mono_ns()
        try:
            return respond(wall, mono)
        finally:
            self._metrics.record_duration(mono_ns() - started)

    def _respond(self, body: bytes | msgspec.Raw, endpoint: str, wall: int, mono: int) -> bytes:
        self._metrics.count_request(endpoint)
        try:
            request = self._decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._malformed(body, ExpiryRequest, error) from None
        return self._decide(request, wall, mono)

    def _decide(self, request: ExpiryRequest, wall: int, mono: int) -> bytes:
        metrics = self._metrics
        try:
            decision = self._calculator.decide(request, wall, mono)
            metrics.record_lifetime(decision.quote.model, decision.quote.lifetime_ns)
            return responses.expiry_response(decision, self._calculator.buffers.record)
        except Refusal as refused:
            metrics.count_refusal(refused.reason.name)
            raise responses.refusal_problem(refused) from None
        except InvalidValue as invalid:
            metrics.count_refusal(refusal.MALFORMED.name)
            members = {"field": invalid.field, "value": invalid.value, "allowed": invalid.allowed}
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, str(invalid), "malformed", reason="malformed", code=99, **members
            ) from None
        except Exception:  # a custom pricing provider may raise anything
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while deciding an expiry")
            metrics.count_refusal(refusal.INTERNAL_ERROR.name)
            raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL, "internal-error") from None

    def _batch(self, requests: list[msgspec.Raw], wall: int, mono: int) -> bytes:
        results = []
        for body in requests:
            try:
                results.append(b'{"expiry":%b}' % self._respond(body, BATCH, wall, mono))
            except Problem as problem:
                results.append(b'{"problem":%b}' % _problem(problem))
        return b'{"results":[%b]}' % b",".join(results)

    def _stream_response(self, body: bytes, wall: int, mono: int) -> bytes:
        self._metrics.count_request(STREAM)
        try:
            request = self._decode_stream(body)
        except (msgspec.DecodeError, RecursionError) as error:
            problem = self._malformed(body, StreamRequest, error)
            return b'{"id":%b,"problem":%b}' % (self._id(body), _problem(problem))
        try:
            return b'{"id":%b,"expiry":%b}' % (_text(request.id), self._decide(request, wall, mono))
        except Problem as problem:
            return b'{"id":%b,"problem":%b}' % (_text(request.id), _problem(problem))

    def _malformed(self, body: bytes | msgspec.Raw, kind: Any, error: Exception) -> Problem:
        self._metrics.values[self._metrics.invalid] += 1
        if isinstance(error, msgspec.DecodeError):
            return malformed(body, kind, error)
        return Problem(HTTPStatus.BAD_REQUEST, "JSON nested too deeply", "malformed")

    def _id(self, body: bytes) -> bytes:
        try:
            return _text(self._decode_id(body).id)
        except (msgspec.DecodeError, RecursionError):
            return b"null"


def _problem(problem: Problem) -> bytes:
    return orjson.dumps(problem.document(), default=str)


def _text(id_: str | int | None) -> bytes:
    return msgspec.json.encode(id_)
