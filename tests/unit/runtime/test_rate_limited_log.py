"""The rate limit of log lines that a peer can trigger."""

from quotelife.logs import LogEvent, event_logger
from quotelife.runtime import rate_limited_log
from quotelife.runtime.clock import NS_PER_S
from quotelife.runtime.rate_limited_log import RateLimitedLog


def test_each_kind_is_limited_and_the_suppressed_lines_are_counted(caplog, monkeypatch):
    now = [NS_PER_S]
    monkeypatch.setattr(rate_limited_log, "mono_ns", lambda: now[0])
    limited = RateLimitedLog(event_logger("test"))
    for _ in range(50):
        limited.warning(LogEvent.LOGON_REFUSED, "a", "first", address="10.0.0.1")
    limited.warning(LogEvent.LOGON_REFUSED, "b", "another reason")
    now[0] += NS_PER_S
    limited.warning(LogEvent.LOGON_REFUSED, "a", "later")
    logged = [(record.levelname, record.message.split(";")[0], record.fields) for record in caplog.records]
    assert logged == [
        ("WARNING", "first", {"reason": "a", "suppressed": 0, "address": "10.0.0.1"}),
        ("WARNING", "another reason", {"reason": "b", "suppressed": 0}),
        ("WARNING", "later", {"reason": "a", "suppressed": 49}),
    ]
