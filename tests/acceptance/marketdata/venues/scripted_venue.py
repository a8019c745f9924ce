"""A venue that plays a script to one feed: it encodes every byte itself, and says what it expects to receive."""

from quotelife.marketdata.feed import VenueFeed
from tests.acceptance.marketdata.venues.driven_feed import WALL_NS, Service
from tests.acceptance.marketdata.venues.wire import Field, Message, decode, encode, fields_of


class ScriptedVenue:
    """The venue's end of a session with `service.feeds[number]`.

    `header` holds fields of every message of the venue beside MsgType, CompIDs, MsgSeqNum and SendingTime;
    `length_digits` is the width to which BodyLength is padded with zeros.
    """

    def __init__(
        self,
        service: Service,
        sender: str,
        target: str,
        begin_string: str = "FIX.4.4",
        header: tuple[Field, ...] = (),
        time_decimals: int = 3,
        length_digits: int = 1,
        number: int = 0,
    ) -> None:
        self.service = service
        self._number = number
        self._comp_ids = ((49, sender), (56, target))
        self._begin_string = begin_string
        self._header = header
        self._time_decimals = time_decimals
        self._length_digits = length_digits
        self.next_seq_num = 1
        self._unread: list[Message] = []
        self._bytes = b""

    @property
    def feed(self) -> VenueFeed:
        return self.service.feeds[self._number]

    # --- the connection

    def connect(self) -> Message:
        """The service connects; returns its Logon."""
        assert self.feed.closing is None or self.feed.session.state.value == "disconnected"
        self.next_seq_num = 1
        self._unread, self._bytes = [], b""
        self.feed.connected(self.service.now_ns, self.service.wall_ns)
        logon = self.expect("A")
        self._check_header(logon)
        return logon

    def disconnect(self) -> None:
        """The connection is gone."""
        self.feed.disconnected(self.service.now_ns)

    # --- from the venue

    def send(self, msg_type: str, fields: str = "", *entries: str, after_s: float = 0.001) -> None:
        """Send a message a moment later. Fields and entries are written as in `fields_of`."""
        self.send_bytes(self.bytes_of(msg_type, fields, *entries), after_s)

    def bytes_of(self, msg_type: str, fields: str = "", *entries: str) -> bytes:
        """The next message, which counts as sent. `entries` become the group of NoMDEntries (268) in W and X, unless
        `fields` have it."""
        grouped = msg_type in "WX" and "268=" not in fields
        group: tuple[Field, ...] = ((268, len(entries)),) if grouped else ()
        for entry in entries:
            group += fields_of(entry)
        body = fields_of(fields) if fields else ()
        header = ((35, msg_type), *self._comp_ids, (34, self.next_seq_num), (52, self.time()), *self._header)
        self.next_seq_num += 1
        return encode(self._begin_string, (*header, *body, *group), self._length_digits)

    def send_bytes(self, data: bytes, after_s: float = 0.001) -> None:
        """Bytes as they arrive, in reads of any length."""
        self.service.advance(after_s)
        service = self.service
        room = self.feed.free_buffer()
        room[: len(data)] = data
        self.feed.received(len(data), service.now_ns, service.wall_ns)

    def lose(self, count: int = 1) -> None:
        """The next messages of the venue are lost on the way."""
        self.next_seq_num += count

    def fill_gap(self, request: Message) -> None:
        """Answer a ResendRequest as venues do that do not repeat market data."""
        begin, following = int(request[7]), self.next_seq_num
        header = ((35, "4"), *self._comp_ids, (34, begin), (43, "Y"), (52, self.time()), (122, self.time()))
        fields = (*header, *self._header, (123, "Y"), (36, following))
        self.send_bytes(encode(self._begin_string, fields, self._length_digits))

    def time(self) -> str:
        """SendingTime now, which the scripts keep within the first minute."""
        since = self.service.wall_ns - WALL_NS
        assert since < 3_600 * 10**9
        second, rest = divmod(since, 10**9)
        decimals = f".{rest:09d}"[: self._time_decimals + 1] if self._time_decimals else ""
        return f"20260101-00:{second // 60:02d}:{second % 60:02d}{decimals}"

    # --- of the service

    def invalidated(self) -> dict[str, int]:
        """How many books became invalid for each reason."""
        return self.service.invalidated(self._number)

    # --- to the venue

    def received(self) -> list[Message]:
        """Every message since the last look, heartbeats and all."""
        self._bytes += self.feed.drain()
        messages, self._bytes = decode(self._bytes)
        found, self._unread = self._unread + messages, []
        return found

    def expect(self, msg_type: str) -> Message:
        """The next message, which must be of this type; heartbeats are passed over unless they are expected."""
        found = self.received()
        assert found, f"nothing was received, {msg_type} was expected"
        while found[0].msg_type == "0" != msg_type:
            found = found[1:]
        assert found[0].msg_type == msg_type, found[0].fields
        self._unread = found[1:]
        return found[0]

    def expect_all(self, msg_type: str) -> list[Message]:
        """All that was received since, which must be of this type, heartbeats left out."""
        found = [message for message in self.received() if message.msg_type != "0" or msg_type == "0"]
        assert {message.msg_type for message in found} <= {msg_type}, [message.fields for message in found]
        return found

    def expect_nothing(self) -> None:
        assert self.expect_all("0") == []

    def _check_header(self, message: Message) -> None:
        assert message[8] == self._begin_string
        (_, sender), (_, target) = self._comp_ids
        assert (message[49], message[56]) == (target, sender)
