"""The venue process of the market-data tests: a real QuickFIX acceptor that obeys its standard input.

    python -m tests.acceptance.marketdata_venue FOLDER PASSWORD [VERSION [PORT]]

It has the project's dictionary because the engine refuses repeating groups without one. SubIDs of the peer are returned
to it in every message.
"""

import json
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import quickfix as fix

from tests.acceptance.venue_dictionaries import dictionary_settings

_FIELD_END = re.compile(r"\x01(?=\d+=|\Z)")  # SOH inside a data field is not followed by a tag in these tests


class Acceptor(fix.Application):
    """The venue: prints each received message as a JSON line, and obeys commands in the same form."""

    def __init__(self, folder: str, password: str, version: str = "FIX.4.4", port: str = "0") -> None:
        super().__init__()
        self._password = password
        self._begin_string = "FIXT.1.1" if version == "FIX.5.0SP2" else version
        self._id = fix.SessionID(self._begin_string, "VENUE", "QUOTELIFE")
        self._sub_ids: dict[int, str] = {}
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", int(port)))
            port = str(probe.getsockname()[1])
        file = Path(folder) / "venue.cfg"
        file.write_text(
            "[DEFAULT]\nConnectionType=acceptor\nUseDataDictionary=Y\n"
            f"{dictionary_settings(Path(folder), version)}StartTime=00:00:00\nEndTime=00:00:00\n"
            f"SocketAcceptPort={port}\nSocketReuseAddress=Y\n"
            f"[SESSION]\nBeginString={self._begin_string}\nSenderCompID=VENUE\nTargetCompID=QUOTELIFE\n"
        )
        self._store, self._settings = fix.MemoryStoreFactory(), fix.SessionSettings(str(file))
        self._acceptor = fix.SocketAcceptor(self, self._store, self._settings)
        self._acceptor.start()
        self._say("port", [(0, port)])

    def _say(self, kind: str, fields: list[tuple[int, str]]) -> None:
        print(json.dumps([kind, fields]), flush=True)

    def onCreate(self, session: fix.SessionID) -> None:
        pass

    def onLogon(self, session: fix.SessionID) -> None:
        self._say("logon", [])

    def onLogout(self, session: fix.SessionID) -> None:
        self._say("logout", [])

    def toAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        for tag, value in self._sub_ids.items():
            message.getHeader().setField(tag, value)

    def toApp(self, message: fix.Message, session: fix.SessionID) -> None:
        self.toAdmin(message, session)

    def fromAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        fields = dict(self._note(message))
        self._sub_ids = {own: fields[peers] for own, peers in ((50, 57), (57, 50)) if peers in fields}
        if fields[35] == "A" and self._password and fields.get(554) != self._password:
            raise fix.RejectLogon("wrong password")

    def fromApp(self, message: fix.Message, session: fix.SessionID) -> None:
        self._note(message)

    def _note(self, message: fix.Message) -> list[tuple[int, str]]:
        parts = [part.partition("=") for part in _FIELD_END.split(message.toString()) if part]
        fields = [(int(tag), value) for tag, _, value in parts]
        self._say(dict(fields)[35], fields)
        return fields

    def obey(self, command: str, *arguments: Any) -> None:
        session = fix.Session.lookupSession(self._id)
        if command == "send":
            self._send(*arguments)
        elif command == "skip":
            session.setNextSenderMsgSeqNum(session.getExpectedSenderNum() + arguments[0])
        elif command == "reset":
            new_seq_no = session.getExpectedSenderNum() + arguments[0]
            self._send("4", [[36, new_seq_no]])
            session.setNextSenderMsgSeqNum(new_seq_no)
        else:
            getattr(session, command)(*arguments)

    def _send(self, msg_type: str, fields: list[list[Any]]) -> None:
        message = fix.Message()
        message.getHeader().setField(8, self._begin_string)
        message.getHeader().setField(35, msg_type)
        for tag, value in fields:
            message.setField(tag, str(value))
        fix.Session.sendToTarget(message, self._id)


if __name__ == "__main__":
    acceptor = Acceptor(*sys.argv[1:])
    for line in sys.stdin:
        acceptor.obey(*json.loads(line))
    os._exit(0)  # without stopping the engine's threads
