"""A client's OMS on a real QuickFIX engine, in a process of its own: sessions of all versions, strict dictionaries.

    python -m tests.acceptance.initiator PORT FOLDER DICTIONARIES NAME=BEGINSTRING,... [CA CERTIFICATE KEY]

DICTIONARIES is the folder of the dictionaries that the engine checks messages against. With the last three, PEM files,
it uses TLS.

Prints READY once every session is logged on. Each line of its standard input is a JSON object. {"session", "text"} is
sent as a message; {"session", "expect"} sets the MsgSeqNum that it expects next, so that it asks for what it has
missed. Each application message received is printed as {"session", "text"}, a Reject or BusinessMessageReject that it
sends as {"session", "rejected"}, a Reject received as {"session", "refused"}.
"""

import json
import sys
import threading
from pathlib import Path

import quickfix as fix

from quotelife.runtime.process import end_with_parent

FILES = {"FIX.4.2": ["FIX42.xml"], "FIX.4.4": ["FIX44.xml"], "FIXT.1.1": ["FIXT11.xml", "FIX50SP2.xml"]}
DEFAULTS = """[DEFAULT]
ConnectionType=initiator
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
FileStorePath={folder}
TargetCompID=QUOTELIFE
HeartBtInt=30
StartTime=00:00:00
EndTime=00:00:00
NonStopSession=Y
ResetOnLogon=Y
UseDataDictionary=Y
ValidateUserDefinedFields=Y
ValidateFieldsOutOfOrder=Y
ValidateFieldsHaveValues=Y
AllowUnknownMsgFields=N
CheckLatency=N
TimestampPrecision=6
"""


TLS_KEYS = ("CertificationAuthoritiesFile", "ClientCertificateFile", "ClientCertificateKeyFile")


def write_json(**what: str) -> None:
    print(json.dumps(what), flush=True)


class Oms(fix.Application):
    def __init__(self, expected: int) -> None:
        super().__init__()
        self._expected = expected
        self.sessions: dict[str, fix.SessionID] = {}
        self.all_logged_on = threading.Event()

    def onCreate(self, session: fix.SessionID) -> None:
        pass

    def onLogon(self, session: fix.SessionID) -> None:
        name, copy = session.getSenderCompID().getString(), fix.SessionID()
        copy.fromString(session.toString())
        self.sessions[name] = copy
        if len(self.sessions) == self._expected:
            self.all_logged_on.set()

    def onLogout(self, session: fix.SessionID) -> None:
        pass

    def toAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        if message.getHeader().getField(35) == "3":
            write_json(session=session.getSenderCompID().getString(), rejected=message.toString())

    def fromAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        if message.getHeader().getField(35) == "3":
            write_json(session=session.getSenderCompID().getString(), refused=message.toString())

    def toApp(self, message: fix.Message, session: fix.SessionID) -> None:
        if message.getHeader().getField(35) == "j":
            write_json(session=session.getSenderCompID().getString(), rejected=message.toString())

    def fromApp(self, message: fix.Message, session: fix.SessionID) -> None:
        write_json(session=session.getSenderCompID().getString(), text=message.toString())


def settings(port: int, folder: Path, dictionaries: Path, sessions: dict[str, str], *tls: str) -> str:
    text = DEFAULTS.format(port=port, folder=folder)
    for key, path in zip(TLS_KEYS, tls, strict=False):
        text += f"{key}={path}\n"
    for name, begin in sessions.items():
        text += f"[SESSION]\nSenderCompID={name}\nBeginString={begin}\n"
        paths = [dictionaries / file for file in FILES[begin]]
        if len(paths) == 1:
            text += f"DataDictionary={paths[0]}\n"
        else:
            text += f"TransportDataDictionary={paths[0]}\nAppDataDictionary={paths[1]}\nDefaultApplVerID=9\n"
    return text


def main() -> int:
    end_with_parent()
    port, folder, source = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    sessions, tls = dict(each.split("=") for each in sys.argv[4].split(",")), sys.argv[5:]
    path = folder / "initiator.cfg"
    path.write_text(settings(port, folder, source, sessions, *tls))
    dictionaries = {
        begin: [fix.DataDictionary(str(source / file)) for file in FILES[begin]] for begin in set(sessions.values())
    }
    parsed = fix.SessionSettings(str(path))
    oms = Oms(len(sessions))
    initiator = fix.SSLSocketInitiator if tls else fix.SocketInitiator
    store = fix.FileStoreFactory(parsed)
    engine = initiator(oms, store, parsed)
    engine.start()
    if not oms.all_logged_on.wait(30):
        return 1
    print("READY initiator", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        begin = sessions[command["session"]]
        if "expect" in command:
            fix.Session.lookupSession(oms.sessions[command["session"]]).setNextTargetMsgSeqNum(command["expect"])
            continue
        text = f"8={begin}|9=0|{command['text']}|10=000|".replace("|", "\x01")
        fix.Session.sendToTarget(fix.Message(text, *dictionaries[begin], False), oms.sessions[command["session"]])
    engine.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
