"""The files in which QuickFIX retains a session, read and written without it.

SESSION.seqnums    `next out : expected`
SESSION.header     `number,offset,size ` for each message stored; of two with the same number the second counts
SESSION.body       their texts
SESSION.session    when the numbers started, which no session without a daily reset needs

The engine writes the body before its entry in the header, and both before the number is counted.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_SUFFIXES = ("seqnums", "header", "body", "session")
_DIGITS = 20
_TRAILER_BYTES = 7  # 10=ccc|


class QuickfixFiles:
    """Of the session whose files in `folder` begin with `name`: BeginString-SenderCompID-TargetCompID."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._seqnums, self._header, self._body, self._session = (folder / f"{name}.{suffix}" for suffix in _SUFFIXES)

    def exist(self) -> bool:
        """Whether the session's numbers are here."""
        return self._seqnums.exists()

    def numbers(self) -> tuple[int, int]:
        """MsgSeqNum of the next message sent, and of the next one received. ValueError if the file has no such numbers;
        an empty one is that of a new session, for the engine too."""
        text = self._seqnums.read_text("ascii", "replace")
        if not text:
            return 1, 1
        try:
            next_out, expected = (int(part) for part in text.split(":"))
        except ValueError:
            raise ValueError(f"{self._seqnums}: {text!r} are no sequence numbers") from None
        return next_out, expected

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """The stored messages that have left, in the order of their numbers; not those that a loss of power has torn,
        or a reset that was interrupted has removed."""
        next_out, _ = self.numbers()
        places = self._places()
        if not places or not self._body.exists():
            return
        with self._body.open("rb") as body:
            for number in sorted(number for number in places if number < next_out):
                offset, size = places[number]
                body.seek(offset)
                message = body.read(size)
                if len(message) == size and _is_whole(message):
                    yield number, message

    def _places(self) -> dict[int, tuple[int, int]]:
        """Offset and size of each message by its number. The engine too reads up to an entry that is none."""
        places: dict[int, tuple[int, int]] = {}
        for entry in self._header.read_text("ascii", "replace").split() if self._header.exists() else ():
            parts = entry.split(",")
            if len(parts) != 3 or not all(part.isdigit() for part in parts):
                break
            number, offset, size = map(int, parts)
            places[number] = offset, size
        return places

    def write(self, next_out: int, expected: int, messages: Iterable[tuple[int, bytes]]) -> None:
        """Replace the files, on disk when this returns. The numbers appear last: without them there is no session."""
        body, header = _fresh(self._body), _fresh(self._header)
        with body.open("wb") as texts, header.open("w", encoding="ascii") as entries:
            offset = 0
            for number, message in messages:
                texts.write(message)
                entries.write(f"{number},{offset},{len(message)} ")
                offset += len(message)
        seqnums = _fresh(self._seqnums)
        seqnums.write_text(f"{next_out:0{_DIGITS}} : {expected:0{_DIGITS}}", "ascii")
        for fresh, path in ((body, self._body), (header, self._header), (seqnums, self._seqnums)):
            replace(fresh, path)

    def remove(self) -> None:
        """The numbers first: what remains after a crash is no session."""
        present = [path for path in (self._seqnums, self._header, self._body, self._session) if path.exists()]
        for path in present:
            path.unlink()
        if present:
            sync_folder(self._folder)


def _is_whole(message: bytes) -> bool:
    """Whether it has the CheckSum that it should have."""
    content = message[:-_TRAILER_BYTES]
    return content.endswith(b"\x01") and message[len(content) :] == b"10=%03d\x01" % (sum(content) & 255)


def replace(fresh: Path, path: Path) -> None:
    """Give a complete file its name; on disk when this returns."""
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(fresh, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Write the names of its files to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fresh(path: Path) -> Path:
    return path.with_name(f".{path.name}.fresh")
