"""Lines that anybody can cause."""

from quotelife.runtime import rate_limited_log
from quotelife.runtime.clock import NS_PER_S
from quotelife.runtime.rate_limited_log import RateLimitedLog


def test_a_kind_is_said_a_few_times_a_second_and_what_was_left_out_is_counted(capsys, monkeypatch):
    now = [NS_PER_S]
    monkeypatch.setattr(rate_limited_log, "mono_ns", lambda: now[0])
    limited = RateLimitedLog()
    for _ in range(50):
        limited.log("a", "first")
    limited.log("b", "another kind")
    now[0] += NS_PER_S
    limited.log("a", "later")
    assert capsys.readouterr().err.splitlines() == ["first", "another kind", "later; 49 more like it before"]
