"""Asks the venue for its instruments after the Logon and says which of the configured ones it confirms. Sans I/O.

Nothing is subscribed before the list is complete: a book with another tick would be quoted at wrong prices. A list
that cannot be had confirms nothing. While an instrument is not confirmed, or its status does not allow trading, the
list is asked for again every minute.
"""

from collections import deque
from itertools import islice

from quotelife.config.venues.venue_profile import InstrumentsProfile
from quotelife.fix import tags
from quotelife.fix.encode import Body
from quotelife.fix.events import ApplicationMessage
from quotelife.marketdata.instruments.listing import (
    Answer,
    ListedInstrument,
    is_per_instrument,
    listed_instruments,
    read_answer,
    request_body,
)
from quotelife.marketdata.instruments.terms import ConfiguredInstrument, Terms, Verdict
from quotelife.runtime.clock import NS_PER_S

TIMEOUT_NS = 10 * NS_PER_S  # without any part of the list
QUIET_NS = 2 * NS_PER_S  # after the last d of a list that does not state its end
REPEAT_NS = 60 * NS_PER_S
_NEVER = 1 << 62


class InstrumentList:
    """The list of one venue session. `on_message`, `on_reject` and `on_timer` return the verdicts that changed."""

    def __init__(
        self,
        profile: InstrumentsProfile,
        terms: Terms,
        configured: list[ConfiguredInstrument],
        first_request: int,
        timeout_ns: int = TIMEOUT_NS,
    ) -> None:
        self.msg_type = {
            "SecurityListRequest": tags.SECURITY_LIST_REQUEST,
            "SecurityDefinitionRequest": tags.SECURITY_DEFINITION_REQUEST,
        }.get(profile.request)
        self.ready = self.msg_type is None  # whether every instrument has its verdict
        self._profile, self._terms, self._timeout_ns = profile, terms, timeout_ns
        self._configured = {c.row: c for c in configured}
        by_symbol = {c.symbol: c.row for c in configured}
        by_id = {c.security_id: c.row for c in configured if c.security_id}
        self._rows = [by_id, by_symbol] if profile.address == "SecurityID" else [by_symbol, by_id]
        self._next_request = first_request
        self._verdicts: dict[int, Verdict] = {}
        self._open: dict[str, int | None] = {}  # SecurityReqID to row, None: the list
        self._unsent: deque[tuple[Body, str, int | None]] = deque()
        self._sent: dict[int, str] = {}  # MsgSeqNum to SecurityReqID
        self._found: dict[int, Verdict] = {}
        self._count = 0
        self._quiet = False  # the list ends with silence
        self._progress_ns = self._repeat_ns = _NEVER

    @property
    def missing(self) -> set[int]:
        """Rows that the venue does not confirm, or has not confirmed yet."""
        if self.msg_type is None:
            return set()
        return {row for row in self._configured if not self.ready or self._verdicts[row].difference}

    def start(self, now_ns: int) -> None:
        """The session is established: ask for the list."""
        self._verdicts.clear()
        self.ready = self.msg_type is None
        if self.msg_type is not None:
            self._ask(now_ns)

    def stop(self) -> None:
        """The session has a gap or has ended."""
        self._unsent.clear()
        self._open.clear()
        self._progress_ns = self._repeat_ns = _NEVER

    def resume(self, now_ns: int) -> None:
        """A sequence gap is filled: ask for the list if it was not complete; its messages may be lost."""
        if self.msg_type is not None and not self.ready:
            self._ask(now_ns)
        elif self.missing or self._halted():
            self._repeat_ns = now_ns + REPEAT_NS

    def difference(self, row: int) -> str:
        """Why the venue does not confirm the instrument of this row; empty if it does."""
        verdict = self._verdicts.get(row)
        return verdict.difference if verdict else ""

    def due_requests(self, allowance: int) -> list[Body]:
        """Bodies of at most `allowance` messages of `msg_type` to send now; report each with `sent`."""
        return [body for body, _, _ in islice(self._unsent, allowance)]

    def sent(self, seq_num: int, now_ns: int) -> None:
        """The first of the due requests was sent with this MsgSeqNum."""
        _, request, row = self._unsent.popleft()
        self._open[request] = row
        self._sent[seq_num] = request
        self._progress_ns = now_ns

    def on_message(self, message: ApplicationMessage, now_ns: int) -> list[Verdict]:
        """A message in `listing.ANSWERS`."""
        if self.msg_type is None:
            return []
        answer = read_answer(message)
        known = answer.request in self._open or (answer.request is None and len(self._open) == 1)
        if answer.update or not known:
            return self._on_update(message)
        request = answer.request or next(iter(self._open))
        self._progress_ns = now_ns
        if answer.refused:
            return self._on_refusal(request, answer.refused, now_ns)
        for listed in listed_instruments(message):
            self._count += 1
            self._note(listed, self._open[request])
        if self._is_last(answer, request):
            del self._open[request]
        self._quiet = answer.one_message and answer.last is None and answer.total is None
        return self._finish(now_ns) if not self._open and not self._unsent else []

    def on_reject(self, seq_num: int, text: str, now_ns: int) -> list[Verdict]:
        """The venue rejected our message with this MsgSeqNum (Reject, BusinessMessageReject)."""
        request = self._sent.get(seq_num)
        if request is None or request not in self._open:
            return []
        return self._on_refusal(request, f"rejected: {text}", now_ns)

    def on_timer(self, now_ns: int) -> list[Verdict]:
        """Check for the end of the list, for its absence, and whether to repeat the request."""
        if self._open and self._quiet and self._count and now_ns - self._progress_ns >= QUIET_NS:
            return self._finish(now_ns)
        if self._open and not self._unsent and now_ns - self._progress_ns >= self._timeout_ns:
            return self._fail(f"no answer in {self._timeout_ns / NS_PER_S:g} s", now_ns)
        if now_ns >= self._repeat_ns:
            self._ask(now_ns)
        return []

    def _ask(self, now_ns: int) -> None:
        self._open.clear()
        self._sent.clear()
        self._found.clear()
        self._count, self._quiet = 0, False
        self._repeat_ns = _NEVER
        self._progress_ns = now_ns
        alone = is_per_instrument(self._profile)
        asked = list(self._configured.values()) if alone else [None]
        self._unsent.clear()
        for configured in asked:
            request = str(self._next_request)
            self._next_request += 1
            names = (configured.symbol, configured.security_id) if configured else ()
            body = request_body(self._profile, request, *names)
            self._unsent.append((body, request, configured.row if configured else None))

    def _is_last(self, answer: Answer, request: str) -> bool:
        if answer.last is not None or answer.total is not None:
            return bool(answer.last) or (answer.total is not None and self._count >= answer.total)
        return not answer.one_message or self._open[request] is not None

    def _on_refusal(self, request: str, why: str, now_ns: int) -> list[Verdict]:
        row = self._open[request]
        if row is None:
            return self._fail(why, now_ns)
        del self._open[request]
        self._found[row] = Verdict(row, f"the venue does not list it: {why}")
        return self._finish(now_ns) if not self._open and not self._unsent else []

    def _on_update(self, message: ApplicationMessage) -> list[Verdict]:
        """Changes of instruments, without a request or after its answer."""
        if not self.ready:
            return []
        changed = []
        for listed in listed_instruments(message):
            row = self._row_of(listed)
            if row is not None:
                changed += self._set(self._terms.compare(self._configured[row], listed))
        return changed

    def _row_of(self, listed: ListedInstrument) -> int | None:
        first, second = self._rows
        names = (listed.symbol, listed.security_id)
        name, other = reversed(names) if self._profile.address == "SecurityID" else names
        return first.get(name) if name else second.get(other)

    def _note(self, listed: ListedInstrument, asked: int | None) -> None:
        """Keep the verdict; if an instrument is listed several times, the first difference counts."""
        row = self._row_of(listed)
        if row is None or (asked is not None and row != asked):
            return
        if row not in self._found or not self._found[row].difference:
            self._found[row] = self._terms.compare(self._configured[row], listed)

    def _finish(self, now_ns: int) -> list[Verdict]:
        """The list is complete: what it does not name is missing."""
        self._open.clear()
        self.ready = True
        changed = []
        for row in self._configured:
            changed += self._set(self._found.get(row) or Verdict(row, "the venue does not list it"))
        self._repeat_ns = now_ns + REPEAT_NS if self.missing or self._halted() else _NEVER
        return changed

    def _fail(self, why: str, now_ns: int) -> list[Verdict]:
        """No list: the instruments that were not answered for keep their last verdict of this session."""
        waiting = set(self._configured) if None in self._open.values() else {*self._open.values()}
        self._open.clear()
        for row in self._configured:
            if row in waiting:
                unknown = Verdict(row, f"the venue has not confirmed its tick and lot: {self._profile.request}: {why}")
                self._found[row] = self._verdicts.get(row, unknown)
        changed = self._finish(now_ns)
        self._repeat_ns = now_ns + REPEAT_NS
        return changed

    def _halted(self) -> bool:
        return any(verdict.tradable is False for verdict in self._verdicts.values())

    def _set(self, verdict: Verdict) -> list[Verdict]:
        if self._verdicts.get(verdict.row) == verdict:
            return []
        self._verdicts[verdict.row] = verdict
        return [verdict]
