"""When the engine is told to keep a message."""

import pytest

from quotelife.acceptor.quickfix.resend_persistence import Keeping


class Session:
    """The engine's session: remembers what it was told."""

    def __init__(self, persists=True):
        self.persists, self.told = persists, []

    def getPersistMessages(self):
        return self.persists

    def setPersistMessages(self, value):
        self.persists = value
        self.told.append(value)


@pytest.fixture
def session():
    return Session()


def test_the_engine_is_told_only_what_is_new(session):
    keeping = Keeping(session)
    for kept in (False, False, True, True, False, False):
        keeping.keep(kept)
        assert session.persists is kept
    assert session.told == [False, True, False]


def test_while_a_resend_request_is_answered_it_stays_on(session):
    keeping = Keeping(session)
    keeping.asked()
    keeping.keep(False)  # another thread's message, before the engine has its lock
    assert session.persists
    keeping.answering()
    keeping.keep(False)
    assert not session.persists


def test_where_nothing_is_to_be_kept_nothing_is():
    session = Session(persists=False)
    keeping = Keeping(session)
    keeping.keep(True)
    keeping.asked()
    assert session.told == [] and not session.persists
