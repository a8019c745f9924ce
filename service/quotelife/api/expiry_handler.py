"""From bytes to bytes: a request decoded, decided and answered, or a problem; counted either way."""

import sys
import traceback
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
from quotelife.runtime.clock import mono_ns, wall_ns

Clocks = Callable[[], tuple[int, int]]  # wall and monotonic, nanoseconds
_INTERNAL = "internal error while deciding; it has been logged"


class _Id(msgspec.Struct):
    """What is repeated of a request over the WebSocket that could not be read."""

    id: str | int | None = None


class ExpiryHandler:
    """Answers requests for a lifetime. Every time is read once per request, per batch for all of it."""

    def __init__(
        self,
        calculator: ExpiryCalculator,
        metrics: ApiMetrics,
        max_batch: int,
        clocks: Clocks = lambda: (wall_ns(), mono_ns()),
    ) -> None:
        self._calculator, self._metrics, self._max_batch, self._clocks = calculator, metrics, max_batch, clocks
        self._read = msgspec.json.Decoder(ExpiryRequest).decode
        self._read_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode
        self._read_stream = msgspec.json.Decoder(StreamRequest).decode
        self._read_id = msgspec.json.Decoder(_Id).decode

    def one(self, body: bytes) -> bytes:
        """The answer to one request; Problem if there is none."""
        return self._timed(lambda wall, mono: self._answer(body, EXPIRY, wall, mono))

    def batch(self, body: bytes, allow: Callable[[int], None]) -> bytes:
        """The answers to a list of requests. `allow` is asked how many may be decided, and raises a Problem."""
        try:
            requests = self._read_batch(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._malformed(body, list[ExpiryRequest], error) from None
        if not 1 <= len(requests) <= self._max_batch:
            allowed = f"1 to {self._max_batch}"
            text = f"a list of {len(requests)} requests; allowed: {allowed}"
            raise Problem(HTTPStatus.BAD_REQUEST, text, "malformed", field="", allowed=allowed)
        allow(len(requests))
        return self._timed(lambda wall, mono: self._batch(requests, wall, mono))

    def stream(self, body: bytes) -> bytes:
        """The answer to a request over the WebSocket, whatever it was."""
        return self._timed(lambda wall, mono: self._streamed(body, wall, mono))

    def refused_on_stream(self, body: bytes, problem: Problem) -> bytes:
        """A problem found before the request was looked at."""
        return b'{"id":%b,"problem":%b}' % (self._id(body), _problem(problem))

    def _timed(self, answer: Callable[[int, int], bytes]) -> bytes:
        wall, mono = self._clocks()
        started = mono_ns()
        try:
            return answer(wall, mono)
        finally:
            self._metrics.took(mono_ns() - started)

    def _answer(self, body: bytes | msgspec.Raw, endpoint: str, wall: int, mono: int) -> bytes:
        self._metrics.requested(endpoint)
        try:
            asked = self._read(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._malformed(body, ExpiryRequest, error) from None
        return self._decide(asked, wall, mono)

    def _decide(self, asked: ExpiryRequest, wall: int, mono: int) -> bytes:
        metrics = self._metrics
        try:
            decided = self._calculator.decide(asked, wall, mono)
            metrics.given(decided.decision.model, decided.decision.lifetime_ns)
            return responses.expiry_response(decided, self._calculator.buffers.record)
        except Refusal as refused:
            metrics.refused(refused.reason.name)
            raise responses.refusal_problem(refused) from None
        except InvalidValue as invalid:
            metrics.refused(refusal.MALFORMED.name)
            members = {"field": invalid.field, "value": invalid.value, "allowed": invalid.allowed}
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, str(invalid), "malformed", reason="malformed", code=99, **members
            ) from None
        except Exception:  # a desk's own pricing may raise anything
            traceback.print_exc(file=sys.stderr)
            metrics.refused(refusal.INTERNAL_ERROR.name)
            raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL, "internal-error") from None

    def _batch(self, requests: list[msgspec.Raw], wall: int, mono: int) -> bytes:
        results = []
        for body in requests:
            try:
                results.append(b'{"expiry":%b}' % self._answer(body, BATCH, wall, mono))
            except Problem as problem:
                results.append(b'{"problem":%b}' % _problem(problem))
        return b'{"results":[%b]}' % b",".join(results)

    def _streamed(self, body: bytes, wall: int, mono: int) -> bytes:
        self._metrics.requested(STREAM)
        try:
            asked = self._read_stream(body)
        except (msgspec.DecodeError, RecursionError) as error:
            problem = self._malformed(body, StreamRequest, error)
            return b'{"id":%b,"problem":%b}' % (self._id(body), _problem(problem))
        try:
            return b'{"id":%b,"expiry":%b}' % (_text(asked.id), self._decide(asked, wall, mono))
        except Problem as problem:
            return b'{"id":%b,"problem":%b}' % (_text(asked.id), _problem(problem))

    def _malformed(self, body: bytes | msgspec.Raw, kind: Any, error: Exception) -> Problem:
        self._metrics.values[self._metrics.invalid] += 1
        if isinstance(error, msgspec.DecodeError):
            return malformed(body, kind, error)
        return Problem(HTTPStatus.BAD_REQUEST, "nested too deeply", "malformed")

    def _id(self, body: bytes) -> bytes:
        try:
            return _text(self._read_id(body).id)
        except (msgspec.DecodeError, RecursionError):
            return b"null"


def _problem(problem: Problem) -> bytes:
    return orjson.dumps(problem.document(), default=str)


def _text(id_: str | int | None) -> bytes:
    return msgspec.json.encode(id_)
