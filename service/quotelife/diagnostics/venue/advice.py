"""One paragraph for each way in which the check of a venue can end: what happened, and what to do next."""

import difflib
import errno
import socket
import ssl
from pathlib import Path

from quotelife.config import Config, Instrument, Venue
from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.diagnostics.venue.comparison import ComparedInstrument
from quotelife.diagnostics.venue.dictionary import names
from quotelife.diagnostics.venue.observer import Observations
from quotelife.diagnostics.venue.probe import Outcome, Stage
from quotelife.fix import tags
from quotelife.fix.events import first_values
from quotelife.fix.fields import MalformedMessage, as_int, as_text, split_fields

_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert, a handshake
_CLOCK_LIMIT_S = 5.0


class Advice:
    """The paragraphs for one venue and instrument."""

    def __init__(
        self, config: Config, venue: Venue, instrument: Instrument, profile: VenueProfile, seconds: float
    ) -> None:
        self._at = f"venue[{[v.name for v in config.venue].index(venue.name)}]"
        self._file = Path(config.file).name
        self._venue, self._instrument, self._profile = venue, instrument, profile
        self._seconds = f"{seconds:g} s"
        self._address = f"{venue.host}:{venue.port}"
        self._tls = venue.tls is not None or profile.session.tls == "required"

    def paragraph(self, outcome: Outcome, compared: list[ComparedInstrument] | None = None) -> str:
        """What happened and what to do next."""
        if outcome.stage is Stage.CONNECT:
            return self._on_connect(outcome)
        if outcome.stage is Stage.LOGON:
            return self._on_logon(outcome)
        if outcome.stage is Stage.INSTRUMENTS or outcome.mismatch:
            return self._on_instruments(outcome)
        if outcome.stage is Stage.SNAPSHOT:
            return self._on_snapshot(outcome)
        return self._on_watch(outcome, [one for one in compared or [] if one.problem])

    # --- connection

    def _on_connect(self, outcome: Outcome) -> str:
        error, host, at = outcome.error, self._venue.host, self._at
        if outcome.timed_out or isinstance(error, TimeoutError):
            return (
                f"{self._address} does not answer: no connection within {self._seconds}. A firewall on the way "
                "drops the "
                f"packets, or the address is wrong. Check {at}.host and {at}.port, then whether the venue has "
                "allowed this "
                f"machine's address, then ask your network for a route to it."
            )
        if isinstance(error, socket.gaierror):
            return (
                f"The name {host} is not known (DNS: {error.strerror}). Check the spelling of {at}.host in "
                f"{self._file}. "
                f"If the venue is reached over a VPN or a leased line, its names may be known only there: try "
                f"`getent hosts {host}` on this machine."
            )
        if isinstance(error, ConnectionRefusedError):
            return (
                f"{self._address} refuses connections: nothing listens there, or a firewall rejects this machine. "
                "Check "
                f"{at}.host and {at}.port; market data often has a port of its own, apart from orders. Then ask "
                "the venue "
                f"whether the address of this machine is allowed."
            )
        if isinstance(error, ssl.SSLError):
            return self._on_tls(error)
        if error is not None and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return (
                f"There is no route to {self._address} ({error.strerror}). Check {at}.host, the VPN or leased line "
                "to the "
                f"venue, and this machine's network."
            )
        if isinstance(error, ConnectionResetError | ConnectionAbortedError) and self._tls:
            return (
                f"{self._address} ended the connection during the TLS handshake. Check that {at}.port is the "
                "venue's TLS "
                f"port, and whether the venue wants a client certificate ({at}.tls.certificate and {at}.tls.key)."
            )
        why = (error.strerror or str(error)) if error is not None else outcome.problem or "closed"
        return f"{self._address} cannot be connected to: {why}. Check {at}.host and {at}.port."

    def _on_tls(self, error: ssl.SSLError) -> str:
        at = self._at
        if isinstance(error, ssl.SSLCertVerificationError):
            advice = (
                f"its issuer is not known here: name the file of the issuer's certificate in {at}.tls.ca"
                if "hostname" not in error.verify_message.lower()
                else f"it is for another name: check {at}.host, or set {at}.tls.server_name to the name in it"
            )
            return f"The certificate of {self._address} is not accepted ({error.verify_message}): {advice}."
        reason = (error.reason or str(error)).replace("_", " ").lower()
        if "wrong version" in reason or "record layer" in reason:
            return (
                f"{self._address} does not speak TLS ({reason}). Check that {at}.port is the venue's TLS port; if the "
                f'venue is reached through a TLS proxy of yours, take a profile with session.tls = "optional" and no '
                f"[venue.tls]."
            )
        return (
            f"The TLS handshake with {self._address} failed ({reason}). If the venue wants a client certificate, set "
            f"{at}.tls.certificate and {at}.tls.key; else check {at}.tls.minimum_version and {at}.tls.server_name."
        )

    # --- Logon

    def _on_logon(self, outcome: Outcome) -> str:
        seen = outcome.seen
        if seen.last_logout or "logon refused" in outcome.problem:
            return self._on_refused_logon(outcome)
        if seen.first_bytes and not seen.received:
            return self._on_foreign_bytes(seen)
        if outcome.problem and not outcome.problem.startswith("no answer"):
            return self._on_wrong_answer(outcome)
        if outcome.timed_out or outcome.problem:
            return (
                f"{self._address} accepted the connection but did not answer the Logon within {self._seconds}. "
                "Either no FIX "
                f"engine listens there (check {self._at}.port{self._tls_hint()}), or the venue ignores Logons that "
                "it cannot "
                f"assign: check {self._comp_ids()}, and ask the venue whether the account and this machine's "
                "address are "
                f"enabled for market data."
            )
        return (
            f"{self._address} closed the connection without an answer to the Logon. Most venues do that when they "
            "do not "
            f"know the CompIDs: check {self._comp_ids()}. Other causes: this machine's address is not allowed, another "
            "session with these CompIDs is logged on (is `quotelife serve` running with this file?), or the FIX "
            "version "
            f"is not {self._profile.session.version}{self._tls_hint()}."
        )

    def _comp_ids(self) -> str:
        venue = self._venue
        text = f"{self._at}.sender_comp_id ({venue.sender_comp_id}) and target_comp_id ({venue.target_comp_id})"
        subs = [f"{key} ({value})" for key in ("sender_sub_id", "target_sub_id") if (value := getattr(venue, key))]
        return ", ".join([text, *subs])

    def _tls_hint(self) -> str:
        return "" if self._tls else "; this connection had no TLS, which the port may expect: add a [venue.tls] section"

    def _on_refused_logon(self, outcome: Outcome) -> str:
        text = as_text(_value(outcome.seen.last_logout, tags.Text)) or "no reason given"
        said, low = f'{self._address} refused the Logon: "{text}".', text.lower()
        if "seq" in low:
            return (
                f"{said} The sequence numbers of the two sides differ. The profile's session.reset_seq_num asks for a "
                f"restart at 1 (141=Y); ask the venue to reset the session if it does not allow that."
            )
        if any(word in low for word in ("already", "duplicate", "in use", "active session")):
            return (
                f"{said} A session with these CompIDs is logged on: stop the service that runs with this "
                "configuration, or "
                f"ask the venue for a second pair of CompIDs for checks."
            )
        if any(word in low for word in ("time", "clock", "timestamp", "recv")):
            return (
                f"{said} Check this machine's clock (UTC, synchronised by NTP); a signed Logon is valid for "
                "seconds only."
            )
        if any(word in low for word in ("compid", "comp id", "sender", "target")):
            return f"{said} Check {self._comp_ids()}."
        return (
            f"{said} Check {self._credentials()}, then {self._comp_ids()}; then ask the venue whether the account "
            "is enabled."
        )

    def _credentials(self) -> str:
        logon, at = self._profile.logon, self._at
        keys = [f"{at}.secrets.{name}" for name in logon.secrets]
        templates = " ".join([*(f.value for f in logon.fields), logon.signature.over if logon.signature else ""])
        if "{username}" in templates:
            keys.append(f"{at}.username ({self._venue.username or 'not set'})")
        if "{password}" in templates:
            secret = self._venue.password_env or self._venue.password_file
            keys.append(f"{at}.password_env or password_file ({secret or 'not set'})")
        return ", ".join(keys) or "what the venue asks of a Logon (the profile sends no credentials)"

    def _on_foreign_bytes(self, seen: Observations) -> str:
        first = seen.first_bytes
        if first[:2] in _TLS_RECORDS:
            return (
                f"{self._address} answered in TLS, but this connection had none. Add a [venue.tls] section below "
                f"{self._at} "
                f"(it may be empty), or take the venue's port without TLS."
            )
        shown = first[:32].decode("ascii", "backslashreplace").replace("\x01", "|")
        return f'{self._address} does not speak FIX: it sent "{shown}". Check {self._at}.host and {self._at}.port.'

    def _on_wrong_answer(self, outcome: Outcome) -> str:
        problem = outcome.problem
        answer = _values(outcome.seen.last_received)
        if problem.startswith("SenderCompID is"):
            theirs = as_text(answer.get(tags.SenderCompID))
            return (
                f"The venue calls itself {theirs}, not {self._venue.target_comp_id}: set {self._at}.target_comp_id = "
                f'"{theirs}", if that is the venue that you mean.'
            )
        if problem.startswith("TargetCompID is"):
            theirs = as_text(answer.get(tags.TargetCompID))
            return (
                f"The venue answers to {theirs}, not to {self._venue.sender_comp_id}: set {self._at}.sender_comp_id = "
                f'"{theirs}", if that is what the venue has assigned to you.'
            )
        if problem.startswith("BeginString is"):
            theirs = as_text(answer.get(tags.BeginString))
            return (
                f"The venue speaks {theirs}, the profile {self._venue.profile} {self._profile.session.version}: take a "
                f"profile with the session.version of the venue."
            )
        text = as_text(answer.get(tags.Text))
        field = _field_name(as_int(answer.get(371)))
        said = "".join([f': "{text}"' if text else "", f" (field {field})" if field else ""])
        return (
            f"The venue did not answer the Logon with a Logon: {problem}{said}. Compare the Logon above with what "
            "the venue "
            f"documents, field by field, and adapt logon.fields of the profile {self._venue.profile}."
        )

    # --- instruments and subscription

    def _on_instruments(self, outcome: Outcome) -> str:
        symbol, name = self._instrument.symbol, self._instrument.symbol_at(self._venue.name)
        mismatch = outcome.mismatch
        if outcome.problem or outcome.closed:
            return self._on_end(outcome, "before its list of instruments was complete")
        if outcome.timed_out or "has not confirmed" in mismatch:
            return (
                "The venue did not give its list of instruments "
                f"({mismatch or 'no answer within ' + self._seconds}). If it "
                f'answers no {self._profile.instruments.request}, set instruments.request = "none" in a copy of the '
                f"profile {self._venue.profile}; tick and lot are then not checked."
            )
        if "does not list it" in mismatch or "deleted" in mismatch:
            return (
                f"The venue does not list {name} ({mismatch}).{_similar(name, outcome.seen)} Set venue_symbol (or "
                f"security_id) of [[instrument]] {symbol} to the venue's name for it."
            )
        key = mismatch.partition(" ")[0]
        return (
            f"{symbol} is not as configured: {mismatch}. The service would not quote it. Set {key} of [[instrument]] "
            f"{symbol} in {self._file} to the venue's value, and check limits and margins that are in ticks or lots."
        )

    def _on_snapshot(self, outcome: Outcome) -> str:
        seen, symbol = outcome.seen, self._instrument.symbol
        name = self._instrument.symbol_at(self._venue.name)
        if seen.refusals:
            return self._on_refused_request(seen, name)
        if outcome.problem or outcome.closed:
            return self._on_end(outcome, "after the MarketDataRequest")
        if seen.market_data and seen.not_understood:
            reason = next(iter(seen.not_understood))
            return (
                f"Market data of {symbol} came, but no book could be made of it: {reason}, see above. Compare the "
                "message "
                f"with the venue's documentation and with [book] of the profile {self._venue.profile}."
            )
        if seen.market_data:
            return (
                f"Market data came, but no snapshot (W) of {symbol} that answers our request. If the venue sends "
                "none, the "
                f"profile needs subscription.snapshot = false; if it names {name} otherwise, set venue_symbol or "
                "security_id."
            )
        return (
            f"The venue is logged on but sent no market data of {name} within {self._seconds}, and no rejection "
            "either. "
            f"Check the name ({name}),{_similar(name, seen)} whether the market is open, whether the account may "
            "have market "
            f"data, and the fields of the MarketDataRequest (V) above against the venue's documentation."
        )

    def _on_refused_request(self, seen: Observations, name: str) -> str:
        kind, text, message, about = seen.refusals[0]
        values = _values(message)
        code = values.get(281)
        meaning = names().values.get((281, as_text(code)), "") if code is not None else ""
        said = f'"{text}"' if text else meaning or "without a reason"
        request = names().messages.get(as_text(_value(about, tags.MsgType)), "message")
        if kind == tags.MARKET_DATA_REQUEST_REJECT and (
            code == b"0" or "symbol" in text.lower() or "instrument" in text.lower()
        ):
            return (
                f"The venue does not know {name}: {said}.{_similar(name, seen)} Set venue_symbol (or security_id) of "
                f"[[instrument]] {self._instrument.symbol} to the venue's name for it."
            )
        field = _field_name(as_int(values.get(371)))
        return (
            f"The venue rejected our {request}{f', field {field}' if field else ''}: {said}. Compare the message "
            "above with "
            f"the venue's documentation; depth of {self._at} and [subscription] of the profile "
            f"{self._venue.profile} say "
            f"what it contains."
        )

    def _on_end(self, outcome: Outcome, when: str) -> str:
        text = as_text(_value(outcome.seen.last_logout, tags.Text))
        why = f'it said "{text}"' if text else outcome.problem or "without a word"
        return (
            f"The venue ended the session {when}: {why}. If it counts messages, see [pacing] of the profile "
            f"{self._venue.profile}; if another session with these CompIDs is logged on, stop that one."
        )

    # --- a live book

    def _on_watch(self, outcome: Outcome, differing: list[ComparedInstrument]) -> str:
        seen, symbol = outcome.seen, self._instrument.symbol
        if outcome.problem or outcome.closed:
            return self._on_end(outcome, "while its market data was watched")
        if seen.not_understood:
            n = sum(reason.count for reason in seen.not_understood.values())
            return (
                f"The book of {symbol} was live, but {n} {'thing was' if n == 1 else 'things were'} not "
                "understood, see above. "
                f"The service drops such a book and asks for it anew each time. Compare the example with the venue's "
                f"documentation and adapt a copy of the profile {self._venue.profile}."
            )
        if not outcome.live_at_the_end:
            return f"The book of {symbol} was live and is no longer. Run the check again, for longer (--seconds)."
        others = [one for one in differing if one.instrument.symbol != symbol]
        if others:
            first = f"{others[0].instrument.symbol}: {others[0].problem}"
            return (
                f"The book of {symbol} is live and everything that came was understood, but the service would not "
                f"quote {len(others)} other configured instrument{'s' if len(others) > 1 else ''} ({first}). Correct "
                f"what is marked above in {self._file}, then run the check again."
            )
        if outcome.halted:
            return (
                f"The book of {symbol} is live, but the venue says that trading is halted; the service quotes "
                f"nothing until the venue resumes. If it trades in fact, see [halts] and "
                "instruments.tradable of the profile."
            )
        return (
            f"The book of {symbol} is live and everything that came was understood. Next: quotelife doctor, then "
            "quotelife serve."
        )


def clock_warning(seen: Observations) -> str:
    """A hint if this machine's clock and the venue's differ by seconds; else empty."""
    least_s, most_s = (ns / 1e9 for ns in seen.skew_ns)
    if least_s > most_s or max(abs(least_s), abs(most_s)) < _CLOCK_LIMIT_S:
        return ""
    return f"the venue's clock and this machine's differ by {least_s:.1f} s; check NTP here"


def _similar(name: str, seen: Observations) -> str:
    """Names of the venue's list that resemble the configured one."""
    plain = {"".join(c for c in listed if c.isalnum()).upper(): listed for listed in seen.listed if listed != name}
    wanted = "".join(c for c in name if c.isalnum()).upper()
    found = [plain[key] for key in difflib.get_close_matches(wanted, plain, 3, 0.75)]
    return f" It lists {', '.join(found)}." if found else ""


def _field_name(tag: int | None) -> str:
    return "" if tag is None else f"{tag} {names().tags.get(tag, '')}".strip()


def _values(message: bytes) -> dict[int, bytes]:
    try:
        return first_values(split_fields(message))
    except MalformedMessage:
        return {}


def _value(message: bytes, tag: int) -> bytes | None:
    return _values(message).get(tag)
