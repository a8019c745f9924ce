"""Metrics of the quoting process: integers in shared memory, written after the messages have left."""

from numba import njit

from quotelife.decision.quoter import QuoteDecision
from quotelife.decision.refusal import REFUSALS
from quotelife.metrics.family import PROBABILITY_ONE
from quotelife.metrics.histogram import observe, record
from quotelife.metrics.labels import (
    CANCEL_REASONS,
    CLIENT_REJECTS,
    CUT_REASONS,
    DIRECTIONS,
    HEDGE_OUTCOMES,
    HIT_OUTCOMES,
    LOGON_REFUSALS,
    NO_MODEL,
    PASS_KINDS,
    STAGES,
)
from quotelife.metrics.region import MetricsRegion
from quotelife_models.enums import MODELS


@njit("void(int64[::1], int64, int64, int64, int64, int64, int64, int64, int64)", cache=True, nogil=True)
def _time(values, parse, decide, send, total, received_ns, parsed_ns, decided_ns, sent_ns):
    record(values, parse, parsed_ns - received_ns)
    record(values, decide, decided_ns - parsed_ns)
    record(values, send, sent_ns - decided_ns)
    record(values, total, sent_ns - received_ns)


@njit("void(int64[::1], int64, int64, int64, int64, int64, float64, float64)", cache=True, nogil=True)
def _quoted(values, quotes, lifetime, move, pick_off, lifetime_ns, p_move, p_pick_off):
    values[quotes] += 1
    record(values, lifetime, lifetime_ns)
    record(values, move, int(p_move * PROBABILITY_ONE))
    record(values, pick_off, int(p_pick_off * PROBABILITY_ONE))


class QuotingMetrics:
    """Each series has its word, looked up once. `model` is an index of MODELS, -1 for none."""

    def __init__(self, region: MetricsRegion, sessions: list[str]) -> None:
        self.values = region.values
        self._region = region
        counter, gauge, histogram = region.counter, region.gauge, region.histogram
        self.heartbeat = gauge("quotelife_heartbeat_timestamp_seconds", process="quoting")
        self._generation = gauge("quotelife_parameters_generation", process="quoting")
        self._requests = counter("quotelife_requests_total")
        self._rejects = {name: counter("quotelife_rejects_total", reason=name) for name in REFUSALS}
        self._hits = {name: counter("quotelife_hits_total", outcome=name) for name in HIT_OUTCOMES}
        self._cancelled = {name: counter("quotelife_cancelled_total", reason=name) for name in CANCEL_REASONS}
        self._passed = {kind: counter("quotelife_passed_total", kind=kind) for kind in PASS_KINDS}
        self._ledger = histogram("quotelife_ledger_seconds")
        self._withdrawal = histogram("quotelife_withdrawal_seconds")
        self._monitor = counter("quotelife_withdrawal_processor_seconds_total")
        self._expired = [counter("quotelife_expired_total", model=model) for model in MODELS]
        self._quotes = [
            (
                counter("quotelife_quotes_total", model=model),
                histogram("quotelife_lifetime_seconds", model=model),
                histogram("quotelife_adverse_move_probability", model=model),
                histogram("quotelife_pick_off_probability", model=model),
            )
            for model in MODELS
        ]
        self._stages = [
            tuple(histogram("quotelife_stage_seconds", stage=stage, model=model) for stage in STAGES)
            for model in (*MODELS, NO_MODEL)  # NO_MODEL is index -1
        ]
        self._up = {s: gauge("quotelife_client_session_up", session=s) for s in sessions}
        self._logons = {s: counter("quotelife_client_logons_total", session=s) for s in sessions}
        self._offset = {s: gauge("quotelife_client_clock_offset_seconds", session=s) for s in sessions}
        self._resends = {
            (s, d): counter("quotelife_client_resend_requests_total", session=s, direction=d)
            for s in sessions
            for d in DIRECTIONS
        }
        self._resets = {
            (s, d): counter("quotelife_client_sequence_resets_total", session=s, direction=d)
            for s in sessions
            for d in DIRECTIONS
        }
        self._refused_logons = {r: counter("quotelife_logons_refused_total", reason=r) for r in LOGON_REFUSALS}
        self._client_rejects = {
            (s, k): counter("quotelife_client_rejects_total", session=s, kind=k)
            for s in sessions
            for k in CLIENT_REJECTS
        }
        self._cut = {
            (s, r): counter("quotelife_clients_cut_off_total", session=s, reason=r)
            for s in sessions
            for r in CUT_REASONS
        }
        self._indicative = counter("quotelife_indicative_quotes_total")
        self._hedges = {
            (s, o): counter("quotelife_hedges_total", session=s, outcome=o) for s in sessions for o in HEDGE_OUTCOMES
        }
        self._running, self._subscriptions = gauge("quotelife_quotes_running"), gauge("quotelife_subscriptions")

    def count_indicative(self) -> None:
        """A quote was sent that cannot be hit."""
        self.values[self._indicative] += 1

    def extend(self, sessions: list[str]) -> None:
        """Count these sessions too, those known among them. Series keep their words, so that threads that count
        meanwhile need not know. OSError if there is no room."""
        vars(self).update(vars(QuotingMetrics(self._region.extended(session=sessions), sessions)))

    def set_open_quotes(self, quotes: int, subscriptions: int) -> None:
        """Quotes whose ValidUntilTime is still to come, and subscriptions."""
        self.values[self._running] = quotes
        self.values[self._subscriptions] = subscriptions

    def set_parameters_generation(self, generation: int) -> None:
        """Generation of the parameters that decide."""
        self.values[self._generation] = generation

    def count_requests(self, n: int) -> None:
        self.values[self._requests] += n

    def count_quote(self, decision: QuoteDecision) -> None:
        _quoted(
            self.values, *self._quotes[decision.model], decision.lifetime_ns, decision.move_probability,
            decision.pick_off_probability,
        )  # fmt: skip

    def count_refusal(self, name: str) -> None:
        self.values[self._rejects[name]] += 1

    def count_pass(self, kind: str) -> None:
        """`kind` is one of PASS_KINDS."""
        self.values[self._passed[kind]] += 1

    def count_hit(self, outcome: str) -> None:
        """`outcome` is one of HIT_OUTCOMES."""
        self.values[self._hits[outcome]] += 1

    def observe_ledger_write(self, took_ns: int) -> None:
        observe(self.values, self._ledger, took_ns)

    def observe_withdrawal(self, took_ns: int) -> None:
        observe(self.values, self._withdrawal, took_ns)

    def set_withdrawal_processor_ns(self, spent_ns: int) -> None:
        """Processor time of the monitor's thread since its start."""
        self.values[self._monitor] = spent_ns

    def count_cancel(self, reason: str) -> None:
        self.values[self._cancelled[reason]] += 1

    def count_expiry(self, model: int) -> None:
        self.values[self._expired[model]] += 1

    def time_stages(self, model: int, received_ns: int, parsed_ns: int, decided_ns: int, sent_ns: int) -> None:
        _time(self.values, *self._stages[model], received_ns, parsed_ns, decided_ns, sent_ns)

    def on_logon(self, session: str) -> None:
        self.values[self._up[session]] = 1
        self.values[self._logons[session]] += 1

    def on_logout(self, session: str) -> None:
        self.values[self._up[session]] = 0

    def count_resend_request(self, session: str, direction: str) -> None:
        """`direction` is one of DIRECTIONS; a session that is not configured is not counted."""
        word = self._resends.get((session, direction))
        if word is not None:
            self.values[word] += 1

    def count_client_reject(self, session: str, kind: str) -> None:
        """`kind` is one of CLIENT_REJECTS."""
        word = self._client_rejects.get((session, kind))
        if word is not None:
            self.values[word] += 1

    def count_sequence_reset(self, session: str, direction: str) -> None:
        word = self._resets.get((session, direction))
        if word is not None:
            self.values[word] += 1

    def set_clock_offset(self, session: str, ahead_ns: int) -> None:
        word = self._offset.get(session)
        if word is not None:
            self.values[word] = ahead_ns

    def count_hedge(self, session: str, outcome: str) -> None:
        """`outcome` is one of HEDGE_OUTCOMES."""
        self.values[self._hedges[session, outcome]] += 1

    def count_refused_logon(self, reason: str) -> None:
        self.values[self._refused_logons[reason]] += 1

    def count_cut_off(self, session: str, reason: str) -> None:
        self.values[self._cut[session, reason]] += 1
