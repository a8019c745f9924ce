"""When the engine stores a message for a resend."""

from types import SimpleNamespace

import pytest

from quotelife.acceptor.common.stored_types import is_stored
from quotelife.acceptor.quickfix.application import Application
from quotelife.acceptor.quickfix.engine_session import EngineSession
from quotelife.acceptor.quickfix.resend_persistence import ResendPersistence
from quotelife.rfq.delivery.client_rejects import RecentlySent


class Session:
    """The engine's session; records the values that were set."""

    def __init__(self, persists=True):
        self.persists, self.values_set = persists, []
        self.next_to_send = 10

    def getExpectedSenderNum(self):
        return self.next_to_send

    def getPersistMessages(self):
        return self.persists

    def setPersistMessages(self, value):
        self.persists = value
        self.values_set.append(value)


@pytest.fixture
def session():
    return Session()


def test_engine_is_set_only_on_a_change(session):
    persistence = ResendPersistence(session)
    for persist in (False, False, True, True, False, False):
        persistence.set_persist(persist)
        assert session.persists is persist
    assert session.values_set == [False, True, False]


def test_persistence_stays_on_during_a_resend(session):
    persistence = ResendPersistence(session)
    persistence.on_resend_request()
    persistence.set_persist(False)  # another thread's message, before the engine has its lock
    assert session.persists
    persistence.on_resend_started()
    persistence.set_persist(False)
    assert not session.persists


def test_disabled_persistence_stays_off():
    session = Session(persists=False)
    persistence = ResendPersistence(session)
    persistence.set_persist(True)
    persistence.on_resend_request()
    assert session.values_set == [] and not session.persists


def test_logon_that_misses_messages_turns_persistence_on_until_they_are_resent(session):
    persistence = ResendPersistence(session)
    persistence.on_logon_received(9)
    persistence.on_resend_started()  # the engine's Logon, which is not stored
    persistence.set_persist(False)
    assert not session.persists
    persistence.on_logged_on()
    persistence.set_persist(False)  # another thread's message
    assert session.persists
    persistence.on_resend_started()
    persistence.set_persist(False)
    assert not session.persists


def test_logon_that_misses_nothing_leaves_persistence_off(session):
    persistence = ResendPersistence(session)
    for next_expected in (0, 10, 11):
        persistence.on_logon_received(next_expected)
        persistence.on_logged_on()
        assert not session.persists


@pytest.mark.parametrize(
    ("msg_type", "stored"), [("8", True), ("Q", True), ("AR", True), ("S", False), ("AG", False), ("A", False)]
)
def test_what_binds_and_what_answers_a_hedge_is_stored(msg_type, stored):
    text = f"8=FIX.4.4\x019=0\x0135={msg_type}\x0158=\x0117=x\x01372=8\x0110=000\x01"
    assert is_stored(text) is stored


@pytest.mark.parametrize(("msg_type", "stored"), [("8", True), ("Q", True), ("AR", True), ("S", False)])
def test_the_engine_stores_such_a_message_as_it_is_sent(session, tmp_path, msg_type, stored):
    stored_when_sent = []

    class Engine:
        def send(self, message):
            application.toApp(message, None)
            stored_when_sent.append(session.persists)

    handler = SimpleNamespace(client_rejects=SimpleNamespace(find_sent=None))
    application = Application(handler, {}, tmp_path)
    engine_session = EngineSession(Engine(), ResendPersistence(session), RecentlySent(int), None)
    application._send(f"8=FIX.4.4\x019=0\x0135={msg_type}\x0117=x\x0110=000\x01", engine_session)
    assert stored_when_sent == [stored]
