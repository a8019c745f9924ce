"""Two handlers with the same clock, board and numbers: one answers plain requests by the kernel, one none.

Whatever is sent to both has the same answers, records, positions, counters and open quotes.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quotelife.fix.versions import VERSIONS
from quotelife.journal import layout as J
from quotelife.metrics.histogram import HISTOGRAM_WORDS
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.plain import layout as P
from tests.unit.rfq.rfq_rig import CLIENTS, Rig, fields

DISCLOSED = {"disclose": True, "extensions": True}
PLAIN_CLIENTS = [
    {**CLIENTS[0], "requests_per_second": 40.0},
    {**CLIENTS[1], **DISCLOSED, "sessions": ["FUND", "FUND42"], "versions": {"FUND42": "FIX.4.2"}, "max_quantity": 5.0},
    CLIENTS[2],
    {"name": "Newest", "sessions": ["NEW50"], "versions": {"NEW50": "FIX.5.0SP2"}, **DISCLOSED},
]


def request(body: str, session: str = "ORD", header: str = "") -> str:
    """The text of a request as the engine hands it on."""
    return f"8=FIX.4.4|9=1|35=R|34=2|49={session}|52=x|56=Q|{header}{body}|10=000|".replace("|", "\x01")


def ask(request_id: str, related: str = "55=BTC-USD|54=1|38=1.5", session: str = "ORD") -> str:
    return request(f"131={request_id}|146=1|{related}", session)


class PlainRig(Rig):
    """`answer_text` answers as an acceptor does, and says whether the kernel did."""

    def __init__(self, folder: Path, *, plain: bool = True, clients: list[dict] = PLAIN_CLIENTS, **more) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder, clients=clients, **more)
        self.plain = plain
        self.handler.state.controls_generation = 0

    def answer_text(self, text: str, session: str = "ORD") -> tuple[list[str], bool]:
        """The messages as they leave for the session, and whether the kernel has answered."""
        handler = self.handler
        before = self.snapshot() if self.plain else []
        answered = handler.plain.answer_text(text, self.wall_ns, self.mono_ns) if self.plain else None
        if answered is None and self.plain:
            self.check_same(before)
        if answered is not None:
            assert answered.name == session
            handler.complete(answered, self.mono_ns)
            return [answered.text], True
        outcome = handler.receive(text, self.wall_ns, self.mono_ns)
        assert outcome is not None
        handler.store(outcome)
        handler.apply(outcome, self.mono_ns)
        translate = self.translation(session)
        return [message if translate is None else translate(message) for message in outcome.messages], False

    def translation(self, session: str):
        """From what the handler writes to what the session gets."""
        known = self.handler.sessions.get(session)
        if known is None or known.client is None:
            return VERSIONS["FIX.4.4"].translation(False)
        return VERSIONS[known.client.client.version(session)].translation(known.client.client.extensions)

    def records(self) -> list[list[int]]:
        """Words of the records since the last call, but for the sequence number and the duration of the decision."""
        found = []
        for record in self.reader.read():
            words = record.words.tolist()
            words[J.SEQUENCE] = words[J.DECIDED_NS] = 0
            found.append(words)
        return found

    def counters(self) -> NDArray[np.int64]:
        """All metrics but those of durations."""
        values = self.region.values.copy()
        timed = {word for words in self.handler.metrics._stages for word in words}
        for word in (*timed, self.handler.metrics._ledger, self.handler.metrics._withdrawal):
            values[word : word + HISTOGRAM_WORDS] = 0
        return values

    def quotes(self) -> list[tuple]:
        """All quotes in memory, but for their messages."""
        self.handler.open_quotes.before_read()
        return [
            (q.quote_id, q.quote_req_id, q.session, q.client.client.name, q.decision, q.issued_ns, q.issued_wall_ns,
             q.deadline_ns, q.state, q.ended_ns, q.slot, q.min_lots, q.terms)
            for q in self.handler.open_quotes._quotes.values()
        ]  # fmt: skip

    def find(self, text: str) -> OpenQuote:
        """The quote that this message carried."""
        quote = self.handler.open_quotes.find(fields(text)["117"])
        assert quote is not None
        return quote

    def snapshot(self) -> list[object]:
        """All that a request could change."""
        handler = self.handler
        seen, clients = handler.issuer.seen_request_ids, [s.client for s in handler.sessions.values() if s.client]
        writer = handler.journal.writer
        return [
            handler.ids.words.tolist(),
            seen.words[:6].tolist(),
            seen._table.sum(axis=1).tolist(),
            [client.allowance.tolist() for client in clients],
            writer._header.tolist(),
            writer._slots.tobytes(),
            handler.metrics.values.tolist(),
            list(handler.open_quotes.positions),
            len(handler.open_quotes._quotes),
            len(handler.watchlist.entries),
            len(handler.issuer.quoted_requests),
            [s.words[P.SESSION_NUMBER : P.SESSION_TARGET].tolist() for s in handler.plain.tables.sessions.values()],
            handler.plain._unlisted.copy(),
        ]

    def decline(self, text: str) -> None:
        """The kernel declines, without any effect."""
        before = self.snapshot()
        assert self.handler.plain.answer_text(text, self.wall_ns, self.mono_ns) is None
        self.check_same(before)

    def check_same(self, before: list[object]) -> None:
        """Nothing has changed since."""
        assert [n for n, (one, other) in enumerate(zip(before, self.snapshot(), strict=True)) if one != other] == []


class Twins:
    """Both rigs."""

    def __init__(self, folder: Path, **more) -> None:
        self.plain, self.general = PlainRig(folder / "plain", **more), PlainRig(folder / "general", plain=False, **more)
        self.both = self.plain, self.general
        self.general.board = self.general.handler.quoter.board = self.plain.board
        self.general.mono_ns, self.general.wall_ns = self.plain.mono_ns, self.plain.wall_ns
        self.general.handler.ids.started_ms = self.plain.handler.ids.started_ms
        self.answered = self.declined = 0
        self.sleep(0)

    def sleep(self, ms: float) -> None:
        for rig in self.both:
            rig.sleep(ms)

    def send(self, text: str, session: str = "ORD") -> list[str]:
        """Send to both; their answers, which are the same, are returned. What the kernel declines has no effect."""
        (plain, by_kernel), (general, _) = (rig.answer_text(text, session) for rig in self.both)
        assert plain == general
        self.answered += by_kernel
        self.declined += not by_kernel
        return plain

    def check(self) -> None:
        """Both have the same state."""
        plain, general = self.both
        assert plain.records() == general.records()
        assert list(plain.handler.open_quotes.positions) == list(general.handler.open_quotes.positions)
        assert plain.quotes() == general.quotes()
        assert plain.counters().tolist() == general.counters().tolist()
        for one, other in zip(plain.handler.sessions.values(), general.handler.sessions.values(), strict=True):
            if one.client is not None and other.client is not None:
                assert one.client.allowance.tolist() == other.client.allowance.tolist()
        plain_keys, general_keys = (set(rig.handler.issuer.quoted_requests) for rig in self.both)
        assert plain_keys == general_keys
