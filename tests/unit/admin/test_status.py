"""`quotelife status`: what it says of a service, within 80 columns."""

import pytest

from quotelife.admin.commands.status_text import WIDTH, control_lines, status_lines
from quotelife.admin.status import VenueStates, sessions
from quotelife.config.paths import RunPaths
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.metrics.quoting_catalog import QUOTING
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, mono_ns, utc_timestamp, wall_ns

AT = "20261129-14:03:22.123456"
LONG = "a name that somebody at a bank has made up for an instrument"
NO_CONTROLS = {"all": None, "instruments": {}, "clients": {}}
CONTROLS = {
    "all": {"since": AT, "reason": "a long reason " * 10},
    "instruments": {LONG: {"since": AT, "reason": ""}},
    "clients": {"Fund": {"since": AT, "reason": "lunch"}},
    "market_states": {"A": {"state": "stressed", "since": None, "reason": ""}},
    "models": {"all": None, "instruments": {"A": {"model": "risk_averse", "since": AT, "reason": "x"}}, "clients": {}},
}


def document(**changed: object) -> dict:
    return {
        "service": {
            "version": "1.0", "since": AT, "ready": True, "failing": [],
            "configuration": {"version": 3, "hash": "ab" * 32, "since": AT, "file": f"/srv/{LONG}/quotelife.toml"},
        },
        "processes": [
            {"name": "marketdata", "pid": 1234567, "ready": True, "since": AT, "restarts": 0},
            {"name": "quoting", "pid": None, "ready": False, "since": None, "restarts": 12},
        ],
        "venues": [
            {"name": "SIM", "up": True, "since": AT, "last_message": AT},
            {"name": LONG, "up": False, "since": None, "last_message": None},
        ],
        "books": {
            "quotable": 1, "of": 30, "needed": 1, "not_named": 9,
            "others": [{"instrument": LONG, "status": "disconnected", "since": None}],
        },
        "sessions": [{"name": f"SESSION{n}", "client": "Fund", "up": n % 2 == 0} for n in range(40)],
        "controls": CONTROLS,
        "positions": {"positions": [{
            "symbol": LONG, "position": "-123456.00000001", "average_price": 61234.123, "mark": None,
            "realised": 1234567.891, "marked": None,
        }]},
    } | changed  # fmt: skip


def test_no_line_is_wider_than_a_terminal():
    lines = status_lines(document())
    assert max(map(len, lines)) <= WIDTH, max(lines, key=len)


def test_a_venue_that_was_never_logged_on_has_no_time():
    [line] = [line for line in status_lines(document()) if "DOWN" in line and "never" in line]
    assert line.split()[-2:] == ["never", "never"]
    assert any("its venue was never logged on" in line for line in status_lines(document()))


def test_what_is_down_or_not_ready_is_in_capitals():
    service = document()["service"] | {"ready": False, "failing": ["books"]}
    text = "\n".join(status_lines(document(service=service)))
    assert "NOT READY (books)" in text and "quoting     -        DOWN   -" in text


def test_every_control_is_named_with_its_reason():
    text = "\n".join(control_lines(CONTROLS))
    for part in ("all: stopped since 2026-11-29 14:03:22", "client Fund: stopped", "(lunch)", "held at stressed"):
        assert part in text
    assert "instrument A: expiry model risk_averse forced since 2026-11-29 14:03:22 (x)" in text
    assert control_lines(NO_CONTROLS | {"market_states": {}, "models": NO_CONTROLS}) == []


@pytest.fixture
def board(tmp_path):
    board = Board.create(tmp_path / "board", 1, mono_ns())
    board.beat(mono_ns())
    return board


def test_a_venue_is_up_since_its_logon_and_was_never_before_it(tmp_path, board):
    states = VenueStates(RunPaths(tmp_path), ["A", "B"])
    since = utc_timestamp(wall_ns() - 5 * NS_PER_S)
    up = board.venues[0]
    up[L.V_STATE], up[L.V_LOGONS], up[L.V_STATE_SINCE_NS] = L.VENUE_UP, 1, mono_ns() - 5 * NS_PER_S
    up[L.V_LAST_RECEIVED_NS] = mono_ns()
    a, b = states.read()
    assert a["up"] is True and abs(float(a["since"][-9:]) - float(since[-9:])) % 60 < 1.0
    assert (b["up"], b["since"], b["last_message"]) == (False, None, None)


def test_without_a_writer_of_the_board_the_state_of_a_venue_is_not_known(tmp_path):
    states = VenueStates(RunPaths(tmp_path), ["A"])
    assert [venue["up"] for venue in states.read()] == [None]
    board = Board.create(tmp_path / "board", 1, mono_ns())
    board.beat(mono_ns() - 60 * NS_PER_S)
    assert [venue["up"] for venue in states.read()] == [None]


def test_sessions_are_those_of_the_quoting_process(tmp_path):
    named = [("ORD1", "Ordinary"), ("NEW", "Newcomer")]
    assert [each["up"] for each in sessions(named, None)] == [None, None]
    labels = {"process": ["quoting"], "session": ["ORD1"]}
    families = [family for family in QUOTING if family.name == "quotelife_client_session_up"]
    region = MetricsRegion.create(tmp_path / "metrics-quoting", families, **labels)
    region.values[region.gauge("quotelife_client_session_up", session="ORD1")] = 1
    assert [each["up"] for each in sessions(named, region)] == [True, False]
