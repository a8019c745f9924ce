"""What to do next: one paragraph for each way in which a check can end."""

import socket
import ssl

import msgspec
import pytest

from quotelife.config import Config
from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.diagnostics.venue.advice import Advice, clock_warning
from quotelife.diagnostics.venue.comparison import compare
from quotelife.diagnostics.venue.observer import Observations, Reason
from quotelife.diagnostics.venue.probe import Outcome, Stage
from quotelife.marketdata.instruments.listing import ListedInstrument

CONFIG = msgspec.structs.replace(
    msgspec.convert(
        {
            "venue": [
                {"name": "X", "port": 1, "sender_comp_id": "Q", "target_comp_id": "X"},
                {"name": "V", "host": "fix.venue.test", "port": 9000, "sender_comp_id": "Q", "target_comp_id": "T",
                 "username": "desk", "password_env": "PASSWORD"},
            ],
            "instrument": [
                {"symbol": "BTC", "venue": ["X", "V"], "venue_symbol": {"V": "BTC-USD"}, "tick": "1", "lot": "1"}
            ],
            "client": [{"name": "C", "sessions": ["C"]}],
        },
        Config,
    ),
    file="/etc/desk.toml",
)  # fmt: skip
PROFILE = VenueProfile(title="t", tried="here")


def paragraph(stage: Stage, profile: VenueProfile = PROFILE, **more) -> str:
    advice = Advice(CONFIG, CONFIG.venue[1], CONFIG.instrument[0], profile, 10.0)
    return advice.paragraph(Outcome(stage=stage, **more))


def message(*fields: tuple[int, object]) -> bytes:
    return b"".join(f"{tag}={value}\x01".encode() for tag, value in fields)


def certificate_error(text: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, text)
    error.verify_message = text
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (socket.gaierror(-2, "Name or service not known"), "fix.venue.test is not known (DNS"),
        (ConnectionRefusedError(111, "refused"), "fix.venue.test:9000 refuses connections"),
        (TimeoutError(), "does not answer: no connection within 10 s"),
        (OSError(113, "No route to host"), "no route to fix.venue.test:9000"),
        (certificate_error("self-signed certificate"), "venue[1].tls.ca"),
        (certificate_error("Hostname mismatch, certificate is not valid for 'x'"), "venue[1].tls.server_name"),
        (tls_error("WRONG_VERSION_NUMBER"), "does not speak TLS"),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), "client certificate"),
        (PermissionError(13, "Permission denied"), "cannot be connected to: Permission denied"),
    ],
)
def test_a_connection_that_fails(error, says):
    assert says in paragraph(Stage.CONNECT, error=error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Invalid credentials", "venue[1].username (desk), venue[1].password_env or password_file (PASSWORD)"),
        ("MsgSeqNum too low", "session.reset_seq_num"),
        ("Session already active", "stop the service that runs"),
        ("Timestamp outside of recvWindow", "clock"),
        ("Unknown SenderCompID", "venue[1].sender_comp_id (Q) and target_comp_id (T)"),
        ("", "no reason given"),
    ],
)
def test_a_logon_that_is_refused(text, says):
    seen = Observations(last_logout=message((35, 5), (58, text)), first_bytes=b"8=FIX")
    found = paragraph(Stage.LOGON, problem="logon refused: x", seen=seen)
    assert says in found and (text or "no reason") in found


@pytest.mark.parametrize(
    ("problem", "answer", "says"),
    [
        ("SenderCompID is V2, not T", (49, "V2"), 'venue[1].target_comp_id = "V2"'),
        ("TargetCompID is Q2, not Q", (56, "Q2"), 'venue[1].sender_comp_id = "Q2"'),
        (
            "BeginString is FIX.4.2, not FIX.4.4",
            (8, "FIX.4.2"),
            "The venue speaks FIX.4.2, the profile generic FIX.4.4",
        ),
        ("first message is 3, not Logon", (371, 96), "(field 96 RawData)"),
    ],
)
def test_a_logon_that_is_answered_otherwise(problem, answer, says):
    last = message((35, "A"), answer)
    seen = Observations(last_received=last, first_bytes=last)
    seen.received["A"] += 1
    assert says in paragraph(Stage.LOGON, problem=problem, seen=seen)


@pytest.mark.parametrize(
    ("reject", "says"),
    [
        (((281, 0),), "The venue does not know BTC-USD: UNKNOWN_SYMBOL. It lists BTC/USD."),
        (((281, 5), (58, "depth?")), 'rejected our MarketDataRequest: "depth?"'),
        (((371, 264), (58, "bad")), 'rejected our MarketDataRequest, field 264 MarketDepth: "bad"'),
    ],
)
def test_a_subscription_that_is_refused(reject, says):
    values = dict(reject)
    seen = Observations(listed={"BTC/USD": ListedInstrument("BTC/USD", "", {})})
    kind = "Y" if 281 in values else "3"
    seen.refusals.append((kind, values.get(58, ""), message(*reject), message((35, "V"))))
    assert says in paragraph(Stage.SNAPSHOT, seen=seen, timed_out=True)


def test_a_session_that_the_venue_ends():
    seen = Observations(last_logout=message((35, 5), (58, "too many messages")))
    found = paragraph(Stage.WATCH, problem="peer logged out: too many messages", seen=seen, live=True)
    assert 'while its market data was watched: it said "too many messages"' in found and "[pacing]" in found


def test_market_data_without_a_book():
    seen = Observations(not_understood={"unknown_symbol": Reason(3, b"")})
    seen.received["W"] += 1
    assert "no book could be made of it: unknown_symbol" in paragraph(Stage.SNAPSHOT, seen=seen, timed_out=True)


def test_a_book_that_is_live_and_halted_or_not():
    assert "trading is halted" in paragraph(Stage.DONE, live_at_the_end=True, halted=True)
    assert "Next: quotelife doctor, then quotelife serve" in paragraph(Stage.DONE, live_at_the_end=True)
    assert "was live and is no longer" in paragraph(Stage.DONE, live_at_the_end=False)


def test_a_clock_that_differs_by_seconds_is_named():
    assert clock_warning(Observations()) == "" == clock_warning(Observations(skew_ns=[-(10**8), 10**8]))
    assert "differ by 61.0 s" in clock_warning(Observations(skew_ns=[61 * 10**9, 62 * 10**9]))


def test_instruments_are_compared_by_the_venues_name_for_them():
    profile = msgspec.structs.replace(
        PROFILE, instruments=msgspec.structs.replace(PROFILE.instruments, request="SecurityListRequest", tick_tag=969)
    )
    listed = {"BTC-USD": ListedInstrument("BTC-USD", "", {969: b"1.0"})}
    [one] = compare(CONFIG, CONFIG.venue[1], CONFIG.instrument[0], profile, listed)
    assert one.problem == ""
    [one] = compare(CONFIG, CONFIG.venue[0], CONFIG.instrument[0], profile, listed)
    assert one.problem == "the venue does not list it"
