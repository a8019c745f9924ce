"""What polling and a core of its own would bring: the advice for what was measured, and the measuring itself."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from quotelife.config import Config, load
from quotelife.config.sections import Machine
from quotelife.config.shipped import DEMO
from quotelife.diagnostics import polling, wake_ups
from quotelife.diagnostics.diagnostic import Diagnostic
from quotelife.diagnostics.wake_ups import Interruptions, WakeUps

GAINS, NO_GAIN = WakeUps(24.0, 9.0), WakeUps(26.0, 10_900.0)
QUIET, SHARED = Interruptions(1, 31.0, 0.0002), Interruptions(22, 12_051.0, 0.67)
BUSY_READ, BUSY_POLL = "proc/sys/net/core/busy_read", "proc/sys/net/core/busy_poll"


def configured(engine: str = "quickfix", **keys: object) -> Config:
    config = load(DEMO)
    return replace(config, machine=Machine(**keys), acceptor=replace(config.acceptor, engine=engine))  # type: ignore


def found(config: Config, measured: WakeUps = GAINS, usable: int = 4, sharing: Interruptions = QUIET) -> Diagnostic:
    return {f.subject: f for f in polling.examine(config, measured, sharing, usable)}["spinning"]


def test_what_spinning_would_save_is_said_where_it_is_possible():
    diagnostic = found(configured())
    assert diagnostic.status == "ok" and diagnostic.detail == (
        "off; a process that sleeps answers after 24 us here, one that polls after 9 us"
    )
    assert "machine.spin = true would save about 15 us of an answer" in diagnostic.advice


def test_where_spinning_is_not_possible_or_brings_nothing_that_is_said():
    assert "not possible here" in found(configured(), usable=2).advice
    assert "would bring nothing" in found(configured(), NO_GAIN, usable=2).advice


@pytest.mark.parametrize(
    ("engine", "keys", "usable", "measured", "status", "said"),
    [
        ("native", {"quoting": [1]}, 4, GAINS, "ok", "on; a process"),
        ("quickfix", {"quoting": [1]}, 4, GAINS, "warn", "without effect"),
        ("native", {}, 4, GAINS, "warn", "on cores that it shares"),
        ("native", {"quoting": [1]}, 2, GAINS, "warn", "on cores that it shares"),
        ("native", {"quoting": [1]}, 4, NO_GAIN, "warn", "10,900 us"),
    ],
)
def test_spinning_is_judged_by_engine_cores_and_gain(engine, keys, usable, measured, status, said):
    diagnostic = found(configured(engine, spin=True, **keys), measured, usable)
    assert diagnostic.status == status and said in diagnostic.detail
    assert diagnostic.status == "ok" or diagnostic.advice


@pytest.mark.parametrize(
    ("usable", "said"), [(2, "not possible here: 2 cores"), (4, "pinned in [machine] and isolated")]
)
def test_interruptions_of_a_shared_core_have_the_advice_that_is_possible(usable, said):
    shared, quiet = (next(polling.examine(configured(), GAINS, each, usable)) for each in (SHARED, QUIET))
    assert shared.status == "warn" and said in shared.advice
    assert "lost its core 22 times, for 12,051 us at most, 67.0% of the time" in shared.detail
    assert quiet.status == "ok"


def lay_out(root: Path, read: str, poll: str, card: bool) -> Path:
    for name, value in ((BUSY_READ, read), (BUSY_POLL, poll)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(value + "\n")
    driver = root / "sys/drivers/mlx5_core"
    driver.mkdir(parents=True)
    (root / "sys/class/net/lo").mkdir(parents=True)
    if card:
        (root / "sys/class/net/eth0/device").mkdir(parents=True)
        (root / "sys/class/net/eth0/device/driver").symlink_to(driver)
    return root


@pytest.mark.parametrize(
    ("read", "poll", "socket_us", "card", "status", "said"),
    [
        ("0", "0", 0, True, "warn", "expected to save 5 to 20 us"),
        ("50", "50", 0, True, "ok", ""),
        ("0", "50", 50, True, "ok", ""),
        ("0", "0", 50, True, "warn", "machine.busy_poll_us has no effect while net.core.busy_poll is 0"),
        ("0", "0", 0, False, "ok", ""),
    ],
)
def test_busy_polling_needs_a_card_and_the_setting_for_many_sockets(
    tmp_path, read, poll, socket_us, card, status, said
):  # fmt: skip
    root = lay_out(tmp_path, read, poll, card)
    diagnostic = polling.busy_polling(configured(busy_poll_us=socket_us), root)
    assert diagnostic.status == status and said in diagnostic.advice
    assert ("eth0 (mlx5_core)" in diagnostic.detail) == card


def test_this_machine_is_measured(monkeypatch):
    monkeypatch.setattr(wake_ups, "_MEASURED_NS", 3_000_000)
    monkeypatch.setattr(wake_ups, "_WATCHED_NS", 1_000_000)
    measured = wake_ups.measure_wake_ups()
    assert min(measured) > 0 and measured.saved_us >= 0
    interruptions = wake_ups.measure_interruptions()
    assert interruptions.times >= 0 and 0 <= interruptions.share <= 1


def test_a_process_that_does_not_answer_is_an_error(monkeypatch, tmp_path):
    script = tmp_path / "echo.py"
    script.write_text("")
    monkeypatch.setattr(wake_ups, "_ECHO", script)
    with pytest.raises(OSError, match=r"has ended|reset"):
        wake_ups.measure_wake_ups()
