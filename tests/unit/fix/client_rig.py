"""An acceptor's session with its store, and the client's side of it."""

from pathlib import Path

from quotelife.fix import fields
from quotelife.fix.acceptor import AcceptorSession
from quotelife.fix.dictionary import DataDictionary, read_dictionary
from quotelife.fix.encode import Identity, encode
from quotelife.fix.events import LoggedOn, ReceivedText, SessionMessage
from quotelife.fix.settings import AcceptorSettings
from quotelife.fix.store import MappedStore

S = 1_000_000_000
WALL = 1_767_225_600 * S
TIME = "20260101-00:00:00.000000"
REPORT = "8=FIX.4.4\x019=0\x0135=8\x0137={}\x0110=000\x01"
QUOTE = "8=FIX.4.4\x019=0\x0135=S\x01117={}\x0110=000\x01"


class ClientRig:
    """`texts` collects what the handler got; it answers nothing."""

    def __init__(
        self,
        folder: Path,
        dictionary: DataDictionary,
        application: DataDictionary | None = None,
        begin_string: str = "FIX.4.4",
        **settings: object,
    ) -> None:
        self.settings = AcceptorSettings(
            Identity("QUOTELIFE", "FUND", begin_string, time_decimals=6),
            dictionary,
            application or dictionary,
            "9" if begin_string == "FIXT.1.1" else None,
            **settings,  # type: ignore[arg-type]
        )
        self.client = Identity("FUND", "QUOTELIFE", begin_string)
        self.path = folder / "FUND.store"
        self.now = 1_000 * S
        self.seq = 1
        self.texts: list[str] = []
        self.open()

    def open(self) -> None:
        """Start the session as a new process does."""
        self.session = AcceptorSession(self.settings, MappedStore(self.path, "FUND"))

    def close(self) -> None:
        self.session.store.close()

    # --- the client

    def logged_on(self, *body, reset=True):
        """Log on from a new connection, and return self."""
        self.session.connected(self.now)
        self.logon(*body, reset=reset)
        self.sent()
        return self

    def logon(self, *body, reset=True, seq=None):
        if reset:
            self.seq, body = 1, ((141, "Y"), *body)
        if self.client.begin_string == "FIXT.1.1":
            body = (*body, (1137, 9))
        return self.receive("A", (98, 0), (108, 10), *body, seq=seq)

    def receive(self, msg_type, *body, seq=None, dup=None, identity=None):
        """The session receives a message, with the client's next MsgSeqNum unless `seq` is given; `dup` is the
        OrigSendingTime of a possible duplicate. Returns the events."""
        if seq is None:
            seq, self.seq = self.seq, self.seq + 1
        return self.receive_bytes(encode(identity or self.client, msg_type, seq, TIME, body, dup))

    def receive_bytes(self, message):
        """As the owner does: each event that waits is processed."""
        events = self.session.receive(message, self.now, WALL)
        found = []
        while events:
            found += events
            events = self._handle(events[-1])
        return found

    def _handle(self, event):
        if isinstance(event, ReceivedText):
            self.texts.append(event.text)
        if isinstance(event, ReceivedText | LoggedOn):
            return self.session.processed(self.now, WALL)
        return []

    def after(self, seconds):
        self.now += int(seconds * S)
        return self.session.on_timer(self.now, WALL)

    # --- the service

    def send(self, text, stored=False):
        return self.session.send(text, stored, self.now, WALL)

    def sent(self):
        """Messages that the session sent, each a dict of first values."""
        begin = f"8={self.client.begin_string}\x01".encode()
        found = []
        for part in self.session.drain().split(begin)[1:]:
            values = {}
            for tag, value in fields.split_fields(begin + part):
                values.setdefault(tag, value.decode())
            found.append(values)
        return found

    def sent_types(self):
        return [message[35] for message in self.sent()]


def kinds(events):
    """The events by name; a session message by its MsgType."""
    return [event.msg_type if isinstance(event, SessionMessage) else type(event).__name__ for event in events]


def relaxed(folder: Path, *names: str) -> list[DataDictionary]:
    """The dictionaries of clients' sessions, as the acceptor relaxes them."""
    from quotelife.acceptor.common.dictionary import relax

    source = Path(__file__).parents[3] / "fix_config"
    for name in names:
        relax(source / name, folder / name)
    return [read_dictionary(folder / name) for name in names]
