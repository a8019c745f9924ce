"""The span of a trading phase: from one moment at which it may change to the next."""

from hypothesis import given
from hypothesis import strategies as st

from quotelife.config.instrument_sections import Session
from quotelife.decision.trading_phases import TradingPhases
from quotelife.runtime.clock import NS_PER_S

_DAY_MIN = 1_440
_MINUTES = st.integers(0, _DAY_MIN - 1)


@given(st.lists(st.tuples(_MINUTES, _MINUTES), max_size=4), st.integers(0, 3 * _DAY_MIN - 1))
def test_the_phase_is_the_same_throughout_its_span(sessions, minute):
    phases = TradingPhases([Session(phase="open", start=_text(start), end=_text(end)) for start, end in sessions])
    now_ns = minute * 60 * NS_PER_S
    phase, from_ns, until_ns = phases.span(now_ns)
    assert from_ns <= now_ns < until_ns
    for ns in (from_ns, (from_ns + now_ns) // 2, now_ns, (now_ns + until_ns) // 2, until_ns - 1):
        assert phases.at(ns) == phase


def _text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
