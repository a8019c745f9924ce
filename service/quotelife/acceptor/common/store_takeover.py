"""Continues the sessions of the other engine after `acceptor.engine` has changed: numbers and stored messages.

While an engine serves a session, the other one has no files of it. So files of the other engine say that it was used
last, whatever the times of files are. They are copied, then removed. A crash in between leaves the complete originals,
and perhaps a complete copy: the next start of either engine does it again.

Files of both with different contents cannot come from that; then nobody knows which numbers the client has.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import zip_longest
from pathlib import Path

from quotelife.acceptor.common.quickfix_files import QuickfixFiles, replace, sync_folder
from quotelife.acceptor.common.stored_types import is_stored
from quotelife.config import Config, ConfigError
from quotelife.config.paths import data_paths
from quotelife.config.versions.succession import owners
from quotelife.fix.session import EXPECTED, NEXT_OUT
from quotelife.fix.store import MappedStore, StoreError
from quotelife.fix.versions import VERSIONS
from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)


class SessionFiles:
    """The files that both engines have, or would have, of one session in `folder`."""

    def __init__(self, folder: Path, begin_string: str, sender: str, target: str) -> None:
        name = f"{begin_string}-{sender}-{target}"
        self.session = f"{begin_string}:{sender}->{target}"
        self.store = folder / f"{name}.store"
        self.quickfix = QuickfixFiles(folder, name)

    def to_native(self) -> bool:
        """Move what QuickFIX has to the native engine's store. False if there is nothing. ValueError for files that
        contradict each other or are not readable, OSError, StoreError."""
        if not self.quickfix.exist():
            self.quickfix.remove()  # what is left of a removal
            return False
        self._check_agreement()
        fresh = self.store.with_name(f".{self.store.name}.fresh")
        fresh.unlink(missing_ok=True)
        copy = MappedStore(fresh, self.session)
        try:
            for number, message in self._of_quickfix():
                copy.append(number, message)
            copy.sequence[NEXT_OUT], copy.sequence[EXPECTED] = self.quickfix.numbers()
        finally:
            copy.close()
        replace(fresh, self.store)
        self.quickfix.remove()
        return True

    def to_quickfix(self) -> bool:
        """The other direction."""
        if not self.store.exists():
            return False
        self._check_agreement()
        store = MappedStore(self.store, self.session)
        try:
            self.quickfix.write(*_numbers(store), _messages(store))
            self.store.unlink()
        finally:
            store.close()
        sync_folder(self.store.parent)
        return True

    def _of_quickfix(self) -> Iterator[tuple[int, bytes]]:
        """Messages that may be sent again. QuickFIX stores others too while it answers a ResendRequest."""
        for number, message in self.quickfix.messages():
            if is_stored(message.decode("utf-8", "replace")):
                yield number, message

    def _check_agreement(self) -> None:
        """ValueError if both engines have files, and these are not the same session."""
        if not self.store.exists() or not self.quickfix.exist():
            return
        store = MappedStore(self.store, self.session)
        try:
            here, there = _numbers(store), self.quickfix.numbers()
            pairs = zip_longest(_messages(store), self._of_quickfix())
            same = here == there and all(one == other for one, other in pairs)
        finally:
            store.close()
        if not same:
            raise ValueError(
                f"both engines have files of session {self.session}, which differ: next out and expected are {here} "
                f"in {self.store.name}, {there} in {self.store.stem}.seqnums; move those that are out of date "
                f"(*.store, or *.seqnums, *.header and *.body) to another folder"
            )


def continue_from_quickfix(config: Config, sessions: Collection[str]) -> None:
    """Before the native engine opens these sessions. ConfigError for files that cannot be used, OSError."""
    _take_over(config, sessions, SessionFiles.to_native, "quickfix")


def continue_from_native(config: Config, sessions: Collection[str]) -> None:
    """Before QuickFIX makes these sessions. ConfigError for files that cannot be used, OSError."""
    _take_over(config, sessions, SessionFiles.to_quickfix, "native")


def session_files(config: Config, session: str) -> SessionFiles:
    """The files of a session that is configured."""
    begin_string = VERSIONS[owners(config)[session].version(session)].begin_string
    return SessionFiles(data_paths(config).sessions, begin_string, config.acceptor.sender_comp_id, session)


def _take_over(config: Config, sessions: Collection[str], move: Callable[[SessionFiles], bool], other: str) -> None:
    if not data_paths(config).sessions.exists():
        return
    try:
        moved = sum(move(session_files(config, session)) for session in sorted(sessions))
    except (StoreError, ValueError) as error:
        text = f"cannot continue the sessions of the {other} engine: {error}"
        raise ConfigError(Path(config.file), "acceptor.engine", config.acceptor.engine, text) from None
    if moved:
        text = "sequence numbers and stored messages of %d sessions taken over from the %s engine"
        logger.info(LogEvent.SESSIONS_TAKEN_OVER, text, moved, other, sessions=moved, engine=other)


def _numbers(store: MappedStore) -> tuple[int, int]:
    return int(store.sequence[NEXT_OUT]), int(store.sequence[EXPECTED])


def _messages(store: MappedStore) -> Iterator[tuple[int, bytes]]:
    """The stored messages in the order of their numbers."""
    next_out, _ = _numbers(store)
    number = store.first_from(1, next_out - 1)
    while number is not None:
        message = store.find(number)
        assert message is not None
        yield number, message
        number = store.first_from(number + 1, next_out - 1)
