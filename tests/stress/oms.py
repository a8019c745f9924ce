"""A client that lives through the death of the service: it comes back, asks for what it missed, and sends again what
the service missed. Everything that it sent and received is kept."""

import random
import threading
import time
from collections import defaultdict

from tests.acceptance.client import Client, Message, encode, seconds, sending_time

_OUTSTANDING = 3
_ANSWER_S = 20.0


class Oms(threading.Thread):
    """One session that asks and hits until `finish` is called, and then waits for the answer to every hit."""

    def __init__(self, port: int, session: str, related: list[tuple[int, object]]) -> None:
        super().__init__(name=session, daemon=True)
        self.port, self.session, self.related = port, session, related
        self.received: list[Message] = []  # over all connections
        self.hits: dict[str, tuple[str, list[tuple[int, object]]]] = {}  # MsgType and fields by ClOrdID or QuoteRespID
        self.reports: dict[str, list[Message]] = defaultdict(list)  # ExecutionReports by the same id
        self.until_s: dict[str, float] = {}  # ValidUntilTime by QuoteID
        self.connections = 0
        self.failure: BaseException | None = None
        self._sent: dict[int, tuple[str, list[tuple[int, object]], str]] = {}
        self._next_out = self._next_in = 1
        self._asked = self._kept_back = 0
        self._quotes: list[Message] = []
        self._finishing = threading.Event()

    def finish(self) -> None:
        """No new requests; AssertionError if a hit stays without an answer."""
        self._finishing.set()
        self.join(3 * _ANSWER_S)
        missing = [id_ for id_ in self.hits if not self.reports[id_]]
        assert not self.is_alive() and self.failure is None, (self.failure, missing, self.received[-5:])
        assert not missing, f"{self.session}: no answer to {missing}"

    def run(self) -> None:
        deadline = float("inf")
        while True:
            try:
                with Client(self.port, self.session) as client:
                    self._log_on(client)
                    self.connections += 1
                    while True:
                        if self._finishing.is_set() and deadline == float("inf"):
                            deadline = time.monotonic() + _ANSWER_S
                        if self._finishing.is_set() and (self._answered() or time.monotonic() > deadline):
                            client.out_seq = self._next_out
                            client.logout()
                            return
                        self._work(client)
            except OSError:
                time.sleep(0.02)  # the service is away
                if time.monotonic() > deadline + _ANSWER_S:
                    return
            except BaseException as error:
                self.failure = error
                return

    def _answered(self) -> bool:
        return all(self.reports[id_] for id_ in self.hits)

    # --- the session

    def _log_on(self, client: Client) -> None:
        """Sequence numbers go on; what was quoted before and still stands is hit, and what is unanswered sent again."""
        self._send(client, "A", [(98, 0), (108, 30)])
        while self._take(client, 10.0).type != "A":
            pass
        for quote in self._quotes:
            self._hit(client, quote)
        self._quotes.clear()
        for id_, (kind, fields) in list(self.hits.items()):
            if not self.reports[id_]:
                self._send(client, kind, fields, [(97, "Y")])
        self._asked = 0

    def _send(self, client: Client, kind: str, fields: list[tuple[int, object]], header=()) -> None:
        seq, self._next_out = self._next_out, self._next_out + 1
        stamp = sending_time()
        self._sent[seq] = (kind, fields, stamp)
        client.socket.sendall(encode(client.begin, [*client.header(kind, seq), *header, *fields]))

    def _take(self, client: Client, timeout: float) -> Message:
        """The next message, with everything done that the session asks for."""
        client.out_seq = self._next_out
        message = client._next(time.monotonic() + timeout)
        for seq in range(self._next_out, client.out_seq):  # the Heartbeat that answers a TestRequest
            self._sent[seq] = ("0", [], sending_time())
        self._next_out = client.out_seq
        self.received.append(message)
        number = int(message[34])
        if message.type == "4":
            self._next_in = max(self._next_in, int(message[36]))
        elif message.get(43) != "Y":
            assert number >= self._next_in, f"sequence number too low: {message}, expected {self._next_in}"
            if number > self._next_in:
                self._send(client, "2", [(7, self._next_in), (16, 0)])
            self._next_in = number + 1
        if message.type == "2":
            self._send_again(client, int(message[7]))
        elif message.type == "8":
            self.reports[message.get(11) or message[693]].append(message)
        elif message.type == "S":
            self._asked -= 1
            if random.random() < 0.1:
                self._quotes.append(message)  # for the time after the next death
            else:
                self._hit(client, message)
        elif message.type == "AG":
            self._asked -= 1
        return message

    def _send_again(self, client: Client, begin: int) -> None:
        for seq in range(begin, self._next_out):
            kind, fields, stamp = self._sent[seq]
            again = [*client.header(kind, seq), (43, "Y"), (122, stamp)]
            if kind in ("A", "2", "0"):
                again = [*client.header("4", seq), (43, "Y"), (122, stamp), (123, "Y"), (36, seq + 1)]
                fields = []
            client.socket.sendall(encode(client.begin, [*again, *fields]))

    # --- the business

    def _work(self, client: Client) -> None:
        if not self._finishing.is_set():
            while self._asked < _OUTSTANDING:
                self._asked += 1
                request_id = f"{self.session}-{self._next_out}"
                self._send(client, "R", [(131, request_id), (146, 1), *self.related])
        try:
            self._take(client, 0.5)
        except TimeoutError:
            self._asked = 0  # an answer may have been lost with the process

    def _hit(self, client: Client, quote: Message) -> None:
        side = quote[54]
        self.until_s[quote[117]] = seconds(quote[62])
        id_ = f"h{self.session}-{self._next_out}"
        if random.random() < 0.5:
            kind, fields = "AJ", [(693, id_), (117, quote[117]), (694, 1), (54, side)]
        else:
            kind = "D"
            fields = [(11, id_), (117, quote[117]), (55, quote[55]), (54, side), (38, quote.get(135) or quote[134])]
            fields.append((40, "D"))
        self.hits[id_] = kind, fields
        self._send(client, kind, fields)
