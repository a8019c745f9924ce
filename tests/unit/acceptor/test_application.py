"""The engine's callbacks, without an engine's connection."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from quotelife.acceptor.quickfix.application import Application


class Connection:
    """A session of the engine; `problem` is raised by `send`."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.sent: list[str] = []
        self.problem = problem

    def send(self, message) -> bool:
        if self.problem is not None:
            raise self.problem
        self.sent.append(message.toString())
        return True


def test_a_session_that_cannot_be_asked_keeps_no_other_from_being_asked(tmp_path):
    connections = {"BROKEN": Connection(RuntimeError("socket")), "WORKS": Connection()}
    handler = SimpleNamespace(
        sessions={name: SimpleNamespace(is_logged_on=True, number=n) for n, name in enumerate(connections)},
        client_rejects=SimpleNamespace(find_sent=None),
        deliveries=SimpleNamespace(due=lambda: [(name, f"heard-{name}") for name in connections]),
    )
    application = Application(handler, {}, tmp_path)
    application._engine_sessions = {
        n: SimpleNamespace(session=each, persistence=None) for n, each in enumerate(connections.values())
    }
    application.ask_for_confirmations()
    [asked] = connections["WORKS"].sent
    assert "\x01112=heard-WORKS\x01" in asked
    assert application._sending.first_time is None


def test_copies_are_sent_where_the_original_could_not_be(tmp_path):
    applied, put = [], []
    handler = SimpleNamespace(
        lock=nullcontext(),
        client_rejects=SimpleNamespace(find_sent=None),
        apply=lambda outcome, sent_ns: applied.append(outcome),
    )
    application = Application(handler, {}, tmp_path)
    application.copies = SimpleNamespace(put=put.append)
    outcome = SimpleNamespace(
        messages=["8=FIX.4.4\x019=0\x0135=8\x0110=000\x01"],
        session=SimpleNamespace(number=1),
        pending_hit=SimpleNamespace(copied_to=["ALL"]),
    )
    broken = SimpleNamespace(session=Connection(RuntimeError("socket")), persistence=None, translate=None)
    application._engine_sessions = {1: broken}
    with pytest.raises(RuntimeError):
        application._deliver(outcome)
    assert put == [["ALL"]] and applied == [outcome]


QUOTE = "8=FIX.4.4\x019=0\x0135=S\x0155=X\x01117=Q1\x01131=r1\x0110=000\x01"


def plain_application(tmp_path, connection: Connection):
    """An application whose handler answers everything as a plain request, and what happens to the answer in order."""
    steps: list[str] = []
    answered = SimpleNamespace(text=QUOTE, number=1)
    handler = SimpleNamespace(
        lock=nullcontext(),
        client_rejects=SimpleNamespace(find_sent=None),
        plain=SimpleNamespace(answer_text=lambda text, wall, mono: answered),
        complete=lambda session, sent_ns: steps.append(f"{len(connection.sent)} sent, completed"),
    )
    application = Application(handler, {}, tmp_path)
    recent = SimpleNamespace(add=lambda sent, text: None)
    application._engine_sessions = {1: SimpleNamespace(session=connection, persistence=None, recent=recent)}
    return application, steps


def test_a_plain_request_is_completed_after_its_quote_has_left(tmp_path):
    connection = Connection()
    application, steps = plain_application(tmp_path, connection)
    application.fromApp(SimpleNamespace(toString=lambda: "a request"), None)
    [sent] = connection.sent
    assert "\x01117=Q1\x01" in sent and steps == ["1 sent, completed"]


def test_a_quote_that_could_not_be_sent_is_completed_all_the_same(tmp_path, caplog):
    application, steps = plain_application(tmp_path, Connection(RuntimeError("socket")))
    application.fromApp(SimpleNamespace(toString=lambda: "a request"), None)
    assert steps == ["0 sent, completed"] and "socket" in caplog.text
