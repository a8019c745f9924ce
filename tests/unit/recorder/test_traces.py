"""Traces of sampled requests, as a real receiver of OTLP over HTTP gets them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from quotelife.decision.refusal import REFUSALS
from quotelife.journal import layout as J
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife.recorder.recorder import EXPIRED_AFTER_NS, Recorder
from quotelife.recorder.traces import RequestTraces
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns, wall_ns
from tests.unit.recorder.test_recorder import Rig

DECISION_NS = 12_000


class Receiver(ThreadingHTTPServer):
    """Keeps the spans that it gets, by the QuoteID or request of their trace."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[str | None] = []

    @property
    def spans(self) -> list[object]:
        return [s for r in self.requests for of in r.resource_spans for scope in of.scope_spans for s in scope.spans]

    def trace(self, quote_id: str) -> dict[str, object]:
        """The spans of a quote's trace by name."""
        (root,) = [
            s for s in self.spans if _attributes(s).get("quotelife.quote_id") == quote_id and not s.parent_span_id
        ]
        return {s.name: s for s in self.spans if s.trace_id == root.trace_id}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
        assert isinstance(self.server, Receiver)
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.server.headers.append(self.headers.get("Authorization"))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret")
        yield server
        server.shutdown()


class TracedRig(Rig):
    """The recorder of the rig, with traces."""

    def __init__(self, folder, share=1.0):
        super().__init__(folder)
        self.traces = RequestTraces(self.config, REFUSALS, share)
        self.history.close()
        self.restart_with_traces()

    def restart_with_traces(self):
        self.history = type(self.history)(self.folder / "history.sqlite")
        arguments = (self.config, self.history, self.folder / "journal", self.recorder._run, self.metrics)
        self.recorder = Recorder(*arguments, traces=self.traces)

    def _record(self, kind, n, client):
        record = super()._record(kind, n, client)
        if kind in (J.KIND_QUOTE, J.KIND_REJECT):
            record.words[J.DECIDED_NS] = DECISION_NS
        return record


@pytest.fixture
def rig(tmp_path, receiver):
    rig = TracedRig(tmp_path)
    yield rig
    rig.close()


def _attributes(span) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def _times(span) -> tuple[int, int]:
    return span.start_time_unix_nano, span.end_time_unix_nano


def test_a_filled_quote_is_a_trace_from_its_request_to_its_hit(rig, receiver):
    rig.quote(1)
    rig.step()
    passed_ns = mono_ns()
    hit_ns = passed_ns + 3 * NS_PER_MS
    rig.hit(1, received_ns=hit_ns, change_ns=passed_ns)
    rig.step()
    rig.traces.close()
    spans = receiver.trace("Q1")
    assert set(spans) == {"request", "decide", "quote"}
    begin, end = _times(spans["request"])
    assert begin == rig.t0_ns and _times(spans["decide"]) == (begin, begin + DECISION_NS)
    assert _times(spans["quote"]) == (begin + DECISION_NS, end)
    assert {s.parent_span_id for s in (spans["decide"], spans["quote"])} == {spans["request"].span_id}
    passed, hit = spans["quote"].events
    assert (passed.name, hit.name) == ("market passed the price", "hit")
    assert hit.time_unix_nano - passed.time_unix_nano == 3 * NS_PER_MS and hit.time_unix_nano == end
    attributes = _attributes(spans["request"])
    assert attributes["quotelife.state"] == "filled" and attributes["quotelife.session"] == "F2"
    assert attributes["quotelife.model"] == "risk_averse" and attributes["quotelife.instrument"] == "X"
    (resource,) = [r.resource for r in receiver.requests[0].resource_spans]
    assert _attributes(resource)["service.name"] == "quotelife"
    assert receiver.headers == ["Bearer secret"], "as the variables of OpenTelemetry say"


def test_withdrawn_expired_and_refused_requests_are_traces(rig, receiver):
    rig.quote(1)
    rig.quote(2, valid_ns=50 * NS_PER_MS)
    rig.reject("stale_book")
    withdrawn_ns = rig.t0_ns + 40 * NS_PER_MS
    rig.end(1, J.KIND_CANCEL, CANCEL_REASONS.index("market_moved"), at_ns=withdrawn_ns, latency_ns=70_000)
    rig.step()
    rig.step(now_wall_ns=rig.t0_ns + EXPIRED_AFTER_NS + NS_PER_S)
    rig.traces.close()
    withdrawn, expired = receiver.trace("Q1"), receiver.trace("Q2")
    (left,) = withdrawn["quote"].events
    assert (left.name, withdrawn_ns - left.time_unix_nano) == ("market left the tolerance", 70_000)
    assert _attributes(withdrawn["request"])["quotelife.because"] == "market_moved"
    assert _times(expired["request"]) == (rig.t0_ns, rig.t0_ns + 50 * NS_PER_MS)
    assert _attributes(expired["request"])["quotelife.state"] == "expired"
    (refused,) = [s for s in receiver.spans if _attributes(s).get("quotelife.state") == "refused"]
    assert (refused.status.code, refused.status.message) == (2, "stale_book")


def test_a_share_is_sampled_by_the_quote_id(tmp_path, receiver):
    rig = TracedRig(tmp_path, share=0.25)
    for n in range(60):
        rig.quote(n, valid_ns=NS_PER_MS)
    rig.step()
    rig.step(now_wall_ns=wall_ns() + 2 * EXPIRED_AFTER_NS)
    rig.traces.close()
    rig.close()
    traced = {_attributes(s)["quotelife.quote_id"] for s in receiver.spans if s.name == "request"}
    assert 3 <= len(traced) <= 30
    again = RequestTraces(rig.config, REFUSALS, 0.25)
    for n in range(60):
        record = rig._record(J.KIND_QUOTE, n, 0)
        record.model = -1
        again.add(record)
    assert set(again._open) == traced, "after a restart the same quotes are sampled"
    again.close()


def test_a_receiver_that_is_away_delays_nothing_and_ends_the_recorder_in_time(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    rig = TracedRig(tmp_path)
    for n in range(40):
        rig.quote(n, valid_ns=NS_PER_MS)
    began = mono_ns()
    rig.step(now_wall_ns=rig.t0_ns + 2 * EXPIRED_AFTER_NS)
    assert rig.traces._open == {} and mono_ns() - began < NS_PER_S
    rig.traces.close()
    rig.close()
    assert mono_ns() - began < 9 * NS_PER_S, "the supervisor kills after 10 s"
