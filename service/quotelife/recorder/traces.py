"""Traces of sampled requests for OpenTelemetry, built from the journal when a quote has ended.

    request    SERVER   from the receipt of the request to the end of its quote, or to its refusal
      decide            the decision: features, price, curves, lifetime. It begins at the receipt: the journal does not
                        tell how long the request took to parse
      quote             from the decision to the fill, withdrawal, pass or expiry; each hit is an event of it, and so is
                        the moment at which the market passed the price

The trace id is a hash of the QuoteID, so that a quote's trace can be found, and a restart samples the same quotes.
Nothing of this runs in the quoting process.
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from quotelife.config import Config
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.ledger.history import QuoteRow
from quotelife.ledger.history_rows import HistoryRows, final_state
from quotelife.ledger.quote_state import EXPIRED, REFUSED
from quotelife_models.enums import MARKET_STATES

MAX_OPEN = 10_000  # quotes that are waited for; beyond it the oldest is exported as it is
_TIMEOUT_S = 3.0  # of an export, with its repetitions
_NAME = "quotelife"


class _Event(NamedTuple):
    name: str
    wall_ns: int
    attributes: dict[str, str | int | float]


class _OpenTrace(NamedTuple):
    """A quote that has not ended."""

    row: QuoteRow
    decision_ns: int
    attributes: dict[str, str | int | float]
    events: list[_Event]


class _TraceIds(RandomIdGenerator):
    """The next trace has the id that was set."""

    trace_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id


class RequestTraces:
    """Exports a `share` of the requests to where the variables of OpenTelemetry say (`quotelife.config.traces`)."""

    def __init__(self, config: Config, refusals: Sequence[str], share: float) -> None:
        self._rows = HistoryRows(config, refusals)
        self._sampler = TraceIdRatioBased(share)
        self._ids = _TraceIds()
        resource = Resource.create({"service.name": _NAME, "service.version": version(_NAME)})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_TIMEOUT_S)))
        self._tracer = self._provider.get_tracer(_NAME)
        self._open: dict[str, _OpenTrace] = {}

    def add(self, record: Record) -> None:
        """A record of the journal, in its order."""
        if record.kind in (J.KIND_QUOTE, J.KIND_REJECT, J.KIND_INDICATIVE):
            self._begin(record)
        elif (found := self._open.get(record.quote_id)) is not None:
            self._continue(found, record)

    def expire(self, before_ns: int) -> None:
        """Export the quotes whose validity has ended before this time, on the wall clock."""
        for quote_id, found in list(self._open.items()):
            if found.row.valid_until_ns < before_ns:
                self._end(quote_id, EXPIRED, found.row.valid_until_ns)

    def close(self) -> None:
        """Export what has ended, and forget the others: their quotes go on."""
        self._provider.shutdown()

    def _begin(self, record: Record) -> None:
        row = self._rows.quote(record, record.sides)
        trace_id = _trace_id(row)
        if not self._sampler.should_sample(None, trace_id, "").decision.is_sampled():
            return
        found = _OpenTrace(row, record.decision_ns, _attributes(row, record), [])
        if record.kind != J.KIND_QUOTE:
            self._export(found, row.state, row.wall_ns + record.decision_ns)
            return
        if len(self._open) >= MAX_OPEN:
            oldest = next(iter(self._open))
            self._end(oldest, "open", self._open[oldest].row.valid_until_ns)
        self._open[record.quote_id] = found

    def _continue(self, found: _OpenTrace, record: Record) -> None:
        if record.kind in (J.KIND_FILL, J.KIND_HIT_REFUSED):
            hit = self._rows.hit(record)
            if record.board_change_ns > 0:
                passed_ns = record.wall_ns - (record.mono_ns - record.board_change_ns)
                found.events.append(_Event("market passed the price", passed_ns, {}))
            about: dict[str, str | int | float] = {
                "response_id": hit.response_id,
                "outcome": hit.outcome,
                "response_ms": hit.response_ns / 1e6,
            }
            found.events.append(_Event("hit", hit.wall_ns, _prefixed(about)))
        if record.kind in (J.KIND_FILL, J.KIND_CANCEL, J.KIND_PASS):
            state, ended_ns, because = final_state(record)
            if record.kind == J.KIND_CANCEL and record.board_change_ns > 0:
                passed_ns = record.wall_ns - (record.mono_ns - record.board_change_ns)
                found.events.append(_Event("market left the tolerance", passed_ns, {}))
            if because is not None:
                found.attributes.update(_prefixed({"because": because}))
            self._end(record.quote_id, state, ended_ns)

    def _end(self, quote_id: str, state: str, ended_ns: int) -> None:
        self._export(self._open.pop(quote_id), state, ended_ns)

    def _export(self, found: _OpenTrace, state: str, ended_ns: int) -> None:
        row, decided_ns = found.row, found.row.wall_ns + found.decision_ns
        ended_ns = max(ended_ns, decided_ns)
        self._ids.trace_id = _trace_id(row)
        attributes = {**found.attributes, **_prefixed({"state": state})}
        request = self._tracer.start_span("request", None, SpanKind.SERVER, attributes, start_time=row.wall_ns)
        if state == REFUSED:
            request.set_status(Status(StatusCode.ERROR, row.reason))
        if found.decision_ns > 0:
            self._child(request, "decide", row.wall_ns).end(decided_ns)
        if state != REFUSED:
            quote = self._child(request, "quote", decided_ns)
            for event in found.events:
                quote.add_event(event.name, event.attributes, event.wall_ns)
            quote.end(ended_ns)
        request.end(ended_ns)

    def _child(self, parent: Span, name: str, start_ns: int) -> Span:
        return self._tracer.start_span(name, set_span_in_context(parent), start_time=start_ns)


def _trace_id(row: QuoteRow) -> int:
    of = row.quote_id or f"{row.session} {row.request_id} {row.wall_ns}"
    return int.from_bytes(hashlib.blake2b(of.encode(), digest_size=16).digest(), "big") or 1


def _attributes(row: QuoteRow, record: Record) -> dict[str, str | int | float]:
    state = record.market_state
    values: dict[str, str | int | float | None] = {
        "quote_id": row.quote_id,
        "request_id": row.request_id,
        "session": row.session,
        "client": row.client,
        "instrument": row.symbol,
        "model": row.model,
        "market_state": MARKET_STATES[state] if row.model is not None else None,
        "reason": row.reason,
        "lifetime_ms": row.lifetime_ns / 1e6,
        "pick_off_probability": row.p_pick_off,
        "parameters": row.parameters,
        "configuration": record.configuration,
    }
    return _prefixed({name: value for name, value in values.items() if value is not None})


def _prefixed(values: dict[str, str | int | float]) -> dict[str, str | int | float]:
    return {f"quotelife.{name}": value for name, value in values.items()}
