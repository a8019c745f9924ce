"""The logon policy, without sockets or engine."""

import pytest

from quotelife.acceptor.common.logon_policy import (
    GUESSING_WINDOW_NS,
    MAX_WRONG_PASSWORDS,
    LogonPolicy,
    LogonRefusal,
    LogonTerms,
    verify_password,
)
from quotelife.config.password_hash import hash_password
from quotelife.fix.logon import Logon
from quotelife.runtime.clock import NS_PER_S
from tests.unit.rfq.rfq_rig import Rig

HASH = hash_password("right")
CLIENTS = [
    {"name": "Guarded", "sessions": ["G"], "logon": {"G": {"username": "desk", "password_hash": HASH}}},
    {"name": "Open", "sessions": ["O", "OLD"], "versions": {"OLD": "FIX.4.2"}},
    {"name": "Far", "sessions": ["F"], "allowed_addresses": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]},
    {"name": "Certified", "sessions": ["C"], "logon": {"C": {"certificate": "oms.client.example"}}},
]


@pytest.fixture
def policy(tmp_path):
    rig = Rig(tmp_path)
    rig.clients = CLIENTS
    return LogonPolicy(rig.configure())


def logon(session="G", target="QUOTELIFE", begin="FIX.4.4", username="desk", password="right") -> Logon:
    return Logon(begin, session, target, username, password, True)


def reason(found: LogonTerms | LogonRefusal) -> str:
    return found.reason if isinstance(found, LogonRefusal) else ""


def test_unknown_comp_id_or_version_is_refused(policy):
    assert reason(policy.check(logon("O"), "10.1.1.1", (), 0)) == ""
    assert reason(policy.check(logon("X"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(policy.check(logon("O", target="OTHER"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(policy.check(logon("O", begin="FIX.4.2"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(policy.check(logon("OLD", begin="FIX.4.2"), "10.1.1.1", (), 0)) == ""


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.200.3.4", True),
        ("192.0.2.7", True),
        ("2001:db8::1", True),
        ("192.0.2.8", False),
        ("::1", False),
        ("", False),
    ],
)
def test_client_address_is_checked(policy, address, allowed):
    assert (reason(policy.check(logon("F"), address, (), 0)) == "") is allowed


def test_certificate_must_name_the_session(policy):
    assert reason(policy.check(logon("C"), "10.1.1.1", (), 0)) == "certificate"
    assert reason(policy.check(logon("C"), "10.1.1.1", ("other.example",), 0)) == "certificate"
    assert reason(policy.check(logon("C"), "10.1.1.1", ("x", "oms.client.example"), 0)) == ""


def test_wrong_user_name_or_password_is_refused(policy):
    terms = policy.check(logon(), "10.1.1.1", (), 0)
    assert verify_password(terms, logon())
    for wrong in ({"password": "wrong"}, {"password": None}, {"username": "other"}, {"username": None}):
        assert not verify_password(terms, logon(**wrong))
    assert verify_password(policy.check(logon("O"), "10.1.1.1", (), 0), logon("O", password="whatever"))


def test_guessing_blocks_only_that_address_and_session(policy):
    for n in range(MAX_WRONG_PASSWORDS):
        assert reason(policy.check(logon(), "10.1.1.1", (), n * NS_PER_S)) == ""
        policy.record_password("G", "10.1.1.1", False, n * NS_PER_S)
    assert reason(policy.check(logon(), "10.1.1.1", (), MAX_WRONG_PASSWORDS * NS_PER_S)) == "guessing"
    assert reason(policy.check(logon(), "10.1.1.2", (), MAX_WRONG_PASSWORDS * NS_PER_S)) == ""
    assert reason(policy.check(logon("O"), "10.1.1.1", (), MAX_WRONG_PASSWORDS * NS_PER_S)) == ""
    assert reason(policy.check(logon(), "10.1.1.1", (), GUESSING_WINDOW_NS)) == "", (
        "the first wrong password is too old to count"
    )
    policy.record_password("G", "10.1.1.1", True, GUESSING_WINDOW_NS)
    policy.record_password("G", "10.1.1.1", False, GUESSING_WINDOW_NS)
    assert reason(policy.check(logon(), "10.1.1.1", (), GUESSING_WINDOW_NS)) == "", (
        "a correct password resets the count"
    )
