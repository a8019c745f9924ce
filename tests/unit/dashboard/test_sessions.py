"""Whether a session that is away is an alarm."""

import msgspec
import pytest

from quotelife.config.instrument_sections import Session
from quotelife.dashboard.sessions import SessionStates
from quotelife.runtime.clock import NS_PER_S
from tests.unit.rfq.rfq_rig import START_WALL_NS, Rig


@pytest.fixture
def config(tmp_path):
    return Rig(tmp_path).config


class Figures:
    """The metrics of the sessions."""

    def __init__(self) -> None:
        self.up, self.logons = set[str](), set[str]()

    def __call__(self, family: str, session: str) -> float:
        return float(session in (self.up if family == "session_up" else self.logons))


def state(states, figures, wall_ns=START_WALL_NS, session="ORD"):
    found = next(each for each in states.read(figures, wall_ns) if each["name"] == session)
    return found["up"], found["expected"], found["since_ms"]


def test_a_session_is_expected_once_it_has_logged_on(config):
    figures, states = Figures(), SessionStates(config)
    assert state(states, figures) == (False, False, None)
    figures.up, figures.logons = {"ORD"}, {"ORD"}
    assert state(states, figures, 2 * NS_PER_S) == (True, True, 2_000.0)
    figures.up = set()
    assert state(states, figures, 5 * NS_PER_S) == (False, True, 5_000.0)
    assert state(states, figures, 9 * NS_PER_S) == (False, True, 5_000.0)


def test_since_when_a_session_is_up_is_not_known_before_a_change(config):
    figures, states = Figures(), SessionStates(config)
    figures.up = {"ORD"}
    assert state(states, figures) == (True, True, None)


def test_a_client_that_may_come_and_go_is_not_expected(config):
    clients = [msgspec.structs.replace(config.client[0], expected=False), *config.client[1:]]
    figures, states = Figures(), SessionStates(msgspec.structs.replace(config, client=clients))
    figures.logons = {"ORD", "FUND"}
    assert state(states, figures)[1] is False and state(states, figures, session="FUND")[1] is True


def test_nobody_is_expected_while_everything_is_closed(config):
    night = [Session(phase="closed", start="09:00", end="11:00")]
    instruments = [msgspec.structs.replace(i, session=night) for i in config.instrument]
    figures, states = Figures(), SessionStates(msgspec.structs.replace(config, instrument=instruments))
    figures.logons = {"ORD"}
    assert state(states, figures)[1] is False
    assert state(states, figures, START_WALL_NS + 2 * 3_600 * NS_PER_S)[1] is True
