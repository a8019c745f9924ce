"""Who may log on, without sockets or engine."""

import pytest

from quotelife.acceptor.common.logon_policy import GUESSES, GUESSES_NS, Admission, Refused, Terms, verify
from quotelife.config.passwords import hash_password
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
def admission(tmp_path):
    rig = Rig(tmp_path)
    rig.clients = CLIENTS
    return Admission(rig.configure())


def logon(session="G", target="QUOTELIFE", begin="FIX.4.4", username="desk", password="right") -> Logon:
    return Logon(begin, session, target, username, password, True)


def reason(found: Terms | Refused) -> str:
    return found.reason if isinstance(found, Refused) else ""


def test_comp_ids_and_version(admission):
    assert reason(admission.examine(logon("O"), "10.1.1.1", (), 0)) == ""
    assert reason(admission.examine(logon("X"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(admission.examine(logon("O", target="OTHER"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(admission.examine(logon("O", begin="FIX.4.2"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(admission.examine(logon("OLD", begin="FIX.4.2"), "10.1.1.1", (), 0)) == ""


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
def test_addresses_of_a_client(admission, address, allowed):
    assert (reason(admission.examine(logon("F"), address, (), 0)) == "") is allowed


def test_a_certificate_must_carry_the_sessions_name(admission):
    assert reason(admission.examine(logon("C"), "10.1.1.1", (), 0)) == "certificate"
    assert reason(admission.examine(logon("C"), "10.1.1.1", ("other.example",), 0)) == "certificate"
    assert reason(admission.examine(logon("C"), "10.1.1.1", ("x", "oms.client.example"), 0)) == ""


def test_user_name_and_password(admission):
    terms = admission.examine(logon(), "10.1.1.1", (), 0)
    assert verify(terms, logon())
    for wrong in ({"password": "wrong"}, {"password": None}, {"username": "other"}, {"username": None}):
        assert not verify(terms, logon(**wrong))
    assert verify(admission.examine(logon("O"), "10.1.1.1", (), 0), logon("O", password="whatever"))


def test_who_guesses_has_to_wait_and_nobody_else(admission):
    for n in range(GUESSES):
        assert reason(admission.examine(logon(), "10.1.1.1", (), n * NS_PER_S)) == ""
        admission.note("G", "10.1.1.1", False, n * NS_PER_S)
    assert reason(admission.examine(logon(), "10.1.1.1", (), GUESSES * NS_PER_S)) == "guessing"
    assert reason(admission.examine(logon(), "10.1.1.2", (), GUESSES * NS_PER_S)) == ""
    assert reason(admission.examine(logon("O"), "10.1.1.1", (), GUESSES * NS_PER_S)) == ""
    assert reason(admission.examine(logon(), "10.1.1.1", (), GUESSES_NS)) == "", "the first guess is too old to count"
    admission.note("G", "10.1.1.1", True, GUESSES_NS)
    admission.note("G", "10.1.1.1", False, GUESSES_NS)
    assert reason(admission.examine(logon(), "10.1.1.1", (), GUESSES_NS)) == "", "a right one ends it"
