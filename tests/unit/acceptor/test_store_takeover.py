"""A session continues under the other engine, whatever interrupts the change."""

import logging
import os
from pathlib import Path

import msgspec
import pytest

from quotelife.acceptor.common import store_takeover
from quotelife.acceptor.common.store_takeover import SessionFiles, continue_from_native, continue_from_quickfix
from quotelife.acceptor.quickfix.engine import fix
from quotelife.config import ConfigError
from quotelife.config.sections import Acceptor, Paths
from quotelife.fix.encode import frame_bytes
from quotelife.fix.session import EXPECTED, NEXT_OUT
from quotelife.fix.store import MappedStore
from tests.unit.rfq.rfq_rig import Rig

QUOTE_WHILE_RESENDING = 4


def message(number: int, msg_type: str = "8") -> bytes:
    return frame_bytes(b"FIX.4.4", f"35={msg_type}\x0134={number}\x0158=caf\u00e9 {'x' * number}\x01".encode())


REPORTS = {3: message(3), 7: message(7), 8: message(8, "Q")}
NEXT, AWAITED = 11, 20


class Folder:
    """The files of one session."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.files = SessionFiles(folder, "FIX.4.4", "QUOTELIFE", "FUND")

    def file_store(self):
        """QuickFIX's own."""
        return fix.FileStore(fix.UtcTimeStamp.now(), str(self.path), fix.SessionID("FIX.4.4", "QUOTELIFE", "FUND"))

    def used_by_quickfix(self) -> None:
        store = self.file_store()
        for number, text in {**REPORTS, QUOTE_WHILE_RESENDING: message(4, "S"), NEXT: message(NEXT)}.items():
            store.set(number, text.decode())
        store.setNextSenderMsgSeqNum(NEXT)  # the last message was not sent any more
        store.setNextTargetMsgSeqNum(AWAITED)

    def used_by_native(self) -> None:
        store = MappedStore(self.files.store, self.files.session)
        for number, text in REPORTS.items():
            store.append(number, text)
        store.sequence[NEXT_OUT], store.sequence[EXPECTED] = NEXT, AWAITED
        store.append(NEXT, message(NEXT))
        store.close()

    def check_quickfix(self) -> None:
        """It has the numbers and the reports, and the native engine nothing."""
        assert not self.files.store.exists()
        store, found = self.file_store(), fix.VectorString()
        assert (store.getNextSenderMsgSeqNum(), store.getNextTargetMsgSeqNum()) == (NEXT, AWAITED)
        store.get(1, NEXT, found)
        texts = [text.encode() for text in found]
        assert [text for text in texts if text in REPORTS.values()] == list(REPORTS.values())
        assert all(text in (*REPORTS.values(), message(4, "S"), message(NEXT)) for text in texts)

    def check_native(self) -> None:
        assert [path.name for path in self.path.glob("FIX*")] == [self.files.store.name]
        store = MappedStore(self.files.store, self.files.session)
        assert (store.sequence[NEXT_OUT], store.sequence[EXPECTED]) == (NEXT, AWAITED)
        assert {n: store.find(n) for n in range(1, 20) if store.find(n)} == REPORTS
        store.close()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_the_native_engine_continues_a_session_of_quickfix(folder):
    folder.used_by_quickfix()
    assert folder.files.to_native()
    folder.check_native()
    assert not folder.files.to_native()
    folder.check_native()


def test_quickfix_continues_a_session_of_the_native_engine(folder):
    folder.used_by_native()
    assert folder.files.to_quickfix()
    folder.check_quickfix()
    assert not folder.files.to_quickfix()
    folder.check_quickfix()


def test_a_session_goes_there_and_back(folder):
    folder.used_by_quickfix()
    for _ in range(2):
        folder.files.to_native()
        folder.files.to_quickfix()
        folder.check_quickfix()


def test_a_new_session_has_nothing_to_take_over(folder):
    assert not folder.files.to_native() and not folder.files.to_quickfix()
    assert list(folder.path.iterdir()) == []


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("crash_after", range(9))
@pytest.mark.parametrize("engine", ["quickfix", "native"])
@pytest.mark.parametrize("then", ["again", "back"])
def test_a_crash_at_any_step_loses_nothing(folder, monkeypatch, engine, crash_after, then):
    if engine == "quickfix":
        folder.used_by_quickfix()
        move = folder.files.to_native
    else:
        folder.used_by_native()
        move = folder.files.to_quickfix
    _crash_at_step(monkeypatch, crash_after, move)
    if (engine == "quickfix") == (then == "again"):
        folder.files.to_native()
        folder.check_native()
    else:
        folder.files.to_quickfix()
        folder.check_quickfix()


def _crash_at_step(monkeypatch, crash_after: int, move) -> None:
    """Let `move` change that many names of files, and no more."""
    left = crash_after

    def counted(change):
        def step(*arguments, **more):
            nonlocal left
            if left == 0:
                raise Crash
            left -= 1
            return change(*arguments, **more)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        try:
            move()
        except Crash:
            assert left == 0


@pytest.mark.parametrize(
    ("name", "content", "whole"),
    [
        ("body", None, []),  # a reset was interrupted
        ("header", None, []),
        ("body", lambda found: found[:-1], [3]),
        ("body", lambda found: found[:-20] + b"\0" * 20, [3]),
        ("header", lambda found: found[:-2], [3]),
        ("header", lambda found: found[: found.rindex(b",")], [3]),
        ("header", lambda found: b"\0" * len(found), []),
    ],
)
def test_what_is_torn_is_left_out(folder, name, content, whole):
    folder.files.quickfix.write(NEXT, AWAITED, [(n, message(n)) for n in (3, 7)])
    path = folder.path / f"FIX.4.4-QUOTELIFE-FUND.{name}"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content(path.read_bytes()))
    assert dict(folder.files.quickfix.messages()) == {n: message(n) for n in whole}
    assert folder.files.quickfix.numbers() == (NEXT, AWAITED)


# --- the sessions of a configuration


@pytest.fixture
def config(tmp_path):
    folder = tmp_path / "rig"
    folder.mkdir()
    section, paths = Acceptor(engine="native"), Paths(run=str(tmp_path / "run"), data=str(tmp_path))
    return msgspec.structs.replace(Rig(folder).config, acceptor=section, paths=paths)


@pytest.fixture
def sessions(tmp_path):
    (tmp_path / "sessions").mkdir()
    return Folder(tmp_path / "sessions")


def test_the_sessions_of_a_configuration_are_taken_over(config, sessions, caplog):
    sessions.used_by_quickfix()
    with caplog.at_level(logging.INFO, store_takeover.__name__):
        continue_from_quickfix(config, ["FUND", "ORD"])
    sessions.check_native()
    assert "of 1 sessions taken over from the quickfix engine" in caplog.text
    continue_from_native(config, ["FUND", "ORD"])
    sessions.check_quickfix()


def test_nothing_is_taken_over_into_a_new_data_folder(config):
    continue_from_quickfix(config, ["FUND"])
    continue_from_native(config, ["FUND"])


@pytest.mark.parametrize("move", [continue_from_native, continue_from_quickfix])
def test_files_of_both_engines_that_differ_are_refused(config, sessions, move):
    sessions.used_by_quickfix()
    sessions.file_store().setNextTargetMsgSeqNum(AWAITED + 1)
    sessions.used_by_native()
    before = sorted(sessions.path.iterdir())
    text = r"acceptor.engine = 'native': cannot continue .*QUOTELIFE->FUND, .*\(11, 20\).*\(11, 21\).*move those"
    with pytest.raises(ConfigError, match=text):
        move(config, ["FUND"])
    assert sorted(sessions.path.iterdir()) == before
    sessions.files.quickfix.remove()
    continue_from_native(config, ["FUND"])
    sessions.check_quickfix()


def test_numbers_that_are_none_are_refused(config, sessions):
    (sessions.path / "FIX.4.4-QUOTELIFE-FUND.seqnums").write_bytes(b"\0" * 43)
    with pytest.raises(ConfigError, match=r"seqnums: .* are no sequence numbers"):
        continue_from_quickfix(config, ["FUND"])


def test_a_store_that_another_process_uses_is_refused(config, sessions):
    sessions.used_by_native()
    store = MappedStore(sessions.files.store, sessions.files.session)
    with pytest.raises(ConfigError, match="another process uses it"):
        continue_from_native(config, ["FUND"])
    store.close()
    continue_from_native(config, ["FUND"])
    sessions.check_quickfix()
