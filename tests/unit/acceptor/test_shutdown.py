"""The handler at shutdown: no new quotes, open quotes can be hit, the rest is withdrawn."""

import pytest

from quotelife.journal import layout as J
from quotelife.metrics.labels import CANCEL_REASONS
from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.handler.on_logon("ORD")
    return rig


def test_stopped_service_refuses_requests_and_fills_hits(rig):
    given = rig.ask("r1")
    rig.handler.stop_quoting()
    refused = rig.ask("r2")
    assert (refused["35"], refused["658"], refused["58"]) == ("AG", "2", "the service is stopping")
    [report] = rig.send("AJ", f"693=a|117={given['117']}|694=1")
    assert report["39"] == "2"
    assert not rig.handler.any_open(rig.mono_ns)


def test_open_quotes_are_withdrawn_with_a_cancel(rig):
    given = rig.ask("r1")
    gone = rig.ask("r2")
    rig.send("AJ", f"693=p|117={gone['117']}|694=6")
    rig.handler.withdraw_all(rig.wall_ns, rig.mono_ns)
    [(session, text)] = rig.drain_cancels()
    assert session == "ORD" and "35=Z\x01" in text and f"117={given['117']}\x01" in text
    [cancel] = [r for r in rig.reader.read() if r.kind == J.KIND_CANCEL]
    assert CANCEL_REASONS[cancel.outcome] == "stopped"
    assert not rig.handler.any_open(rig.mono_ns)


def test_subscription_ends_at_shutdown(rig):
    given = rig.ask("s1", "263=1|55=BTC-USD|54=1|38=1.5")
    assert given["35"] == "S"
    rig.handler.stop_quoting()
    rig.handler.withdraw_all(rig.wall_ns, rig.mono_ns)
    rig.sleep(20_000)
    assert rig.run_timers() == []
