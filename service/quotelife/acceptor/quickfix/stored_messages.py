"""Reads a message of a session from the engine's store, without the engine: two files that only grow between resets.

SESSION.header   `number,offset,size ` for each message stored
SESSION.body     their texts
"""

from pathlib import Path


def stored_message(folder: Path, session: str, seq_num: int) -> str | None:
    """The stored message with this MsgSeqNum, None if there is none; `session` as the engine writes it,
    BeginString:SenderCompID->TargetCompID."""
    session = session.replace(":", "-", 1).replace("->", "-", 1)
    try:
        entries = (folder / f"{session}.header").read_text("ascii").split()
        for entry in reversed(entries):
            number, offset, size = (int(part) for part in entry.split(","))
            if number == seq_num:
                with (folder / f"{session}.body").open("rb") as body:
                    body.seek(offset)
                    return body.read(size).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None  # not there, or being written
    return None
