"""Metrics of session messages, read from the engine's messages."""

from pathlib import Path

import pytest
import quickfix as fix

from quotelife.acceptor.quickfix import session_messages
from quotelife.decision.refusal import REFUSALS
from quotelife.metrics import catalog
from quotelife.metrics.region import MetricsRegion
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.runtime.clock import NS_PER_S, parse_utc_timestamp

RESENDS, RESETS = "quotelife_client_resend_requests_total", "quotelife_client_sequence_resets_total"
AT = "20260105-10:00:00.000000"


@pytest.fixture
def region(tmp_path: Path) -> MetricsRegion:
    return MetricsRegion.create(
        tmp_path / "metrics", catalog.QUOTING, process=["quoting"], session=["OMS", "B"], reason=REFUSALS
    )


@pytest.fixture
def metrics(region) -> QuotingMetrics:
    return QuotingMetrics(region, ["OMS", "B"])


def message(msg_type: str, **fields: str) -> fix.Message:
    made = fix.Message()
    made.getHeader().setField(35, msg_type)
    made.getHeader().setField(52, AT)
    for tag, value in fields.items():
        made.setField(int(tag[1:]), value)
    return made


def counted(region: MetricsRegion) -> set[tuple[str, str, int]]:
    """(family, direction, count) of the counters that are not 0."""
    found = set()
    for series in region.series:
        labels = dict(series.labels)
        if "direction" in labels and region.values[series.word]:
            found.add((series.family, labels["direction"], int(region.values[series.word])))
    return found


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (message("A", _141="Y"), {(RESETS, "received", 1)}),
        (message("A"), set()),
        (message("A", _141="N"), set()),
        (message("2", _7="1", _16="0"), {(RESENDS, "received", 1)}),
        (message("4", _36="9", _123="Y"), set()),
        (message("4", _36="9"), {(RESETS, "received", 1)}),
        (message("0"), set()),
    ],
)
def test_received_session_messages_are_counted(region, metrics, given, counts):
    session_messages.received(given, "OMS", metrics, parse_utc_timestamp(AT))
    session_messages.received(given, "nobody", metrics, parse_utc_timestamp(AT))
    assert counted(region) == counts


def test_sent_session_messages_are_counted(region, metrics):
    for given in (message("A", _141="Y"), message("2"), message("4", _123="Y"), message("0")):
        session_messages.sent(given, "B", metrics)
    assert counted(region) == {(RESENDS, "sent", 1)}


def test_client_clock_offset_is_measured(region, metrics):
    session_messages.received(message("0"), "OMS", metrics, parse_utc_timestamp(AT) - 3 * NS_PER_S)
    word = region.gauge("quotelife_client_clock_offset_seconds", session="OMS")
    assert region.values[word] == 3 * NS_PER_S


@pytest.mark.parametrize(("value", "number"), [("7", 7), ("0", 0), ("", 0), ("-3", 0), ("x", 0), ("\u00b2", 0)])
def test_next_expected_number_of_a_logon(value, number):
    assert session_messages.next_expected(message("A", _789=value)) == number
    assert session_messages.next_expected(message("A")) == 0


@pytest.mark.parametrize("sent_at", ["20260105-10:00:60", "20260231-10:00:00", "20260105-10:00:00."])
def test_a_time_that_only_the_engine_reads_hides_no_message(region, metrics, sent_at):
    request = message("2", _7="1", _16="0")
    request.getHeader().setField(52, sent_at)
    session_messages.received(request, "OMS", metrics, 0)
    assert counted(region) == {(RESENDS, "received", 1)}
