"""When the engine stores a message for a resend."""

import pytest

from quotelife.acceptor.quickfix.resend_persistence import ResendPersistence


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
