"""Each check of /readyz, passing and failing, on real files, sockets and a real board with a simulated clock."""

import socket
import threading
from pathlib import Path

import pytest

from quotelife.admin import health
from quotelife.admin.checks import (
    MAX_JUMP_S,
    MAX_NAMED,
    STALE_BEAT_S,
    AcceptorCheck,
    BooksCheck,
    ClockCheck,
    DiskCheck,
    ProcessesCheck,
)
from quotelife.admin.health import CheckResult, HealthChecks
from quotelife.market.board import layout as L
from quotelife.metrics.catalog import supervisor
from quotelife.metrics.labels import SUPERVISED
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def books(rig: Rig, share: float = 0.0) -> CheckResult:
    """The check with a board and market data that are current by the real clock."""
    rig.board.beat(mono_ns())
    rig.board.venues[:, L.V_LAST_RECEIVED_NS] = mono_ns()
    rows = {i.symbol: row for row, i in enumerate(rig.config.instrument)}
    return BooksCheck(rig.folder / "board", rows, len(rows), share).check()


def test_all_books_can_be_quoted(rig):
    assert books(rig, 1.0) == (True, {"quotable": 4, "of": 4, "needed": 4, "others": []})


def test_one_unusable_book_of_many_is_named_and_still_ready(rig):
    rig.board.rows[1, L.STATE] = L.BOOK_GAP
    good, details = books(rig)
    assert good and (details["quotable"], details["needed"]) == (3, 1)
    [other] = details["others"]
    assert (other["instrument"], other["status"]) == ("ETH-USD", L.STATUS_NAMES[L.STATUS_GAP])
    assert not books(rig, 0.9).good, "unless ready_share asks for more"


def test_an_instrument_that_its_venue_does_not_confirm_is_named(rig):
    rig.board.rows[2, L.STATE] = L.BOOK_MISMATCH
    _, details = books(rig)
    assert [other["status"] for other in details["others"]] == ["mismatch"]


def test_without_any_usable_book_it_is_not_ready(rig):
    rig.board.rows[:, L.STATE] = L.BOOK_EMPTY
    assert not books(rig).good


def test_the_number_of_named_instruments_is_bounded(rig):
    many = {f"S{n}": 0 for n in range(MAX_NAMED + 5)}
    rig.board.rows[:, L.STATE] = L.BOOK_EMPTY
    details = BooksCheck(rig.folder / "board", many, 4, 0.0).check().details
    assert (len(details["others"]), details["not_named"]) == (MAX_NAMED, 5)


def test_a_missing_or_foreign_board_is_not_ready(rig, tmp_path):
    assert not BooksCheck(tmp_path / "no-board", {"A": 0}, 1, 0.0).check().good
    assert BooksCheck(rig.folder / "board", {"A": 0}, 9, 0.0).check().details["why"] == "no board"


def test_processes_must_be_ready_and_have_a_recent_heartbeat(tmp_path):
    region = MetricsRegion.create(tmp_path / "metrics-recorder", supervisor(SUPERVISED), process=["recorder"])
    word = region.gauge("quotelife_heartbeat_timestamp_seconds", process="recorder")
    ready = {"recorder": True}
    check = ProcessesCheck(lambda: ready, lambda: {"recorder": region}).check
    assert check() == (False, {"recorder": {"ready": True, "heartbeat_age_seconds": None}})
    region.values[word] = wall_ns()
    assert check().good
    region.values[word] = wall_ns() - int(STALE_BEAT_S * NS_PER_S)
    assert not check().good
    region.values[word] = wall_ns()
    ready["recorder"] = False
    assert not check().good
    assert not ProcessesCheck(lambda: {"quoting": True}, lambda: {"recorder": region}).check().good


def test_the_acceptor_is_checked_without_connecting():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        check = AcceptorCheck(listening.getsockname()[1]).check
        assert not check().good, "bound, not listening"
        listening.listen()
        assert check().good
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert not check().good


def test_the_disk_must_be_writable_and_have_space(tmp_path):
    good, details = DiskCheck(tmp_path / "var", 0.001).check()
    assert good and details["free_bytes"] > 0
    assert list((tmp_path / "var").iterdir()) == []
    assert not DiskCheck(tmp_path / "var", 1e12).check().good
    (tmp_path / "file").write_text("")
    assert DiskCheck(tmp_path / "file", 0.0).check().details["why"] == "File exists"


def test_a_clock_jump_fails_the_check_for_a_while():
    now = [wall_ns(), mono_ns()]

    def pass_s(seconds: float) -> None:
        now[0] += int(seconds * NS_PER_S)
        now[1] += int(seconds * NS_PER_S)
        clock.sample()

    clock = ClockCheck(lambda: (now[0], now[1]))
    clock.sample()
    pass_s(1)
    assert clock.check().good
    now[0] += int(2 * MAX_JUMP_S * NS_PER_S)
    assert not clock.check().good, "detected at once"
    pass_s(1)
    assert not clock.check().good
    pass_s(61)
    assert clock.check().good
    now[0] = 10**18
    assert not ClockCheck(lambda: (now[0], now[1])).check().good, "never set"


async def test_a_hanging_check_fails(monkeypatch):
    monkeypatch.setattr(health, "ANSWER_S", 0.05)
    release = threading.Event()

    def hang() -> CheckResult:
        release.wait(10)
        return CheckResult(True, {})

    checks = HealthChecks({"disk": hang})
    assert not (await checks.run()).good
    release.set()
    checks.close()
