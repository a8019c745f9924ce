"""The market-data baseline: a Python QuickFIX initiator that holds its books in dictionaries.

    python -m quotelife_bench.baselines.dictionary_book SETTINGS SYMBOLS

SETTINGS is an engine settings file, SYMBOLS the number of the bench's instruments to subscribe to. It answers each
line on its standard input with a `BookReport` as JSON and ends when the input is closed.
"""

import sys

import msgspec
import quickfix as fix

from quotelife.runtime.process import announce_ready, end_with_parent
from quotelife_bench.baselines.dictionary_report import BookReport
from quotelife_bench.load.market import CHANGE, DELETE, NEW, Book, symbols, top

_FIRST_REQUEST = 10**15  # gives every MDReqID the same width


class DictionaryBook(fix.Application):
    """The straightforward implementation: read the group entry by entry, set or delete a price in a dictionary."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self.books: dict[str, Book] = {name: {} for name in names}
        self.entries = 0
        self._increment = fix.Group(268, 279)  # reused: a new one costs 60 us
        self._full = fix.Group(268, 269)

    def onCreate(self, session):  # type: ignore[no-untyped-def]
        pass

    def onLogon(self, session):  # type: ignore[no-untyped-def]
        for n, name in enumerate(self.names):
            request = fix.Message()
            request.getHeader().setField(fix.MsgType(fix.MsgType_MarketDataRequest))
            for tag, value in ((262, str(_FIRST_REQUEST + n)), (263, "1"), (264, "0"), (265, "1")):
                request.setField(tag, value)
            for kind in "01":
                group = fix.Group(267, 269)
                group.setField(269, kind)
                request.addGroup(group)
            group = fix.Group(146, 55)
            group.setField(55, name)
            request.addGroup(group)
            fix.Session.sendToTarget(request, session)

    def onLogout(self, session):  # type: ignore[no-untyped-def]
        pass

    def toAdmin(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def fromAdmin(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def toApp(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def fromApp(self, message, session):  # type: ignore[no-untyped-def]
        if message.getHeader().getField(35) == "X":
            group = self._increment
            for n in range(1, int(message.getField(268)) + 1):
                message.getGroup(n, group)
                self._apply(group.getField(55), int(group.getField(279)), group)
        else:
            name, group = message.getField(55), self._full
            self.books[name].clear()
            for n in range(1, int(message.getField(268)) + 1):
                message.getGroup(n, group)
                self._apply(name, NEW, group)

    def _apply(self, name: str, action: int, group) -> None:  # type: ignore[no-untyped-def]
        level = int(group.getField(269)), round(float(group.getField(270)) * 100)
        if action == DELETE:
            self.books[name].pop(level, None)
        elif action in (NEW, CHANGE):
            self.books[name][level] = int(group.getField(271))
        self.entries += 1


def main(arguments: list[str]) -> int:
    end_with_parent()
    settings = fix.SessionSettings(arguments[0])
    application, store = DictionaryBook(symbols(int(arguments[1]))), fix.MemoryStoreFactory()
    initiator = fix.SocketInitiator(application, store, settings)
    initiator.start()
    announce_ready("dictionary book")
    for _ in sys.stdin:
        books = {name: [top(book, 0), top(book, 1)] for name, book in application.books.items()}
        print(msgspec.json.encode(BookReport(application.entries, books)).decode(), flush=True)
    initiator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
