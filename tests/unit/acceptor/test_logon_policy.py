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


def logon(session="G", target="QUOTELIFE", begin="FIX.4.4", username="desk", password="right", **stated: str) -> Logon:
    """`stated` are fields by tag, such as _108="30"."""
    fields = {"98": "0", "108": "30"} | {name[1:]: value for name, value in stated.items()}
    return Logon(begin, session, target, username, password, True, tuple((t, v) for t, v in fields.items() if v))


def reason(found: LogonTerms | LogonRefusal) -> str:
    return found.reason if isinstance(found, LogonRefusal) else ""


def test_unknown_comp_id_or_version_is_refused(policy):
    assert reason(policy.check(logon("O"), "10.1.1.1", (), 0)) == ""
    assert reason(policy.check(logon("X"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(policy.check(logon("O", target="OTHER"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(policy.check(logon("O", begin="FIX.4.2"), "10.1.1.1", (), 0)) == "unknown_session"
    assert reason(policy.check(logon("OLD", begin="FIX.4.2"), "10.1.1.1", (), 0)) == ""


@pytest.mark.parametrize("seconds", ["-1", "0", "3601", "99999999999999999999", "x", "1.5", "", "²", "+5"])
def test_a_heartbeat_that_cannot_be_kept_is_refused(policy, seconds):
    refused = policy.check(logon("O", _108=seconds), "10.1.1.1", (), 0)
    assert isinstance(refused, LogonRefusal) and refused.reason == "unsupported_field"
    stated = f"is '{seconds}'; allowed: 1 to 3600 seconds" if seconds else "is missing"
    assert refused.detail == f"HeartBtInt (108) {stated}"


@pytest.mark.parametrize("seconds", ["1", "30", "3600", "05"])
def test_a_heartbeat_of_up_to_an_hour_is_accepted(policy, seconds):
    assert reason(policy.check(logon("O", _108=seconds), "10.1.1.1", (), 0)) == ""


@pytest.mark.parametrize(("tag", "value"), [("98", "1"), ("98", ""), ("464", "Y"), ("925", "***"), ("1137", "7")])
def test_a_logon_for_something_else_is_refused_before_its_session_is_looked_up(policy, tag, value):
    refused = policy.check(logon("X", **{f"_{tag}": value}), "10.1.1.1", (), 0)
    assert isinstance(refused, LogonRefusal) and refused.reason == "unsupported_field" and f"({tag})" in refused.detail


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


def test_wrong_passwords_are_remembered_by_the_next_policy(policy, tmp_path):
    for n in range(MAX_WRONG_PASSWORDS):
        policy.record_password("G", "10.1.1.1", False, n)
    rig = Rig(tmp_path / "next")
    rig.clients = [*CLIENTS, {"name": "New", "sessions": ["N"]}]
    following = LogonPolicy(rig.configure())
    following.continue_from(policy)
    assert reason(following.check(logon("G"), "10.1.1.1", (), MAX_WRONG_PASSWORDS)) == "guessing"
    assert reason(following.check(logon("N"), "10.1.1.1", (), 0)) == ""
