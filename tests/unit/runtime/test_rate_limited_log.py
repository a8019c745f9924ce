"""The rate limit of log lines that a peer can trigger."""

import logging

from quotelife.runtime import rate_limited_log
from quotelife.runtime.clock import NS_PER_S
from quotelife.runtime.rate_limited_log import RateLimitedLog


def test_each_kind_is_limited_and_the_suppressed_lines_are_counted(caplog, monkeypatch):
    now = [NS_PER_S]
    monkeypatch.setattr(rate_limited_log, "mono_ns", lambda: now[0])
    limited = RateLimitedLog(logging.getLogger("test"))
    for _ in range(50):
        limited.warning("a", "first")
    limited.warning("b", "another kind")
    now[0] += NS_PER_S
    limited.warning("a", "later")
    logged = [(record.levelname, record.message.split(";")[0], record.fields) for record in caplog.records]
    assert logged == [
        ("WARNING", "first", {"kind": "a", "suppressed": 0}),
        ("WARNING", "another kind", {"kind": "b", "suppressed": 0}),
        ("WARNING", "later", {"kind": "a", "suppressed": 49}),
    ]
