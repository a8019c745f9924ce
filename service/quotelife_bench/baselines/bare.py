"""The baseline for requests: a bare Python QuickFIX acceptor that answers every QuoteRequest with the same Quote.

    python -m quotelife_bench.baselines.bare SETTINGS [ROWS]

With ROWS it is the baseline for hits, too: it writes a row to this file for every QuoteResponse, waits until that is on
disk (fdatasync), and answers with an ExecutionReport.

SETTINGS is an engine settings file derived from the service's own; without FileStorePath it stores in memory. Ends when
its standard input is closed.
"""

import os
import sys

import quickfix as fix

from quotelife.runtime.process import announce_ready, end_with_parent

VALID_UNTIL = "20991231-23:59:59.000000"
TRANSACT_TIME = "20260101-00:00:00.000000"
_REPORT = {
    37: "O1", 17: "E1", 150: "F", 39: "2", 55: "BENCH-0000", 54: "1", 38: "100", 32: "100", 31: "100.01", 151: "0",
    14: "100", 6: "100.01", 60: TRANSACT_TIME,
}  # fmt: skip


class BareAcceptor(fix.Application):
    """The minimum work of an acceptor: read the request, build a Quote with setField, send it."""

    def __init__(self, rows: int = -1) -> None:
        super().__init__()
        self._rows = rows  # descriptor of the file

    def onCreate(self, session):  # type: ignore[no-untyped-def]
        pass

    def onLogon(self, session):  # type: ignore[no-untyped-def]
        pass

    def onLogout(self, session):  # type: ignore[no-untyped-def]
        pass

    def toAdmin(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def fromAdmin(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def toApp(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def fromApp(self, message, session):  # type: ignore[no-untyped-def]
        if self._rows >= 0 and message.getHeader().getField(35) == "AJ":
            self._fill(message, session)
            return
        request_id = fix.QuoteReqID()
        message.getField(request_id)
        quote = fix.Message()
        quote.getHeader().setField(fix.MsgType(fix.MsgType_Quote))
        quote.setField(request_id)
        quote.setField(117, "Q1")
        quote.setField(55, "BENCH-0000")
        quote.setField(132, "99.99")
        quote.setField(133, "100.01")
        quote.setField(134, "100")
        quote.setField(135, "100")
        quote.setField(62, VALID_UNTIL)
        quote.setField(60, TRANSACT_TIME)
        fix.Session.sendToTarget(quote, session)

    def _fill(self, message, session):  # type: ignore[no-untyped-def]
        os.write(self._rows, message.toString().encode())
        os.fdatasync(self._rows)
        report = fix.Message()
        report.getHeader().setField(fix.MsgType(fix.MsgType_ExecutionReport))
        for tag, value in _REPORT.items():
            report.setField(tag, value)
        report.setField(693, message.getField(693))
        fix.Session.sendToTarget(report, session)


def main(arguments: list[str]) -> int:
    end_with_parent()
    settings = fix.SessionSettings(arguments[0])
    stored = settings.get().has("FileStorePath")  # of the section [DEFAULT]
    # The engine holds no reference to them.
    rows = os.open(arguments[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND) if len(arguments) > 1 else -1
    application, store = BareAcceptor(rows), fix.FileStoreFactory(settings) if stored else fix.MemoryStoreFactory()
    acceptor = fix.ThreadedSocketAcceptor(application, store, settings)
    acceptor.start()
    announce_ready("bare acceptor")
    sys.stdin.read()
    acceptor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
